"""Layers that would be quantized as one: none. The names raise when they are called."""

from __future__ import annotations

from .... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "there are no quantized tensors; keep integers and their scale apart",
    classes="""
        BNReLU2d BNReLU3d ConvAdd2d ConvAddReLU2d ConvBn1d ConvBn2d ConvBn3d ConvBnReLU1d
        ConvBnReLU2d ConvBnReLU3d ConvReLU1d ConvReLU2d ConvReLU3d LinearBn1d LinearLeakyReLU
        LinearReLU LinearTanh""",
)
