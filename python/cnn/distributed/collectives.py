"""What the processes of a group do together. Each function checks its arguments and asks for its
group, which there is not.
"""

from __future__ import annotations

from .. import _C, _unavailable
from .backends import ReduceOp
from .groups import _group_or_default_group
from .stores import ALONE


def _check_single_tensor(param, param_name):
    if not isinstance(param, _C.Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{param_name}` of type torch.Tensor "
            f"but got {type(param)} instead."
        )


def _check_tensor_list(param, param_name):
    if not isinstance(param, list) or not all(isinstance(p, _C.Tensor) for p in param):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{param_name}` of type "
            f"List[torch.Tensor] but got {type(param)} instead."
        )


def _join(group, *, tensor=None, tensors=None):
    """The group that is to act, after a look at {name: argument} of one tensor or of lists."""
    for name, value in (tensor or {}).items():
        _check_single_tensor(value, name)
    for name, value in (tensors or {}).items():
        _check_tensor_list(value, name)
    return _group_or_default_group(group)


def broadcast(tensor, src=None, group=None, async_op=False, group_src=None):
    """Gives every process the tensor of process `src`."""
    _join(group, tensor={"tensor": tensor})


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op=False):
    """Gives every process the reduction of all tensors."""
    _join(group, tensor={"tensor": tensor})


def all_reduce_coalesced(tensors, op=ReduceOp.SUM, group=None, async_op=False):
    """`all_reduce` of several tensors at once."""
    _join(group, tensors={"tensors": [tensors] if isinstance(tensors, _C.Tensor) else tensors})


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op=False, group_dst=None):
    """Gives process `dst` the reduction of all tensors."""
    _join(group, tensor={"tensor": tensor})


def all_gather(tensor_list, tensor, group=None, async_op=False):
    """Gives every process a list of all tensors."""
    _join(group, tensor={"tensor": tensor}, tensors={"tensor_list": tensor_list})


def all_gather_single(output_tensor, input_tensor, group=None, async_op=False):
    """Gives every process all tensors in one."""
    _join(group, tensor={"input_tensor": input_tensor, "output_tensor": output_tensor})


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op=False):
    """The older name of `all_gather_single`."""
    _join(group, tensor={"input_tensor": input_tensor, "output_tensor": output_tensor})


_all_gather_base = all_gather_into_tensor


def all_gather_coalesced(output_tensor_lists, input_tensor_list, group=None, async_op=False):
    """`all_gather` of several tensors at once."""
    _join(group, tensors={"input_tensor_list": input_tensor_list})


def gather(tensor, gather_list=None, dst=None, group=None, async_op=False, group_dst=None):
    """Gives process `dst` a list of all tensors."""
    _join(group, tensor={"tensor": tensor}, tensors={"gather_list": gather_list or []})


def scatter(tensor, scatter_list=None, src=None, group=None, async_op=False, group_src=None):
    """Gives each process its part of a list of process `src`."""
    _join(group, tensor={"tensor": tensor}, tensors={"scatter_list": scatter_list or []})


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op=False):
    """Gives each process its part of the reduction of lists."""
    _join(group, tensor={"output": output}, tensors={"input_list": input_list})


def reduce_scatter_single(output, input, op=ReduceOp.SUM, group=None, async_op=False):
    """Gives each process its part of the reduction of tensors."""
    _join(group, tensor={"output": output, "input": input})


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op=False):
    """The older name of `reduce_scatter_single`."""
    _join(group, tensor={"output": output, "input": input})


_reduce_scatter_base = reduce_scatter_tensor


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op=False):
    """Each process gives every process a tensor of its list."""
    lists = {"output_tensor_list": output_tensor_list, "input_tensor_list": input_tensor_list}
    _join(group, tensors=lists)


def all_to_all_single(
    output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op=False
):
    """Each process gives every process a part of its tensor."""
    _join(group, tensor={"output": output, "input": input})


def isend(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Sends a tensor to process `dst` and goes on."""
    _join(group, tensor={"tensor": tensor})


def irecv(tensor, src=None, group=None, tag=0, group_src=None):
    """Asks for a tensor of process `src` and goes on."""
    _join(group, tensor={"tensor": tensor})


def send(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Sends a tensor to process `dst`."""
    _join(group, tensor={"tensor": tensor})


def recv(tensor, src=None, group=None, tag=0, group_src=None):
    """Waits for a tensor of process `src`."""
    _join(group, tensor={"tensor": tensor})


class P2POp:
    """A message to or from one process, for `batch_isend_irecv`."""

    def __new__(cls, op, tensor, peer=None, group=None, tag=0, group_peer=None):
        if op not in (isend, irecv):
            raise ValueError(
                "Invalid ``op``. Expected ``op`` to be of type ``torch.distributed.isend`` or "
                "``torch.distributed.irecv``."
            )
        _join(group, tensor={"tensor": tensor})
        return object.__new__(cls)


def batch_isend_irecv(p2p_op_list):
    """Sends and receives many messages at once."""
    if not isinstance(p2p_op_list, list) or not all(isinstance(p, P2POp) for p in p2p_op_list):
        raise ValueError(
            "Invalid ``p2p_op_list``. Each op is expected to to be of type "
            "``torch.distributed.P2POp``."
        )
    _group_or_default_group()


def all_gather_object(object_list, obj, group=None):
    """Gives every process a list of all objects."""
    _group_or_default_group(group)


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None):
    """Gives process `dst` a list of all objects."""
    _group_or_default_group(group)


def scatter_object_list(
    scatter_object_output_list,
    scatter_object_input_list=None,
    src=None,
    group=None,
    group_src=None,
):
    """Gives each process an object of a list of process `src`."""
    if not isinstance(scatter_object_output_list, list) or not scatter_object_output_list:
        raise ValueError(
            "Expected argument scatter_object_output_list to be a list of size at least 1."
        )
    _group_or_default_group(group)


def send_object_list(
    object_list, dst=None, group=None, device=None, group_dst=None, use_batch=False
):
    """Sends objects to process `dst`."""
    _group_or_default_group(group)


def recv_object_list(
    object_list, src=None, group=None, device=None, group_src=None, use_batch=False
):
    """Waits for objects of process `src`."""
    _group_or_default_group(group)


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None):
    """Gives every process the objects of process `src`."""
    _group_or_default_group(group)


def barrier(group=None, async_op=False, device_ids=None):
    """Waits until every process is here."""
    _group_or_default_group(group)


def monitored_barrier(group=None, timeout=None, wait_all_ranks=False):
    """`barrier` that tells which process did not come."""
    _group_or_default_group(group)


def record_comm(name):
    """Records what processes say to each other."""
    _group_or_default_group()


for _name, _value in list(vars().items()):
    if not _name.startswith("_") and getattr(_value, "__module__", None) == __name__:
        _unavailable.mark(ALONE, _value)
