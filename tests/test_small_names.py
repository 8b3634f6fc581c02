"""Constants, kinds, settings and other small names of PyTorch's first module."""

from __future__ import annotations

import math
import sys
import typing

import pytest

import cnn


def test_constants():
    assert (cnn.e, cnn.pi, cnn.inf) == (math.e, math.pi, math.inf) and math.isnan(cnn.nan)
    assert cnn.newaxis is None and cnn.ones(2)[:, cnn.newaxis].shape == (2, 1)
    assert cnn.has_lapack and not cnn.has_mkl and not cnn.has_openmp


def test_legacy_types_in_annotations_and_as_default():
    assert cnn.LongTensor | None == typing.Optional[cnn.LongTensor]  # noqa: UP045
    assert None | cnn.FloatTensor == typing.Union[None, cnn.FloatTensor]  # noqa: UP007
    try:
        cnn.set_default_tensor_type(cnn.DoubleTensor)
        assert cnn.ones(1).dtype == cnn.float64
        cnn.set_default_tensor_type("torch.HalfTensor")
        assert cnn.get_default_dtype() == cnn.float16
        for kind, words in (
            (cnn.IntTensor, "only floating-point types"),
            ("torch.cuda.FloatTensor", "type torch.cuda.FloatTensor not available"),
            ("torch.Nothing", "invalid type object"),
            (3, "not available"),
        ):
            with pytest.raises(TypeError, match=words):
                cnn.set_default_tensor_type(kind)
        assert cnn.get_default_dtype() == cnn.float16
    finally:
        cnn.set_default_tensor_type("torch.FloatTensor")
    assert cnn.get_default_dtype() == cnn.float32


@pytest.mark.parametrize(
    ("a", "b", "want"),
    [
        (1, 2.0, cnn.float32),
        (True, 1, cnn.int64),
        (cnn.ones(1, dtype=cnn.int8), 3, cnn.int8),
        (cnn.ones(1, dtype=cnn.int8), 3.0, cnn.float32),
        (cnn.ones(1, dtype=cnn.bool), True, cnn.bool),
        (2.5, cnn.ones(1, dtype=cnn.float16), cnn.float16),
        (cnn.tensor(1.0, dtype=cnn.float64), cnn.ones(1, dtype=cnn.float16), cnn.float16),
        (cnn.tensor(1.0), cnn.ones(1, dtype=cnn.int32), cnn.float32),
        (cnn.tensor(1), cnn.tensor(1, dtype=cnn.int16), cnn.int64),
        (cnn.ones(0, 3), cnn.ones(7, dtype=cnn.float64), cnn.float64),
    ],
)
def test_result_type(a, b, want):
    assert cnn.result_type(a, b) == want


def test_kinds():
    assert cnn.typename(cnn.ones(1, dtype=cnn.int16)) == "torch.ShortTensor"
    assert cnn.typename(3) == "int" and cnn.typename(cnn.nn.Linear).endswith("linear.Linear")
    assert cnn.is_nonzero(cnn.tensor([3])) and not cnn.tensor(0.0).is_nonzero()
    for size, words in ((2, "more than one value"), (0, "no values")):
        with pytest.raises(RuntimeError, match=words):
            cnn.is_nonzero(cnn.ones(size))
    with pytest.raises(TypeError, match="must be Tensor, not int"):
        cnn.is_nonzero(3)
    with pytest.raises(TypeError, match="invalid combination"):
        cnn.result_type("a", 1)
    assert cnn.get_device_module() is cnn.cpu and cnn.get_device_module("cuda") is cnn.cuda
    with pytest.raises(RuntimeError, match="Device 'meta' does not have a corresponding module"):
        cnn.get_device_module("meta")


@pytest.mark.filterwarnings("ignore:torch.range is deprecated")
def test_range_reaches_its_end():
    assert cnn.range(1, 4).tolist() == [1, 2, 3, 4] and cnn.range(1, 4).dtype == cnn.float32
    assert cnn.range(1, 2, 0.5).tolist() == [1, 1.5, 2] and cnn.range(5, 1, -2).tolist() == [
        5,
        3,
        1,
    ]
    assert cnn.range(1, 4, dtype=cnn.int64).tolist() == [1, 2, 3, 4]
    out = cnn.empty(0)
    assert cnn.range(0, 2, out=out) is out and out.tolist() == [0, 1, 2]
    for args, words in (((1, 4, 0), "nonzero"), ((4, 1), "upper bound and lower bound")):
        with pytest.raises(RuntimeError, match=words):
            cnn.range(*args)
    with pytest.raises(TypeError, match='missing 1 required positional arguments: "end"'):
        cnn.range(4)


def test_empty_permuted():
    x = cnn.empty_permuted((2, 3, 5), (0, 2, 1), dtype=cnn.float64)
    assert x.shape == (2, 3, 5) and x.stride() == (15, 1, 3) and x.dtype == cnn.float64
    for size, order, words in (
        ((2, 3), (0, 0), "Duplicate dim"),
        ((2, 3), (0,), "does not match the length"),
        ((2, 3), (0, 2), "out of range"),
    ):
        with pytest.raises(RuntimeError, match=words):
            cnn.empty_permuted(size, order)


