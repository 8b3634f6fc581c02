"""Whether tensors can lie on an Apple GPU: they cannot."""

from __future__ import annotations

from .. import _absent, _unavailable

__all__ = ["is_available", "is_built"]
__all__ += _unavailable.declare(
    __name__,
    "there is no Apple GPU to use",
    functions="get_core_count get_name is_macos13_or_newer is_macos_or_newer",
    error=RuntimeError,
)


def is_available():
    """False: there is no Apple GPU to use."""
    return False


def is_built():
    """False: this library has no code for Apple GPUs."""
    return False


_absent.explain(__name__)
