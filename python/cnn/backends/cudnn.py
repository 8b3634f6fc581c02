"""Switches that scripts set for PyTorch's convolutions on GPUs.

They can be set and read, and change nothing: here an algorithm is chosen by shapes alone, so that
results are the same every time, which is what `deterministic = True` and `benchmark = False` ask
for. `enabled` and `allow_tf32` are as ineffective.
"""

from __future__ import annotations

from ._attributes import attributes

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


def flags(enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True):
    """Sets the attributes for the length of a `with`."""
    return attributes(globals(), dict(locals()))
