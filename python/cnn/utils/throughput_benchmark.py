"""Many calls of a module from many threads: not measured here."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "utils.benchmark.Timer measures calls, on as many threads as it is told",
    classes="ThroughputBenchmark",
)
