"""Sums and copies between GPUs by NVIDIA's library: it is not used here."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "NVIDIA's library is not used; cnn.distributed has the collectives that there are",
    functions="all_gather all_reduce broadcast init_rank reduce reduce_scatter unique_id version",
    error=RuntimeError,
)
__all__ += ["is_available"]


def is_available(tensors):
    """False."""
    return False
