"""Whether mixed precision can be used on GPUs."""

from __future__ import annotations

from ... import _C

__all__ = ["amp_definitely_not_available"]


def amp_definitely_not_available():
    """True without a GPU."""
    return not _C._cuda_is_available()
