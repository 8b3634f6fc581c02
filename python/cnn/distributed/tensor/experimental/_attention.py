"""Attention whose sequences would be divided between processes."""

from .... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "distributed.scatter hands out parts",
    functions="set_rotate_method",
    error=NotImplementedError,
)
