"""Tensors on many devices: none."""

from .... import _unavailable
from ..._instead import WHOLE_TENSORS

__all__ = _unavailable.declare(
    __name__,
    WHOLE_TENSORS,
    functions="""
        context_parallel context_parallel_unshard implicit_replication local_map
        register_sharding""",
    error=NotImplementedError,
)
