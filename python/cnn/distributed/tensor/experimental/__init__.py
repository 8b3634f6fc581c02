"""Tensors on many devices: none."""

from .... import _unavailable
from ...stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="""
        context_parallel context_parallel_unshard implicit_replication local_map
        register_sharding""",
    error=RuntimeError,
)
