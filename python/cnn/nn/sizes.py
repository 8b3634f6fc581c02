"""Sizes per dimension: one number stands for all of them."""

from __future__ import annotations

from collections.abc import Iterable


def ntuple(n):
    """A function that repeats a number n times and turns an iterable into a tuple."""

    def parse(value):
        return tuple(value) if isinstance(value, Iterable) else (value,) * n

    return parse


single = ntuple(1)
pair = ntuple(2)
triple = ntuple(3)
quadruple = ntuple(4)
sextuple = ntuple(6)


def reverse_repeat(values, n):
    """(a, b) -> (b, b, a, a) for n = 2: the order in which `pad` takes its numbers."""
    return tuple(value for value in reversed(values) for _ in range(n))
