"""Factors of matrices: Cholesky, LU, LDL, QR."""

from __future__ import annotations

from .. import _C
from .._refusals import require_string
from ..autograd.function import Function
from . import _checks, _lapack, _triangles
from ._checks import into, named
from ._ldl import ldl_factor, ldl_factor_ex, ldl_solve

__all__ = [
    "cholesky", "cholesky_ex", "householder_product", "ldl_factor", "ldl_factor_ex", "ldl_solve",
    "lu", "lu_factor", "lu_factor_ex", "lu_solve", "qr",
]  # fmt: skip

CholeskyEx = named("linalg_cholesky_ex", ("L", "info"))
LU = named("linalg_lu", ("P", "L", "U"))
LUFactor = named("linalg_lu_factor", ("LU", "pivots"))
LUFactorEx = named("linalg_lu_factor_ex", ("LU", "pivots", "info"))
QR = named("linalg_qr", ("Q", "R"))

# ---- Cholesky ----


def cholesky(input, *, upper=False, out=None):
    """L of A = L L' for positive definite A [..., n, n]; with `upper` U of A = U' U.

    One triangle of A is read: the lower, or the upper one with `upper`. LinAlgError where A is not
    positive definite. The gradient (Murray, 2016) is symmetric.
    """
    factor, info = cholesky_ex(input, upper=upper)
    _checks.check_info("linalg.cholesky", "cholesky", info)
    return into(out, factor, "linalg.cholesky")


def cholesky_ex(input, *, upper=False, check_errors=False, out=None):
    """`cholesky` and info, an int32 for each matrix: 0, or the order of the first leading minor
    that is not positive, whose factor then stands for nothing. `check_errors` raises instead."""
    _checks.require_square("linalg.cholesky", input)
    _checks.require_floating("linalg.cholesky", input, kernel="cholesky_cpu")
    result = CholeskyEx(*_triangles.cholesky(input, upper))
    if check_errors:
        _checks.check_info("linalg.cholesky_ex", "cholesky", result.info)
    return into(out, result, "linalg.cholesky_ex")


# ---- LU ----


def lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """`lu_factor` and info, an int32 for each matrix: 0, or the first diagonal element of U that is
    0, counted from 1. `check_errors` raises instead."""
    op = "linalg.lu_factor_ex"
    _check_lu("torch.lu_factor", A, pivot)
    if _C.is_grad_enabled() and A.requires_grad:
        result = LUFactorEx(*LinalgLuFactorEx.apply(A))
    else:
        result = LUFactorEx(*_C._lu_factor(A))
    if check_errors:
        _checks.check_info("torch.linalg.lu_factor_ex", "lu_factor", result.info)
    return into(out, result, op)


def _check_lu(op, a, pivot):
    _checks.require_tensor(op, a)
    if a.dim() < 2:
        raise RuntimeError(
            f"{op}: Expected tensor with 2 or more dimensions. Got size: {list(a.shape)} instead"
        )
    _checks.require_kernel("lu_cpu", a)
    if not pivot:
        if a.is_cuda:
            raise NotImplementedError("linalg.lu_factor: LU without pivoting is not implemented")
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def lu_factor(A, *, pivot=True, out=None):
    """LU and pivots of P A = L U for A [..., m, n], with rows exchanged for stability.

    L lies below the diagonal of LU, its ones left out, and U above. Row i was exchanged with row
    pivots[i], counted from 1 (int32), in this order. Gradient: see `lu`.
    """
    factor, pivots, info = lu_factor_ex(A, pivot=pivot)
    _checks.check_info("torch.linalg.lu_factor", "lu_factor", info)
    return into(out, LUFactor(factor, pivots), "linalg.lu_factor")


def lu(A, *, pivot=True, out=None):
    """P, L, U of A = P L U for A [..., m, n]: P a permutation, L of ones on its diagonal.

    The gradient is that of factors with fixed pivots (de Hoog, Anderssen and Lukas, 2011).
    """
    _check_lu("linalg.lu", A, pivot)
    factor, pivots, _ = lu_factor_ex(A)
    return into(out, LU(*unpack(factor, pivots)), "linalg.lu")


