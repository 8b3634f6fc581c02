"""The memory of GPUs, and what its allocator counts."""

from __future__ import annotations

import os
import warnings
import weakref
from collections import OrderedDict
from contextlib import contextmanager, suppress

from .. import _C, _unavailable
from .._streams import not_copied
from . import (
    _index,
    device_count,
    empty_cache,
    max_memory_allocated,
    memory_allocated,
    memory_reserved,
)
from .streams import _require_gpu

__all__ = [
    "MemPool",
    "caching_allocator_alloc",
    "caching_allocator_delete",
    "caching_allocator_disabled",
    "caching_allocator_enable",
    "empty_cache",
    "get_allocator_backend",
    "get_per_process_memory_fraction",
    "host_memory_stats",
    "host_memory_stats_as_nested_dict",
    "ipc_collect",
    "list_gpu_processes",
    "max_memory_allocated",
    "max_memory_cached",
    "max_memory_reserved",
    "mem_get_info",
    "memory_allocated",
    "memory_cached",
    "memory_reserved",
    "memory_snapshot",
    "memory_stats",
    "memory_stats_as_nested_dict",
    "memory_summary",
    "reset_accumulated_host_memory_stats",
    "reset_accumulated_memory_stats",
    "reset_max_memory_allocated",
    "reset_max_memory_cached",
    "reset_peak_host_memory_stats",
    "reset_peak_memory_stats",
    "set_per_process_memory_fraction",
    "use_mem_pool",
]

__all__ += _unavailable.declare(
    __name__,
    "the allocator is this library's own and cannot be replaced",
    functions="change_current_allocator",
    classes="CUDAPluggableAllocator",
    error=RuntimeError,
)


# What is counted ----------------------------------------------------------------------------------


def memory_stats_as_nested_dict(device=None):
    """What the allocator counts, as `memory_stats`, in nested dictionaries; empty without a GPU."""
    if not _C._cuda_is_available():
        return {}
    nothing = {"current": 0, "peak": 0, "allocated": 0, "freed": 0}
    return {
        **_C._cuda_memory(_index(device)),
        "max_split_size": -1,
        "num_oom_rejections": 0,
        "oversize_allocations": dict(nothing),
        "oversize_segments": dict(nothing),
    }


def _flattened(nested):
    flat = []

    def add(prefix, value):
        if not isinstance(value, dict):
            flat.append((prefix, value))
            return
        for key, inner in value.items():
            add(f"{prefix}.{key}" if prefix else key, inner)

    add("", nested)
    return OrderedDict(sorted(flat))


def memory_stats(device=None):
    """What the allocator counts, by PyTorch's names; empty without a GPU.

    A name is a thing, a pool (`all`, `small_pool` for blocks up to 1 MiB, `large_pool`) and a
    number (`current`, `peak`, and `allocated` and `freed`: all that came and went). Things are
    `allocation` and `allocated_bytes` (blocks of tensors), `requested_bytes` (what tensors asked
    for), `active` (blocks that some stream still uses), `segment` and `reserved_bytes` (taken from
    the driver), `inactive_split` (free parts of segments that tensors use in part).
    """
    return _flattened(memory_stats_as_nested_dict(device))


def reset_peak_memory_stats(device=None):
    """Sets every peak to what there is now."""
    _C._cuda_reset_memory(_index(device), True)


def reset_accumulated_memory_stats(device=None):
    """Counts what comes and goes from 0 again."""
    _C._cuda_reset_memory(_index(device), False)


def host_memory_stats_as_nested_dict():
    """What is counted of pinned memory, nested; empty without a GPU."""
    return _C._cuda_pinned_memory() if _C._cuda_is_available() else {}


def host_memory_stats():
    """What is counted of pinned memory: blocks and bytes, of all and of those in use, and times."""
    return _flattened(host_memory_stats_as_nested_dict())


def reset_peak_host_memory_stats():
    """Sets every peak of `host_memory_stats` to what there is now."""
    _C._cuda_reset_pinned(True)


def reset_accumulated_host_memory_stats():
    """Counts what comes and goes of pinned memory from 0 again."""
    _C._cuda_reset_pinned(False)


def max_memory_reserved(device=None):
    """The most that `memory_reserved` has been; 0 without a GPU."""
    if not _C._cuda_is_available():
        return 0
    return _C._cuda_memory(_index(device))["reserved_bytes"]["all"]["peak"]


def _renamed(old, new):
    warnings.warn(
        f"`torch.cuda.{old}` has been renamed to `torch.cuda.{new}`", FutureWarning, stacklevel=3
    )


def memory_cached(device=None):
    """The older name of `memory_reserved`."""
    _renamed("memory_cached", "memory_reserved")
    return memory_reserved(device)


def max_memory_cached(device=None):
    """The older name of `max_memory_reserved`."""
    _renamed("max_memory_cached", "max_memory_reserved")
    return max_memory_reserved(device)


def _resets_all(name):
    warnings.warn(
        f"torch.cuda.{name} now calls torch.cuda.reset_peak_memory_stats, which resets /all/ peak "
        "memory stats.",
        FutureWarning,
        stacklevel=3,
    )


