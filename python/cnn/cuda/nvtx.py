"""Marks for NVIDIA's profilers, which do nothing where none listens."""

from __future__ import annotations

from contextlib import contextmanager

from .. import _C

__all__ = ["mark", "range", "range_end", "range_pop", "range_push", "range_start"]


def _require():
    if not _C._cuda_is_available():
        raise RuntimeError(
            "NVTX functions not installed. Are you sure you have a CUDA build? "
            f"{_C._cuda_unavailable_reason()}; cnn.profiler.record_function marks ranges of this "
            "library's profiles"
        )


def mark(msg):
    """A moment."""
    _require()
    _C._cuda_mark(msg)


def range_push(msg):
    """Begins a range inside the one that is open in this thread; returns how deep it is.

    A negative number where no profiler listens.
    """
    _require()
    return _C._cuda_push_range(msg)


def range_pop():
    """Ends the innermost range of this thread; returns how deep it was."""
    _require()
    return _C._cuda_pop_range()


def range_start(msg):
    """Begins a range that any thread may end; returns its number."""
    _require()
    return _C._cuda_start_range(msg)


def range_end(range_id):
    """Ends a range of `range_start`."""
    _require()
    _C._cuda_end_range(range_id)


@contextmanager
def range(msg, *args, **kwargs):
    """A range around what is inside; its text is `msg.format(*args, **kwargs)`."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()
