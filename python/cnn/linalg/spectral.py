"""Eigenvalues and singular values, and what is made of them."""

from __future__ import annotations

from functools import wraps

from .. import _C
from .._refusals import require_string
from ..autograd.function import Function
from . import _checks, _lapack
from ._checks import into, named
from ._pinv import pinv, tolerances
from .norms import matrix_norm
from .solving import inv_ex

__all__ = [
    "cond", "eig", "eigh", "eigvals", "eigvalsh", "matrix_rank", "pinv", "svd", "svdvals",
]  # fmt: skip

Eigh = named("linalg_eigh", ("eigenvalues", "eigenvectors"))
SVD = named("linalg_svd", ("U", "S", "Vh"))

# ---- Eigenvalues ----


def eigh(input, UPLO="L", *, out=None):
    """Eigenvalues, ascending, and eigenvectors, the columns of V, of symmetric A [..., n, n].

    UPLO says which triangle is read. V is determined up to signs, and for equal eigenvalues up to
    rotations: gradients of it are finite where all differ (Giles, 2008; Magnus, 1985).
    """
    return into(out, Eigh(*_eigh(input, UPLO)), "linalg.eigh")


def eigvalsh(input, UPLO="L", *, out=None):
    """`eigh` without eigenvectors."""
    return into(out, _eigh(input, UPLO, values_only=True)[0], "linalg.eigvalsh")


def _check_symmetric(a, uplo):
    require_string("linalg_eigh", "UPLO", uplo)
    _checks.require_square("linalg.eigh", a)
    _checks.require_kernel("linalg_eigh_cpu", a)
    if uplo.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {uplo}")


def _eigh(a, uplo, values_only=False):
    _check_symmetric(a, uplo)
    recording = _C.is_grad_enabled() and a.requires_grad
    if recording:
        return LinalgEigh.apply(a, uplo)
    return _decomposed(a, uplo, values_only)


def _decomposed(a, uplo, values_only=False):
    """Values and vectors of eigh, or None for these."""
    if a.is_meta or a.numel() == 0:
        return a.new_empty(a.shape[:-1]), None if values_only else a.new_empty(a.shape)
    if a.shape[-1] > 1:
        read = a.tril() if uplo.upper() == "L" else a.triu()
        _lapack.refuse("linalg.eigh", "eigh", read.isnan())
    options = {"UPLO": uplo.upper(), "op": "linalg.eigh", "kind": "eigh"}
    if values_only:
        return _lapack.call("eigvalsh", a, **options), None
    return _lapack.call("eigh", a, **options)


class LinalgEigh(Function):
    @staticmethod
    def forward(ctx, a, uplo):
        values, vectors = _decomposed(a, uplo)
        ctx.save_for_backward(values, vectors)
        ctx.set_materialize_grads(False)
        return values, vectors

    @staticmethod
    def backward(ctx, grad_values, grad_vectors):
        # dV = V (E * V' dA V) with E[i, j] = 1 / (values[j] - values[i]), 0 on the diagonal. The
        # part of V' gV counts in which orthonormal columns can move, the skew-symmetric one.
        values, v = ctx.saved_tensors
        if grad_vectors is None:
            if grad_values is None:
                return None, None
            return (v * grad_values.unsqueeze(-2)) @ v.mT, None
        apart = values.unsqueeze(-2) - values.unsqueeze(-1)
        apart = apart + _C.eye(values.shape[-1], dtype=values.dtype, device=values.device)
        overlap = v.mT @ grad_vectors
        middle = (overlap - overlap.mT) / (2 * apart)
        if grad_values is not None:
            middle = middle + _C.diag_embed(grad_values)
        return v @ middle @ v.mT, None


def _complex(other):
    """Lets a function of general matrices refuse, and name `other`, of symmetric ones."""

    def decorate(function):
        name = function.__name__
        instead = f"use linalg.{other} for symmetric matrices, or numpy.linalg.{name}"

        @wraps(function)
        def refuse(input, *, out=None):
            _checks.require_square(f"linalg.{name}", input)
            _checks.require_floating(f"linalg.{name}", input)
            raise NotImplementedError(
                f"linalg.{name}: eigenvalues of general matrices are complex, and there are no "
                f"complex tensors; {instead} on A.numpy()"
            )

        refuse.__refuses__ = f"complex results; {instead}"
        return refuse

    return decorate


