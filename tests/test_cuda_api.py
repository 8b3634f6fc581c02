"""`cnn.cuda` as programs use it: devices, streams, events, marks, arrays of other libraries."""

from __future__ import annotations

import ctypes
import pickle

import pytest

import cnn
from cnn import cuda

pytestmark = pytest.mark.cuda


# Devices ------------------------------------------------------------------------------------------


def test_what_a_device_is():
    known = cuda.get_device_properties()
    assert known.name == cuda.get_device_name() == cuda.get_device_properties("cuda:0").name
    assert (known.major, known.minor) == cuda.get_device_capability(cnn.device("cuda", 0))
    assert known.total_memory == cuda.mem_get_info()[1] and known.multi_processor_count > 0
    assert known.warp_size == 32 and known.max_threads_per_block == 1024
    assert repr(known).startswith(
        f"_CudaDeviceProperties(name='{known.name}', major={known.major}, "
    )
    assert str(known.uuid).count("-") == 4
    assert cuda.is_initialized() and cuda.init() is None and cuda.ipc_collect() is None
    assert cnn.version.cuda.split(".")[0].isdigit()
    assert all(name.startswith("sm_") for name in cuda.get_arch_list())
    assert cuda.is_bf16_supported() and isinstance(cuda.is_tf32_supported(), bool)
    with pytest.raises(RuntimeError, match="invalid device ordinal"):
        cuda.get_device_properties(100)
    with pytest.raises(AssertionError, match="Invalid peer device id"):
        cuda.can_device_access_peer(0, 100)
    if cuda.device_count() > 1:
        assert isinstance(cuda.can_device_access_peer(0, 1), bool)


def test_the_device_in_use():
    last = cuda.device_count() - 1
    x = cnn.ones(1, device=f"cuda:{last}")
    with cuda.device(last) as d:
        assert cuda.current_device() == last and cnn.ones(1, device="cuda").device.index == last
        assert d.idx == last
        with cuda.device(0), cuda.device_of(x):
            assert cuda.current_device() == last
    assert cuda.current_device() == 0
    with cuda.device_of(cnn.ones(1)), cuda.device(None):
        assert cuda.current_device() == 0
    with cnn.device("cuda", last):
        assert cnn.zeros(1).device == cnn.device("cuda", last)


def test_types_of_tensors():
    x = cuda.FloatTensor([1, 2])
    assert x.is_cuda and x.dtype == cnn.float32 and isinstance(x, cuda.FloatTensor)
    assert not isinstance(x, cnn.FloatTensor) and x.type() == "torch.cuda.FloatTensor"
    assert cuda.LongTensor(2, 3).shape == (2, 3)
    storage = cuda.FloatStorage([1, 2])
    assert storage.device.type == "cuda" and isinstance(storage, cuda.FloatStorage)
    assert x.storage_type() is cuda.FloatStorage and not isinstance(storage, cuda.IntStorage)
    assert pickle.loads(pickle.dumps(cnn.device("cuda:0"))) == x.device


# Streams and events ---------------------------------------------------------------------------------


def test_streams_have_handles():
    default, side = cuda.default_stream(), cuda.Stream()
    assert cuda.current_stream() == default and default.cuda_stream == 0
    assert side != default and side.cuda_stream == side.native_handle != 0
    assert hash(cuda.current_stream()) == hash(default) and side.device == cnn.device("cuda:0")
    assert cuda.ExternalStream(side.cuda_stream) == side
    assert cuda.get_stream_from_external(side.cuda_stream, device=0).cuda_stream == side.cuda_stream
    assert cuda.Stream(priority=-1) not in (side, default)
    assert isinstance(side, cnn.Stream) and "cuda_stream=0x" in repr(side)
    assert len({cuda.Stream() for _ in range(100)}) == 32
    assert cnn.accelerator.current_stream() == default


def test_contexts_of_streams():
    a, b = cuda.Stream(), cuda.Stream()
    with cuda.stream(a) as nothing, cuda.stream(None):
        assert nothing is None and cuda.current_stream() == a
        with b as inner:
            assert inner is b and cuda.current_stream() == b
        with cuda.stream(b), cuda.stream(a):
            assert cuda.current_stream() == a
        assert cuda.current_stream() == a
    assert cuda.current_stream() == cuda.default_stream()
    with pytest.raises(ValueError), cuda.stream(a):
        raise ValueError
    assert cuda.current_stream() == cuda.default_stream()
    cuda.set_stream(a)
    assert cuda.current_stream() == a
    cuda.set_stream(cuda.default_stream())


def test_streams_of_another_device():
    last = cuda.device_count() - 1
    there = cuda.Stream(device=last)
    with cuda.stream(there):
        assert cuda.current_device() == last and cuda.current_stream() == there
        x = cnn.ones(4, device="cuda") * 2
        assert x.device.index == last
    assert cuda.current_device() == 0 and cuda.current_stream(last) == cuda.default_stream(last)
    there.synchronize()
    assert x.tolist() == [2.0] * 4


