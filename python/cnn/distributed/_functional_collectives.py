"""What processes do together, as functions: nothing."""

from .. import _unavailable
from .stores import ALONE

__all__ = _unavailable.declare(
    __name__,
    ALONE,
    functions="""
        all_gather_tensor all_gather_tensor_autograd all_reduce all_reduce_coalesced
        all_to_all_single all_to_all_single_autograd broadcast permute_tensor
        reduce_scatter_tensor reduce_scatter_tensor_autograd wait_tensor""",
    classes="AsyncCollectiveTensor",
    error=RuntimeError,
)
