"""Memory of the device beside the CPU."""

from __future__ import annotations

from .. import _C, cuda
from . import _require

__all__ = [
    "empty_cache",
    "empty_host_cache",
    "get_memory_info",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
]


def empty_cache():
    """Gives cached memory back to the driver."""
    _require()
    cuda.empty_cache()


def empty_host_cache():
    """Gives pinned memory that no tensor uses back to the driver."""
    _require()
    _C._cuda_empty_pinned_cache()


def memory_allocated(device_index=None, /):
    """Bytes in tensors."""
    _require()
    return cuda.memory_allocated(device_index)


def max_memory_allocated(device_index=None, /):
    """The most that `memory_allocated` has been."""
    _require()
    return cuda.max_memory_allocated(device_index)


def memory_reserved(device_index=None, /):
    """Bytes taken from the driver."""
    _require()
    return cuda.memory_reserved(device_index)


def max_memory_reserved(device_index=None, /):
    """The most bytes that have been taken from the driver."""
    _require()
    return cuda.max_memory_reserved(device_index)


def memory_stats(device_index=None, /):
    """What the allocator counts."""
    _require()
    return cuda.memory_stats(device_index)


def get_memory_info(device_index=None, /):
    """(free, total) bytes, as the driver says."""
    _require()
    return cuda.mem_get_info(device_index)


def reset_accumulated_memory_stats(device_index=None, /):
    """Counts what comes and goes from 0 again."""
    _require()
    cuda.reset_accumulated_memory_stats(device_index)


def reset_peak_memory_stats(device_index=None, /):
    """Sets every peak to what there is now."""
    _require()
    cuda.reset_peak_memory_stats(device_index)
