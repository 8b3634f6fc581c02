"""The interface for several GPUs in one process."""

from __future__ import annotations

from ... import _absent
from .data_parallel import DataParallel, data_parallel

__all__ = ["DataParallel", "data_parallel"]

_absent.explain(__name__)
