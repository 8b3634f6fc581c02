"""Whether Intel's MKL computes: it does not."""

from __future__ import annotations

from .. import _absent

__all__ = ["VERBOSE_OFF", "VERBOSE_ON", "is_available", "verbose"]

VERBOSE_OFF, VERBOSE_ON = 0, 1


def is_available():
    """False: there is no MKL."""
    return False


class verbose:
    """Context in which the library would print what it computes: it computes nothing."""

    def __init__(self, enable):
        if enable not in (VERBOSE_OFF, VERBOSE_ON):
            raise ValueError(f"verbose: expected VERBOSE_OFF or VERBOSE_ON, got {enable}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


_absent.explain(__name__)
