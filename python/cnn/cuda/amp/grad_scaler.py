"""`cnn.amp.GradScaler` for "cuda". Deprecated: it warns."""

from __future__ import annotations

from ...amp import grad_scaler as _amp
from ...amp._deprecation import warn_of_old_name
from ...amp.grad_scaler import OptState as OptState

__all__ = ["GradScaler"]


class GradScaler(_amp.GradScaler):
    """`cnn.amp.GradScaler("cuda", ...)`."""

    def __init__(
        self,
        init_scale=2.0**16,
        growth_factor=2.0,
        backoff_factor=0.5,
        growth_interval=2000,
        enabled=True,
    ):
        warn_of_old_name("cuda", "GradScaler")
        super().__init__(
            "cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled
        )
