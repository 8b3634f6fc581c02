"""Switches that scripts set for oneDNN. They can be set and read, and change nothing: the kernels
are this library's own, and `cnn.backends.cpu` has their switches.
"""

from __future__ import annotations

from types import SimpleNamespace

from ._attributes import attributes

__all__ = [
    "VERBOSE_OFF",
    "VERBOSE_ON",
    "VERBOSE_ON_CREATION",
    "allow_tf32",
    "conv",
    "deterministic",
    "enabled",
    "flags",
    "fp32_precision",
    "is_acl_available",
    "is_available",
    "matmul",
    "rnn",
    "verbose",
]

VERBOSE_OFF, VERBOSE_ON, VERBOSE_ON_CREATION = 0, 1, 2

enabled = True
deterministic = False
allow_tf32 = True
fp32_precision = "none"
conv = SimpleNamespace(fp32_precision="none")
matmul = SimpleNamespace(fp32_precision="none")
rnn = SimpleNamespace(fp32_precision="none")


def is_available():
    """False: there is no oneDNN."""
    return False


def flags(enabled=False, deterministic=False, allow_tf32=True):
    """Sets the attributes for the length of a `with`."""
    return attributes(__name__, dict(locals()))


def is_acl_available():
    """False: there is no Arm Compute Library."""
    return False


class verbose:
    """Context in which the library would print what it computes: it computes nothing."""

    def __init__(self, enable):
        if enable not in (VERBOSE_OFF, VERBOSE_ON, VERBOSE_ON_CREATION):
            raise ValueError(f"verbose: expected VERBOSE_OFF or VERBOSE_ON, got {enable}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False
