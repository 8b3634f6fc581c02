"""The names under which programs of old find mixed precision; `cnn.amp` has it."""

from __future__ import annotations

from ... import _absent
from .autocast_mode import autocast, custom_bwd, custom_fwd
from .common import amp_definitely_not_available
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]

_absent.explain(__name__)
