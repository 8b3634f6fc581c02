"""Tensors in pieces on many processes: none."""

from .... import _unavailable
from ...stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="empty full init_from_local_shards ones rand randn zeros",
    classes="Shard ShardedTensor ShardedTensorMetadata TensorProperties",
    error=RuntimeError,
)
