"""Groups over NCCL, in the emulation or on GPUs: what every backend does, and what is NCCL's own."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import pathlib
import re
import sys

import pytest
from jobs import PROGRAMS, finish, gone_within, mark, mpiexec, needs_mpi, passes, start
from test_data_parallel import CASES, losses, read

import cnn
import emulation
from cnn.distributed import _nccl

HERE = pathlib.Path(__file__).parent
ON_GPUS = [needs_mpi, pytest.mark.cuda]


def on_nccl(ranks, **variables):
    """The environment of a job whose ranks have a GPU each. The test is skipped without them."""
    emulated = os.environ.get("CNN_EMULATION", "")
    if emulation.plugin() is None and cnn.cuda.device_count() < ranks:
        pytest.skip(f"fewer than {ranks} GPUs")
    return {"CNN_TEST_BACKEND": "nccl", "CNN_EMULATION": f"{emulated} devices=4", **variables}


class TestGroups:
    pytestmark = ON_GPUS

    @pytest.mark.parametrize("ranks", [1, 2, 3])
    def test_every_collective_is_numpys(self, ranks):
        passes(ranks, "every_collective.py", **on_nccl(ranks))

    @pytest.mark.parametrize("ranks", [2, 3])
    @pytest.mark.parametrize("program", ["same_memory", "stored_dtypes", "functions_of_gpus"])
    def test_memory_and_dtypes(self, program, ranks):
        passes(ranks, f"{program}.py", **on_nccl(ranks))

    @pytest.mark.parametrize("ranks", [2, 3])
    def test_operations_in_any_order(self, ranks):
        passes(ranks, "random_operations.py", "1", "200", **on_nccl(ranks))

    @pytest.mark.parametrize("ranks, level", [(2, "OFF"), (3, "OFF"), (2, "DETAIL")])
    def test_streams_messages_and_errors(self, ranks, level):
        passes(ranks, "nccl_streams.py", **on_nccl(ranks, TORCH_DISTRIBUTED_DEBUG=level))

    @pytest.mark.parametrize("ranks", [2, 3])
    def test_training(self, ranks, tmp_path):
        names = [name for n, name in CASES if n == ranks and name != "arguments"]  # of the CPU
        _, *output = mpiexec(ranks, "ddp_job.py", tmp_path, *names, timeout=180, **on_nccl(ranks))
        for rank, outcomes in enumerate(read(tmp_path, ranks)):
            for name in names:
                outcome = outcomes.get(name, "has not run" + "\n".join(output))
                assert outcome is None, f"{name} on rank {rank}: {outcome}"

    def test_a_program_for_torchrun(self, tmp_path):
        options = "--nproc-per-node", "2", "--standalone", PROGRAMS / "for_torchrun.py"
        command = [sys.executable, "-m", "cnn", "-m", "torch.distributed.run", *options]
        job = start([*command, "6", tmp_path / "snapshot.pt"], **on_nccl(2))
        status, out, err = finish(job)
        assert status == 0, err
        losses(out)

    def test_a_step_of_training_waits_for_no_gpu(self):
        passes(2, "nccl_steps.py", **on_nccl(2))

    @pytest.mark.caching
    def test_work_that_is_put_off(self):
        """The emulation's work at random later times; on GPUs, once more."""
        deferred = on_nccl(2, CNN_EMULATION="deferred devices=4")
        for program in ("nccl_streams.py", "nccl_steps.py"):
            passes(2, program, timeout=120, **deferred)

    @pytest.mark.parametrize("how", ["never", "wait", "disagree", "leaves", "one_gpu"])
    def test_a_gpu_that_waits_in_vain_is_told(self, how):
        status, out, err = mpiexec(2, "nccl_troubles.py", how, timeout=40, **on_nccl(2))
        assert out.count("told") == 2, err

    def test_a_killed_rank_takes_the_others_along(self):
        word = mark()
        job = mpiexec(3, "nccl_troubles.py", "killed", word, timeout=30, **on_nccl(3))
        assert job[0] != 0 and job[1].count("ready") == 3
        assert gone_within(5, word)

    def test_without_the_library_the_error_says_what_to_install(self):
        program = """
from cnn import cuda, distributed as dist
from cnn.distributed import _nccl
_nccl.LIBRARY = "libnccl.so.none"
assert cuda.is_available() and not dist.is_nccl_available()
assert not cuda.nccl.is_available([])
for call in (lambda: dist.init_process_group("nccl"), cuda.nccl.version):
    try:
        call()
    except RuntimeError as error:
        assert "pip install nvidia-nccl-cu13" in str(error), error
    else:
        raise AssertionError("NCCL without its library")
"""
        status, _, err = finish(start([sys.executable, "-c", program]))
        assert status == 0, err


