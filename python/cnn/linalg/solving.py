"""Systems of linear equations, inverses, and least squares."""

from __future__ import annotations

from math import prod

from .. import _C
from .._number_info import finfo
from .._refusals import require_string
from ..autograd.function import Function
from . import _checks, _triangles
from ._checks import into, named
from .factorizations import by_factors, permutation

__all__ = [
    "inv", "inv_ex", "lstsq", "solve", "solve_ex", "solve_triangular", "tensorinv", "tensorsolve",
]  # fmt: skip

InvEx = named("linalg_inv_ex", ("inverse", "info"))
Lstsq = named("linalg_lstsq", ("solution", "residuals", "rank", "singular_values"))
SolveEx = named("linalg_solve_ex", ("result", "info"))


def solve_triangular(input, B, *, upper, left=True, unitriangular=False, out=None):
    """X of A X = B, or of X A = B where not `left`, for triangles A [..., n, n].

    What lies in the other triangle is not read, nor the diagonal where `unitriangular`, which takes
    it as ones. Zeros on the diagonal divide: the result has inf and nan. Leading dimensions
    broadcast. Gradient: Giles (2008).
    """
    op = "linalg.solve_triangular"
    _checks.require_same(op, input, B)
    _checks.require_kernel("triangular_solve_cpu", input)
    _checks.require_solvable(op, input, B, left)
    a, b = _checks.broadcast_batches(input, B)
    x = _triangles.solve_triangle(a, b, bool(upper), bool(left), bool(unitriangular))
    return into(out, x, op)


# ---- Square systems ----


def solve(A, B, *, left=True, out=None):
    """X of A X = B for A [..., n, n] and B [..., n, k], or [..., n] where that fits A's batch.

    `left=False`: X A = B. LinAlgError where a matrix is singular. Gradient: Giles (2008).
    """
    result, info = _solve(A, B, left, "linalg.solve")
    _checks.check_info("torch.linalg.solve", "solve", info)
    return into(out, result, "linalg.solve")


def solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """`solve` and info, an int32 for each matrix: 0, or the first pivot that is 0, counted from 1;
    its result then stands for nothing. `check_errors` raises instead."""
    result = SolveEx(*_solve(A, B, left, "linalg.solve"))
    if check_errors:
        _checks.check_info("torch.linalg.solve_ex", "solve", result.info)
    return into(out, result, "linalg.solve_ex")


def _is_vector(A, B):
    """As in NumPy before 2: B is a batch of vectors where it has A's shape without the last."""
    return B.dim() == 1 or (A.dim() - 1 == B.dim() and B.shape == A.shape[:-1])


def _solve(A, B, left, op):
    _checks.require_square(op, A)
    _checks.require_floating(op, A)
    _checks.require_same(op, A, B)
    vector = _is_vector(A, B)
    b = B.unsqueeze(-1) if vector else B
    _checks.require_solvable(op, A, b, left)
    info = _C.zeros(A.shape[:-2], dtype=_C.int32, device=A.device)
    a, b = _checks.broadcast_batches(A, b)
    if left:
        x, found = solve_square(a, b)
    else:
        x, found = solve_square(a.mT, b.mT)
        x = x.mT
    if found.shape == info.shape:
        info = found
    elif not found.is_meta:  # A was expanded: what was found of one matrix stands several times
        index = tuple(0 if s != t else slice(None) for s, t in _aligned(info.shape, found.shape))
        info = found[index].reshape(info.shape)
    return (x.squeeze(-1) if vector else x), info


def _aligned(own, expanded):
    padded = (0,) * (len(expanded) - len(own)) + tuple(own)
    return list(zip(padded, expanded))


def solve_square(a, b):
    """X of A X = B, and info; the batches are the same."""
    if _C.is_grad_enabled() and (a.requires_grad or b.requires_grad):
        return LinalgSolveEx.apply(a, b)
    factor, pivots, info = _C._lu_factor(a)
    return by_factors(factor, permutation(pivots, a.shape[-1]), b, True, False), info


class LinalgSolveEx(Function):
    @staticmethod
    def forward(ctx, a, b):
        factor, pivots, info = _C._lu_factor(a)
        order = permutation(pivots, a.shape[-1])
        x = by_factors(factor, order, b, True, False)
        ctx.save_for_backward(a, x, factor, order)
        ctx.mark_non_differentiable(info)
        return x, info

    @staticmethod
    def backward(ctx, grad, _):
        a, x, factor, order = ctx.saved_tensors
        if _C.is_grad_enabled():  # the factors are not known as functions of A
            grad_b = solve_square(a.mT, grad)[0]
        else:
            grad_b = by_factors(factor, order, grad, True, True)
        return -(grad_b @ x.mT) if ctx.needs_input_grad[0] else None, grad_b


def inv(A, *, out=None):
    """The inverse of A [..., n, n]. LinAlgError where it has none. Gradient: Giles (2008)."""
    result, info = inv_ex(A)
    _checks.check_info("linalg.inv", "inv", info)
    return into(out, result, "linalg.inv")


def inv_ex(A, *, check_errors=False, out=None):
    """`inv` and info, an int32 for each matrix: 0, or the first pivot that is 0, counted from 1;
    its result then stands for nothing. `check_errors` raises instead."""
    _checks.require_square("linalg.inv", A)
    _checks.require_floating("linalg.inv", A)
    if _C.is_grad_enabled() and A.requires_grad:
        result = InvEx(*LinalgInvEx.apply(A))
    else:
        result = InvEx(*_inverse(A))
    if check_errors:
        _checks.check_info("linalg.inv_ex", "inv", result.info)
    return into(out, result, "linalg.inv_ex")


