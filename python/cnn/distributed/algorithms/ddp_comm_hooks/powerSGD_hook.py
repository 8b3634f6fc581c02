"""Gradients as products of thin matrices: not available."""

from .... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "gradients are not sent as products of thin matrices; "
    "default_hooks.bf16_compress_hook halves what is sent",
    functions="batched_powerSGD_hook powerSGD_hook",
    classes="PowerSGDState",
    error=NotImplementedError,
)
