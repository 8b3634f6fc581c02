"""PyTorch's symbolic numbers. Sizes are Python's own numbers here, so that nothing is symbolic; the
functions take numbers.
"""

from __future__ import annotations

import builtins
import math

from ._unavailable import mark


class SymInt:
    """A size that is not known yet: for `isinstance`, which is False."""

    def __init__(self, node):
        raise NotImplementedError("cnn has no symbolic sizes: a size is an int")


class SymFloat:
    """A number that is not known yet: for `isinstance`, which is False."""

    def __init__(self, node):
        raise NotImplementedError("cnn has no symbolic numbers: a number is a float")


class SymBool:
    """A truth that is not known yet: for `isinstance`, which is False."""

    def __init__(self, node):
        raise NotImplementedError("cnn has no symbolic truth values: a truth value is a bool")


def sym_int(a):
    """A number as an int, towards zero."""
    return math.trunc(a)


def sym_float(a):
    """A number as a float."""
    return builtins.float(a)


def sym_not(a):
    """not a"""
    return not a


def sym_max(a, b):
    """The larger of two numbers: a float if one of them is."""
    result = builtins.max(a, b)
    return builtins.float(result) if builtins.float in (type(a), type(b)) else result


def sym_min(a, b):
    """The smaller of two numbers: a float if one of them is."""
    result = builtins.min(a, b)
    return builtins.float(result) if builtins.float in (type(a), type(b)) else result


def sym_ite(b, t, f):
    """t if b else f, of one type."""
    if not isinstance(b, builtins.bool) or type(t) is not type(f):
        raise AssertionError("sym_ite(b, t, f): b must be a bool, t and f of one type")
    return t if b else f


def sym_sum(args):
    """The sum of a list of numbers."""
    return builtins.sum(args)


def sym_sqrt(a):
    """The square root of a number."""
    return math.sqrt(a)


def sym_fresh_size(expr):
    """Refused: there are no symbolic sizes."""
    raise NotImplementedError("cnn has no symbolic sizes")


mark("sizes are Python's own numbers", SymBool, SymFloat, SymInt, sym_fresh_size)
for _name in list(globals()):
    if _name.startswith(("Sym", "sym_")):
        globals()[_name].__module__ = "cnn"  # where users find them