def test_work_on_a_stream():
    side = cuda.Stream()
    x = cnn.arange(1000, dtype=cnn.float64, device="cuda")
    side.wait_stream(cuda.current_stream())
    with cuda.stream(side):
        y = (x * 3).relu().sum()
        z = x @ x
        assert y.item() == 999 * 500 * 3  # waits for this stream
    cuda.current_stream().wait_stream(side)
    assert (z + y).item() == (x @ x).item() + 999 * 500 * 3
    side.synchronize()
    assert side.query() and not side.is_capturing()


def test_events():
    event, end = cuda.Event(enable_timing=True), cuda.Event(enable_timing=True)
    assert event.query() and event.cuda_event == 0
    with pytest.raises(ValueError, match="recorded before calculating"):
        event.elapsed_time(end)
    event.record()
    x = cnn.ones(1000, device="cuda")
    for _ in range(5):
        x = x + x
    end.record(cuda.current_stream())
    side = cuda.Stream()
    side.wait_event(end)
    event.wait(), event.wait(side)
    end.synchronize()
    assert end.query() and event.elapsed_time(end) >= 0 and end.cuda_event != 0
    marked = side.record_event()
    assert isinstance(marked, cuda.Event)
    marked.synchronize()
    with pytest.raises(ValueError, match="enable_timing=True"):
        marked.elapsed_time(end)
    with pytest.raises(NotImplementedError):
        cuda.Event(interprocess=True)
    general = cnn.Event("cuda")
    general.record(cnn.Stream("cuda"))
    general.synchronize()
    if cuda.device_count() > 1:
        with pytest.raises(RuntimeError, match="does not match recording stream's device"):
            end.record(cuda.Stream(device=1))


def test_memory_is_kept_for_a_stream():
    side = cuda.Stream()
    wanted = []
    for i in range(30):
        x = cnn.full((5000,), float(i), device="cuda")
        side.wait_stream(cuda.current_stream())
        with cuda.stream(side):
            wanted.append(x.sum() / 5000)
        x.record_stream(side)
        del x
        other = cnn.full((5000,), -1.0, device="cuda")  # not in x's memory while that is read
        del other
    side.synchronize()
    assert [w.item() for w in wanted] == list(range(30))
    with pytest.raises(NotImplementedError, match="record_stream"):
        cnn.ones(1).record_stream(side)


def test_gradients_of_work_on_streams():
    """backward() comes after what any stream was asked for, and before what follows."""
    weight = cnn.ones(3000, device="cuda", requires_grad=True)
    side = cuda.Stream()
    for _ in range(10):
        weight.grad = None
        side.wait_stream(cuda.current_stream())
        with cuda.stream(side):
            h = (weight * 3).exp().log()
            loss = (h * h).sum()
        del h
        loss.backward()
        with cuda.stream(side):
            total = weight.grad.sum()
            filler = cnn.full((3000,), -1.0, device="cuda")
            del filler
        side.synchronize()
        assert total.item() == pytest.approx(3000 * 18, rel=1e-5)


def test_a_training_loop_with_a_stream_that_loads():
    cnn.manual_seed(0)
    model = cnn.nn.Sequential(cnn.nn.Linear(20, 30), cnn.nn.ReLU(), cnn.nn.Linear(30, 1)).cuda()
    reference = cnn.nn.Sequential(cnn.nn.Linear(20, 30), cnn.nn.ReLU(), cnn.nn.Linear(30, 1))
    reference.load_state_dict({k: v.cpu() for k, v in model.state_dict().items()})
    batches = [cnn.randn(16, 20) for _ in range(6)]
    loader = cuda.Stream()
    optimizers = [cnn.optim.SGD(m.parameters(), lr=0.1) for m in (model, reference)]
    for batch in batches:
        with cuda.stream(loader):
            moved = batch.pin_memory().to("cuda", non_blocking=True)
            moved = moved * 2
        cuda.current_stream().wait_stream(loader)
        moved.record_stream(cuda.current_stream())
        for net, optimizer, x in zip((model, reference), optimizers, (moved, batch * 2)):
            optimizer.zero_grad()
            (net(x) ** 2).mean().backward()
            optimizer.step()
        del moved
    for a, b in zip(model.parameters(), reference.parameters()):
        cnn.testing.assert_close(a.cpu(), b, rtol=1e-4, atol=1e-5)


