"""Streams and events of GPUs."""

from __future__ import annotations

from .. import _C, _streams
from . import _index

__all__ = ["Event", "ExternalStream", "Stream", "StreamContext"]


def _require_gpu(what):
    if not _C._cuda_is_available():
        raise RuntimeError(
            f"torch.cuda.{what} requires CUDA support: {_C._cuda_unavailable_reason()}"
        )


class Stream(_streams.Stream):
    """A queue of work on a GPU; see `cnn.Stream`. `priority`: lower numbers go first."""

    def __init__(self, device=None, priority=0, **kwargs):
        _require_gpu("Stream")
        if kwargs:  # an existing stream, by its numbers
            super().__init__(device, priority=priority, **kwargs)
        else:
            super().__init__(_C.device("cuda", _index(device)), priority=priority)

    @property
    def cuda_stream(self):
        """The handle in the CUDA runtime, as a number; 0 is the default stream."""
        return self.stream_id

    @classmethod
    def priority_range(cls):
        """(0, -5): the priorities from the least to the greatest."""
        return 0, -5

    def _new_event(self):
        return Event()

    def __repr__(self):
        return f"<torch.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class ExternalStream(Stream):
    """Another library's stream, by its handle; it must live as long as it is used here."""

    def __init__(self, stream_ptr, device=None, **kwargs):
        _require_gpu("ExternalStream")
        _streams.Stream.__init__(self, _C.device("cuda", _index(device)), stream_id=int(stream_ptr))


class Event(_streams.Event):
    """A mark in a GPU's work; see `cnn.Event`."""

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        _require_gpu("Event")
        super().__init__(
            "cuda", enable_timing=enable_timing, blocking=blocking, interprocess=interprocess
        )

    @property
    def cuda_event(self):
        """The handle in the CUDA runtime, as a number; 0 before it is recorded."""
        return self._handle

    def record(self, stream=None):
        """Sets the mark: after all that the stream, by default this thread's, was asked for."""
        super().record(stream)

    def wait(self, stream=None):
        """What the stream, by default this thread's, is asked for from now on comes after it."""
        super().wait(stream)

    def __repr__(self):
        return (
            f"<torch.cuda.Event {self._handle:#x}>"
            if self._handle
            else "<torch.cuda.Event uninitialized>"
        )


class StreamContext:
    """This thread's work inside goes to a stream, and its GPU is the one in use.

    None changes nothing. Streams before and inside do not wait for each other.
    """

    def __init__(self, stream):
        self.stream = stream
        self._former = []

    def __enter__(self):
        if self.stream is None or not _C._cuda_is_available():
            return
        before = current_stream()
        there = before
        if before.device != self.stream.device:
            there = current_stream(self.stream.device)
        self._former.append((before, there))
        set_stream(self.stream)

    def __exit__(self, *error):
        if self._former:
            before, there = self._former.pop()
            set_stream(there)
            set_stream(before)
        return False


def stream(stream):
    """`StreamContext`."""
    return StreamContext(stream)


def set_stream(stream):
    """Sends this thread's work to a stream, and makes its GPU the one in use; None: no change."""
    if stream is not None:
        _C._cuda_set_device(stream.device.index)
        _C._cuda_set_stream(stream.device.index, stream.stream_id)


def current_stream(device=None):
    """The stream that this thread's work on a GPU goes to."""
    device = _C.device("cuda", _index(device))
    return _streams.stream_of_handle(Stream, device, _C._cuda_stream(device.index))


def default_stream(device=None):
    """The stream where a GPU's work goes unless another is chosen."""
    device = _C.device("cuda", _index(device))
    _C._cuda_stream(device.index)  # raises where there is no such GPU
    return _streams.stream_of_handle(Stream, device, 0)


def get_stream_from_external(data_ptr, device=None):
    """Another library's stream, by its handle."""
    return ExternalStream(data_ptr, device)