@pytest.mark.cuda
class TestTheDouble:
    """What stands for NCCL in the emulation refuses what the library need not take."""

    @pytest.fixture()
    def alone(self):
        if emulation.plugin() is None:
            pytest.skip("only the emulation has the double")
        stream = cnn.cuda.Stream()
        made = _nccl.Communicator(1, 0, _nccl.unique_id(), stream.cuda_stream)
        made.stream = stream
        yield made
        made.destroy()

    def test_a_rank_alone_has_its_own_values(self, alone):
        x, y = cnn.arange(6.0, device="cuda"), cnn.zeros(6, device="cuda")
        cnn.cuda.synchronize()
        with _nccl.group():
            alone.all_reduce(x, "AVG")
            alone.all_gather(y, x)
        alone.stream.synchronize()
        assert x.tolist() == y.tolist() == list(range(6))
        assert alone.error() is None

    @pytest.mark.parametrize(
        "change, words",
        [
            ({"data": "host"}, "memory that is not 24 bytes of a block of cuda:0"),
            ({"data": "other"}, "memory that is not 24 bytes of a block of cuda:0"),
            ({"count": 10**9}, "memory that is not 4000000000 bytes"),
            ({"type": 99}, "type 99"),
            ({"op": 5}, "reduction 5"),
            ({"to": 4}, "an input that lies across the output"),
            ({"stream": 0}, "no stream of cuda:0 but its default one"),
            ({"stream": "other"}, "no stream of cuda:0"),
            ({"stream": "second"}, "a communicator on two streams"),
            ({"comm": 0}, "a communicator that is none"),
        ],
    )
    def test_calls_that_are_refused(self, alone, change, words, capfd):
        tensors = {
            "own": cnn.ones(64, device="cuda"), "host": cnn.ones(64),
            "other": cnn.ones(64, device="cuda:1"),
        }  # fmt: skip
        streams = {
            "own": alone.stream, "other": cnn.cuda.Stream("cuda:1"), "second": cnn.cuda.Stream()
        }  # fmt: skip
        alone.all_reduce(tensors["own"], "SUM")
        data = tensors[change.get("data", "own")].data_ptr()
        stream = change.get("stream", "own")
        arguments = {"count": 6, "type": 7, "op": 0, "comm": alone._comm, **change}
        result = _nccl.load().ncclAllReduce(
            data, data + change.get("to", 0), arguments["count"], arguments["type"],
            arguments["op"], arguments["comm"], streams[stream].cuda_stream if stream else 0,
        )  # fmt: skip
        assert result != 0 and words in capfd.readouterr().err
        assert words in _nccl._text(result, alone._comm)
        alone.stream.synchronize()
        assert tensors["own"].sum().item() == 64

    def test_groups_of_one_kind(self, alone):
        x = cnn.ones(4, device="cuda")
        with pytest.raises(cnn.distributed.DistBackendError, match="messages and collectives"):
            with _nccl.group():
                alone.all_reduce(x, "SUM")
                alone.send(x, 0)
        with pytest.raises(cnn.distributed.DistBackendError, match="without ncclGroupStart"):
            _nccl._check("ncclGroupEnd", _nccl.load().ncclGroupEnd())


# ---- What nccl.h says ----

OWN_HEADER = HERE.parent / "cpp" / "cuda_on_host" / "nccl.h"
KINDS = {
    "size_t": ctypes.c_size_t, "int": ctypes.c_int, "ncclDataType_t": ctypes.c_int,
    "ncclRedOp_t": ctypes.c_int, "ncclResult_t": ctypes.c_int, "const void*": ctypes.c_void_p,
    "void*": ctypes.c_void_p, "ncclComm_t": ctypes.c_void_p, "cudaStream_t": ctypes.c_void_p,
    "ncclUniqueId": _nccl.UniqueId, "int*": ctypes.POINTER(ctypes.c_int),
    "ncclResult_t*": ctypes.POINTER(ctypes.c_int),
    "ncclUniqueId*": ctypes.POINTER(_nccl.UniqueId),
    "ncclComm_t*": ctypes.POINTER(ctypes.c_void_p),
}  # fmt: skip
NUMBERS = {
    "int8": "ncclInt8", "uint8": "ncclUint8", "bool": "ncclUint8", "int32": "ncclInt32",
    "int64": "ncclInt64", "float16": "ncclFloat16", "float32": "ncclFloat32",
    "float64": "ncclFloat64", "bfloat16": "ncclBfloat16", "SUM": "ncclSum", "PRODUCT": "ncclProd",
    "MAX": "ncclMax", "MIN": "ncclMin", "AVG": "ncclAvg",
}  # fmt: skip


def headers():
    """The tests' own header, and NVIDIA's where its wheel is installed."""
    wheels = importlib.util.find_spec("nvidia")
    folders = list(wheels.submodule_search_locations) if wheels else []
    theirs = [pathlib.Path(folder) / "nccl" / "include" / "nccl.h" for folder in folders]
    return [OWN_HEADER, *(path for path in theirs if path.exists())]


@pytest.mark.parametrize("path", headers(), ids=lambda path: path.parent.parent.name)
def test_prototypes_and_numbers_are_the_headers(path):
    text = re.sub(r"/\*.*?\*/|//[^\n]*", " ", path.read_text(), flags=re.S)
    for name, arguments in _nccl.ARGUMENTS.items():
        result, given = re.search(rf"([\w ]+\*?)\s+{name}\(([^)]*)\)\s*;", text).groups()
        assert (result.split()[-1] == "char*") == (name in _nccl.TEXTS), name
        kinds = []
        for argument in filter(None, map(str.strip, given.split(","))):
            kind, stars = re.fullmatch(r"([\w ]+?)\s*(\*?)\s*\w+", argument).groups()
            kind = kind.strip() + stars
            kinds.append(KINDS[kind if kind in KINDS else kind.removeprefix("const ")])
        assert tuple(kinds) == arguments, name
    for name, number in {**_nccl.TYPES, **_nccl.OPS}.items():
        assert int(re.search(rf"\b{NUMBERS[name]}\s*=\s*(\d+)", text)[1]) == number, name
    assert re.search(r"char internal\[(128|NCCL_UNIQUE_ID_BYTES)\]", text)
