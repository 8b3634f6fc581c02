"""Tensors on many devices: their places can be named, and none can be made."""

from __future__ import annotations

from ... import _unavailable
from .._instead import WHOLE_TENSORS
from .placement_types import Partial, Placement, Replicate, Shard

__all__ = ["Partial", "Placement", "Replicate", "Shard"]
__all__ += _unavailable.declare(
    __name__,
    WHOLE_TENSORS,
    functions="distribute_module distribute_tensor empty full ones rand randn zeros",
    classes="DTensor",
    error=NotImplementedError,
)
for _class in (Partial, Placement, Replicate, Shard):
    _class.__module__ = "cnn.distributed.tensor.placement_types"
