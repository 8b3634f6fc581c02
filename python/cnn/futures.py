"""Results that are not there yet: `Future`, which one thread waits for and another one sets."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from . import _absent

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")


class Future(Generic[T]):
    """A value or an exception that is set once."""

    def __init__(self, *, devices=None):
        self._set = threading.Event()
        self._lock = threading.Lock()
        self._callbacks = []
        self._value = self._error = None

    def done(self):
        """Whether it has been set."""
        return self._set.is_set()

    def wait(self):
        """Waits until it is set; the value, or the exception raised."""
        self._set.wait()
        if self._error is not None:
            raise self._error
        return self._value

    def value(self):
        """The value, which must be there. RuntimeError if it is not."""
        if not self.done():
            raise RuntimeError("value() of a Future that has not been set: wait() waits for it")
        return self.wait()

    def then(self, callback):
        """A Future of `callback(self)`, which is called as soon as this one is set."""
        following = type(self)()

        def run(future):
            try:
                following.set_result(callback(future))
            except Exception as error:
                following.set_exception(error)

        self._on_set(run)
        return following

    def add_done_callback(self, callback):
        """Calls `callback(self)` as soon as this one is set, or now; what it raises is logged."""

        def run(future):
            try:
                callback(future)
            except Exception:
                import logging

                logging.getLogger(__name__).exception("a callback of a Future raised")

        self._on_set(run)

    def _on_set(self, run):
        with self._lock:
            if not self.done():
                self._callbacks.append(run)
                return
        run(self)

    def set_result(self, result):
        """Sets the value. RuntimeError if it has been set."""
        self._settle(result, None)

    def set_exception(self, result):
        """Sets the exception that `wait` raises."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._settle(None, result)

    def _settle(self, value, error):
        with self._lock:
            if self.done():
                raise RuntimeError(
                    "Attempting to mark a completed Future as complete again. Note that a Future "
                    "can only be marked completed once."
                )
            self._value, self._error = value, error
            callbacks, self._callbacks = self._callbacks, []
            self._set.set()
        for run in callbacks:
            run(self)


def collect_all(futures):
    """A Future of the list of these, set when all of them are; the first exception is its own."""
    together, left, lock = Future(), [len(futures)], threading.Lock()

    def count(future):
        with lock:
            left[0] -= 1
            last = left[0] == 0
        if last:
            errors = [f._error for f in futures if f._error is not None]
            if errors:
                together.set_exception(errors[0])
            else:
                together.set_result(futures)

    if not futures:
        together.set_result(futures)
    for future in futures:
        future._on_set(count)
    return together


def wait_all(futures):
    """Waits for all of them: the list of the values; the first exception is raised."""
    return [future.wait() for future in collect_all(futures).wait()]


_absent.explain(__name__)
