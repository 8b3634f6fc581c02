"""Whether attention layers may take a fast path: they have one kernel, and it is taken always."""

from __future__ import annotations

__all__ = ["get_fastpath_enabled", "set_fastpath_enabled"]

_enabled = True


def get_fastpath_enabled():
    """What `set_fastpath_enabled` was last given."""
    return _enabled


def set_fastpath_enabled(value):
    """Accepted: a fast path would give the same numbers."""
    global _enabled
    _enabled = value
