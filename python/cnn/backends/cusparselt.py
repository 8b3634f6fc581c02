"""Whether cuSPARSELt computes: it does not."""

from __future__ import annotations

__all__ = ["is_available"]


def is_available():
    """False: there is no cuSPARSELt."""
    return False
