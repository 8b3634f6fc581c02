"""Whether OpenMP computes: it does not, the pool of threads is this library's own."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available():
    """False: there is no OpenMP."""
    return False
