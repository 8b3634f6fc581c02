"""Quantized models by their graphs: none. The names raise when they are called."""

from __future__ import annotations

from ... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "there are no quantized tensors; keep integers and their scale apart",
    functions="convert_fx convert_to_reference_fx fuse_fx prepare_fx prepare_qat_fx",
)
