"""Whether NNPACK computes: it does not."""

from __future__ import annotations

from ._attributes import attributes

__all__ = ["enabled", "flags", "is_available", "set_flags"]

enabled = False


def is_available():
    """False: there is no NNPACK."""
    return False


def set_flags(_enabled):
    """Sets the attribute, which nothing reads; (as it was,)."""
    global enabled
    before, enabled = enabled, _enabled
    return (before,)


def flags(enabled=False):
    """Sets the attribute for the length of a `with`."""
    return attributes(__name__, {"enabled": enabled})
