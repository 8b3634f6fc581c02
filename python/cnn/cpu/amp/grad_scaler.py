"""`cnn.amp.GradScaler` for "cpu". Deprecated: it warns."""

from __future__ import annotations

from ...amp import grad_scaler as _amp
from ...amp._deprecation import warn_of_old_name

__all__ = ["GradScaler"]


class GradScaler(_amp.GradScaler):
    """`cnn.amp.GradScaler("cpu", ...)`."""

    def __init__(
        self,
        init_scale=2.0**16,
        growth_factor=2.0,
        backoff_factor=0.5,
        growth_interval=2000,
        enabled=True,
    ):
        warn_of_old_name("cpu", "GradScaler")
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
