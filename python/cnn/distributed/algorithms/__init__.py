"""Uneven inputs of processes: there is one process."""

from ... import _unavailable
from ..stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    classes="Join JoinHook Joinable",
    error=RuntimeError,
)
