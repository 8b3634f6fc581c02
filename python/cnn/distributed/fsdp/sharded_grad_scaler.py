"""Scaling of gradients in pieces."""

from ... import _unavailable
from ..stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    classes="ShardedGradScaler",
    error=RuntimeError,
)
