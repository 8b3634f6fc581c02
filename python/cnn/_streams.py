"""Queues of work on a device and marks in them, for any device: `Stream` and `Event`.

On the CPU work is done when a call returns. A GPU has a default stream, where it does what it is
asked for in order, and others beside it: what one stream makes may be used on another only after
`wait_stream` or `wait_event`. Memory that is freed is handed on when its stream has come that far,
and when those have for which `Tensor.record_stream` kept it.
"""

from __future__ import annotations

from . import _C

__all__ = ["AcceleratorError", "Event", "Stream"]


class AcceleratorError(RuntimeError):
    """What goes wrong on a device beside the CPU, with its `error_code`."""

    def __init__(self, *args, error_code=None):
        super().__init__(*args)
        self.error_code = error_code


def _device(device):
    """The device of a stream or an event. RuntimeError for one that cannot be used."""
    if device is None:
        device = "cuda" if _C._cuda_is_available() else "cpu"
    device = _C.device(device)
    if device.type not in ("cpu", "cuda"):
        raise RuntimeError(f"PyTorch is not linked with support for {device.type} devices")
    if device.type == "cuda":
        current = _C._cuda_current_device()  # raises without a GPU
        return _C.device("cuda", current if device.index is None else device.index)
    return device


def not_copied(self, protocol=None, /):
    """`__reduce_ex__` of what owns something of the runtime's, or means it, in this process."""
    raise TypeError(f"cannot pickle '{type(self).__name__}' object")


def stream_of_handle(kind, device, handle):
    """The stream of class `kind` with a handle of the CUDA runtime."""
    stream = object.__new__(kind)
    stream._device, stream._handle, stream.priority, stream._outer = device, handle, 0, []
    return stream


class Stream:
    """A queue of work on a device, by default the GPU in use, or the CPU where there is none.

    On the CPU work is done when its call returns. On a GPU it is one of a pool of 32 for each
    `priority` (lower numbers go first), and `with stream:` makes it the one that this thread's work
    goes to.
    """

    def __init__(
        self, device=None, *, priority=0, stream_id=None, device_index=None, device_type=None
    ):
        if device_type is not None and int(device_type) == 1:
            device = _C.device("cuda", device_index)
        self._device = _device(device)
        self.priority = priority
        self._outer = []
        if self._device.type == "cpu":
            self._handle = 0
        elif stream_id is None:
            self._handle = _C._cuda_new_stream(self._device.index, priority)
        else:
            self._handle = stream_id

    __reduce_ex__ = not_copied

    device = property(lambda self: self._device, doc="The device.")
    device_type = property(
        lambda self: int(self._device.type == "cuda"), doc="0 for the CPU, 1 for a GPU."
    )
    device_index = property(
        lambda self: -1 if self._device.index is None else self._device.index,
        doc="The number of the device; -1 for the CPU.",
    )
    stream_id = property(
        lambda self: self._handle, doc="Its handle in the CUDA runtime; 0 is a device's default."
    )

    @property
    def native_handle(self):
        """The stream's handle in the CUDA runtime. RuntimeError for the CPU."""
        if self._device.type == "cpu":
            raise RuntimeError("Backend doesn't support getting stream native handle.")
        return self.stream_id

    def query(self):
        """Whether all work is done."""
        return self._device.type == "cpu" or _C._cuda_stream_is_done(
            self._device.index, self.stream_id
        )

    def synchronize(self):
        """Waits until all work is done."""
        if self._device.type == "cuda":
            _C._cuda_synchronize_stream(self._device.index, self.stream_id)

    def wait_event(self, event):
        """What this stream is asked for from now on comes after the event."""
        event.wait(self)

    def wait_stream(self, stream):
        """What this stream is asked for from now on comes after what another was asked for."""
        self.wait_event(stream.record_event())

    def record_event(self, event=None):
        """Marks this place with an event, by default a new one, and returns it."""
        event = self._new_event() if event is None else event
        event.record(self)
        return event

    def _new_event(self):
        return Event(self._device)

    def is_capturing(self):
        """Whether what it is asked for is recorded into a graph, to be run again."""
        return self._device.type == "cuda" and _C._cuda_is_capturing(
            self._device.index, self.stream_id
        )

    def __enter__(self):
        if self._device.type == "cuda":
            current = _C._cuda_current_device()
            self._outer.append((current, _C._cuda_stream(self._device.index)))
            _C._cuda_set_device(self._device.index)
            _C._cuda_set_stream(self._device.index, self.stream_id)
        return self

    def __exit__(self, *error):
        if self._device.type == "cuda":
            device, handle = self._outer.pop()
            _C._cuda_set_stream(self._device.index, handle)
            _C._cuda_set_device(device)
        return False

    def __eq__(self, other):
        return (
            isinstance(other, Stream)
            and self._device == other._device
            and self.stream_id == other.stream_id
        )

    def __hash__(self):
        return hash((self._device, self.stream_id))

    def __repr__(self):
        return (
            f"torch.Stream device_type={self._device.type}, device_index={self.device_index}, "
            f"stream_id={self.stream_id}"
        )


