"""Marks for NVIDIA's profilers: there are none, as on PyTorch without CUDA."""

from __future__ import annotations

from .. import _unavailable

_REASON = "no marks are set; cnn.profiler.record_function marks ranges of this library's profiles"

__all__ = _unavailable.declare(
    __name__,
    _REASON,
    functions="mark range range_end range_pop range_push range_start",
    error=RuntimeError,
)
