"""Products of vectors and matrices, powers, exponentials, determinants."""

from __future__ import annotations

import math

from .. import _C, _composite
from .._number_info import finfo
from .._refusals import dim_of
from ..autograd.function import Function
from . import _checks
from ._checks import into, named
from .factorizations import by_factors, permutation
from .solving import inv, solve_square

__all__ = [
    "cross", "det", "diagonal", "matmul", "matrix_exp", "matrix_power", "multi_dot", "slogdet",
    "vander", "vecdot",
]  # fmt: skip

Slogdet = named("linalg_slogdet", ("sign", "logabsdet"))

# ---- Products ----


def matmul(input, other, *, out=None):
    """The matrix product; leading dimensions broadcast."""
    return _C.matmul(input, other, out=out)


def cross(input, other, *, dim=-1, out=None):
    """The cross product of vectors of three elements along `dim`; the rest broadcasts."""
    if input.dim() != other.dim():
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    dim_of(input, dim)  # which there must be
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and "
            f"{other.shape[dim]}"
        )
    return into(out, _composite.cross(input, other, dim), "linalg.cross")


def vecdot(x, y, *, dim=-1, out=None):
    """Inner products of vectors along `dim`; the rest broadcasts."""
    op = "linalg.vecdot"
    if not x.is_floating_point():
        raise RuntimeError(
            f"{op}: Expected a floating point or complex tensor as input. "
            f"Got {_checks.type_name(x.dtype)}"
        )
    if x.dtype != y.dtype:
        raise RuntimeError(
            f"{op}: Expected x and y to have the same dtype, but found x of type "
            f"{_checks.type_name(x.dtype)} and y of type {_checks.type_name(y.dtype)} instead"
        )
    a, b = x.movedim(dim, -1), y.movedim(dim, -1)
    return into(out, (a.unsqueeze(-2) @ b.unsqueeze(-1)).squeeze(-1).squeeze(-1), op)


def multi_dot(tensors, *, out=None):
    """The product of matrices, in the order of the fewest multiplications; the first may be a row
    vector and the last a column vector, of one dimension."""
    op = "multi_dot()"
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"{op}: expected at least 2 tensors but got {len(tensors)}")
    first, last = tensors[0], tensors[-1]
    for name, t in (("first", first), ("last", last)):
        if t.dim() not in (1, 2):
            raise RuntimeError(f"{op}: the {name} tensor must be 1D or 2D but got {t.dim()}D")
    for i, t in enumerate(tensors):
        if 0 < i < len(tensors) - 1 and t.dim() != 2:
            raise RuntimeError(f"{op}: tensor {i} must be 2D but got {t.dim()}D")
        if t.dtype != first.dtype:
            raise RuntimeError(
                f"{op}: all tensors must have be the same dtype but tensor 0 is "
                f"{_checks.type_name(first.dtype).lower()} and tensor {i} "
                f"{_checks.type_name(t.dtype).lower()}"
            )
        if t.device != first.device:
            raise RuntimeError(
                f"{op}: all tensors must be on the same device but tensor 0 is on {first.device} "
                f"and tensor {i} on {t.device}"
            )
    chain = list(tensors)
    if first.dim() == 1:
        chain[0] = first.unsqueeze(0)
    if last.dim() == 1:
        chain[-1] = last.unsqueeze(-1)
    for i in range(1, len(chain)):
        if chain[i - 1].shape[1] != chain[i].shape[0]:
            raise RuntimeError(
                f"{op}: tensors {i - 1} and {i} with shapes {list(chain[i - 1].shape)} and "
                f"{list(chain[i].shape)} cannot be multiplied"
            )
    result = _in_best_order(chain)
    if last.dim() == 1:
        result = result.squeeze(-1)
    if first.dim() == 1:
        result = result.squeeze(0)
    return into(out, result, "multi_dot")


