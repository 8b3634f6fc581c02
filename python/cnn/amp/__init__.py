"""Mixed precision: `autocast` runs chosen ops in 16 bits, `GradScaler` keeps their gradients from
underflowing.
"""

from __future__ import annotations

from .. import _absent
from .autocast_mode import (
    _enter_autocast,
    _exit_autocast,
    autocast,
    custom_bwd,
    custom_fwd,
    is_autocast_available,
)
from .grad_scaler import GradScaler

__all__ = ["GradScaler", "autocast", "custom_bwd", "custom_fwd", "is_autocast_available"]

_absent.explain(__name__)