@_complex("eigh")
def eig(input, *, out=None):
    """Raises NotImplementedError: the results are complex, and there are no complex tensors.

    Use `eigh` for symmetric matrices, or numpy.linalg.eig.
    """


@_complex("eigvalsh")
def eigvals(input, *, out=None):
    """Raises NotImplementedError: the results are complex, and there are no complex tensors.

    Use `eigvalsh` for symmetric matrices, or numpy.linalg.eigvals.
    """


# ---- Singular values ----


def svd(A, full_matrices=True, *, driver=None, out=None):
    """U, S, Vh of A = U diag(S) Vh for A [..., m, n], S descending.

    U [..., m, m] and Vh [..., n, n]; with `full_matrices=False` their first k = min(m, n) columns
    and rows. Gradients are finite where the singular values differ and, for m != n, none is 0
    (Townsend, 2016); those of columns and rows beyond k are not taken. `driver` is for GPUs,
    where every one is the host's LAPACK.
    """
    _check_svd(A, driver)
    recording = _C.is_grad_enabled() and A.requires_grad
    factors = LinalgSvd.apply if recording else _svd_factors
    return into(out, SVD(*factors(A, bool(full_matrices))), "linalg.svd")


def svdvals(A, *, driver=None, out=None):
    """The singular values of A [..., m, n], descending."""
    op = "linalg.svdvals"
    _check_svd(A, driver)
    if _C.is_grad_enabled() and A.requires_grad:
        values = LinalgSvd.apply(A, False)[1]
    elif A.is_meta or A.numel() == 0:
        values = A.new_empty((*A.shape[:-2], min(A.shape[-2:])))
    else:
        _refuse_non_finite(A)
        values = _lapack.call("svd", A, compute_uv=False, op="linalg.svd", kind="svd")
    return into(out, values, op)


def _refuse_non_finite(a):
    _lapack.refuse("linalg.svd", "non_finite", ~a.isfinite())


def _check_svd(a, driver):
    _checks.require_matrix("linalg.svd", a)
    _checks.require_floating("linalg.svd", a, kernel="linalg_svd_cpu")
    if driver is not None and not a.is_cuda:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with "
            "cuSOLVER backend."
        )
    if driver not in (None, "gesvd", "gesvdj", "gesvda"):
        raise RuntimeError(
            f"torch.linalg.svd: unknown svd driver {driver}; there are gesvd, gesvdj and gesvda"
        )


def _svd_factors(a, full):
    m, n = a.shape[-2:]
    if a.is_meta or a.numel() == 0:
        rows, columns = (m, n) if full else (min(m, n), min(m, n))
        batch = a.shape[:-2]
        like = {"dtype": a.dtype, "device": a.device}
        return (
            _C.eye(m, rows, **like).expand(*batch, m, rows).clone(),
            a.new_empty((*batch, min(m, n))),
            _C.eye(columns, n, **like).expand(*batch, columns, n).clone(),
        )
    _refuse_non_finite(a)
    return _lapack.call("svd", a, full_matrices=full, op="linalg.svd", kind="svd")


