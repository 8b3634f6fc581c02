"""Gradients across processes: not available."""

from ... import _unavailable
from .._instead import NO_CALLS

__all__ = ["is_available"]
__all__ += _unavailable.declare(__name__, NO_CALLS, classes="context", error=NotImplementedError)


def is_available():
    """False: there are no other processes."""
    return False
