"""NVIDIA GPUs: which there are, which one `"cuda"` means, and their memory.

The CUDA part is a library of its own, opened at the first question or the first tensor on a GPU.
Where it cannot be used, `is_available()` is False, `unavailable_reason()` says why, counts are 0,
and what needs a GPU raises RuntimeError with that reason.
"""

from __future__ import annotations

from .. import _C, _absent, _unavailable

__all__ = [
    "current_device",
    "device",
    "device_count",
    "empty_cache",
    "get_device_name",
    "is_available",
    "is_initialized",
    "max_memory_allocated",
    "memory_allocated",
    "memory_reserved",
    "set_device",
    "synchronize",
    "can_device_access_peer",
    "CudaError",
    "DeferredCudaCallError",
    "check_error",
    "cudaStatus",
    "cudart",
    "current_blas_handle",
    "current_solver_handle",
    "default_generators",
    "device_of",
    "get_arch_list",
    "get_gencode_flags",
    "get_sync_debug_mode",
    "has_half",
    "has_magma",
    "init",
    "is_bf16_supported",
    "is_tf32_supported",
    "set_sync_debug_mode",
    "unavailable_reason",
]


def is_available():
    """Whether tensors can lie on a GPU. Never raises; `unavailable_reason()` tells why not."""
    return _C._cuda_is_available()


def unavailable_reason():
    """Why no GPU can be used, in a sentence; empty where one can."""
    return _C._cuda_unavailable_reason()


def device_count():
    """How many GPUs can be used; 0 without CUDA."""
    return _C._cuda_device_count() if _C._cuda_is_available() else 0


def _index(device):
    """The number of a device given as None (the current), a number, a string or a `cnn.device`."""
    if device is None:
        return current_device()
    if isinstance(device, int):
        return device
    device = _C.device(device)
    if device.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    return current_device() if device.index is None else device.index


def current_device():
    """The number of the GPU that `"cuda"` means to this thread. RuntimeError without a GPU."""
    return _C._cuda_current_device()


def set_device(device):
    """Makes `device` what `"cuda"` means to this thread. A negative number changes nothing."""
    index = _index(device)
    if index >= 0:
        _C._cuda_set_device(index)


class device:
    """Context in which `"cuda"` means another GPU. None or a negative number changes nothing."""

    def __init__(self, device):
        self.idx = -1 if device is None else _index(device)
        self.prev_idx = -1

    def __enter__(self):
        if self.idx >= 0:
            self.prev_idx = current_device()
            set_device(self.idx)
        return self

    def __exit__(self, *error):
        if self.prev_idx >= 0:
            set_device(self.prev_idx)
        return False


def get_device_name(device=None):
    """What the GPU is called. RuntimeError without a GPU."""
    return _C._cuda_properties(_index(device))["name"]


def synchronize(device=None):
    """Waits until the GPU has done all that was asked of it; raises what went wrong there."""
    _C._cuda_synchronize(_index(device))


def empty_cache():
    """Gives cached memory that no tensor uses back to the driver; nothing to do without a GPU."""
    if is_available():
        _C._cuda_empty_cache()


def _bytes(what, number, device):
    return _C._cuda_memory(_index(device))[what]["all"][number] if is_available() else 0


def memory_allocated(device=None):
    """Bytes in tensors on the GPU, rounded up to the allocator's sizes; 0 without a GPU."""
    return _bytes("allocated_bytes", "current", device)


def max_memory_allocated(device=None):
    """The most that `memory_allocated` has been; 0 without a GPU."""
    return _bytes("allocated_bytes", "peak", device)


def memory_reserved(device=None):
    """Bytes taken from the driver, in tensors or cached; 0 without a GPU."""
    return _bytes("reserved_bytes", "current", device)


def is_initialized():
    """Whether a GPU has been found and opened. A forked child cannot use it then."""
    return _C._cuda_is_initialized()


def init():
    """Does what the first use of a GPU would do. RuntimeError without one."""
    current_device()


class device_of(device):
    """Context in which `"cuda"` means the GPU of a tensor; one on the CPU changes nothing."""

    def __init__(self, obj):
        super().__init__(obj.get_device() if obj.is_cuda else -1)


class DeferredCudaCallError(Exception):
    """What was put off until a GPU is used has failed: nothing is put off."""


class CudaError(RuntimeError):
    """A status of the runtime other than 0."""

    def __init__(self, code):
        super().__init__(f"{_C._cuda_error_text(int(code))} ({int(code)})")


class cudaStatus:
    """Two statuses of the runtime."""

    SUCCESS = 0
    ERROR_NOT_READY = 34


def check_error(res):
    """Raises CudaError for a status of the runtime other than 0."""
    if int(res) != cudaStatus.SUCCESS:
        raise CudaError(res)


