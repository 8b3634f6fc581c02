"""Tensors in pieces on many processes: none."""

from .... import _unavailable
from ..._instead import WHOLE_TENSORS

__all__ = _unavailable.declare(
    __name__,
    WHOLE_TENSORS,
    functions="empty full init_from_local_shards ones rand randn zeros",
    classes="Shard ShardedTensor ShardedTensorMetadata TensorProperties",
    error=NotImplementedError,
)
