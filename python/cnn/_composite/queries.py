"""What a tensor is."""

from __future__ import annotations

from .. import _C


def is_tensor(obj):
    """Is it a Tensor, of any class?"""
    return isinstance(obj, _C.Tensor)


def is_floating_point(input):
    """Is its dtype one of the floating-point dtypes?"""
    return input.dtype.is_floating_point


def numel(input):
    """The number of elements."""
    return input.numel()


def isreal(input):
    """True everywhere: there are no complex dtypes."""
    return _C.ones_like(input, dtype=_C.bool)
