"""How `einsum` chooses the order of its products.

`enabled` can be set and is not read: `einsum` multiplies from left to right, which is what PyTorch
does where the package opt_einsum is not installed. An order changes last digits alone.
"""

from __future__ import annotations

from .. import _absent
from ._attributes import attributes

__all__ = ["enabled", "flags", "get_opt_einsum", "is_available", "set_flags", "strategy"]

enabled = False
strategy = None


def is_available():
    """False: the package is not asked."""
    return False


def get_opt_einsum():
    """None: the package is not asked."""
    return None


def set_flags(_enabled=None, _strategy=None):
    """Sets the attributes; (as they were)."""
    global enabled, strategy
    before = enabled, strategy
    enabled = enabled if _enabled is None else _enabled
    strategy = strategy if _strategy is None else _strategy
    return before


def flags(enabled=None, strategy=None):
    """Sets the attributes for the length of a `with`."""
    return attributes(__name__, {"enabled": enabled, "strategy": strategy})


_absent.explain(__name__)