def test_dtypes_and_their_limits():
    rows = {
        "float8_e4m3fn": (0.125, 448.0, 2.0**-6, True),
        "float8_e5m2": (0.25, 57344.0, 2.0**-14, True),
        "float8_e4m3fnuz": (0.125, 240.0, 2.0**-7, True),
        "float8_e5m2fnuz": (0.125, 57344.0, 2.0**-15, True),
        "float8_e8m0fnu": (1.0, 2.0**127, 2.0**-127, False),
    }
    for name, (eps, largest, tiny, signed) in rows.items():
        dtype = getattr(cnn, name)
        info = cnn.finfo(dtype)
        assert (info.eps, info.max, info.tiny, info.bits) == (eps, largest, tiny, 8)
        assert info.min == (-largest if signed else 2.0**-127) and info.dtype == name
        assert dtype.is_floating_point and dtype.is_signed is signed and dtype.itemsize == 1
    with pytest.raises(NotImplementedError, match="float4_e2m1fn_x2"):
        cnn.ones(1).to(cnn.float4_e2m1fn_x2)
    assert cnn.iinfo(cnn.uint32).max == 2**32 - 1 and cnn.iinfo(cnn.uint64).min == 0
    assert cnn.uint16.abbr == "u16" and cnn.bfloat16.abbr == "bf16"
    assert cnn.float16.to_complex() is cnn.complex32 and cnn.complex128.to_real() is cnn.float64
    for get, words in (
        (lambda: cnn.int32.to_complex(), "Unknown Complex"),
        (lambda: cnn.qint8.is_signed, "quantized types"),
        (lambda: cnn.bits8.is_signed, "Bits types"),
    ):
        with pytest.raises(RuntimeError, match=words):
            get()


def test_settings_of_threads_and_warnings():
    before = cnn.get_num_interop_threads()
    cnn.set_num_interop_threads(3)
    assert cnn.get_num_interop_threads() == 3
    cnn.set_num_interop_threads(before)
    with pytest.raises(RuntimeError, match="positive"):
        cnn.set_num_interop_threads(0)
    assert not cnn.is_warn_always_enabled()
    cnn.set_warn_always(True)
    assert cnn.is_warn_always_enabled()
    cnn.set_warn_always(False)


def test_what_the_library_says_of_itself():
    assert "cnn" in cnn.__config__.show() and "get_num_threads" in cnn.__config__.parallel_info()
    assert cnn.version.cuda is None and cnn.version.__version__ == cnn.__version__
    assert cnn.DispatchKey.CPU.name == "CPU" and cnn.DispatchKey.AutogradMeta == 149
    assert issubclass(cnn.AcceleratorError, RuntimeError)


def test_streams_and_events_of_the_cpu():
    stream, event = cnn.Stream("cpu"), cnn.Event("cpu")
    assert stream.query() and stream == cnn.Stream("cpu") and stream.device_index == -1
    assert hash(stream) == hash(cnn.Stream()) and not stream.is_capturing()
    assert event.query() and event.event_id == 0 and event.synchronize() is None
    for call in (event.record, stream.record_event, lambda: stream.wait_stream(stream)):
        with pytest.raises(RuntimeError, match="cpu backend doesn't support events"):
            call()
    with pytest.raises(ValueError, match="enable_timing=True"):
        event.elapsed_time(event)
    with stream as entered:
        assert entered is stream
    with cnn.cpu.stream(cnn.cpu.Stream()):
        assert cnn.cpu.current_stream().wait_stream(None) is None
    assert cnn.cpu.Event().query() and isinstance(cnn.cpu.get_capabilities()["avx2"], bool)


without_gpu = pytest.mark.skipif(cnn.cuda.is_available(), reason="there is a GPU")


@without_gpu
def test_no_accelerator():
    assert not cnn.accelerator.is_available() and cnn.accelerator.device_count() == 0
    assert cnn.accelerator.current_accelerator() is None
    for name in (
        "current_device_index synchronize empty_cache memory_allocated current_stream Graph "
        "get_device_capability memory_stats reset_peak_memory_stats"
    ).split():
        with pytest.raises(RuntimeError, match="Cannot access accelerator device"):
            getattr(cnn.accelerator, name)()
    with cnn.accelerator.device_index(None):
        pass


@without_gpu
def test_types_of_tensors_on_gpus():
    assert not isinstance(cnn.ones(1), cnn.cuda.FloatTensor)
    with pytest.raises(TypeError, match="torch.cuda.LongTensor not available"):
        cnn.cuda.LongTensor([1])
    assert not hasattr(cnn.cuda, "NothingTensor")


