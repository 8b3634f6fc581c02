"""Devices of many processes, in rows and columns: none."""

from .. import _unavailable
from .stores import ALONE

__all__ = _unavailable.declare(
    __name__, ALONE, functions="init_device_mesh", classes="DeviceMesh", error=RuntimeError
)
