"""`distributed` in a process that is in no group: what it says, and which names are there."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from datetime import timedelta

import pytest

import cnn
from cnn import distributed as dist
from cnn import nn

NO_GROUP = "Default process group has not been initialized, please make sure to call"


def test_groups_are_available_where_mpi4py_is():
    here = importlib.util.find_spec("mpi4py") is not None
    assert dist.is_available() is dist.is_mpi_available() is dist.is_gloo_available() is here
    assert dist.is_backend_available("mpi") is dist.is_backend_available("cpu:gloo") is here
    assert not dist.is_initialized()
    assert not dist.is_ucc_available() and not dist.is_xccl_available()
    assert dist.is_backend_available("cpu:gloo,cuda:nccl") is dist.is_nccl_available()
    assert cnn.cuda.is_available() or not dist.is_nccl_available()
    assert dist.group.WORLD is None and dist.GroupMember.WORLD is None and dist.get_pg_count() == 0


@pytest.mark.parametrize(
    "call",
    [
        lambda x: dist.get_rank(),
        lambda x: dist.get_world_size(),
        lambda x: dist.get_backend(),
        lambda x: dist.get_process_group_ranks(None),
        lambda x: dist.all_reduce(x),
        lambda x: dist.broadcast(x, 0),
        lambda x: dist.all_gather([x, x], x),
        lambda x: dist.all_to_all_single(x, x),
        lambda x: dist.scatter(x, [x], 0),
        lambda x: dist.send(x, 1),
        lambda x: dist.batch_isend_irecv([]),
        lambda x: dist.P2POp(dist.isend, x, 1),
        lambda x: dist.all_gather_object([None], 3),
        lambda x: dist.barrier(),
        lambda x: dist.monitored_barrier(),
        lambda x: dist.new_group([0]),
        lambda x: dist.breakpoint(),
        lambda x: nn.parallel.DistributedDataParallel(nn.Linear(1, 1)),
        lambda x: dist.optim.ZeroRedundancyOptimizer([x], cnn.optim.SGD, lr=0.1),
    ],
)
def test_what_needs_a_group_says_that_there_is_none(call):
    x = cnn.ones(2)
    with pytest.raises(ValueError, match=NO_GROUP):
        call(x)
    assert x.tolist() == [1, 1]


def test_arguments_are_looked_at_first():
    with pytest.raises(TypeError, match="Expected parameter `tensor` of type torch.Tensor"):
        dist.all_reduce(3)
    with pytest.raises(TypeError, match="Expected parameter `tensor_list` of type List"):
        dist.all_gather(cnn.ones(1), cnn.ones(1))
    with pytest.raises(ValueError, match="Invalid ``op``"):
        dist.P2POp(dist.send, cnn.ones(1), 1)
    with pytest.raises(ValueError, match="size at least 1"):
        dist.scatter_object_list([])


def test_what_is_not_here_raises():
    for make, instead in (
        (lambda: dist.fsdp.FullyShardedDataParallel(nn.Linear(1, 1)), "ZeroRedundancyOptimizer"),
        (lambda: dist.tensor.distribute_tensor(cnn.ones(1)), "distributed.all_gather"),
        (lambda: dist.rpc.init_rpc("worker"), "broadcast_object_list"),
        (lambda: dist.pipelining.pipeline(nn.Linear(1, 1)), "DistributedDataParallel shares out"),
    ):
        with pytest.raises(NotImplementedError, match=instead):
            make()
    with pytest.raises(RuntimeError, match="MPI brings processes together"):
        dist.TCPStore("localhost", 1)
    assert issubclass(dist.TCPStore, dist.Store)
    assert not isinstance(nn.Linear(1, 1), nn.parallel.DistributedDataParallel)
    assert issubclass(dist.DistBackendError, dist.DistError)
    assert issubclass(dist.DistError, RuntimeError)


def test_values_that_programs_write_down():
    assert dist.Backend("GLOO") == "gloo" == dist.Backend.GLOO and dist.Backend("Own") == "own"
    with pytest.raises(ValueError, match="must be string-ish"):
        dist.Backend(3)
    assert repr(dist.BackendConfig("nccl")) == "cuda:nccl"
    assert repr(dist.BackendConfig("cpu:gloo,cuda:nccl")) == "cpu:gloo,cuda:nccl"
    with pytest.raises(ValueError, match="Duplicate device type cpu"):
        dist.BackendConfig("cpu:gloo,cpu:mpi")
    assert dist.ReduceOp.SUM == dist.ReduceOp(dist.ReduceOp.SUM) != dist.ReduceOp.MAX
    assert dist.supports_complex(dist.ReduceOp.SUM) and not dist.supports_complex(dist.ReduceOp.MAX)
    with pytest.warns(FutureWarning, match="reduce_op"):
        assert dist.reduce_op.MIN == dist.ReduceOp.MIN
    assert dist.get_default_backend_for_device("cuda") == "nccl"
    shard = dist.tensor.Shard(0)
    assert shard == dist.tensor.Shard(0) and shard.is_shard() and not shard.is_shard(1)
    assert dist.fsdp.ShardingStrategy.FULL_SHARD.name == "FULL_SHARD"
    assert dist.fsdp.MixedPrecision(param_dtype=cnn.float16).reduce_dtype is None


def test_the_environment_is_read(monkeypatch):
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert dist.get_node_local_rank(3) == 3
    with pytest.raises(RuntimeError, match="LOCAL_RANK is not in the environment"):
        dist.get_node_local_rank()
    monkeypatch.setenv("LOCAL_RANK", "2")
    assert dist.get_node_local_rank(3) == 2
    monkeypatch.setenv("TORCH_DISTRIBUTED_DEBUG", "info")
    dist.set_debug_level_from_env()
    assert dist.get_debug_level() is dist.DebugLevel.INFO
    dist.set_debug_level(dist.DebugLevel.OFF)
    monkeypatch.setenv("TORCH_DISTRIBUTED_DEBUG", "loud")
    with pytest.raises(RuntimeError, match="OFF, INFO or DETAIL"):
        dist.set_debug_level_from_env()


@pytest.mark.parametrize(
    "name",
    [
        "algorithms.join", "algorithms.ddp_comm_hooks.default_hooks",
        "algorithms._checkpoint.checkpoint_wrapper", "algorithms.model_averaging.averagers",
        "checkpoint.state_dict", "checkpoint.stateful", "elastic.multiprocessing.errors",
        "fsdp.wrap", "fsdp.fully_sharded_data_parallel", "optim.zero_redundancy_optimizer",
        "tensor.parallel", "tensor.placement_types", "_tensor.api", "device_mesh", "constants",
        "distributed_c10d", "nn.functional", "launcher.api", "pipelining", "run",
        "_tensor.experimental", "checkpoint.hf_storage", "checkpoint.state_dict_loader",
        "checkpoint._consolidate_hf_safetensors", "tensor._utils", "tensor.experimental._attention",
    ],
)  # fmt: skip
def test_modules_that_packages_import(name):
    module = importlib.import_module(f"cnn.distributed.{name}")
    for public in getattr(module, "__all__", []):
        assert hasattr(module, public)


def test_synchronized_batch_norm_of_one_process():
    x = cnn.randn(4, 3, 5)
    model = nn.Sequential(nn.BatchNorm1d(3), nn.ReLU())
    want = model(x)
    model = nn.SyncBatchNorm.convert_sync_batchnorm(nn.Sequential(nn.BatchNorm1d(3), nn.ReLU()))
    assert type(model[0]) is nn.SyncBatchNorm
    assert cnn.equal(model(x), want)


def stores(tmp_path):
    kept = dist.HashStore()
    yield kept
    yield dist.FileStore(str(tmp_path / "store"), 1)
    yield dist.PrefixStore("part", kept)


def test_stores_keep_keys_and_values(tmp_path):
    for store in stores(tmp_path):
        store.set("name", "value")
        store.set("bytes", b"\x00\xff")
        assert store.get("name") == b"value" and store.get("bytes") == b"\x00\xff"
        assert store.add("count", 3) == 3 and store.add("count", -1) == 2
        assert store.get("count") == b"2" and store.check(["name", "count"])
        assert store.compare_set("count", "2", "5") == b"5"
        assert store.compare_set("count", "2", "6") == b"5"
        assert store.compare_set("new", "if nothing", "x") == b"if nothing"
        assert not store.check(["name", "new"]) and store.delete_key("name")
        assert not store.delete_key("name")
        store.append("count", "0")
        store.multi_set(["p", "q"], ["1", "2"])
        assert store.multi_get(["count", "p", "q"]) == [b"50", b"1", b"2"]
        with pytest.raises(dist.DistStoreError, match="Wait timeout"):
            store.wait(["name"], timedelta(seconds=0.05))
        store.set_timeout(timedelta(seconds=0.05))
        assert store.timeout == timedelta(seconds=0.05)
        with pytest.raises(dist.DistStoreError, match="Wait timeout"):
            store.get("name")
        store.queue_push("queue", "first")
        store.queue_push("queue", "second")
        assert store.queue_len("queue") == 2 and store.queue_pop("queue") == b"first"
        assert store.queue_pop("queue", block=False) == b"second"
        with pytest.raises(dist.QueueEmptyError):
            store.queue_pop("queue", block=False)
        assert isinstance(store, dist.Store)


def test_a_prefix_is_of_another_stores_keys():
    store = dist.HashStore()
    part = dist.PrefixStore("part", store)
    part.set("key", "1")
    assert store.get("part/key") == b"1" and part.underlying_store is store
    assert part.num_keys() == store.num_keys() == 1 and store.list_keys() == ["part/key"]


def test_processes_share_a_file(tmp_path):
    path = str(tmp_path / "store")
    program = (
        "import sys\nfrom cnn import distributed as dist\nstore = dist.FileStore(sys.argv[1], 2)\n"
    )
    program += "for _ in range(200): store.add('count', 1)\n"
    command = [sys.executable, "-c", program, path]
    processes = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert dist.FileStore(path, 2).get("count") == b"400"