class LinalgSvd(Function):
    @staticmethod
    def forward(ctx, a, full):
        u, s, vh = _svd_factors(a, full)
        ctx.save_for_backward(u, s, vh)
        ctx.set_materialize_grads(False)
        return u, s, vh

    @staticmethod
    def backward(ctx, grad_u, grad_s, grad_vh):
        u, s, vh = ctx.saved_tensors
        m, n, k = u.shape[-2], vh.shape[-1], s.shape[-1]
        u, vh = u[..., :k], vh[..., :k, :]
        if grad_u is None and grad_vh is None:
            if grad_s is None:
                return None, None
            return (u * grad_s.unsqueeze(-2)) @ vh, None
        # E[i, j] = s[j]^2 - s[i]^2, as a product that loses no digits; the diagonal does not count.
        apart = (s.unsqueeze(-2) - s.unsqueeze(-1)) * (s.unsqueeze(-2) + s.unsqueeze(-1))
        apart = apart + _C.eye(k, dtype=s.dtype, device=s.device)
        middle = None if grad_s is None else _C.diag_embed(grad_s)
        if grad_u is not None:
            grad_u = grad_u[..., :k]
            overlap = u.mT @ grad_u
            part = (overlap - overlap.mT) / apart * s.unsqueeze(-2)
            middle = part if middle is None else middle + part
        if grad_vh is not None:
            grad_v = grad_vh[..., :k, :].mT
            around = vh @ grad_v
            part = s.unsqueeze(-1) * ((around - around.mT) / apart)
            middle = part if middle is None else middle + part
        result = u @ middle
        if grad_u is not None and m > k:  # what leaves the space of U
            result = result + (grad_u - u @ overlap) / s.unsqueeze(-2)
        result = result @ vh
        if grad_vh is not None and n > k:
            result = result + (u / s.unsqueeze(-2)) @ (grad_v - vh.mT @ around).mT
        return result, None


# ---- Ranks and conditions ----


def matrix_rank(input, tol=None, hermitian=False, *, atol=None, rtol=None, out=None):
    """How many singular values are greater than max(atol, rtol times the largest).

    By default atol is 0 and rtol the dtype's eps times the larger side, or 0 where atol is given
    and greater than 0. `hermitian`: by the eigenvalues of a symmetric matrix. `tol` is atol, with
    rtol 0.
    """
    op = "torch.linalg.matrix_rank"
    if tol is not None:
        atol, rtol = tol, 0.0
    _checks.require_matrix(op, input, "input")
    if not input.is_floating_point():
        raise RuntimeError("This function doesn't handle types other than float and double")
    atol, rtol = tolerances(op, input, atol, rtol)
    a = input.detach()
    if a.numel() == 0:
        return into(out, _C.zeros(a.shape[:-2], dtype=_C.int64, device=a.device), op)
    if hermitian:
        _checks.require_square(op, input)
        values = eigvalsh(a).abs()
        largest = values.amax(-1, keepdim=True)
    else:
        values = svdvals(a)
        largest = values[..., :1]
    limit = _C.maximum(atol.unsqueeze(-1), rtol.unsqueeze(-1) * largest)
    return into(out, (values > limit).sum(-1), op)


_BY_NORMS = ("fro", "nuc", float("inf"), -float("inf"), 1, -1)


def cond(input, p=None, *, out=None):
    """The condition number: norm(A) norm(inv(A)) for p 'fro', 'nuc', inf, -inf, 1 or -1; for 2 and
    -2 (None is 2) the largest singular value over the smallest, or the other way about.

    Where A is singular, inf by norms, and nan by 'nuc'.
    """
    op = "linalg.cond"
    if input.dim() < 2:
        raise RuntimeError(f"{op}: The input tensor must have at least 2 dimensions.")
    if p is None or (not isinstance(p, str) and p in (2, -2)):
        values = svdvals(input)
        if input.numel() == 0:
            return into(out, values.sum(-1), op)
        largest, least = values[..., 0], values[..., -1]
        return into(out, least / largest if p == -2 else largest / least, op)
    _checks.require_square(f"{op}(ord={p})", input)
    if p not in _BY_NORMS:
        raise RuntimeError(f"{op} got an invalid norm type: {p}")
    _checks.require_floating(op, input)
    if input.numel() == 0:
        return into(out, input.new_zeros(input.shape[:-2]), op)
    inverse, info = inv_ex(input)
    singular = info != 0
    inverse = inverse.masked_fill(singular.unsqueeze(-1).unsqueeze(-1), 0)
    result = matrix_norm(input, p) * matrix_norm(inverse, p)
    return into(out, result.masked_fill(singular, float("nan" if p == "nuc" else "inf")), op)
