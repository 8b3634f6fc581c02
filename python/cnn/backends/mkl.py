"""Whether Intel's MKL computes: it does not."""

from __future__ import annotations

from .. import _absent

__all__ = ["is_available"]


def is_available():
    """False: there is no MKL."""
    return False


_absent.explain(__name__)
