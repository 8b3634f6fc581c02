"""Devices of a program's own: there are none."""

from __future__ import annotations

from .. import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "devices are the CPU and GPUs of NVIDIA's; no others can be added",
    functions="generate_methods_for_privateuse1_backend rename_privateuse1_backend",
)
