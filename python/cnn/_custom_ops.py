"""The older names of `cnn.library`."""

from __future__ import annotations

from . import _absent
from .library import impl_abstract

__all__ = ["impl_abstract"]

_absent.explain(__name__)
