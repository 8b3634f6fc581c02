"""Which part of a tensor a process would have."""

from ... import _unavailable

__all__ = _unavailable.declare(
    __name__,
    "distributed.scatter hands out parts",
    functions="compute_global_tensor_info compute_local_shape_and_global_offset",
    error=NotImplementedError,
)
