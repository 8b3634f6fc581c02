"""Whether tensors can lie on an Apple GPU: they cannot."""

from __future__ import annotations

from .. import _absent

__all__ = ["is_available", "is_built"]


def is_available():
    """False: there is no Apple GPU to use."""
    return False


def is_built():
    """False: this library has no code for Apple GPUs."""
    return False


_absent.explain(__name__)
