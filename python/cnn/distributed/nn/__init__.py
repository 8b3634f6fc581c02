"""What processes do together, with gradients: nothing."""

from ... import _unavailable
from ..stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="""
        all_gather all_reduce all_to_all all_to_all_single broadcast gather reduce
        reduce_scatter scatter""",
    classes="RemoteModule",
    error=RuntimeError,
)