class Event:
    """A mark in a stream's work, which others wait for, with a time if it is asked for."""

    _handle = 0

    def __init__(self, device=None, *, enable_timing=False, blocking=False, interprocess=False):
        if interprocess:
            raise NotImplementedError("Event: events do not go to other processes")
        self._device = _device(device)
        self._timed, self._blocking = enable_timing, blocking

    __reduce_ex__ = not_copied

    device = property(lambda self: self._device, doc="The device.")
    event_id = property(lambda self: self._handle, doc="Its handle; 0 before it is recorded.")

    def record(self, stream=None):
        """Sets the mark: after all that the stream, by default this thread's, was asked for."""
        if self._device.type == "cpu":
            raise RuntimeError("cpu backend doesn't support events.")
        if stream is None:
            index = self._device.index if self._handle else _C._cuda_current_device()
            handle = _C._cuda_stream(index)
        else:
            index, handle = stream.device.index, stream.stream_id
        if not self._handle:
            self._device = _C.device("cuda", index)
            self._handle = _C._cuda_new_event(index, self._timed, self._blocking)
        elif index != self._device.index:
            raise RuntimeError(
                f"Event device {self._device.index} does not match recording stream's device "
                f"{index}."
            )
        _C._cuda_record_event(index, self._handle, handle)

    def wait(self, stream=None):
        """What the stream, by default this thread's, is asked for from now on comes after it."""
        if not self._handle:
            return
        if stream is None:
            index = _C._cuda_current_device()
            handle = _C._cuda_stream(index)
        else:
            index, handle = stream.device.index, stream.stream_id
        _C._cuda_wait_event(index, handle, self._handle)

    def query(self):
        """Whether the work before it is done."""
        return not self._handle or _C._cuda_event_is_done(self._device.index, self._handle)

    def synchronize(self):
        """Waits until the work before it is done."""
        if self._handle:
            _C._cuda_synchronize_event(self._device.index, self._handle)

    def elapsed_time(self, end_event):
        """Milliseconds on the GPU from this mark to another."""
        if not (self._timed and end_event._timed):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if not (self._handle and end_event._handle):
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        if not (self.query() and end_event.query()):
            raise RuntimeError("Both events must be completed before calculating elapsed time.")
        return _C._cuda_elapsed_ms(self._device.index, self._handle, end_event._handle)

    def ipc_handle(self):
        """Raises: no event goes to other processes."""
        raise NotImplementedError("Event.ipc_handle: events do not go to other processes")

    @classmethod
    def from_ipc_handle(cls, device, handle):
        """Raises: no event comes from other processes."""
        raise NotImplementedError("Event.from_ipc_handle: events do not come from other processes")

    def __del__(self):
        if self._handle and _C is not None:
            try:
                _C._cuda_delete_event(self._device.index, self._handle)
            except RuntimeError:
                pass  # in a forked child, which has no GPU

    def __repr__(self):
        index = -1 if self._device.index is None else self._device.index
        return (
            f"torch.Event device_type={self._device.type}, device_index={index}, "
            f"event_flag={int(self._timed)}, event_id={self.event_id}"
        )


for _class in (AcceleratorError, Event, Stream):
    _class.__module__ = "cnn"