def unpack(factor, pivots, with_order=True):
    """P, L and U of what lu_factor gives; P is empty where the order is not asked for."""
    m, n = factor.shape[-2:]
    k = min(m, n)
    lower = factor[..., :, :k].tril(-1) + _C.eye(m, k, dtype=factor.dtype, device=factor.device)
    if not with_order:
        return factor.new_empty(0), lower, factor[..., :k, :].triu()
    order = permutation(pivots, m)
    rows = _C.arange(m, device=factor.device)
    p = (order.unsqueeze(-2) == rows.unsqueeze(-1)).to(factor.dtype)
    return p, lower, factor[..., :k, :].triu()


def permutation(pivots, m):
    """The order of m rows, int64 [..., m], after the exchanges that pivots list: (P' A)[i] is
    A[order[i]]."""
    if pivots.is_meta:
        return _C.empty(*pivots.shape[:-1], m, dtype=_C.int64, device="meta")
    if pivots.numel() == 0:
        return _C.arange(m, device=pivots.device).expand(*pivots.shape[:-1], m)
    count = pivots.numel() // pivots.shape[-1]
    lists = pivots.reshape(count, -1).tolist()
    if any(min(places) < 1 or max(places) > m for places in lists):
        raise RuntimeError(
            "pivots must be between 1 and LU.size(-2) inclusive. Did you properly pass the result "
            "of lu_factor?"
        )
    if count <= 16:  # few matrices: one after the other
        order = _C.tensor([_exchanged(m, places) for places in lists], device=pivots.device)
        return order.reshape(*pivots.shape[:-1], m)
    import numpy

    order = numpy.tile(numpy.arange(m), (count, 1))
    which = numpy.arange(count)
    for j, place in enumerate(numpy.array(lists).T - 1):
        other = order[which, place]
        order[which, place] = order[:, j]
        order[:, j] = other
    return _C.from_numpy(order).to(pivots.device).reshape(*pivots.shape[:-1], m)


def _exchanged(m, places):
    order = list(range(m))
    for i, place in enumerate(places):
        order[i], order[place - 1] = order[place - 1], order[i]
    return order


def take_rows(x, order):
    """x[order[i]] for its rows i, of matrices [..., m, n] and orders [..., m]."""
    shape = (*order.shape, x.shape[-1])
    return x.gather(-2, order.unsqueeze(-1).expand(shape))


class LinalgLuFactorEx(Function):
    @staticmethod
    def forward(ctx, a):
        factor, pivots, info = _C._lu_factor(a)
        ctx.save_for_backward(factor, pivots)
        ctx.mark_non_differentiable(pivots, info)
        return factor, pivots, info

    @staticmethod
    def backward(ctx, grad, *_):
        # With A = L U square, and G inv(L)' on the left and inv(U)' on the right of
        # tril(L' gL, -1) + triu(gU U'). A part of A that lies right of it is L U2, below it L2 U.
        factor, pivots = ctx.saved_tensors
        m, n = factor.shape[-2:]
        k = min(m, n)
        square, grad_square = factor[..., :k, :k], grad[..., :k, :k]
        lower = square.tril(-1) + _C.eye(k, dtype=factor.dtype, device=factor.device)
        upper = square.triu()
        from_lower = lower.mT @ grad_square.tril(-1)
        from_upper = grad_square.triu() @ upper.mT
        if n > m:
            from_lower = from_lower - grad[..., :, k:] @ factor[..., :, k:].mT
        if m > n:
            from_upper = from_upper - factor[..., k:, :].mT @ grad[..., k:, :]
        middle = from_lower.tril(-1) + from_upper.triu()
        left = _triangles.solve_triangle(upper.mT, middle, False, left=False)
        if n > m:
            left = _C.cat([left, grad[..., :, k:]], -1)
        result = _triangles.solve_triangle(lower.mT, left, True, unit=True)
        if m > n:
            below = _triangles.solve_triangle(upper.mT, grad[..., k:, :], False, left=False)
            result = _C.cat([result, below], -2)
        return take_rows(result, permutation(pivots, m).argsort(-1))


