"""Sizes per dimension: one number stands for all of them."""

from __future__ import annotations

from collections.abc import Iterable


def _ntuple(n):
    """A function that repeats a number n times and turns an iterable into a tuple."""

    def parse(value):
        return tuple(value) if isinstance(value, Iterable) else (value,) * n

    return parse


_single = _ntuple(1)
_pair = _ntuple(2)
_triple = _ntuple(3)
_quadruple = _ntuple(4)
_sextuple = _ntuple(6)


def _reverse_repeat_tuple(values, n):
    """(a, b) -> (b, b, a, a) for n = 2: the order in which `pad` takes its numbers."""
    return tuple(value for value in reversed(values) for _ in range(n))
