"""The names under which programs of old find mixed precision; `cnn.amp` has it."""

from __future__ import annotations

from ... import _absent
from .autocast_mode import autocast
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast"]

_absent.explain(__name__)
