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


def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None) -> _C.Tensor:
    """A matrix product for each group. Matrices [groups, ...] are a group each; a single one is cut
    into groups along its rows, its columns or what is summed over, where `offs` (int32) says that
    they end. Rows and columns behind the last group are 0.
    """
    _check_groups(mat_a, mat_b, offs, bias, out_dtype)
    flat_a, flat_b = mat_a.dim() == 2, mat_b.dim() == 2
    if offs is None:
        return mat_a.matmul(mat_b)
    size = mat_a.shape[-1] if flat_a and flat_b else mat_a.shape[0] if flat_a else mat_b.shape[1]
    ends = offs.tolist()
    starts = [0, *ends[:-1]]
    if any(not start <= end <= size for start, end in zip(starts, ends)):
        raise RuntimeError(f"Offsets have to ascend up to {size}, got {ends}")
    parts = [(start, end - start) for start, end in zip(starts, ends)]
    if flat_a and flat_b:
        return _C.stack([mat_a.narrow(1, *p).matmul(mat_b.narrow(0, *p)) for p in parts])
    rest = size - (ends[-1] if ends else 0)
    if flat_a:
        rows = [mat_a.narrow(0, *p).matmul(b) for p, b in zip(parts, mat_b)]
        return _C.cat([*rows, mat_a.new_zeros(rest, mat_b.shape[2])], 0)
    columns = [a.matmul(mat_b.narrow(1, *p)) for p, a in zip(parts, mat_a)]
    return _C.cat([*columns, mat_b.new_zeros(mat_a.shape[1], rest)], 1)


def _check_groups(mat_a, mat_b, offs, bias, out_dtype):
    for name, x in (("mat_a", mat_a), ("mat_b", mat_b)):
        if x.dim() not in (2, 3):
            raise RuntimeError(f"{name} has to be 2 or 3d, got {list(x.shape)}")
    if mat_a.dtype != mat_b.dtype:
        raise RuntimeError(
            f"grouped_mm: expected one dtype, but got {mat_a.dtype} and {mat_b.dtype}"
        )
    if mat_a.shape[-1] != mat_b.shape[-2]:
        raise RuntimeError(
            "contraction dimension of mat_a and mat_b must match, got "
            f"{list(mat_a.shape)} and {list(mat_b.shape)}"
        )
    if (offs is not None) != (mat_a.dim() == 2 or mat_b.dim() == 2):
        raise RuntimeError(
            "Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d"
        )
    if bias is not None:
        raise RuntimeError("Bias not supported yet")
    if out_dtype is not None and out_dtype != mat_a.dtype:
        raise RuntimeError("Grouped gemm output dtype must match `mat_a` dtype")
    if offs is None:
        if mat_a.shape[0] != mat_b.shape[0]:
            raise RuntimeError(
                f"batched dimension has to match, got {mat_a.shape[0]} and {mat_b.shape[0]}"
            )
        return
    if offs.dtype != _C.int32 or offs.dim() != 1:
        raise RuntimeError(f"Offsets have to be int32, a vector; got {offs.dtype}, {offs.dim()}d")
    for x in (mat_a, mat_b):
        if x.dim() == 3 and x.shape[0] != offs.shape[0]:
            raise RuntimeError(
                f"matrix batch sizes have to match, got {x.shape[0]} and {offs.shape[0]}"
            )


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
