"""Eigenvalues and singular values, and what is made of them."""

from __future__ import annotations

from .. import _C
from .._refusals import require_string
from ..autograd.function import Function
from . import _checks, _lapack
from ._checks import into, named
from ._pinv import pinv
from .norms import matrix_norm

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
    return into(out, Eigh(*_eigh("linalg.eigh", input, UPLO)), "linalg.eigh")


def eigvalsh(input, UPLO="L", *, out=None):
    """`eigh` without eigenvectors."""
    if _C.is_grad_enabled() and input.requires_grad:
        values, _ = _eigh("linalg.eigvalsh", input, UPLO)
    else:
        values = _eigenvalues("linalg.eigvalsh", input, UPLO)
    return into(out, values, "linalg.eigvalsh")


def _check_symmetric(op, a, uplo):
    _checks.require_square(op, a)
    _checks.require_floating(op, a)
    require_string(op, "UPLO", uplo)
    if uplo.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {uplo}")


def _refuse_non_finite(op, a, uplo):
    n = a.shape[-1]
    read = a.tril() if uplo.upper() == "L" else a.triu()
    text = _checks.reason("eigh", max(n - 1, 1))
    _lapack.refuse_non_finite(op, read, text)


def _eigh(op, a, uplo):
    _check_symmetric(op, a, uplo)
    if a.is_meta or a.numel() == 0:
        return a.new_empty(a.shape[:-1]), a.new_empty(a.shape)
    _refuse_non_finite(op, a, uplo)
    if _C.is_grad_enabled() and a.requires_grad:
        return _Eigh.apply(a, uplo)
    return _lapack.call("eigh", a, UPLO=uplo)


def _eigenvalues(op, a, uplo):
    _check_symmetric(op, a, uplo)
    if a.is_meta or a.numel() == 0:
        return a.new_empty(a.shape[:-1])
    _refuse_non_finite(op, a, uplo)
    return _lapack.call("eigvalsh", a, UPLO=uplo)


class _Eigh(Function):
    @staticmethod
    def forward(ctx, a, uplo):
        values, vectors = _lapack.call("eigh", a, UPLO=uplo)
        ctx.save_for_backward(values, vectors)
        ctx.set_materialize_grads(False)
        return values, vectors

    @staticmethod
    def backward(ctx, grad_values, grad_vectors):
        # dV = V (E * V' dA V) with E[i, j] = 1 / (values[j] - values[i]), 0 on the diagonal.
        values, v = ctx.saved_tensors
        if grad_vectors is None:
            if grad_values is None:
                return None, None
            return (v * grad_values.unsqueeze(-2)) @ v.mT, None
        apart = values.unsqueeze(-2) - values.unsqueeze(-1)
        apart = apart + _C.eye(values.shape[-1], dtype=values.dtype)
        middle = (v.mT @ grad_vectors) / apart
        middle = middle - _C.diag_embed(middle.diagonal(0, -2, -1))
        if grad_values is not None:
            middle = middle + _C.diag_embed(grad_values)
        return v @ middle @ v.mT, None


def _no_complex(name):
    raise NotImplementedError(
        f"linalg.{name}: eigenvalues of general matrices are complex, and there are no complex "
        "tensors; use linalg.eigh or linalg.eigvalsh for symmetric matrices, or "
        f"numpy.linalg.{name} on A.numpy()"
    )


def eig(input, *, out=None):
    """Raises NotImplementedError: the results are complex, and there are no complex tensors.

    Use `eigh` for symmetric matrices, or numpy.linalg.eig.
    """
    _checks.require_square("linalg.eig", input)
    _checks.require_floating("linalg.eig", input)
    _no_complex("eig")


def eigvals(input, *, out=None):
    """Raises NotImplementedError: the results are complex, and there are no complex tensors.

    Use `eigvalsh` for symmetric matrices, or numpy.linalg.eigvals.
    """
    _checks.require_square("linalg.eigvals", input)
    _checks.require_floating("linalg.eigvals", input)
    _no_complex("eigvals")


# ---- Singular values ----


