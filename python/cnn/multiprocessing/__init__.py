"""Python's multiprocessing, through which tensors go as shared memory instead of copies.

Once this is imported, a tensor on the CPU that goes to another process (as an argument, through a
queue or a pipe) moves to memory that both see: what either writes, the other reads. Everything that
`multiprocessing` has is here, and `spawn`, which runs a function in several processes and raises
what went wrong in one of them.
"""

from __future__ import annotations

import multiprocessing
from multiprocessing import *  # noqa: F403

from .reductions import init_reductions
from .spawn import (
    ENV_VAR_PARALLEL_START,
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = ["get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy"]
__all__ += multiprocessing.__all__

_sharing_strategy = "file_descriptor"
_all_sharing_strategies = {"file_descriptor", "file_system"}


def set_sharing_strategy(new_strategy):
    """How memory goes to other processes: "file_descriptor".

    PyTorch's "file_system" leaves files behind where a process is killed; it may be asked for, and
    descriptors go all the same, which no program can tell but by the limit of open files.
    """
    global _sharing_strategy
    if new_strategy not in _all_sharing_strategies:
        raise AssertionError(
            f"invalid sharing strategy {new_strategy!r}, expected one of {_all_sharing_strategies}"
        )
    _sharing_strategy = new_strategy


def get_sharing_strategy():
    """What `set_sharing_strategy` was last given."""
    return _sharing_strategy


def get_all_sharing_strategies():
    """The names that `set_sharing_strategy` takes."""
    return _all_sharing_strategies


def _set_thread_name(name):
    """Gives the thread a name that `top -H` shows: the first 15 bytes of it."""
    with open("/proc/thread-self/comm", "w") as file:
        file.write(name[:15])


def _get_thread_name():
    with open("/proc/thread-self/comm") as file:
        return file.read().rstrip("\n")


init_reductions()
