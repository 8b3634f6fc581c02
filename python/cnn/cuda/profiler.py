"""Switches of NVIDIA's profilers: there are none, as on PyTorch without CUDA."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "nothing is recorded; cnn.profiler makes profiles",
    functions="init profile start stop",
    error=RuntimeError,
)
