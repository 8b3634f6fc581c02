"""Help for annotations."""

from __future__ import annotations

__all__ = ["copy_func_params", "copy_method_params", "not_none"]


def not_none(obj):
    """The object. TypeError for None."""
    if obj is None:
        raise TypeError("Invariant encountered: value was None when it should not be")
    return obj


def copy_func_params(source_func):
    """A decorator that tells type checkers of another function's parameters."""
    return lambda func: func


def copy_method_params(source_method):
    """A decorator that tells type checkers of another method's parameters."""
    return lambda func: func
