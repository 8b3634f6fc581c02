"""`cnn.amp.autocast` for "cpu". Deprecated: it warns."""

from __future__ import annotations

from ... import _C
from ...amp import autocast_mode as _amp
from ...amp._deprecation import warn_of_old_name

__all__ = ["autocast"]


class autocast(_amp.autocast):
    """`cnn.amp.autocast("cpu", ...)`."""

    def __init__(self, enabled=True, dtype=_C.bfloat16, cache_enabled=True):
        warn_of_old_name("cpu", "autocast")
        super().__init__("cpu", dtype, enabled, cache_enabled)