def _inverse(a):
    eye = _C.eye(a.shape[-1], dtype=a.dtype, device=a.device).expand(a.shape)
    return solve_square(a.detach(), eye)


class LinalgInvEx(Function):
    @staticmethod
    def forward(ctx, a):
        result, info = _inverse(a)
        ctx.save_for_backward(result)
        ctx.mark_non_differentiable(info)
        return result, info

    @staticmethod
    def backward(ctx, grad, _):
        (result,) = ctx.saved_tensors
        return -(result.mT @ grad @ result.mT)


# ---- Tensors as matrices ----


def tensorinv(input, ind=2, *, out=None):
    """The inverse of the linear map from the dimensions from `ind` on to those before."""
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    first, last = input.shape[:ind], input.shape[ind:]
    if prod(first) != prod(last):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {prod(last)} != {prod(first)}"
        )
    result, info = inv_ex(input.reshape(prod(last), prod(first)))
    _checks.check_info("inv", "inv", info)
    return into(out, result.reshape(*last, *first), "linalg.tensorinv")


def tensorsolve(input, other, dims=None, *, out=None):
    """X of tensordot(A, X, X.dim()) = B, A's dimensions `dims` moved to its end first."""
    a = input
    if dims is not None:
        a = a.movedim(tuple(dims), tuple(range(-len(dims), 0)))
    shape = a.shape[other.dim() :]
    if prod(shape) != prod(other.shape):
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {prod(shape)} != {prod(other.shape)}"
        )
    x = solve(a.reshape(prod(other.shape), prod(shape)), other.reshape(-1))
    return into(out, x.reshape(shape), "linalg.tensorsolve")


# ---- Least squares ----

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def lstsq(input, b, rcond=None, *, driver=None, out=None):
    """X that makes the columns of A X - B short, and then its own: (solution, residuals, rank,
    singular_values).

    Every driver ('gelsy' by default, 'gelsd', 'gelss', 'gels'; on GPUs 'gels' alone) is the
    pseudo-inverse by singular values; those up to `rcond` times the largest count as zeros, by
    default the dtype's eps times the larger side. 'gels' raises LinAlgError where there are such.
    residuals, the squared lengths of the columns, are there for more rows than columns of full
    rank, and not from 'gelsy'; rank is empty from 'gels'; singular_values come from 'gelsd' and
    'gelss'. Gradient of the pseudo-inverse (Golub and Pereyra, 1973): for a rank that does not
    change nearby.
    """
    op = "torch.linalg.lstsq"
    _checks.require_tensor(op, input)
    _checks.require_tensor(op, b)
    if driver is None:
        driver = "gels" if input.is_cuda else "gelsy"
    require_string("linalg_lstsq", "driver", driver)
    if input.is_cuda and driver != "gels":
        raise RuntimeError(f"{op}: `driver` other than `gels` is not supported on CUDA")
    if driver not in _DRIVERS:
        raise RuntimeError(f"{op}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)")
    if input.dim() < 2:
        raise RuntimeError(f"{op}: input must have at least 2 dimensions.")
    if b.dim() < 1:
        raise RuntimeError(f"{op}: other must have at least 1 dimension.")
    if input.dim() - b.dim() not in (0, 1):
        raise RuntimeError(
            f"{op}: input.dim() must be greater or equal to other.dim() and (input.dim() - "
            "other.dim()) <= 1"
        )
    vector = _is_vector(input, b)
    if input.shape[-2] != b.shape[-1 if vector else -2]:
        raise RuntimeError(f"{op}: input.size(-2) should match other.size(-{1 if vector else 2})")
    if input.dtype != b.dtype:
        raise RuntimeError(
            f"{op}: Expected input and other to have the same dtype, but got input's dtype "
            f"{_checks.type_name(input.dtype)} and other's dtype {_checks.type_name(b.dtype)}"
        )
    if input.dtype not in (_C.float32, _C.float64):
        raise RuntimeError("This function doesn't handle types other than float and double")
    wide_a, wide_b = _checks.broadcast_batches(input, b.unsqueeze(-1) if vector else b)
    result = _least_squares(op, wide_a, wide_b, rcond, driver)
    if vector:
        result = result._replace(solution=result.solution.squeeze(-1))
    return into(out, result, op)


def _least_squares(op, a, b, rcond, driver):
    from .spectral import pinv, svdvals

    m, n = a.shape[-2:]
    if rcond is None:
        rcond = finfo(a.dtype).eps * max(m, n)
    values = svdvals(a.detach())
    rank = (values > rcond * values[..., :1]).sum(-1)
    if driver == "gels":
        short = rank < min(m, n)
        _checks.check_info(op, "lstsq", (rank + 1).to(_C.int32) * short)
    x = pinv(a, rtol=float(rcond)) @ b
    full = driver == "gels" or a.is_meta or bool((rank == n).all())
    if m > n and driver != "gelsy" and full:
        residuals = (a @ x - b).square().sum(-2)
    else:
        residuals = x.reshape(-1)[:0]  # empty, and differentiable as the solution is
    if driver == "gels":
        rank = rank.new_empty(0)
    return Lstsq(x, residuals, rank, values if driver in ("gelsd", "gelss") else a.new_empty(0))
