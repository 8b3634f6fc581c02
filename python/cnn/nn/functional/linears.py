"""Products with weights, and distances."""

from __future__ import annotations

from ... import _C
from ..._composite import triu_indices
from ..._refusals import require_number
from ...autograd import no_grad
from ...functional import _lengths


def bilinear(input1, input2, weight, bias=None) -> _C.Tensor:
    """y[..., k] = x1[..., i] weight[k, i, j] x2[..., j] + bias[k].

    Shapes [*, in1], [*, in2], [out, in1, in2] and [out]; raises RuntimeError where they do not fit.
    """
    if input1.dim() != input2.dim():
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {input1.dim()} and {input2.dim()}"
        )
    for i in range(input1.dim() - 1):
        if input1.size(i) != input2.size(i):
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {i}: got {input1.size(i)} "
                f"and {input2.size(i)}"
            )
    for number, x in ((1, input1), (2, input2)):
        if x.size(-1) != weight.size(number):
            raise RuntimeError(
                f"bilinear(): input{number} size does not match weight size: got {x.size(-1)} but "
                f"expected {weight.size(number)}"
            )
    if bias is not None and bias.size(0) != weight.size(0):
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias.size(0)} but expected "
            f"{weight.size(0)}"
        )
    out, in1, in2 = weight.shape
    x1, x2 = input1.reshape(-1, in1), input2.reshape(-1, in2)
    # [N, in1] x [in1, out * in2] -> [N, out, in2], then the dot product with x2.
    rows = x1.matmul(weight.permute(1, 0, 2).reshape(in1, out * in2)).view(-1, out, in2)
    y = rows.matmul(x2.unsqueeze(-1)).view(*input1.shape[:-1], out)
    return y if bias is None else y + bias


def conv_tbc(input, weight, bias, pad=0) -> _C.Tensor:
    """A convolution over time: [T, B, C_in] by [k, C_in, C_out] and [C_out] to [T', B, C_out]."""
    for name, x, dim in (("Input", input, 3), ("Weight", weight, 3), ("Bias", bias, 1)):
        if x.dim() != dim:
            what = "time, batch, in_channels" if dim == 3 else "out_channels"
            raise RuntimeError(f"{name} must have {dim} dims: {what}")
    if input.shape[2] != weight.shape[1]:
        raise RuntimeError(
            "Input dim 2 (input channels) is not == dim 1 in the weight tensor; got "
            f"{input.shape[2]} and {weight.shape[1]}"
        )
    if weight.shape[2] != bias.shape[0]:
        raise RuntimeError(
            "Bias size must equal dim 2 in the weight tensor (output channels); got "
            f"{bias.shape[0]} and {weight.shape[2]}"
        )
    y = _C.conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad)
    return y.permute(2, 0, 1).contiguous()


def cosine_similarity(x1, x2, dim=1, eps=1e-08) -> _C.Tensor:
    """x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)) along dim of the broadcast inputs."""
    x1, x2 = _C.broadcast_tensors([x1, x2])
    return (_normalized(x1, dim, eps) * _normalized(x2, dim, eps)).sum(dim)


def _normalized(x, dim, eps):
    norm = x.norm(2, dim, True).clone()
    with no_grad():  # the gradient is that of the norm, also below eps
        norm.clamp_min_(eps)
    return x / norm


def pairwise_distance(x1, x2, p=2.0, eps=1e-06, keepdim=False) -> _C.Tensor:
    """The p-norm of x1 - x2 + eps along the last dimension."""
    if type(p) is not float:
        require_number("pairwise_distance", "p", p)
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def pdist(input, p=2.0):
    """p-norms of the differences of all pairs of rows of [N, M]: [N * (N - 1) / 2]."""
    if input.dim() != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.dim()}D")
    if not input.is_floating_point():
        raise RuntimeError("pdist only supports floating-point dtypes")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    first, second = triu_indices(input.size(0), input.size(0), 1, device=input.device)
    return _lengths(input.index_select(0, first) - input.index_select(0, second), p)
