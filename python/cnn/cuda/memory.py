"""The memory of GPUs, and what its allocator counts."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from contextlib import contextmanager

from .. import _C, _unavailable
from . import _index, empty_cache, max_memory_allocated, memory_allocated, memory_reserved

__all__ = [
    "empty_cache",
    "host_memory_stats",
    "host_memory_stats_as_nested_dict",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_stats",
    "memory_stats_as_nested_dict",
    "memory_summary",
    "caching_allocator_enable",
    "caching_allocator_disabled",
    "get_allocator_backend",
    "ipc_collect",
]

_OWN = "the allocator is this library's own, which has no such switch"
__all__ += _unavailable.declare(
    __name__,
    _OWN,
    functions="""
        caching_allocator_alloc caching_allocator_delete change_current_allocator
        get_per_process_memory_fraction mem_get_info memory_snapshot
        reset_accumulated_host_memory_stats reset_accumulated_memory_stats
        reset_max_memory_allocated reset_max_memory_cached reset_peak_host_memory_stats
        reset_peak_memory_stats set_per_process_memory_fraction use_mem_pool""",
    classes="CUDAPluggableAllocator MemPool",
    error=RuntimeError,
)
__all__ += _unavailable.declare(
    __name__,
    "nothing here asks NVIDIA's management library; use nvidia-smi, or the package nvidia-ml-py",
    functions="list_gpu_processes",
    error=RuntimeError,
)


def memory_stats(device=None):
    """What the allocator counts, by PyTorch's names; empty without a GPU."""
    if not _C._cuda_is_available():
        return OrderedDict()
    allocated, peak, reserved = _C._cuda_memory(_index(device))
    return OrderedDict({
        "allocated_bytes.all.current": allocated,
        "allocated_bytes.all.peak": peak,
        "reserved_bytes.all.current": reserved,
    })  # fmt: skip


def memory_stats_as_nested_dict(device=None):
    """`memory_stats` with a dictionary for each part of a name."""
    nested = {}
    for name, value in memory_stats(device).items():
        *path, last = name.split(".")
        place = nested
        for part in path:
            place = place.setdefault(part, {})
        place[last] = value
    return nested


def host_memory_stats():
    """Empty: pinned memory is not counted."""
    return OrderedDict()


def host_memory_stats_as_nested_dict():
    """Empty: pinned memory is not counted."""
    return {}


def memory_summary(device=None, abbreviated=False):
    """`memory_stats` as a text; raises without a GPU."""
    _C._cuda_current_device()
    return "\n".join(f"{name}: {value}" for name, value in memory_stats(device).items())


def max_memory_reserved(device=None):
    """The most bytes taken from the driver; 0 without a GPU. Here: those taken now."""
    return memory_reserved(device)


def memory_cached(device=None):
    """The older name of `memory_reserved`."""
    warnings.warn(
        "`torch.cuda.memory_cached` has been renamed to `torch.cuda.memory_reserved`",
        FutureWarning,
        stacklevel=2,
    )
    return memory_reserved(device)


def max_memory_cached(device=None):
    """The older name of `max_memory_reserved`."""
    warnings.warn(
        "`torch.cuda.max_memory_cached` has been renamed to `torch.cuda.max_memory_reserved`",
        FutureWarning,
        stacklevel=2,
    )
    return max_memory_reserved(device)


def caching_allocator_enable(value=True):
    """Memory is always kept for the next tensor. RuntimeError for what would change that."""
    if not value and _C._cuda_is_available():
        raise RuntimeError(f"cuda.caching_allocator_enable(False): {_OWN}")


@contextmanager
def caching_allocator_disabled():
    """`caching_allocator_enable(False)` inside."""
    caching_allocator_enable(False)
    yield


def get_allocator_backend():
    """The name "native": the allocator is this library's own."""
    return "native"


def ipc_collect():
    """Nothing to collect: memory on GPUs is not shared between processes. Raises without a GPU."""
    _C._cuda_current_device()
