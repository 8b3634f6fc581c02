"""The CPU by the names that programs for any device ask a device for."""

from __future__ import annotations

from .. import _absent

__all__ = [
    "current_device",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "synchronize",
]


def is_available():
    """True: there is a CPU."""
    return True


def is_initialized():
    """True: nothing has to be started."""
    return True


def synchronize(device=None):
    """Returns at once: work on the CPU is done when its call returns."""


def current_device():
    """The name of the CPU that tensors lie on: "cpu"."""
    return "cpu"


def set_device(device):
    """Changes nothing: there is one."""


def device_count():
    """1."""
    return 1


_absent.explain(__name__, ("amp",))
