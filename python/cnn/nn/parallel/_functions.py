"""Tensors from one GPU to several and back, with gradients."""

from __future__ import annotations

import warnings
from itertools import chain

from ...autograd.function import Function
from . import comm
from .comm import _get_device_index


def _check_not_on_cpu(name, tensors):
    if any(tensor.device.type == "cpu" for tensor in tensors):
        raise AssertionError(f"{name} function not implemented for CPU tensors")


class Broadcast(Function):
    """All tensors on the first device, then all on the second, ... as one tuple."""

    @staticmethod
    def forward(ctx, target_gpus, *inputs):
        _check_not_on_cpu("Broadcast", inputs)
        ctx.target_gpus = [_get_device_index(gpu, True) for gpu in target_gpus]
        if not inputs:
            return ()
        ctx.num_inputs = len(inputs)
        ctx.input_device = inputs[0].get_device()
        outputs = comm.broadcast_coalesced(inputs, ctx.target_gpus)
        needed = ctx.needs_input_grad[1:]
        ctx.mark_non_differentiable(
            *[copies[i] for copies in outputs for i, need in enumerate(needed) if not need]
        )
        return tuple(chain.from_iterable(outputs))

    @staticmethod
    def backward(ctx, *grad_outputs):
        sums = ReduceAddCoalesced.apply(ctx.input_device, ctx.num_inputs, *grad_outputs)
        return None, *sums


class ReduceAddCoalesced(Function):
    """The sums over devices of num_inputs tensors from each, on one device."""

    @staticmethod
    def forward(ctx, destination, num_inputs, *grads):
        starts = range(0, len(grads), num_inputs)
        ctx.target_gpus = [grads[i].get_device() for i in starts]
        return comm.reduce_add_coalesced([grads[i : i + num_inputs] for i in starts], destination)

    @staticmethod
    def backward(ctx, *grad_outputs):
        return None, None, *Broadcast.apply(ctx.target_gpus, *grad_outputs)


class Gather(Function):
    """The tensors one after the other along dim, on one device."""

    @staticmethod
    def forward(ctx, target_device, dim, *inputs):
        _check_not_on_cpu("Gather", inputs)
        if target_device != "cpu":
            target_device = _get_device_index(target_device, True)
        ctx.target_device = target_device
        ctx.dim = dim
        ctx.input_gpus = tuple(tensor.get_device() for tensor in inputs)
        ctx.unsqueezed_scalar = dim == 0 and all(tensor.dim() == 0 for tensor in inputs)
        if ctx.unsqueezed_scalar:
            inputs = tuple(tensor.view(1) for tensor in inputs)
            warnings.warn(
                "Was asked to gather along dimension 0, but all input tensors were scalars; will "
                "instead unsqueeze and return a vector.",
                stacklevel=2,
            )
        ctx.input_sizes = tuple(tensor.size(dim) for tensor in inputs)
        return comm.gather(inputs, dim, target_device)

    @staticmethod
    def backward(ctx, grad_output):
        grads = Scatter.apply(ctx.input_gpus, ctx.input_sizes, ctx.dim, grad_output)
        if ctx.unsqueezed_scalar:
            grads = tuple(grad[0] for grad in grads)
        return None, None, *grads


class Scatter(Function):
    """The parts of a tensor along dim, one on each device."""

    @staticmethod
    def forward(ctx, target_gpus, chunk_sizes, dim, input):
        target_gpus = [_get_device_index(gpu, True) for gpu in target_gpus]
        ctx.dim = dim
        ctx.input_device = input.get_device() if input.device.type != "cpu" else "cpu"
        return comm.scatter(input, target_gpus, chunk_sizes, dim)

    @staticmethod
    def backward(ctx, *grad_output):
        return None, None, None, Gather.apply(ctx.input_device, ctx.dim, *grad_output)
