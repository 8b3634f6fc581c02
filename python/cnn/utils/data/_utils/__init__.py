"""The parts that DataLoader is made of: fetching, collating, workers and what they send."""

from importlib.util import find_spec

from ...._utils import ExceptionWrapper

__all__ = ["ExceptionWrapper", "HAS_NUMPY", "IS_WINDOWS", "MP_STATUS_CHECK_INTERVAL"]

# How often, in seconds, either side looks whether the other is still there.
MP_STATUS_CHECK_INTERVAL = 5.0

IS_WINDOWS = False
HAS_NUMPY = find_spec("numpy") is not None
