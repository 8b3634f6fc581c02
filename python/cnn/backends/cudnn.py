"""Switches that scripts set for PyTorch's convolutions on GPUs.

They can be set and read, and change nothing: here an algorithm is chosen by shapes alone, so that
results are the same every time, which is what `deterministic = True` and `benchmark = False` ask
for. `enabled` and `allow_tf32` are as ineffective.
"""

from __future__ import annotations

from contextlib import contextmanager

__all__ = [
    "allow_tf32",
    "benchmark",
    "benchmark_limit",
    "deterministic",
    "enabled",
    "flags",
    "is_available",
    "version",
]

enabled = True
benchmark = False
benchmark_limit = 10
deterministic = False
allow_tf32 = True


def is_available():
    """False: convolutions are this library's own."""
    return False


def version():
    """None: there is no cuDNN."""
    return None


@contextmanager
def flags(enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True):
    """Sets the attributes for the length of a `with`."""
    given = dict(locals())
    saved = {name: globals()[name] for name in given}
    globals().update(given)
    try:
        yield
    finally:
        globals().update(saved)