def _in_best_order(chain):
    """By dynamic programming (Cormen et al., chapter 15): where each stretch is best cut."""
    n = len(chain)
    sides = [chain[0].shape[0], *(t.shape[1] for t in chain)]
    cost = {(i, i): 0 for i in range(n)}
    cut = {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            choices = (
                (cost[i, k] + cost[k + 1, j] + sides[i] * sides[k + 1] * sides[j + 1], k)
                for k in range(i, j)
            )
            cost[i, j], cut[i, j] = min(choices)

    def product(i, j):
        if i == j:
            return chain[i]
        k = cut[i, j]
        return _C.mm(product(i, k), product(k + 1, j))

    return product(0, n - 1)


def diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """A view of the diagonals of the matrices over two dimensions, the last by default."""
    return _C.diagonal(A, offset, dim1, dim2)


def vander(x, *, N=None):
    """The powers 0 to N - 1 of each element, along a new last dimension; N is x's last size."""
    if x.dtype == _C.bool:
        raise RuntimeError(
            "linalg.vander supports floating point, complex, and integer tensors, but got Bool"
        )
    x = x.reshape(1) if x.dim() == 0 else x
    n = x.shape[-1] if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    rest = x.unsqueeze(-1).expand(*x.shape, n - 1)
    return _C.cat([x.new_ones((*x.shape, 1)), _C.cumprod(rest, -1)], -1)


# ---- Powers ----


def matrix_power(input, n, *, out=None):
    """A multiplied by itself n times; by its inverse -n times for negative n."""
    op = "linalg.matrix_power"
    _checks.require_square(op, input)
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(f"matrix_power(): argument 'n' must be int, not {type(n).__name__}")
    n = n.__index__()
    if n == 0:
        eye = _C.eye(input.shape[-1], dtype=input.dtype, device=input.device)
        everywhere = _C.ones((), dtype=_C.bool, device=input.device)
        return into(out, eye + input.masked_fill(everywhere, 0), op)  # whose gradient is 0
    base = result = inv(input) if n < 0 else input
    for digit in bin(abs(n))[3:]:  # below the highest
        result = result @ result
        if digit == "1":
            result = result @ base
    return into(out, result.clone() if n == 1 else result, op)


def matrix_exp(input):
    """The exponential of matrices [..., n, n]: Taylor's series of a part of each, squared (Moler
    and Van Loan, 2003).

    The gradient is a block of the exponential of a matrix of twice the size (Mathias, 1996), and so
    differentiable again.
    """
    op = "linalg.matrix_exp"
    _checks.require_floating(op, input, low_precision=True)
    _checks.require_square(op, input)
    if input.dtype not in (_C.float32, _C.float64):
        return matrix_exp(input.float()).to(input.dtype)
    if input.numel() == 0 or input.is_meta:
        return input.clone()
    if _C.is_grad_enabled() and input.requires_grad:
        return LinalgMatrixExp.apply(input)
    return _exp(input)


def _exp(a):
    a = a.detach()
    eye = _C.eye(a.shape[-1], dtype=a.dtype, device=a.device)
    if a.shape[-1] == 1:
        return a.exp()
    # Each matrix is halved until its norm is at most 1/2; those that were halved more often are
    # squared more often.
    size = _C.linalg_vector_norm(a, 1, (-2,)).amax(-1)
    halvings = [_halvings(s) for s in size.reshape(-1).tolist()]
    times = _C.tensor(halvings, dtype=a.dtype, device=a.device)
    times = times.reshape(size.shape).unsqueeze(-1).unsqueeze(-1)
    a = a * _C.exp2(-times)
    terms = 17 if a.dtype == _C.float64 else 10
    result = eye + a / terms
    for i in range(terms - 1, 0, -1):
        result = eye + (a @ result) / i
    for done in range(max(halvings)):
        result = _C.where(times > done, result @ result, result)
    return result


def _halvings(size):
    if not math.isfinite(size) or size <= 0.5:
        return 0
    return min(math.ceil(math.log2(size)) + 1, 1100)


class LinalgMatrixExp(Function):
    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        return _exp(a)

    @staticmethod
    def backward(ctx, grad):
        (a,) = ctx.saved_tensors
        n = a.shape[-1]
        scale = grad.detach().abs().amax().item()  # a large gradient would only cost digits
        scale = scale if 0 < scale < math.inf else 1.0
        top = _C.cat([a.mT, grad / scale], -1)
        bottom = _C.cat([_C.zeros_like(a), a.mT], -1)
        return matrix_exp(_C.cat([top, bottom], -2))[..., :n, n:] * scale


# ---- Determinants ----


def det(A, *, out=None):
    """Determinants of [..., n, n]. The gradient, the cofactors, is there for singular matrices too;
    so is the second derivative where at most one singular value is 0."""
    _checks.require_square("linalg.det", A)
    _checks.require_floating("linalg.det", A, kernel="lu_cpu")
    if _C.is_grad_enabled() and A.requires_grad:
        result = LinalgDet.apply(A)
    else:
        result = _sign_of_order(*(lu := _C._lu_factor(A))[:2]) * _product(lu[0])
    return into(out, result, "linalg.det")


def _product(factor):
    return factor.diagonal(0, -2, -1).prod(-1)


def _sign_of_order(factor, pivots):
    """1 or -1: whether the number of exchanged rows is even."""
    own = _C.arange(1, pivots.shape[-1] + 1, dtype=pivots.dtype, device=pivots.device)
    return (1 - 2 * ((pivots != own).sum(-1) % 2)).to(factor.dtype)


class LinalgDet(Function):
    @staticmethod
    def forward(ctx, a):
        factor, pivots, _ = _C._lu_factor(a)
        result = _sign_of_order(factor, pivots) * _product(factor)
        ctx.save_for_backward(a, result, factor)
        return result

    @staticmethod
    def backward(ctx, grad):
        a, result, factor = ctx.saved_tensors
        if a.numel() == 0:
            return _C.zeros_like(a)
        pivots = factor.detach().diagonal(0, -2, -1).abs()
        # By singular values the cofactors of nearly singular matrices are exact too; they can only
        # be differentiated again where singular values differ.
        small = finfo(a.dtype).eps
        small = small * a.shape[-1] if _C.is_grad_enabled() else small ** (1 / 3)
        singular = pivots.amin(-1) <= pivots.amax(-1) * small
        if not singular.any():
            return _cofactors(a, result, grad)
        if singular.all():
            return _cofactors_of_singular(a, grad)
        mask = singular.unsqueeze(-1).unsqueeze(-1)
        eye = _C.eye(a.shape[-1], dtype=a.dtype, device=a.device)
        regular = _cofactors(_C.where(mask, eye, a), result, grad)
        return _C.where(mask, _cofactors_of_singular(a, grad), regular)


def _cofactors(a, determinant, grad):
    scaled = _C.diag_embed((grad * determinant).unsqueeze(-1).expand(a.shape[:-1]))
    return solve_square(a.mT, scaled)[0]


def _cofactors_of_singular(a, grad):
    """det(U) det(V) U diag(products of all other singular values) V' (Stewart, 1998)."""
    from .spectral import svd

    u, s, vh = svd(a)
    sign = (det(u.detach()) * det(vh.detach())).round() * grad
    ones = _C.ones_like(s[..., :1])
    before = _C.cat([ones, s[..., :-1].cumprod(-1)], -1)
    behind = _C.cat([s.flip(-1)[..., :-1].cumprod(-1).flip(-1), ones], -1)
    return (u * (before * behind * sign.unsqueeze(-1)).unsqueeze(-2)) @ vh


def slogdet(A, *, out=None):
    """The sign of the determinant, and the logarithm of its size: 0 and -inf where it is 0.

    Gradient of the logarithm: the transposed inverse, which singular matrices lack.
    """
    _checks.require_square("linalg.slogdet", A)
    _checks.require_floating("linalg.slogdet", A, kernel="lu_cpu")
    if _C.is_grad_enabled() and A.requires_grad:
        result = Slogdet(*LinalgSlogdet.apply(A))
    else:
        result = Slogdet(*_sign_and_log(A)[:2])
    return into(out, result, "linalg.slogdet")


def _sign_and_log(a):
    factor, pivots, _ = _C._lu_factor(a)
    d = factor.diagonal(0, -2, -1)
    sign = _sign_of_order(factor, pivots) * d.sign().prod(-1)
    return sign, d.abs().log().sum(-1), factor, pivots


class LinalgSlogdet(Function):
    @staticmethod
    def forward(ctx, a):
        sign, log, factor, pivots = _sign_and_log(a)
        ctx.save_for_backward(a, factor, pivots)
        return sign, log

    @staticmethod
    def backward(ctx, _, grad):  # the sign does not move
        a, factor, pivots = ctx.saved_tensors
        scaled = _C.diag_embed(grad.unsqueeze(-1).expand(a.shape[:-1]))
        if _C.is_grad_enabled():
            return solve_square(a.mT, scaled)[0]
        return by_factors(factor, permutation(pivots, a.shape[-1]), scaled, True, True)
