"""Streams and events of GPUs: everything runs on one stream for each, in order."""

from __future__ import annotations

from .. import _C, _streams, _unavailable
from . import _index

__all__ = ["Event", "ExternalStream", "Stream", "StreamContext"]


def _require_gpu(what):
    if not _C._cuda_is_available():
        raise RuntimeError(
            f"torch.cuda.{what} requires CUDA support: {_C._cuda_unavailable_reason()}"
        )


class Stream(_streams.Stream):
    """The stream of a GPU, by default the one in use. `priority` orders nothing: there is one."""

    def __init__(self, device=None, priority=0, **kwargs):
        _require_gpu("Stream")
        super().__init__(_C.device("cuda", _index(device)))

    @property
    def cuda_stream(self):
        """0: the default stream."""
        return 0

    @classmethod
    def priority_range(cls):
        """(0, 0): there is one."""
        return 0, 0

    def __repr__(self):
        return f"<torch.cuda.Stream device={self.device} cuda_stream=0x0>"


class ExternalStream(Stream):
    """Raises: work cannot be put on another library's stream."""

    def __init__(self, stream_ptr, device=None, **kwargs):
        _require_gpu("ExternalStream")
        raise NotImplementedError(
            "cuda.ExternalStream: all work runs on the device's default stream; synchronize() first"
        )


class Event(_streams.Event):
    """A mark in a GPU's work, with a time. `record` waits for the GPU."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        _require_gpu("Event")
        super().__init__("cuda", enable_timing=enable_timing)


class StreamContext:
    """Work inside goes to a stream; there is one, so it only says which GPU is in use."""

    def __init__(self, stream):
        self.stream = stream
        self._former = None

    def __enter__(self):
        if self.stream is not None and _C._cuda_is_available():
            self._former = _C._cuda_current_device()
            _C._cuda_set_device(self.stream.device.index)

    def __exit__(self, *error):
        if self._former is not None:
            _C._cuda_set_device(self._former)
        return False


def stream(stream):
    """`StreamContext`."""
    return StreamContext(stream)


def set_stream(stream):
    """Makes a stream's GPU the one in use; None changes nothing."""
    if stream is not None:
        _C._cuda_set_device(stream.device.index)


def current_stream(device=None):
    """The stream of a GPU."""
    return Stream(device)


def default_stream(device=None):
    """The stream of a GPU."""
    return Stream(device)


def get_stream_from_external(data_ptr, device=None):
    """Raises: work cannot be put on another library's stream."""
    return ExternalStream(data_ptr, device)


_unavailable.mark(
    "all work runs on the device's default stream", ExternalStream, get_stream_from_external
)
