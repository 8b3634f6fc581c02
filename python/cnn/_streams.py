"""Queues of work on a device and marks in them, for any device: `Stream` and `Event`.

Work is done in the order in which it is asked for: on the CPU it is done when a call returns, on a
GPU everything runs on its one stream. So a stream has nothing to wait for but its device.
"""

from __future__ import annotations

import time

from . import _C

__all__ = ["AcceleratorError", "Event", "Stream"]


class AcceleratorError(RuntimeError):
    """What goes wrong on a device beside the CPU, with its `error_code`."""

    def __init__(self, *args, error_code=None):
        super().__init__(*args)
        self.error_code = error_code


def _device(device):
    """The device of a stream or an event. RuntimeError for one that cannot be used."""
    device = _C.device("cpu" if device is None else device)
    if device.type not in ("cpu", "cuda"):
        raise RuntimeError(f"PyTorch is not linked with support for {device.type} devices")
    if device.type == "cuda":
        return _C.device(
            "cuda", _C._cuda_current_device() if device.index is None else device.index
        )
    return device


class Stream:
    """A queue of work on a device, by default the CPU, whose work is done when its call returns."""

    def __init__(
        self, device=None, *, priority=0, stream_id=0, device_index=None, device_type=None
    ):
        self._device = _device(device)

    device = property(lambda self: self._device, doc="The device.")
    device_type = property(
        lambda self: int(self._device.type == "cuda"), doc="0 for the CPU, 1 for a GPU."
    )
    device_index = property(
        lambda self: -1 if self._device.index is None else self._device.index,
        doc="The number of the device; -1 for the CPU.",
    )
    stream_id = property(lambda self: 0, doc="0: a device has one.")

    @property
    def native_handle(self):
        """Raises: no stream is lent to other libraries."""
        raise RuntimeError("Backend doesn't support getting stream native handle.")

    def query(self):
        """Whether all work is done, which it waits for on a GPU."""
        self.synchronize()
        return True

    def synchronize(self):
        """Waits until all work is done."""
        if self._device.type == "cuda":
            _C._cuda_synchronize(self._device.index)

    def wait_event(self, event):
        """Returns: what comes later runs later."""

    def wait_stream(self, stream):
        """Returns: what comes later runs later. RuntimeError on the CPU, as PyTorch's."""
        if self._device.type == "cpu":
            raise RuntimeError("cpu backend doesn't support events.")

    def record_event(self, event=None):
        """Marks this place with an event, by default a new one, and returns it."""
        event = Event(self._device) if event is None else event
        event.record(self)
        return event

    def is_capturing(self):
        """False: no work is recorded to be run again."""
        return False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def __eq__(self, other):
        return isinstance(other, Stream) and self._device == other._device

    def __hash__(self):
        return hash((type(self).__name__, self._device))

    def __repr__(self):
        return (
            f"torch.Stream device_type={self._device.type}, device_index={self.device_index}, "
            "stream_id=0"
        )


class Event:
    """A mark in a device's work, with a time. Only GPUs have them; `record` waits for the GPU."""

    def __init__(self, device=None, *, enable_timing=False, blocking=False, interprocess=False):
        self._device = _device(device)
        self._timed = enable_timing
        self._time = None

    device = property(lambda self: self._device, doc="The device.")
    event_id = property(
        lambda self: 0 if self._time is None else id(self), doc="A number of its own."
    )

    def record(self, stream=None):
        """Sets the mark: after all that was asked of the device up to now."""
        if self._device.type == "cpu":
            raise RuntimeError("cpu backend doesn't support events.")
        _C._cuda_synchronize(self._device.index)
        self._time = time.perf_counter()

    def wait(self, stream=None):
        """Returns: what comes later runs later."""

    def query(self):
        """True: `record` has waited."""
        return True

    def synchronize(self):
        """Returns: `record` has waited."""

    def elapsed_time(self, end_event):
        """Milliseconds from this mark to another."""
        if not (self._timed and end_event._timed):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self._time is None or end_event._time is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        return (end_event._time - self._time) * 1e3

    def ipc_handle(self):
        """Raises: no event goes to other processes."""
        raise NotImplementedError("Event.ipc_handle: events do not go to other processes")

    @classmethod
    def from_ipc_handle(cls, device, handle):
        """Raises: no event comes from other processes."""
        raise NotImplementedError("Event.from_ipc_handle: events do not come from other processes")

    def __repr__(self):
        index = -1 if self._device.index is None else self._device.index
        return (
            f"torch.Event device_type={self._device.type}, device_index={index}, "
            f"event_flag={int(self._timed)}, event_id={self.event_id}"
        )


for _class in (AcceleratorError, Event, Stream):
    _class.__module__ = "cnn"