def test_marks_and_switches():
    with cuda.nvtx.range("a {}", 1):
        cuda.nvtx.mark("b")
    assert isinstance(cuda.nvtx.range_push("c"), int) and isinstance(cuda.nvtx.range_pop(), int)
    cuda.nvtx.range_end(cuda.nvtx.range_start("d"))
    with cuda.profiler.profile():
        pass
    assert cuda.cudart().cudaProfilerStart() == cuda.cudart().cudaProfilerStop() == 0
    free = cuda.cudart().cudaMemGetInfo(0)
    assert free == (0, *cuda.mem_get_info()) and cuda.check_error(0) is None
    with pytest.raises(cuda.CudaError, match=r"\(2\)"):
        cuda.check_error(2)


def test_waits_are_reported():
    x = cnn.ones(3, device="cuda")
    assert cuda.get_sync_debug_mode() == 0
    with pytest.raises(RuntimeError, match="invalid value of debug_mode"):
        cuda.set_sync_debug_mode("loud")
    cuda.set_sync_debug_mode("warn")
    try:
        assert cuda.get_sync_debug_mode() == 1
        with pytest.warns(UserWarning, match="synchronizing CUDA operation"):
            assert x.sum().item() == 3
        cuda.set_sync_debug_mode(2)
        y = (x * 2).relu() + cnn.ones(3).cuda()
        cuda.synchronize()
        with pytest.raises(RuntimeError, match="called a synchronizing CUDA operation"):
            y.cpu()
    finally:
        cuda.set_sync_debug_mode("default")
    assert y.tolist() == [3.0] * 3


# Arrays of other libraries --------------------------------------------------------------------------


class Array:
    """What another library would give."""

    def __init__(self, tensor, **changes):
        self.tensor = tensor
        self.__cuda_array_interface__ = {**tensor.__cuda_array_interface__, **changes}


def test_cuda_array_interface():
    x = cnn.arange(6.0, device="cuda").reshape(2, 3)
    given = x.__cuda_array_interface__
    assert given == {
        "typestr": "<f4", "shape": (2, 3), "strides": None, "data": (x.data_ptr(), False), "version": 2,
    }  # fmt: skip
    assert x.t().__cuda_array_interface__["strides"] == (4, 12)
    assert not hasattr(cnn.ones(1), "__cuda_array_interface__")
    with pytest.raises(AttributeError, match="non-CUDA tensor type: torch.FloatTensor"):
        cnn.ones(1).__cuda_array_interface__  # noqa: B018
    with pytest.raises(RuntimeError, match="requires grad"):
        x.clone().requires_grad_().__cuda_array_interface__  # noqa: B018
    for dtype, name in (
        (cnn.int64, "<i8"),
        (cnn.bool, "|b1"),
        (cnn.uint8, "|u1"),
        (cnn.half, "<f2"),
    ):
        assert x.to(dtype).__cuda_array_interface__["typestr"] == name

    same = cnn.as_tensor(Array(x), device="cuda")
    assert same.data_ptr() == x.data_ptr() and same.tolist() == x.tolist()
    same[0, 0] = 9
    assert x[0, 0].item() == 9
    copied = cnn.tensor(Array(x), device="cuda")
    assert copied.data_ptr() != x.data_ptr() and copied.is_cuda and copied.tolist() == x.tolist()
    assert cnn.as_tensor(Array(x.t()), device="cuda").tolist() == x.t().tolist()
    assert cnn.as_tensor(Array(x)).device == cnn.tensor(Array(x)).device == cnn.device("cpu")
    last = cuda.device_count() - 1
    there = cnn.as_tensor(Array(x.to(f"cuda:{last}")), device=f"cuda:{last}")
    assert there.device.index == last and there.tolist() == x.tolist()
    with pytest.raises(ValueError, match="no memory of a GPU"):
        cnn.as_tensor(Array(x, data=(cnn.ones(6).data_ptr(), False)), device="cuda")
    with pytest.raises(TypeError, match="read only flag"):
        cnn.as_tensor(Array(x, data=(x.data_ptr(), True)))
    with pytest.raises(TypeError, match="no dtype"):
        cnn.as_tensor(Array(x, typestr="<c8"))
    with pytest.raises(ValueError, match="not a multiple"):
        cnn.as_tensor(Array(x, strides=(3, 1)))


def test_dlpack():
    x = cnn.arange(6, device="cuda").reshape(2, 3)
    assert x.__dlpack_device__() == (2, 0)
    y = cnn.from_dlpack(x)
    assert y.data_ptr() == x.data_ptr() and y.device == x.device and y.tolist() == x.tolist()
    side = cuda.Stream()
    for stream in (None, -1, 1, side.cuda_stream):
        capsule = x.__dlpack__(stream=stream)
        assert cnn.from_dlpack(capsule).tolist() == x.tolist()
    with cuda.stream(side):
        assert cnn.from_dlpack(x).tolist() == x.tolist()
    with pytest.raises(BufferError, match="per-thread"):
        x.__dlpack__(stream=2)
    with pytest.raises(TypeError, match="stream must be"):
        x.__dlpack__(stream="a")
    pinned = cnn.ones(3).pin_memory()
    assert pinned.__dlpack_device__() == (3, 0) and cnn.from_dlpack(pinned).is_pinned()
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    assert name(x.__dlpack__(max_version=(1, 0))) == b"dltensor_versioned"
    if cuda.device_count() > 1:
        with pytest.raises(BufferError, match="different CUDA device"):
            cnn.ones(1, device="cuda:1").__dlpack__()


