"""Functions with gradients of their own behind modules."""

from __future__ import annotations

from ... import _C
from ...autograd.function import Function


def _summed_neighbours(channels, size, like):
    """[channels, channels]: one where a channel (row) counts another one's square (column).

    These are the channels nearer than the half of size, and the first channel always.
    """
    reach = int((size - 1) / 2 + 1)
    rows = _C.arange(channels, device=like.device)
    near = (rows[:, None] - rows[None, :]).abs() < reach
    near[:, :1] = True
    return near.to(like.dtype)


def _over_channels(matrix, x):
    """matrix [C, C] times x [N, C, H, W] along the channels."""
    n, c, h, w = x.shape
    return _C.matmul(matrix, x.reshape(n, c, h * w)).reshape(x.shape)


class CrossMapLRN2d(Function):
    """x * scale ** -beta with scale = k + alpha / size * sum of x * x over neighbours.

    The gradient is that of this very sum, the first channel's part in it included; PyTorch's looks
    at other neighbours.
    """

    @staticmethod
    def forward(ctx, input, size, alpha=1e-4, beta=0.75, k=1):
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        ctx.neighbours = _summed_neighbours(input.size(1), size, input)
        ctx.factor, ctx.beta, ctx.k = alpha / size, beta, k
        ctx.save_for_backward(input)
        return input * CrossMapLRN2d._scale(ctx, input) ** -beta

    @staticmethod
    def _scale(ctx, input):
        return _over_channels(ctx.neighbours, input * input) * ctx.factor + ctx.k

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        scale = CrossMapLRN2d._scale(ctx, input)
        power = scale**-ctx.beta
        through_scale = _over_channels(ctx.neighbours.t(), grad_output * input * power / scale)
        grad = grad_output * power - 2 * ctx.beta * ctx.factor * input * through_scale
        return grad, None, None, None, None


class BackwardHookFunction(Function):
    """Hands its tensors through: one node in the graph for several."""

    @staticmethod
    def forward(ctx, *args):
        ctx.mark_non_differentiable(*[arg for arg in args if not arg.requires_grad])
        return args

    @staticmethod
    def backward(ctx, *args):
        return args