@pytest.mark.parametrize("variable, at_first", [(None, True), ("1", False), ("0", True)])
def test_a_cache_is_as_before_where_it_was_not_wanted(variable, at_first, monkeypatch):
    if variable is None:
        monkeypatch.delenv("PYTORCH_NO_CUDA_MEMORY_CACHING", raising=False)
    else:
        monkeypatch.setenv("PYTORCH_NO_CUDA_MEMORY_CACHING", variable)
    memory, told = cnn.cuda.memory, []
    monkeypatch.setattr(memory, "_caching", None)
    monkeypatch.setattr(cnn._C, "_cuda_is_available", lambda: True)
    monkeypatch.setattr(cnn._C, "_cuda_set_caching", told.append)
    with memory.caching_allocator_disabled():
        with memory.caching_allocator_disabled():
            assert told == [False, False]
        assert told == [False] * 3
    assert told == [False] * 3 + [at_first]
    for wanted in (False, True):
        told.clear()
        memory.caching_allocator_enable(wanted)
        with pytest.raises(KeyError), memory.caching_allocator_disabled():
            raise KeyError
        assert told == [wanted, False, wanted]


@without_gpu
def test_cuda_as_programs_without_a_gpu_ask_for_it():
    cuda = cnn.cuda
    assert cuda.get_rng_state_all() == [] and cuda.memory_stats() == {}
    assert cuda.get_arch_list() == [] and not cuda.is_bf16_supported()
    assert cuda.max_memory_reserved() == 0 and cuda.get_gencode_flags() == ""
    assert not cuda.is_current_stream_capturing() and cuda.default_generators == ()
    cuda.manual_seed_all(3), cuda.seed_all(), cuda.set_rng_state_all([])
    with cuda.stream(None), cuda.device_of(cnn.ones(1)):
        pass
    for call in (
        lambda: cuda.Stream(), lambda: cuda.Event(), lambda: cuda.CUDAGraph(),
        lambda: cuda.graph(None), lambda: cuda.current_stream(), lambda: cuda.get_rng_state(),
        lambda: cuda.get_device_properties(0), lambda: cuda.get_device_capability(),
        lambda: cuda.mem_get_info(), lambda: cuda.nvtx.range_push("a"), lambda: cuda.init(),
        lambda: cuda.memory_summary(), lambda: cuda.reset_peak_memory_stats(),
        lambda: cuda.profiler.start(), lambda: cuda.MemPool(), lambda: cuda.initial_seed(),
    ):  # fmt: skip
        with pytest.raises(RuntimeError):
            call()
    assert cuda.OutOfMemoryError is cnn.OutOfMemoryError


def test_other_devices_are_not_there():
    for module in (cnn.mps, cnn.xpu, cnn.mtia):
        assert not module.is_available() and module.device_count() == 0
        module.manual_seed(3)
        with pytest.raises(RuntimeError, match="is_available\\(\\) is False"):
            module.synchronize()
    assert cnn.xpu.memory_allocated() == 0 and cnn.xpu.get_rng_state_all() == []


def test_switches_of_libraries():
    backends = cnn.backends
    assert backends.quantized.engine == "none" in backends.quantized.supported_engines
    with pytest.raises(RuntimeError, match="quantized engine FBGEMM is not supported"):
        backends.quantized.engine = "fbgemm"
    assert not backends.nnpack.is_available() and backends.mha.get_fastpath_enabled()
    with backends.nnpack.flags(enabled=True):
        assert backends.nnpack.enabled
    assert not backends.nnpack.enabled
    assert backends.cuda.preferred_linalg_library().name == "Default"
    with pytest.raises(NotImplementedError, match="preferred_linalg_library"):
        backends.cuda.preferred_linalg_library("magma")
    with pytest.raises(RuntimeError, match="Unknown input value"):
        backends.cuda.preferred_blas_library("x")
    assert backends.cuda.matmul.allow_fp16_accumulation is False
    with pytest.raises(AttributeError):
        backends.cuda.cufft_plan_cache.max_size
    with backends.mkldnn.verbose(backends.mkldnn.VERBOSE_ON_CREATION):
        pass
    with pytest.raises(ValueError, match="VERBOSE"):
        backends.mkl.verbose(5)
    with backends.opt_einsum.flags(enabled=True):
        assert backends.opt_einsum.enabled
    assert not backends.opt_einsum.enabled and not backends.opt_einsum.is_available()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: cnn.nested.nested_tensor([cnn.ones(1)]), "pad them"),
        (lambda: cnn.sparse.mm(cnn.ones(1, 1), cnn.ones(1, 1)), "no sparse tensors"),
        (lambda: cnn.masked.sum(cnn.ones(1)), "masked_fill"),
        (lambda: cnn.ao.quantization.prepare(None), "no quantized tensors"),
        (lambda: cnn.ao.nn.quantized.Linear(1, 1), "no quantized tensors"),
        (lambda: cnn.package.PackageExporter("x"), "not packed"),
        (lambda: cnn.monitor.log_event(None), "nothing is counted"),
    ],
)
def test_names_that_say_what_to_use(call, words):
    with pytest.raises(NotImplementedError, match=words):
        call()
    assert not cnn.masked.is_masked_tensor(cnn.ones(1))


def test_nothing_of_this_loads_with_the_package():
    import subprocess

    code = """
import sys, cnn
late = "distributed hub multiprocessing quasirandom signal sparse nested masked ao package monitor"
late += " accelerator mps xpu mtia version _streams _kinds _creation _windows storage cuda"
print([name for name in late.split() if f"cnn.{name}" in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