def reset_max_memory_allocated(device=None):
    """The older name of `reset_peak_memory_stats`."""
    _resets_all("reset_max_memory_allocated")
    reset_peak_memory_stats(device)


def reset_max_memory_cached(device=None):
    """The older name of `reset_peak_memory_stats`."""
    _resets_all("reset_max_memory_cached")
    reset_peak_memory_stats(device)


def memory_snapshot(mempool_id=None, include_traces=True):
    """The allocator's segments, a dictionary for each, with the blocks in them. No stack traces.

    Those of the current GPU, or those that a pool has on any: `mempool_id` is its `id`.
    """
    if mempool_id is None or tuple(mempool_id) == (0, 0):
        return _segments(_index(None))
    pool = tuple(mempool_id)
    found = (segment for index in range(device_count()) for segment in _segments(index))
    return [segment for segment in found if segment["segment_pool_id"] == pool]


def _segments(index):
    segments = {}
    for block in _C._cuda_blocks(index):
        address = block["segment"]
        segment = segments.get(address)
        if segment is None:
            segment = segments[address] = {
                "device": index,
                "address": address,
                "stream": block["stream"],
                "segment_type": "small" if block["small"] else "large",
                "segment_pool_id": (0, block["pool"]),
                "is_expandable": False,
                "total_size": 0,
                "allocated_size": 0,
                "active_size": 0,
                "requested_size": 0,
                "frames": [],
                "blocks": [],
            }
        segment["total_size"] += block["size"]
        segment["allocated_size"] += block["size"] * block["allocated"]
        segment["active_size"] += block["size"] * block["active"]
        segment["requested_size"] += block["requested_size"] * block["allocated"]
        state = "active_allocated" if block["allocated"] else "active_pending_free"
        segment["blocks"].append({
            "address": block["address"],
            "size": block["size"],
            "requested_size": block["requested_size"],
            "state": state if block["active"] else "inactive",
            "frames": [],
        })  # fmt: skip
    return sorted(segments.values(), key=lambda segment: segment["address"])


# Pools --------------------------------------------------------------------------------------------


class MemPool:
    """Memory of its own, for what `use_mem_pool` asks for: other tensors get none of its segments.

    It is kept for the current GPU. When the pool, and whatever else uses it, is gone, its segments
    go back to the driver as soon as their blocks are free. With `use_on_oom` others get its free
    blocks before they run out of memory; with `no_split` each block is a segment of its own. A
    graph whose `pool` is its `id` shares it. `allocator` has to be None: RuntimeError.
    """

    def __init__(self, allocator=None, use_on_oom=False, no_split=False) -> None:
        _require_gpu("MemPool")
        if allocator is not None:
            raise RuntimeError(
                "MemPool: the allocator is this library's own and cannot be replaced; pass None"
            )
        self._device = _index(None)
        number = _C._cuda_new_pool()
        _C._cuda_hold_pool(self._device, number, bool(use_on_oom), bool(no_split))
        self._id = (0, number)
        weakref.finalize(self, _let_go, self._device, number).atexit = False

    __reduce_ex__ = not_copied

    @property
    def id(self):
        """Two numbers, which a graph's `pool` can be."""
        return self._id

    @property
    def allocator(self):
        """None: the allocator is this library's own."""
        return None

    def use_count(self):
        """How many use it on its GPU: the object, what is inside `use_mem_pool`, and graphs."""
        return _C._cuda_pool_users(self._device, self._id[1])

    def snapshot(self, include_traces=True):
        """Its segments on all GPUs, as `memory_snapshot` gives them."""
        return memory_snapshot(self._id, include_traces)


def _let_go(device, number):
    with suppress(RuntimeError):  # in a forked child, which has no GPU
        _C._cuda_let_go_pool(device, number)


@contextmanager
def use_mem_pool(pool, device=None):
    """What this thread asks for on a GPU inside comes from the `MemPool`, and goes back there.

    Of pools inside each other the innermost serves. What a graph records meanwhile comes from the
    graph's own pool, and other threads' memory from wherever it did.
    """
    if not isinstance(pool, MemPool):
        raise TypeError(f"use_mem_pool: expected a MemPool, got {type(pool).__name__}")
    index, number = _index(device), pool.id[1]
    _C._cuda_enter_pool(index, number)
    try:
        yield
    finally:
        _C._cuda_leave_pool(index, number)


# As a text ----------------------------------------------------------------------------------------

_ROWS = [
    ("allocated_bytes", "Allocated memory"),
    ("active_bytes", "Active memory"),
    ("requested_bytes", "Requested memory"),
    ("reserved_bytes", "GPU reserved memory"),
    ("inactive_split_bytes", "Non-releasable memory"),
    ("allocation", "Allocations"),
    ("active", "Active allocs"),
    ("segment", "GPU reserved segments"),
    ("inactive_split", "Non-releasable allocs"),
]
_LATER_ROWS = [
    ("oversize_allocations", "Oversize allocations"),
    ("oversize_segments", "Oversize GPU segments"),
]
_NUMBERS = ("current", "peak", "allocated", "freed")