# Random numbers -------------------------------------------------------------------------------------


def test_generators():
    g = cnn.Generator(device="cuda")
    assert g.device == cnn.device("cuda", 0) and g.manual_seed(3) is g and g.initial_seed() == 3
    x = cnn.rand(20, device="cuda", generator=g)
    assert x.is_cuda and (cnn.rand(20, device="cuda", generator=g.manual_seed(3)) == x).all()
    same = g.clone_state()
    assert same.device == g.device and (same.get_state() == g.get_state()).all()
    assert pickle.loads(pickle.dumps(g)).device == g.device
    with pytest.raises(RuntimeError, match="not supported for torch.Generator"):
        cnn.Generator(device="meta")


def test_seeds_and_states():
    cuda.manual_seed(5)
    x = cnn.randn(40, device="cuda")
    cuda.manual_seed_all(5)
    state = cuda.get_rng_state()
    assert cuda.initial_seed() == 5
    assert (cnn.randn(40, device="cuda") == x).all()
    cuda.set_rng_state(state)
    assert (cnn.randn(40, device="cuda") == x).all()
    cuda.set_rng_state_all(cuda.get_rng_state_all())
    assert len(cuda.default_generators) == cuda.device_count() == len(cuda.get_rng_state_all())
    cuda.manual_seed(5)
    with cnn.random.fork_rng():
        cuda.seed_all()
        cnn.randn(40, device="cuda")
    assert (cnn.randn(40, device="cuda") == x).all()


def test_a_note_of_the_host_is_told_to_who_waits_next():
    x, end = cnn.ones(2, device="cuda"), cnn.cuda.Event()
    end.record()
    cnn.cuda.synchronize()
    cnn._C._cuda_note(0, "the work is void")
    assert cnn._C._cuda_event_has_passed(0, end.cuda_event)  # which only looks on
    end.record()
    end.wait()
    with pytest.raises(RuntimeError, match="^the work is void$"):
        x.tolist()
    assert x.tolist() == [1, 1]


def test_factories_write_where_out_lies():
    for make in (
        lambda **to: cnn.zeros(2, 3, **to),
        lambda **to: cnn.ones(2, 3, **to),
        lambda **to: cnn.full((2, 3), 7.0, **to),
        lambda **to: cnn.eye(2, 3, **to),
        lambda **to: cnn.arange(6, **to),
        lambda **to: cnn.linspace(0, 1, 6, **to),
        lambda **to: cnn.logspace(0, 1, 6, **to),
    ):
        y = cnn.full((6,) if make().dim() == 1 else (2, 3), -1.0, device="cuda")
        assert make(out=y) is y and y.is_cuda
        assert cnn.allclose(y.cpu(), make().float())
        with pytest.raises(RuntimeError, match="device cpu does not match device of out"):
            make(out=y, device="cpu")
    y = cnn.full((1000,), -1.0, device="cuda")
    cuda.manual_seed(3)
    cnn.rand(1000, out=y)
    cuda.manual_seed(3)
    assert cnn.equal(y, cnn.rand(1000, device="cuda"))  # of the GPU's own generator
    assert cnn.zeros(2, out=cnn.empty(2, device="meta")).is_meta


def test_new_makes_tensors_beside_its_own():
    x = cnn.ones(2, device="cuda", dtype=cnn.float64)
    assert x.new(3, 4).shape == (3, 4) and x.new(3, 4).is_cuda
    y = x.new([1, 2])
    assert y.is_cuda and y.dtype is cnn.float64 and y.tolist() == [1, 2]
    assert x.new(x).data_ptr() == x.data_ptr()
    with pytest.raises(RuntimeError, match="expected a tensor on cuda:0, got one on cpu"):
        x.new(cnn.ones(2, dtype=cnn.float64))


def test_isin_takes_numbers_beside_tensors():
    x = cnn.tensor([1, 2, 3], device="cuda")
    assert cnn.isin(x, 2).tolist() == [False, True, False]
    found = cnn.isin(2, x)
    assert found.is_cuda and found.item()


def test_only_streams_keep_memory():
    x = cnn.ones(2, device="cuda")
    x.record_stream(cuda.current_stream())
    with pytest.raises(TypeError, match="argument 's' must be Stream, not int"):
        x.record_stream(3)
