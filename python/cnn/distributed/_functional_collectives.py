"""What processes do together, as functions of new tensors: not available."""

from .. import _unavailable
from ._instead import IN_PLACE

__all__ = _unavailable.declare(
    __name__,
    IN_PLACE,
    functions="""
        all_gather_tensor all_gather_tensor_autograd all_reduce all_reduce_coalesced
        all_to_all_single all_to_all_single_autograd broadcast permute_tensor
        reduce_scatter_tensor reduce_scatter_tensor_autograd wait_tensor""",
    classes="AsyncCollectiveTensor",
    error=NotImplementedError,
)