def svd(A, full_matrices=True, *, driver=None, out=None):
    """U, S, Vh of A = U diag(S) Vh for A [..., m, n], S descending.

    U [..., m, m] and Vh [..., n, n]; with `full_matrices=False` their first k = min(m, n) columns
    and rows. Gradients are finite where the singular values differ and, for m != n, none is 0
    (Townsend, 2016); those of columns and rows beyond k are not taken. `driver` is for GPUs.
    """
    _check_svd("linalg.svd", A, driver)
    return into(out, SVD(*_svd("linalg.svd", A, bool(full_matrices))), "linalg.svd")


def svdvals(A, *, driver=None, out=None):
    """The singular values of A [..., m, n], descending."""
    op = "linalg.svdvals"
    _check_svd(op, A, driver)
    if _C.is_grad_enabled() and A.requires_grad:
        values = _svd(op, A, False)[1]
    elif A.is_meta or A.numel() == 0:
        values = A.new_empty((*A.shape[:-2], min(A.shape[-2:])))
    else:
        _lapack.refuse_non_finite(op, A, _NON_FINITE)
        values = _lapack.call("svd", A, compute_uv=False)
    return into(out, values, op)


_NON_FINITE = (
    "The algorithm failed to converge because the input matrix contained non-finite values."
)


def _check_svd(op, a, driver):
    _checks.require_matrix(op, a)
    _checks.require_floating(op, a)
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on "
            "CUDA inputs with cuSOLVER backend."
        )


def _svd(op, a, full):
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
    _lapack.refuse_non_finite(op, a, _NON_FINITE)
    if _C.is_grad_enabled() and a.requires_grad:
        return _Svd.apply(a, full)
    return _lapack.call("svd", a, full_matrices=full)


class _Svd(Function):
    @staticmethod
    def forward(ctx, a, full):
        u, s, vh = _lapack.call("svd", a, full_matrices=full)
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
        apart = apart + _C.eye(k, dtype=s.dtype)
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
    op = "linalg.matrix_rank"
    if tol is not None:
        if isinstance(tol, bool):  # matrix_rank(A, hermitian) has never been a form of it
            raise TypeError(f"{op}(): argument 'tol' must be float or Tensor, not bool")
        atol, rtol = tol, 0.0
    _checks.require_matrix(op, input, "input")
    _checks.require_floating("linalg.svd", input)
    atol, rtol = _tolerances(op, input, atol, rtol)
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


def _tolerances(op, a, atol, rtol):
    from ._pinv import tolerances

    return tolerances(op, a, atol, rtol)


_BY_NORMS = ("fro", "nuc", float("inf"), -float("inf"), 1, -1)


def cond(input, p=None, *, out=None):
    """The condition number: norm(A) norm(inv(A)) for p 'fro', 'nuc', inf, -inf, 1 or -1; for 2 and
    -2 (None is 2) the largest singular value over the smallest, or the other way about.

    inf where A is singular.
    """
    op = "linalg.cond"
    _checks.require_matrix(op, input)
    if p is None or (not isinstance(p, str) and p in (2, -2)):
        if input.numel() == 0:
            return into(out, _C.zeros(input.shape[:-2], dtype=input.dtype), op)
        values = svdvals(input)
        largest, least = values[..., 0], values[..., -1]
        return into(out, least / largest if p == -2 else largest / least, op)
    if isinstance(p, str) and p not in _BY_NORMS:
        raise RuntimeError(f"linalg.cond got an invalid norm type: {p}")
    if p not in _BY_NORMS:
        raise RuntimeError(f"linalg.cond got an invalid norm type: {float(p)}")
    _checks.require_square(op, input)
    if input.numel() == 0:
        return into(out, _C.zeros(input.shape[:-2], dtype=input.dtype), op)
    from .solving import inv_ex

    inverse, info = inv_ex(input)
    singular = info != 0
    inverse = inverse.masked_fill(singular.unsqueeze(-1).unsqueeze(-1), float("inf"))
    if p == "nuc":
        if singular.any():
            raise _checks.LinAlgError(f"{op}: nuclear norm of the inverse of a singular matrix")
        result = matrix_norm(input, p) * matrix_norm(inverse, p)
    else:
        result = matrix_norm(input, p) * matrix_norm(inverse, p)
    return into(out, result, op)
