"""Switches of PyTorch's engine that change nothing here but what their questions answer."""

from __future__ import annotations

import threading

from .grad_mode import _Mode


class _Switches(threading.local):
    multithreading = True
    view_replay = False


_switches = _Switches()


class _Switch(_Mode):
    """A thread's switch: set from the call on; as a context manager, until its end."""

    _name: str

    def __init__(self, mode) -> None:
        self.prev = getattr(_switches, self._name)
        self.mode = mode
        setattr(_switches, self._name, mode)

    def __call__(self, func):
        setattr(_switches, self._name, self.prev)  # a decorator only acts while the function runs
        return super().__call__(func)

    def __enter__(self) -> None:
        setattr(_switches, self._name, self.mode)

    def __exit__(self, *exc_info) -> None:
        setattr(_switches, self._name, self.prev)

    def _clone(self):
        return type(self)(self.mode)


class set_multithreading_enabled(_Switch):
    """Sets what `is_multithreading_enabled` says. Backward always runs in the thread that calls it,
    as it does in PyTorch without a GPU.
    """

    _name = "multithreading"


class _force_original_view_tracking(_Switch):
    """Sets what `is_view_replay_enabled` says. A view that was written to is always computed by the
    calls that it came from.
    """

    _name = "view_replay"


def is_multithreading_enabled() -> bool:
    """What `set_multithreading_enabled` was last given in this thread."""
    return _switches.multithreading


def is_view_replay_enabled() -> bool:
    """What `_force_original_view_tracking` was last given in this thread."""
    return _switches.view_replay


for _kind in (set_multithreading_enabled, _force_original_view_tracking):
    _kind.__module__ = f"{__package__}.grad_mode"