def _cell(value, reference, is_bytes):
    """A number in the unit that the reference is written in."""
    step, most, units = (
        (1024, 768 * 1024, ["B  ", "KiB", "MiB", "GiB", "TiB", "PiB"])
        if is_bytes
        else (1000, 750 * 1000, [" ", "K", "M"])
    )
    unit = 0
    while reference >= most and unit + 1 < len(units):
        value, reference, unit = value // step, reference / step, unit + 1
    return f"{value:6d} {units[unit]}" if is_bytes else f"{value:7d} {units[unit]} "


def memory_summary(device=None, abbreviated=False):
    """`memory_stats` as a table; `abbreviated`: without the two pools. RuntimeError without GPU."""
    index = _index(device)
    stats = memory_stats_as_nested_dict(index)
    pools = [
        ("all", None),
        ("large_pool", "      from large pool"),
        ("small_pool", "      from small pool"),
    ]
    heavy, light = "=" * 75, "-" * 75
    lines = [
        heavy,
        f" {'':16} PyTorch CUDA memory summary, device ID {index:<17d} ",
        light,
        f"  {'':9} CUDA OOMs: {stats['num_ooms']:<12d} | {'':6} cudaMalloc retries: "
        f"{stats['num_alloc_retries']:<8d}  ",
        heavy,
        "        Metric         | Cur Usage  | Peak Usage | Tot Alloc  | Tot Freed  ",
    ]
    for key, title in _ROWS:
        lines.append(light)
        for pool, name in pools[: 1 if abbreviated else 3]:
            cells = (
                _cell(stats[key][pool][n], stats[key]["all"][n], key.endswith("bytes"))
                for n in _NUMBERS
            )
            lines.append(f" {name or title:<21} | {' | '.join(cells)} ")
    for key, title in _LATER_ROWS:
        cells = (_cell(stats[key][n], stats[key][n], False) for n in _NUMBERS)
        lines += [light, f" {title:<21} | {' | '.join(cells)} "]
    lines.append(heavy)
    return "|" + "|\n|".join(lines) + "|\n"


# What the driver has, and limits ------------------------------------------------------------------


def mem_get_info(device=None):
    """(free, total) bytes of a GPU, as the driver says."""
    return _C._cuda_free_memory(_index(device))


def set_per_process_memory_fraction(fraction, device=None):
    """What part of a GPU's memory this process may take; beyond it, memory has run out."""
    if not isinstance(fraction, float):
        raise TypeError("Invalid type for fraction argument, must be `float`")
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    _C._cuda_set_memory_limit(_index(device), fraction)


def get_per_process_memory_fraction(device=None):
    """The part of a GPU's memory that this process may take."""
    return _C._cuda_memory_limit(_index(device))


def caching_allocator_alloc(size, device=None, stream=None):
    """The address of `size` bytes for another library, on a stream (default: this thread's)."""
    index = _index(device)
    if stream is None:
        stream = _C._cuda_stream(index)
    elif not isinstance(stream, int):
        stream = getattr(stream, "stream_id", None)
    if not isinstance(stream, int):
        raise TypeError(
            "Invalid type for stream argument, must be `torch.cuda.Stream` or `int` representing a "
            "pointer to a existing stream"
        )
    return _C._cuda_allocate(index, size, stream)


def caching_allocator_delete(mem_ptr):
    """Gives back what `caching_allocator_alloc` returned."""
    _C._cuda_free(mem_ptr)


def caching_allocator_enable(value=True):
    """Whether freed memory is kept for the next tensor; without, each goes back to the driver.

    The environment's PYTORCH_NO_CUDA_MEMORY_CACHING=1 says False: tools that watch memory need it.
    """
    global _caching
    if _C._cuda_is_available():
        _C._cuda_set_caching(bool(value))
        _caching = bool(value)


# What the function was last given. The allocator does not tell, and reads the environment before.
_caching = None


@contextmanager
def caching_allocator_disabled():
    """`caching_allocator_enable(False)` inside; afterwards as before."""
    before = _caching
    if before is None:
        before = os.environ.get("PYTORCH_NO_CUDA_MEMORY_CACHING") != "1"
    caching_allocator_enable(False)
    try:
        yield
    finally:
        caching_allocator_enable(before)


def get_allocator_backend():
    """The name "native": the allocator is this library's own."""
    return "native"


def ipc_collect():
    """Nothing to collect: memory on GPUs is not shared between processes. Raises without a GPU."""
    _C._cuda_current_device()


def list_gpu_processes(device=None):
    """The processes on a GPU and their memory, as a text; needs the package nvidia-ml-py."""
    try:
        import pynvml
    except ModuleNotFoundError:
        return "pynvml module not found, please install nvidia-ml-py"
    from ._properties import _nvml_handle

    index = _index(device)
    lines = [f"GPU:{index}"]
    processes = pynvml.nvmlDeviceGetComputeRunningProcesses(_nvml_handle(index))
    if not processes:
        lines.append("no processes are running")
    for process in processes:
        mib = (process.usedGpuMemory or 0) / 2**20
        lines.append(f"process {process.pid:>10d} uses {mib:>12.3f} MB GPU memory")
    return "\n".join(lines)
