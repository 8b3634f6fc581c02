"""Where tensors are made that are given no device: `with torch.device("meta"):` and its kin.

The default belongs to the thread and is kept in the core (`csrc/bindings/device.cpp`); functions
that make a tensor like another one, or of memory that exists, do not ask it.
"""

from __future__ import annotations

from functools import wraps

from .. import _C


def device_decorator(device, function):
    """`function` with `device` as the default device inside."""
    device = _C.device(device)

    @wraps(function)
    def decorated(*args, **kwargs):
        with device:
            return function(*args, **kwargs)

    return decorated


def set_device(device):
    """A decorator: what the function makes without a device is made on `device`."""
    return lambda function: device_decorator(device, function)
