"""One model on many processes, whose gradients are averaged: not available."""

from __future__ import annotations

from ..._unavailable import mark
from ..modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """Raises when one is made: there are no groups of processes.

    Without a group it raises what PyTorch raises; programs ask `distributed.is_initialized()`
    first, which is False.
    """

    def __init__(self, module, *args, **kwargs) -> None:
        from ...distributed.groups import _get_default_group

        super().__init__()
        _get_default_group()


mark("there are no groups of processes here", DistributedDataParallel)
