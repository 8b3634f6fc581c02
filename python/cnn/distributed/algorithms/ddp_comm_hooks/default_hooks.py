"""How gradients would be sent."""

from .... import _unavailable
from ...stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="""
        allreduce_hook bf16_compress_hook bf16_compress_wrapper fp16_compress_hook
        fp16_compress_wrapper""",
    error=RuntimeError,
)
