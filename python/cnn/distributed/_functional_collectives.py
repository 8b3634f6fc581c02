"""What processes do together, as functions: results are new tensors, which are there at once.

A group is a ProcessGroup, a mesh of one dimension, or a pair of a mesh and one of its dimensions.
Those whose names end in `_autograd` have gradients.
"""

from __future__ import annotations

from .. import _C
from . import collectives
from .backends import ReduceOp
from .device_mesh import DeviceMesh
from .groups import _group_or_default_group
from .nn import functional as _differentiable

__all__ = [
    "AsyncCollectiveTensor", "all_gather_single", "all_gather_tensor", "all_gather_tensor_autograd",
    "all_reduce", "all_reduce_coalesced", "all_to_all_single", "all_to_all_single_autograd",
    "broadcast", "permute_tensor", "reduce_scatter_single", "reduce_scatter_tensor",
    "reduce_scatter_tensor_autograd", "wait_tensor",
]  # fmt: skip


class AsyncCollectiveTensor:
    """No result is one: all are there at once."""


def _resolved(group):
    if isinstance(group, DeviceMesh):
        return group.get_group()
    if isinstance(group, tuple):
        return group[0].get_group(group[1])
    return _group_or_default_group(group)


def _op(name):
    return getattr(ReduceOp, {"MEAN": "AVG", "PROD": "PRODUCT"}.get(name.upper(), name.upper()))


def wait_tensor(tensor):
    """The tensor."""
    return tensor


def broadcast(self, src, group, tag=""):
    """The tensor of process `src` of the group."""
    pg, result = _resolved(group), self.detach().clone()
    collectives.broadcast(result, group=pg, group_src=src)
    return result


def all_reduce(self, reduceOp, group, tag=""):
    """The reduction of all tensors; `reduceOp` is "sum", "avg", "max" and so on."""
    result = self.detach().clone(memory_format=_C.contiguous_format)
    collectives.all_reduce(result, _op(reduceOp), _resolved(group))
    return result


def all_reduce_coalesced(self, reduceOp, group, tag=""):
    """The reductions of the tensors of a list."""
    return [all_reduce(tensor, reduceOp, group) for tensor in self]


def all_gather_single(self, gather_dim, group, tag=""):
    """All tensors in one, along a dimension."""
    pg = _resolved(group)
    result = self.new_empty((pg.size(), *self.shape))
    collectives.all_gather_single(result, self, pg)
    return _C.cat(result.unbind(), gather_dim)


all_gather_tensor = all_gather_single


def reduce_scatter_single(self, reduceOp, scatter_dim, group, tag=""):
    """This process's part of the reduction of all tensors, which a dimension is cut into evenly."""
    pg = _resolved(group)
    parts = _parts(self, scatter_dim, pg)
    result = _C.empty_like(parts[0], memory_format=_C.contiguous_format)
    collectives.reduce_scatter(result, parts, _op(reduceOp), pg)
    return result


def _parts(tensor, dim, pg):
    if tensor.shape[dim] % pg.size():
        raise ValueError(
            f"input dimension {dim} ({tensor.shape[dim]} must be a multiple of group_size "
            f"{pg.size()})"
        )
    return list(tensor.chunk(pg.size(), dim))


reduce_scatter_tensor = reduce_scatter_single


def all_to_all_single(self, output_split_sizes, input_split_sizes, group, tag=""):
    """A part of each process's tensor, in one; parts are rows, of so many or evenly."""
    pg = _resolved(group)
    rows = self.shape[0] if output_split_sizes is None else sum(output_split_sizes)
    result = self.new_empty((rows, *self.shape[1:]))
    collectives.all_to_all_single(result, self, output_split_sizes, input_split_sizes, pg)
    return result


def permute_tensor(self, src_dst, group, tag=""):
    """The tensor of the process that sends to this one: process i sends to `src_dst[i]`."""
    pg = _resolved(group)
    rank, size = pg.rank(), pg.size()
    sent, received = [0] * size, [0] * size
    sent[src_dst[rank]] = self.numel()
    received[src_dst.index(rank)] = self.numel()
    flat = all_to_all_single(self.detach().reshape(-1), received, sent, pg)
    return flat.view(self.shape)


def all_gather_tensor_autograd(self, gather_dim, group, tag=""):
    """`all_gather_tensor` with a gradient: the sum of what comes back."""
    return _C.cat(_differentiable.all_gather(self, _resolved(group)), gather_dim)


def reduce_scatter_tensor_autograd(self, reduceOp, scatter_dim, group, tag=""):
    """`reduce_scatter_tensor` of sums and averages, with a gradient."""
    pg = _resolved(group)
    parts = _parts(self, scatter_dim, pg)
    like = _C.empty_like(parts[0], memory_format=_C.contiguous_format)
    return _differentiable.reduce_scatter(like, parts, _op(reduceOp), pg)


def all_to_all_single_autograd(self, output_split_sizes, input_split_sizes, group, tag=""):
    """`all_to_all_single` with a gradient."""
    rows = self.shape[0] if output_split_sizes is None else sum(output_split_sizes)
    like = self.new_empty((rows, *self.shape[1:]))
    sizes = output_split_sizes, input_split_sizes
    return _differentiable.all_to_all_single(like, self, *sizes, _resolved(group))
