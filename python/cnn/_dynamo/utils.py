"""Helpers of PyTorch's tracing compiler that packages import."""

from __future__ import annotations

from collections import Counter, defaultdict

from .. import _absent
from ..compiler import is_compiling  # noqa: F401
from ..nn import Parameter

counters = defaultdict(Counter)


def is_compile_supported(device_type):
    """Whether functions are compiled for a device: False."""
    return False


def is_parameter_freezing():
    """Whether weights become constants: False."""
    return False


def is_parameter(t):
    """Whether a tensor is a Parameter."""
    return isinstance(t, Parameter)


_absent.explain(__name__)