def lu_solve(LU, pivots, B, *, left=True, adjoint=False, out=None):
    """X of A X = B by the factors of `lu_factor`; X A = B where not `left`; A' for A if `adjoint`.

    Differentiable in LU and B.
    """
    op = "linalg.lu_solve"
    _checks.require_floating(op, LU)
    if LU.dtype != B.dtype:
        raise RuntimeError(
            f"{op}: Expected LU and B to have the same dtype, but found LU of type "
            f"{_checks.type_name(LU.dtype)} and B of type {_checks.type_name(B.dtype)} instead"
        )
    if pivots.dtype != _C.int32:
        raise RuntimeError(f"{op}: pivots should be a Tensor of scalar type torch.int32")
    _checks.require_square("torch.linalg.lu_solve", LU)
    _checks.require_solvable(op, LU, B, left)
    if LU.shape[:-1] != pivots.shape:
        raise RuntimeError(
            f"{op}: Number of pivots per batch should be same as the dimension of the matrix"
        )
    LU, B = _checks.broadcast_batches(LU, B)
    order = permutation(pivots, LU.shape[-1]).expand(LU.shape[:-1])
    return into(out, by_factors(LU, order, B, left, adjoint), op)


def by_factors(factor, order, b, left, adjoint):
    """Solves by L U = A[order]; shapes fit."""
    if not left:
        return by_factors(factor, order, b.mT, True, not adjoint).mT
    if adjoint:  # A' X = B is U' L' X[order] = B
        x = _triangles.solve_triangle(factor.mT, b, False)
        x = _triangles.solve_triangle(factor.mT, x, True, unit=True)
        return take_rows(x, order.argsort(-1))
    x = _triangles.solve_triangle(factor, take_rows(b, order), False, unit=True)
    return _triangles.solve_triangle(factor, x, True)


# ---- QR ----


def qr(A, mode="reduced", *, out=None):
    """Q, R of A = Q R for [..., m, n] matrices: Q has orthonormal columns, R is upper triangular.

    mode 'reduced': Q [..., m, k], R [..., k, n] with k = min(m, n); 'complete': Q [..., m, m],
    R [..., m, n]; 'r': an empty Q, R as in 'reduced'. The diagonal of R has LAPACK's signs.
    The gradient (Walter and Lehmann, 2010; Roberts and Roberts, 2020) needs the first k columns of
    A to be independent; there is none of 'r', nor of 'complete' with more rows than columns.
    """
    require_string("linalg_qr", "mode", mode)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    _checks.require_matrix("linalg.qr", A)
    _checks.require_floating("linalg.qr", A, kernel="geqrf_cpu")
    if _C.is_grad_enabled() and A.requires_grad:
        result = QR(*LinalgQr.apply(A, mode))
    else:
        result = QR(*_qr_factors(A, mode))
    return into(out, result, "linalg.qr")


def _qr_factors(A, mode):
    m, n = A.shape[-2:]
    k = m if mode == "complete" else min(m, n)
    if A.is_meta or A.numel() == 0:
        q = A.new_empty(0) if mode == "r" else A.new_zeros((*A.shape[:-2], m, k))
        if mode != "r" and not A.is_meta:
            q = q + _C.eye(m, k, dtype=A.dtype, device=A.device)
        return q, A.new_zeros((*A.shape[:-2], k, n))
    if mode == "r":
        return A.new_empty(0), _lapack.call("qr", A, mode="r")
    q, r = _lapack.call("qr", A, mode=mode)
    return q, r


