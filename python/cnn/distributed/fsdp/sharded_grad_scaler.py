"""Scaling of gradients in pieces."""

from ... import _unavailable
from .._instead import WHOLE_MODELS

__all__ = _unavailable.declare(
    __name__,
    WHOLE_MODELS,
    classes="ShardedGradScaler",
    error=NotImplementedError,
)
