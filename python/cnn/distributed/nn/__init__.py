"""What processes do together, with gradients: not available."""

from ... import _unavailable
from .._instead import NO_GRADIENTS

__all__ = _unavailable.declare(
    __name__,
    NO_GRADIENTS,
    functions="""
        all_gather all_reduce all_to_all all_to_all_single broadcast gather reduce
        reduce_scatter scatter""",
    classes="RemoteModule",
    error=NotImplementedError,
)
