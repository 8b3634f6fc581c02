"""Triton, which compiles kernels for GPUs: it is not used."""

from __future__ import annotations

__all__ = ["has_triton", "has_triton_package", "has_triton_tma", "has_triton_tma_device"]


def has_triton_package():
    """Whether the package is installed."""
    from importlib.util import find_spec

    return find_spec("triton") is not None


def has_triton():
    """False: nothing is compiled by it."""
    return False


def has_triton_tma():
    """False: nothing is compiled by it."""
    return False


def has_triton_tma_device():
    """False: nothing is compiled by it."""
    return False
