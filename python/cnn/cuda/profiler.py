"""The switch of NVIDIA's profilers, for those that are started without collecting."""

from __future__ import annotations

from contextlib import contextmanager

from .. import _C, _unavailable

__all__ = ["profile", "start", "stop"]

__all__ += _unavailable.declare(
    __name__,
    "a profiler is set up by its own options; cnn.profiler makes profiles",
    functions="init",
    error=RuntimeError,
)


def start():
    """A profiler that listens collects from here on."""
    _C._cuda_profile(True)


def stop():
    """A profiler that listens collects no more."""
    _C._cuda_profile(False)


@contextmanager
def profile():
    """A profiler that listens collects what is inside."""
    start()
    try:
        yield
    finally:
        stop()
