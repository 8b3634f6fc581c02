"""Copies of a model in many processes: none."""

from ... import _unavailable
from ..stores import ALONE

__all__ = _unavailable.declare(__name__, ALONE, functions="replicate", error=RuntimeError)