def cudart():
    """Some of the runtime's functions by their names: those that switch profilers, and memory."""
    current_device()  # raises without a GPU
    from types import SimpleNamespace

    def switched(on):
        _C._cuda_profile(on)
        return cudaStatus.SUCCESS

    def free_memory(device):
        return (cudaStatus.SUCCESS, *_C._cuda_free_memory(device))

    return SimpleNamespace(
        cudaError=SimpleNamespace(success=cudaStatus.SUCCESS),
        cudaGetErrorString=lambda code: _C._cuda_error_text(int(code)),
        cudaMemGetInfo=free_memory,
        cudaProfilerStart=lambda: switched(True),
        cudaProfilerStop=lambda: switched(False),
    )


def _no_library(name):
    raise RuntimeError(f"cuda.{name}: no handles of NVIDIA's libraries are given out")


def current_blas_handle():
    """Raises: no handles of NVIDIA's libraries are given out."""
    _no_library("current_blas_handle")


def current_solver_handle():
    """Raises: no handles of NVIDIA's libraries are given out."""
    _no_library("current_solver_handle")


def can_device_access_peer(device, peer_device):
    """Whether one GPU can read another's memory."""
    device, peer_device = _index(device), _index(peer_device)
    current_device()  # raises without a GPU
    for index, what in ((device, "device"), (peer_device, "peer device")):
        if not 0 <= index < device_count():
            raise AssertionError(f"Invalid {what} id")
    return _C._cuda_can_access_peer(device, peer_device)


def get_arch_list():
    """The architectures that the library was compiled for; empty without a GPU."""
    return [f"sm_{number}" for number in _C._cuda_architectures()] if is_available() else []


def get_gencode_flags():
    """The compiler's options for `get_arch_list`."""
    names = [name[3:] for name in get_arch_list()]
    return " ".join(f"-gencode compute=compute_{name},code=sm_{name}" for name in names)


def is_bf16_supported(including_emulation=True):
    """Whether the GPU computes in bfloat16 or, if included, by way of float32; False without."""
    if not is_available():
        return False
    return including_emulation or _C._cuda_properties(current_device())["major"] >= 8


def is_tf32_supported():
    """Whether the GPU has TF32: float32 rounded for its matrix units. False without a GPU."""
    return is_available() and _C._cuda_properties(current_device())["major"] >= 8


def get_sync_debug_mode():
    """How waiting for a GPU is reported: 0 not at all, 1 by a warning, 2 by RuntimeError."""
    return _C._cuda_get_reports_waits()


def set_sync_debug_mode(debug_mode):
    """Lets calls that wait for a value or a copy of a GPU warn (1, "warn") or raise (2, "error").

    0, "default": neither. `synchronize` and its like, which are meant to wait, are not reported.
    """
    modes = ("default", "warn", "error")
    if debug_mode in modes:
        debug_mode = modes.index(debug_mode)
    elif debug_mode not in (0, 1, 2):
        raise RuntimeError(
            "invalid value of debug_mode, expected one of `default`, `warn`, `error` or 0, 1, 2"
        )
    _C._cuda_set_reports_waits(debug_mode)


_unavailable.mark(
    "no handles of NVIDIA's libraries are given out",
    current_blas_handle,
    current_solver_handle,
)
has_half = True
has_magma = False

_lent = {
    "streams": """
        Event ExternalStream Stream StreamContext current_stream default_stream
        get_stream_from_external set_stream stream""",
    "graphs": """
        CUDAGraph graph graph_pool_handle is_current_stream_capturing make_graphed_callables""",
    "random": """
        get_rng_state get_rng_state_all initial_seed manual_seed manual_seed_all seed seed_all
        set_rng_state set_rng_state_all""",
    "memory": """
        CUDAPluggableAllocator MemPool caching_allocator_alloc caching_allocator_delete
        caching_allocator_disabled caching_allocator_enable change_current_allocator
        get_allocator_backend get_per_process_memory_fraction host_memory_stats
        host_memory_stats_as_nested_dict ipc_collect list_gpu_processes max_memory_cached
        max_memory_reserved mem_get_info memory_cached memory_snapshot memory_stats
        memory_stats_as_nested_dict memory_summary reset_accumulated_host_memory_stats
        reset_accumulated_memory_stats reset_max_memory_allocated reset_max_memory_cached
        reset_peak_host_memory_stats reset_peak_memory_stats set_per_process_memory_fraction
        use_mem_pool""",
    "_properties": """
        GreenContext clock_rate device_memory_used get_device_capability get_device_properties
        memory_usage power_draw temperature utilization""",
}
_HOME = {name: file for file, names in _lent.items() for name in names.split()}
__all__ += sorted(_HOME)
_MODULES = set(
    """
    amp comm graphs jiterator memory nccl nvtx profiler random sparse streams tunable""".split()
)


def __getattr__(name):
    from importlib import import_module

    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    if name == "default_generators":
        return import_module(f"{__name__}.random")._generators()
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in ("OutOfMemoryError", "AcceleratorError"):
        return getattr(import_module("cnn"), name)
    if name.endswith("Tensor") and hasattr(_C, name):
        return getattr(import_module(f"{__name__}._tensor_types"), name)
    if name.endswith("Storage") and hasattr(import_module("cnn.storage"), name):
        storages = import_module(f"{__name__}._storage_types")
        if name in storages.__all__:
            return getattr(storages, name)
    raise _absent.absent("cnn.cuda", name)
