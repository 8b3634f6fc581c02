"""`cnn.amp.autocast_mode` for "cuda". Deprecated: each warns."""

from __future__ import annotations

from ... import _C
from ...amp import autocast_mode as _amp
from ...amp._deprecation import warn_of_old_name

__all__ = ["autocast", "custom_bwd", "custom_fwd"]


class autocast(_amp.autocast):
    """`cnn.amp.autocast("cuda", ...)`."""

    def __init__(self, enabled=True, dtype=_C.float16, cache_enabled=True):
        warn_of_old_name("cuda", "autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)


def _cast(value, dtype):
    return _amp._cast(value, "cuda", dtype)


def custom_fwd(fwd=None, *, cast_inputs=None):
    """`cnn.amp.custom_fwd(..., device_type="cuda")`."""
    warn_of_old_name("cuda", "custom_fwd")
    return _amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd):
    """`cnn.amp.custom_bwd(..., device_type="cuda")`."""
    warn_of_old_name("cuda", "custom_bwd")
    return _amp.custom_bwd(bwd, device_type="cuda")
