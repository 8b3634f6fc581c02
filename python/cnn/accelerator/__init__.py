"""The device beside the CPU, whichever it is: a GPU of NVIDIA's, or none.

Where there is none, `is_available()` is False, `device_count()` 0 and `current_accelerator()` None;
everything else raises RuntimeError.
"""

from __future__ import annotations

from .. import _C, _absent, cuda

__all__ = [
    "Graph",
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "get_device_capability",
    "is_available",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
]


def _require():
    if not cuda.is_available():
        raise RuntimeError("Cannot access accelerator device when none is available.")


def is_available():
    """Whether there is one."""
    return cuda.is_available()


def device_count():
    """How many there are."""
    return cuda.device_count()


def current_accelerator(check_available=False):
    """Its kind as a device, without a number; None where there is none."""
    return _C.device("cuda") if cuda.is_available() else None


def current_device_index():
    """The number of the one in use."""
    _require()
    return cuda.current_device()


def set_device_index(device, /):
    """Makes another one the one in use."""
    _require()
    cuda.set_device(device)


current_device_idx = current_device_index
set_device_idx = set_device_index


def current_stream(device=None, /):
    """The stream that this thread's work on it goes to."""
    _require()
    from .._streams import Stream, stream_of_handle

    device = _C.device("cuda", cuda._index(device))
    return stream_of_handle(Stream, device, _C._cuda_stream(device.index))


def set_stream(stream):
    """Sends this thread's work to a stream, and makes its device the one in use."""
    _require()
    cuda.set_stream(stream)


def synchronize(device=None, /):
    """Waits until it has done all that was asked of it."""
    _require()
    cuda.synchronize(device)


class device_index:
    """Context in which another one is in use; None changes nothing."""

    def __init__(self, device, /):
        self.idx = device
        self.prev_idx = None

    def __enter__(self):
        if self.idx is not None:
            self.prev_idx = current_device_index()
            set_device_index(self.idx)

    def __exit__(self, *error):
        if self.prev_idx is not None:
            set_device_index(self.prev_idx)


def get_device_capability(device=None, /):
    """The dtypes that tensors on it can have."""
    _require()
    names = ("bool", "uint8", "int8", "int16", "int32", "int64")
    names += ("float16", "bfloat16", "float32", "float64")
    return {"supported_dtypes": {getattr(_C, name) for name in names}}


from . import memory  # noqa: E402
from .graphs import Graph  # noqa: E402
from .memory import *  # noqa: E402, F403

__all__ += memory.__all__

_absent.explain(__name__)
