"""Errors of processes that were started together."""

from __future__ import annotations

__all__ = ["ChildFailedError", "record"]


class ChildFailedError(Exception):
    """A process failed: `failures` is {its number: what is known}."""

    def __init__(self, name, failures):
        self.name = name
        self.failures = failures
        super().__init__(f"{name} FAILED: {failures}")


def record(fn, error_handler=None):
    """The function itself: nobody waits for a file that tells of its error."""
    return fn
