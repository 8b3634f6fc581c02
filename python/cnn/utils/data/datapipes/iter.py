"""Pipes that are iterated over: the one that begins a chain."""

from __future__ import annotations

import copy

from .datapipe import IterDataPipe

__all__ = ["IterableWrapper"]


class IterableWrapper(IterDataPipe):
    """The elements of any iterable, of a copy of it unless deepcopy=False."""

    def __init__(self, iterable, deepcopy=True):
        self.iterable = iterable
        self.deepcopy = deepcopy

    def __iter__(self):
        yield from copy.deepcopy(self.iterable) if self.deepcopy else self.iterable

    def __len__(self):
        return len(self.iterable)
