"""Quantized layers: none. The names can be imported, and raise when they are called."""

from __future__ import annotations

from .... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "there are no quantized tensors; keep integers and their scale apart",
    classes="""
        BatchNorm2d BatchNorm3d Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d
        ConvTranspose3d DeQuantize Dropout ELU Embedding EmbeddingBag FXFloatFunctional
        FloatFunctional GroupNorm Hardswish InstanceNorm1d InstanceNorm2d InstanceNorm3d LSTM
        LayerNorm LeakyReLU Linear PReLU QFunctional Quantize ReLU6 Sigmoid Softmax""",
)
