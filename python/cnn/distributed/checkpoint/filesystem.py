"""Checkpoints of many processes in folders."""

from ... import _unavailable
from . import INSTEAD

__all__ = _unavailable.declare(
    __name__,
    INSTEAD,
    classes="FileSystemReader FileSystemWriter",
    error=NotImplementedError,
)
