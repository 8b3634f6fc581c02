"""Switches that scripts set for oneDNN. They can be set and read, and change nothing: the kernels
are this library's own, and `cnn.backends.cpu` has their switches.
"""

from __future__ import annotations

from contextlib import contextmanager

__all__ = ["allow_tf32", "deterministic", "enabled", "flags", "is_available"]

enabled = True
deterministic = False
allow_tf32 = True


def is_available():
    """False: there is no oneDNN."""
    return False


@contextmanager
def flags(enabled=False, deterministic=False, allow_tf32=True):
    """Sets the attributes for the length of a `with`."""
    given = dict(locals())
    saved = {name: globals()[name] for name in given}
    globals().update(given)
    try:
        yield
    finally:
        globals().update(saved)
