"""Functions with gradients of their own behind modules."""

from __future__ import annotations

from ... import _C
from ...autograd.function import Function, once_differentiable


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


class SyncBatchNorm(Function):
    """Batch normalization by the moments of the batches of all processes of a group.

    Moments are joined in double and in the order of ranks, so that they do not depend on how a
    batch is shared out but for rounding. A rank may have no rows.
    """

    @staticmethod
    def forward(ctx, input, weight, bias, running_mean, running_var, eps, momentum, group):
        channels = input.size(1)
        rows = input.numel() // channels
        own = _C.zeros(2 * channels + 1, dtype=_C.float64, device=input.device)
        if rows:
            var, mean = _C.var_mean(_summable(input), SyncBatchNorm._dims(input), correction=0)
            own[:channels], own[channels:-1], own[-1] = mean, var, rows
        moments = _C.empty((group.size(), own.numel()), dtype=own.dtype, device=own.device)
        _collectives().all_gather_into_tensor(moments, own, group=group)
        means, variances, counts = moments.split([channels, channels, 1], 1)
        count = counts.sum()
        mean = (means * counts).sum(0) / count
        var = ((variances + (means - mean).square()) * counts).sum(0) / count
        if running_mean is not None:
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
        if running_var is not None:
            unbiased = var * (count / (count - 1))
            running_var.lerp_(unbiased.to(running_var.dtype), momentum)
        dtype = weight.dtype if weight is not None else _summable(input[:0]).dtype
        mean, var = mean.to(dtype), var.to(dtype)
        ctx.save_for_backward(input, weight, mean, (var + eps).rsqrt())
        ctx.group, ctx.count, ctx.has_bias = group, count, bias is not None
        return _C.batch_norm(input, weight, bias, mean, var, False, 0.0, eps, False)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_output):
        input, weight, mean, invstd = ctx.saved_tensors
        shape, dims = (1, -1, *[1] * (input.dim() - 2)), SyncBatchNorm._dims(input)
        grad = _summable(grad_output)
        distance = _summable(input) - mean.view(shape)
        sums = _C.stack([grad.sum(dims), (grad * distance).sum(dims)])
        grad_weight = grad_bias = grad_input = None
        if weight is not None and ctx.needs_input_grad[1]:
            grad_weight = (sums[1] * invstd).to(weight.dtype)
        if ctx.has_bias and ctx.needs_input_grad[2]:
            grad_bias = sums[0].to(mean.dtype)
        # Every rank takes part, whether it needs the gradient or not.
        sums = sums.clone()
        _collectives().all_reduce(sums, group=ctx.group)
        if ctx.needs_input_grad[0]:
            of_mean, of_distance = (sums / ctx.count).unbind()
            scale = invstd if weight is None else invstd * weight
            along = (of_distance * invstd.square()).view(shape)
            grad_input = grad - of_mean.view(shape) - distance * along
            grad_input = (grad_input * scale.view(shape)).to(input.dtype)
        return grad_input, grad_weight, grad_bias, None, None, None, None, None

    @staticmethod
    def _dims(input):
        return [0, *range(2, input.dim())]


def _summable(x):
    """The tensor, of 16 bits as float32."""
    return x.float() if x.dtype in (_C.float16, _C.bfloat16) else x


def _collectives():
    from ... import distributed  # which loads where there are groups

    return distributed
