"""What processes do together, with gradients: each function's backward is an operation of the group
as well, so every process must run it.

Results are new tensors; the gradient of what was sent to many is the sum of what comes back.
"""

from __future__ import annotations

from ... import _C
from ...autograd import Function
from .. import collectives
from ..backends import ReduceOp
from ..groups import _group_or_default_group, get_group_rank

__all__ = [
    "all_gather", "all_reduce", "all_to_all", "all_to_all_single", "broadcast", "gather", "reduce",
    "reduce_scatter", "scatter",
]  # fmt: skip


class _Broadcast(Function):
    @staticmethod
    def forward(ctx, pg, root, tensor):
        ctx.pg, ctx.root = pg, root
        tensor = tensor.detach().clone()
        collectives.broadcast(tensor, group=pg, group_src=root)
        return tensor

    @staticmethod
    def backward(ctx, grad):
        grad = grad.contiguous().clone()
        collectives.reduce(grad, group=ctx.pg, group_dst=ctx.root)
        return None, None, grad if ctx.pg.rank() == ctx.root else _C.zeros_like(grad)


class _Reduce(Function):
    @staticmethod
    def forward(ctx, pg, root, op, tensor):
        ctx.pg, ctx.root = pg, root
        tensor = tensor.detach().clone()
        collectives.reduce(tensor, op=op, group=pg, group_dst=root)
        return tensor

    @staticmethod
    def backward(ctx, grad):
        grad = grad.contiguous().clone()
        collectives.broadcast(grad, group=ctx.pg, group_src=ctx.root)
        return None, None, None, grad


class _AllReduce(Function):
    @staticmethod
    def forward(ctx, pg, op, tensor):
        ctx.pg, ctx.op = pg, op
        tensor = tensor.detach().clone()
        collectives.all_reduce(tensor, op, pg)
        return tensor

    @staticmethod
    def backward(ctx, grad):
        return None, None, _AllReduce.apply(ctx.pg, ctx.op, grad)


class _AllGather(Function):
    @staticmethod
    def forward(ctx, pg, tensor):
        ctx.pg = pg
        outputs = [_C.empty_like(tensor) for _ in range(pg.size())]
        collectives.all_gather(outputs, tensor, pg)
        return tuple(outputs)

    @staticmethod
    def backward(ctx, *grads):
        grad = _C.empty_like(grads[ctx.pg.rank()])
        collectives.reduce_scatter(grad, list(grads), group=ctx.pg)
        return None, grad


class _Gather(Function):
    @staticmethod
    def forward(ctx, pg, root, tensor):
        ctx.pg, ctx.root = pg, root
        outputs = [_C.zeros_like(tensor) for _ in range(pg.size())]
        mine = pg.rank() == root
        collectives.gather(tensor, outputs if mine else None, group=pg, group_dst=root)
        return tuple(outputs)

    @staticmethod
    def backward(ctx, *grads):
        return None, None, _Scatter.apply(ctx.pg, ctx.root, *grads)


class _Scatter(Function):
    @staticmethod
    def forward(ctx, pg, root, *tensors):
        ctx.pg, ctx.root = pg, root
        output = _C.zeros_like(tensors[0])
        mine = pg.rank() == root
        collectives.scatter(output, list(tensors) if mine else None, group=pg, group_src=root)
        return output

    @staticmethod
    def backward(ctx, grad):
        return None, None, *_Gather.apply(ctx.pg, ctx.root, grad)


class _ReduceScatter(Function):
    @staticmethod
    def forward(ctx, pg, op, output, *tensors):
        ctx.pg, ctx.op = pg, op
        if op not in (ReduceOp.SUM, ReduceOp.AVG) and any(t.requires_grad for t in tensors):
            raise RuntimeError("reduce_scatter: gradients are of sums and averages")
        result = output.detach().clone()
        collectives.reduce_scatter(result, [t.detach() for t in tensors], op, pg)
        return result

    @staticmethod
    def backward(ctx, grad):
        if ctx.op == ReduceOp.AVG:
            grad = grad / ctx.pg.size()
        return None, None, None, *_AllGather.apply(ctx.pg, grad)


class _AllToAll(Function):
    @staticmethod
    def forward(ctx, pg, shapes, *tensors):
        ctx.pg, ctx.shapes = pg, [tensor.shape for tensor in tensors]
        outputs = [tensors[0].new_empty(shape) for shape in shapes]
        collectives.all_to_all(outputs, [t.detach() for t in tensors], pg)
        return tuple(outputs)

    @staticmethod
    def backward(ctx, *grads):
        return None, None, *_AllToAll.apply(ctx.pg, ctx.shapes, *grads)


class _AllToAllSingle(Function):
    @staticmethod
    def forward(ctx, pg, shape, output_sizes, input_sizes, tensor):
        ctx.pg, ctx.shape = pg, tensor.shape
        ctx.sizes = output_sizes, input_sizes
        output = tensor.new_empty(shape)
        collectives.all_to_all_single(output, tensor.detach(), output_sizes, input_sizes, pg)
        return output

    @staticmethod
    def backward(ctx, grad):
        output_sizes, input_sizes = ctx.sizes
        grad = _AllToAllSingle.apply(ctx.pg, ctx.shape, input_sizes, output_sizes, grad)
        return None, None, None, None, grad


def _group(group):
    return _group_or_default_group(group)


def _in_group(group, rank):
    pg = _group(group)
    return pg, get_group_rank(pg, rank)


def broadcast(tensor, src, group=None):
    """The tensor of process `src`, to which the gradients of all are added up."""
    return _Broadcast.apply(*_in_group(group, src), tensor)


def reduce(tensor, dst, op=ReduceOp.SUM, group=None):
    """The reduction of all tensors at process `dst`, whose gradient every process gets."""
    pg, root = _in_group(group, dst)
    return _Reduce.apply(pg, root, op, tensor)


def all_reduce(tensor, op=ReduceOp.SUM, group=None):
    """The reduction of all tensors; its gradients are reduced in the same way."""
    return _AllReduce.apply(_group(group), op, tensor)


def all_gather(tensor, group=None):
    """A tuple of all tensors, of one shape."""
    return _AllGather.apply(_group(group), tensor)


def gather(tensor, dst=0, group=None):
    """A tuple of all tensors at process `dst`, of zeros elsewhere."""
    return _Gather.apply(*_in_group(group, dst), tensor)


def scatter(tensors, src=0, group=None):
    """This process's part of the tensors of process `src`; others give tensors of the shape."""
    return _Scatter.apply(*_in_group(group, src), *tensors)


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None):
    """This process's part of the reduction of lists; `output` says its shape."""
    return _ReduceScatter.apply(_group(group), op, output, *input_list)


def all_to_all(output_tensor_list, input_tensor_list, group=None):
    """A tuple of one tensor of each process's list; the outputs say their shapes."""
    shapes = [tensor.shape for tensor in output_tensor_list]
    return _AllToAll.apply(_group(group), shapes, *input_tensor_list)


def all_to_all_single(output, input, output_split_sizes=None, input_split_sizes=None, group=None):
    """One part of each process's tensor, in one; `output` says its shape."""
    sizes = output_split_sizes, input_split_sizes
    return _AllToAllSingle.apply(_group(group), output.shape, *sizes, input)
