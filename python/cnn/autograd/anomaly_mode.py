"""Finding the op whose backward goes wrong: nodes remember where they were made, and NaN gradients
raise.
"""

from __future__ import annotations

import warnings

from .. import _C

__all__ = ["detect_anomaly", "set_detect_anomaly"]


class set_detect_anomaly:
    """Switches anomaly detection: from the call on, and, used as a context manager, until its end.

    While it is on, an error in backward is preceded by the traceback of the forward op, and with
    `check_nan` a backward that gives NaN raises RuntimeError. It slows everything down.
    """

    def __init__(self, mode, check_nan=True):
        self._former = _C.is_anomaly_enabled(), _C.is_anomaly_check_nan_enabled()
        _C.set_anomaly_enabled(mode, check_nan)

    def __enter__(self):
        pass

    def __exit__(self, *exc_info):
        _C.set_anomaly_enabled(*self._former)


class detect_anomaly:
    """Context manager: anomaly detection inside."""

    def __init__(self, check_nan=True):
        self._check_nan = check_nan
        warnings.warn(
            "Anomaly Detection has been enabled. This mode will increase the runtime and should "
            "only be enabled for debugging.",
            stacklevel=2,
        )

    def __enter__(self):
        self._former = _C.is_anomaly_enabled(), _C.is_anomaly_check_nan_enabled()
        _C.set_anomaly_enabled(True, self._check_nan)

    def __exit__(self, *exc_info):
        _C.set_anomaly_enabled(*self._former)