class LinalgQr(Function):
    @staticmethod
    def forward(ctx, A, mode):
        q, r = _qr_factors(A, mode)
        ctx.mode = mode
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(q, r)
        return q, r

    @staticmethod
    def backward(ctx, grad_q, grad_r):
        q, r = ctx.saved_tensors
        if ctx.mode == "r":
            raise RuntimeError(
                "linalg_qr_backward: The derivative of linalg.qr depends on Q, which is not "
                "computed when mode='r'. Please use linalg.qr(A, mode='reduced') if you are going "
                "to require gradients"
            )
        m, n = q.shape[-2], r.shape[-1]
        if ctx.mode == "complete" and m > n:
            raise RuntimeError(
                "linalg_qr_backward: The QR decomposition is not differentiable when "
                "mode='complete' and nrows > ncols"
            )
        if grad_q is None and grad_r is None:
            return None, None
        if m >= n:
            return _qr_backward(q, r, grad_q, grad_r), None
        # A = Q [R1 R2], where R2 = Q' A2 depends on the columns A2 = Q R2, and on Q.
        if grad_r is not None:
            through = q @ (r[..., m:] @ grad_r[..., m:].mT)
            grad_q = through if grad_q is None else grad_q + through
        first = None if grad_r is None else grad_r[..., :m]
        left = _qr_backward(q, r[..., :m], grad_q, first)
        right = q.new_zeros((*q.shape[:-2], m, n - m)) if grad_r is None else q @ grad_r[..., m:]
        return _C.cat([left, right], -1), None


def _qr_backward(q, r, grad_q, grad_r):
    """With M = R gR' - gQ' Q and S its lower triangle mirrored: gA = (gQ + Q S) inv(R)'."""
    if grad_q is None:
        mirrored = r @ grad_r.mT
    elif grad_r is None:
        mirrored = -(grad_q.mT @ q)
    else:
        mirrored = r @ grad_r.mT - grad_q.mT @ q
    right = q @ (mirrored.tril() + mirrored.tril(-1).mT)
    if grad_q is not None:
        right = right + grad_q
    return _triangles.solve_triangle(r.mT, right, False, left=False)


def householder_product(input, tau, *, out=None):
    """The first n columns of the product of reflections I - tau[i] v v', given as by `geqrf`.

    v is zeros, a one at i, and column i of the input [..., m, n] below the diagonal. Computed as
    I - V T V' (Schreiber and Van Loan, 1989), whose factors have the gradients of their ops.
    """
    op = "torch.linalg.householder_product"
    if input.dim() < 2:
        raise RuntimeError(f"{op}: input must have at least 2 dimensions.")
    m, n = input.shape[-2:]
    if m < n:
        raise RuntimeError(
            f"{op}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if n < tau.shape[-1]:
        raise RuntimeError(f"{op}: input.shape[-1] must be greater than or equal to tau.shape[-1]")
    if input.dim() - tau.dim() != 1:
        raise RuntimeError(
            f"{op}: Expected tau to have one dimension less than input, but got tau.ndim equal to "
            f"{tau.dim()} and input.ndim is equal to {input.dim()}"
        )
    if input.shape[:-2] != tau.shape[:-1]:
        raise RuntimeError(
            f"{op}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got "
            f"{list(tau.shape[:-1])}"
        )
    _checks.require_kernel("orgqr_cpu", input)
    if tau.dtype != input.dtype:
        raise RuntimeError(
            f"{op}: tau dtype {_checks.type_name(tau.dtype)} does not match input dtype "
            f"{_checks.type_name(input.dtype)}"
        )
    v, t = reflections(input, tau)
    eye = _C.eye(m, n, dtype=input.dtype, device=input.device)
    return into(out, eye - v @ (t @ v[..., :n, :].mT), "linalg.householder_product")


def reflections(input, tau):
    """V [..., m, k] and upper triangular T [..., k, k], the product of k reflections I - V T V'."""
    m, k = input.shape[-2], tau.shape[-1]
    eye = _C.eye(m, k, dtype=input.dtype, device=input.device)
    v = input[..., :k].tril(-1) + eye
    overlap = (v.mT @ v).triu(1)
    scaled = tau.unsqueeze(-1) * overlap + _C.eye(k, dtype=input.dtype, device=input.device)
    return v, _triangles.solve_triangle(scaled, _C.diag_embed(tau), True, unit=True)
