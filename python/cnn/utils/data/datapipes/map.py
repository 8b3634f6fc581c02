"""Pipes that are indexed: the one that begins a chain."""

from __future__ import annotations

import copy

from .datapipe import MapDataPipe

__all__ = ["SequenceWrapper"]


class SequenceWrapper(MapDataPipe):
    """The elements of any sequence, of a copy of it unless deepcopy=False."""

    def __init__(self, sequence, deepcopy=True):
        self.sequence = copy.deepcopy(sequence) if deepcopy else sequence

    def __getitem__(self, index):
        return self.sequence[index]

    def __len__(self):
        return len(self.sequence)
