"""Where a program spends its time: `cnn.profiler` and Python's `cProfile` say it."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__, "use cnn.profiler, and python -m cProfile", functions="main"
)
