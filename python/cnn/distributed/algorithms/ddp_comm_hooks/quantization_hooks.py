"""Gradients in 8 bits: not available."""

from .... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "gradients are not sent in 8 bits; default_hooks.bf16_compress_hook halves what is sent",
    functions="quantization_perchannel_hook quantization_pertensor_hook",
    error=NotImplementedError,
)
