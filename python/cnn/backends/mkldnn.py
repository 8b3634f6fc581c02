"""Switches that scripts set for oneDNN. They can be set and read, and change nothing: the kernels
are this library's own, and `cnn.backends.cpu` has their switches.
"""

from __future__ import annotations

from ._attributes import attributes

__all__ = ["allow_tf32", "deterministic", "enabled", "flags", "is_available"]

enabled = True
deterministic = False
allow_tf32 = True


def is_available():
    """False: there is no oneDNN."""
    return False


def flags(enabled=False, deterministic=False, allow_tf32=True):
    """Sets the attributes for the length of a `with`."""
    return attributes(globals(), dict(locals()))
