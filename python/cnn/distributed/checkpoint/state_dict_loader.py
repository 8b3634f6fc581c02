"""Checkpoints of many processes, read."""

from ... import _unavailable
from . import INSTEAD

__all__ = _unavailable.declare(
    __name__,
    INSTEAD,
    functions="load load_state_dict _load_state_dict",
    error=NotImplementedError,
)
