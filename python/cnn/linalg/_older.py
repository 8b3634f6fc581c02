"""PyTorch's older names for linear algebra, functions of `cnn` and methods of Tensor."""

from __future__ import annotations

from functools import wraps

from .. import _C, _faces
from . import _checks, _lapack, _triangles, factorizations, products, solving, spectral
from ._checks import into, named
from ._lowrank import lobpcg, pca_lowrank, svd_lowrank

__all__ = [
    "chain_matmul", "cholesky", "cholesky_inverse", "cholesky_solve", "det", "eig", "geqrf",
    "inverse", "lobpcg", "logdet", "lstsq", "lu", "lu_solve", "lu_unpack", "matrix_exp",
    "matrix_power", "matrix_rank", "orgqr", "ormqr", "pca_lowrank", "pinverse", "qr", "slogdet",
    "solve", "svd", "svd_lowrank", "symeig", "triangular_solve", "vander",
]  # fmt: skip

Geqrf = named("geqrf", ("a", "tau"))
LUWithInfo = named("_lu_with_info", ("LU", "pivots", "info"))
LUUnpack = named("lu_unpack", ("P", "L", "U"))
QR = named("qr", ("Q", "R"))
Slogdet = named("slogdet", ("sign", "logabsdet"))
SVD = named("svd", ("U", "S", "V"))
TriangularSolve = named("triangular_solve", ("solution", "cloned_coefficient"))

# ---- Other names for what is in cnn.linalg ----


def det(input):
    """`linalg.det`."""
    return products.det(input)


def inverse(input, *, out=None):
    """`linalg.inv`."""
    return solving.inv(input, out=out)


def matrix_exp(input):
    """`linalg.matrix_exp`."""
    return products.matrix_exp(input)


def matrix_power(input, n, *, out=None):
    """`linalg.matrix_power`."""
    return products.matrix_power(input, n, out=out)


def orgqr(input, input2, *, out=None):
    """`linalg.householder_product`."""
    return factorizations.householder_product(input, input2, out=out)


def pinverse(input, rcond=1e-15):
    """`linalg.pinv`, with rcond of its own."""
    return spectral.pinv(input, rcond, hermitian=False)


def slogdet(input, *, out=None):
    """`linalg.slogdet`."""
    return into(out, Slogdet(*products.slogdet(input)), "slogdet")


_warned = set()


def _deprecated(name, instead):
    """Warns once of a name that PyTorch will drop."""
    if name in _warned:
        return
    import warnings

    _warned.add(name)
    warnings.warn(
        f"torch.{name} is deprecated in favor of torch.linalg.{instead} and will be removed in a "
        "future PyTorch release.",
        stacklevel=3,
    )


def chain_matmul(*matrices, out=None):
    """`linalg.multi_dot` of the arguments."""
    _deprecated("chain_matmul", "multi_dot")
    for matrix in matrices:
        if matrix.dim() != 2:
            raise RuntimeError(f"Tensor dimension is {matrix.dim()}, expected 2 instead.")
    if not matrices:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    if len(matrices) == 1:
        return into(out, matrices[0], "chain_matmul")
    return products.multi_dot(matrices, out=out)


def qr(input, some=True, *, out=None):
    """`linalg.qr`: reduced with `some`, else complete."""
    _deprecated("qr", "qr")
    result = factorizations.qr(input, "reduced" if some else "complete")
    return into(out, QR(*result), "qr")


def svd(input, some=True, compute_uv=True, *, out=None):
    """U, S, V of A = U diag(S) V'. `some`: reduced. Without `compute_uv` U and V are zeros."""
    if input.dim() < 2:
        raise RuntimeError(
            f"linalg.svd: input should have at least 2 dimensions, but has {input.dim()} "
            "dimensions instead"
        )
    if not compute_uv:
        s = spectral.svdvals(input)
        m, n = input.shape[-2:]
        u, v = (
            input.new_zeros((*input.shape[:-2], m, m)),
            input.new_zeros((*input.shape[:-2], n, n)),
        )
        return into(out, SVD(u, s, v), "svd")
    u, s, vh = spectral.svd(input, full_matrices=not some)
    return into(out, SVD(u, s, vh.mT), "svd")


def logdet(input):
    """The logarithm of the determinant; nan where that is negative."""
    _checks.require_square("logdet", input)
    _checks.require_floating("logdet", input, kernel="lu_cpu")
    sign, log = products.slogdet(input)
    return _C.where(sign == -1, float("nan"), log)


# ---- Cholesky ----


def cholesky(input, upper=False, *, out=None):
    """`linalg.cholesky`."""
    _deprecated("cholesky", "cholesky")
    _checks.require_square("cholesky", input)
    _checks.require_kernel("cholesky_cpu", input)
    factor, info = _triangles.cholesky(input, bool(upper))
    _checks.check_info("cholesky", "cholesky", info)
    return into(out, factor, "cholesky")


def cholesky_solve(input, input2, upper=False, *, out=None):
    """X of A X = B, given B [..., n, k] and the factor of A = L L' (or U' U where `upper`).

    One triangle of the factor is read; its gradient, as PyTorch's, is that of a full matrix.
    """
    op = "cholesky_solve"
    if input.dim() < 2:
        raise RuntimeError(
            f"b should have at least 2 dimensions, but has {input.dim()} dimensions instead"
        )
    if input2.dim() < 2:
        raise RuntimeError(
            f"u should have at least 2 dimensions, but has {input2.dim()} dimensions instead"
        )
    _checks.require_kernel("cholesky_cpu", input)
    _checks.require_same(op, input, input2, "b", "A")
    n = input2.shape[-1]
    if input2.shape[-2] != n:
        raise RuntimeError(
            f"A must be batches of square matrices, but they are {input2.shape[-2]} by {n} matrices"
        )
    if n != input.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for {op}: each A matrix is {n} by {n} but each b matrix is "
            f"{input.shape[-2]} by {input.shape[-1]}"
        )
    factor, b = _checks.broadcast_batches(input2, input)
    return into(out, _triangles.cholesky_solve(b, factor, bool(upper)), op)


def cholesky_inverse(input, upper=False, *, out=None):
    """The inverse of A, given the factor of A = L L' (or U' U where `upper`).

    One triangle of the factor is read; its gradient, as PyTorch's, is that of a full matrix.
    """
    _checks.require_square("cholesky_inverse", input)
    _checks.require_kernel("cholesky_inverse", input)
    zeros = input.detach().diagonal(0, -2, -1) == 0
    _checks.check_info("cholesky_inverse", "inv", first_of(zeros))
    return into(out, _triangles.cholesky_inverse(input, bool(upper)), "cholesky_inverse")


def first_of(mask):
    """The place of the first True along the last dimension, counted from 1; 0 without one."""
    if mask.shape[-1] == 0:
        return mask.new_zeros(mask.shape[:-1], dtype=_C.int32)
    return (mask.to(_C.int32).argmax(-1) + 1) * mask.any(-1)


# ---- Triangular systems ----


def triangular_solve(input, A, upper=True, transpose=False, unitriangular=False, *, out=None):
    """(X, A) of A X = B, or A' X = B where `transpose`, for triangles A; see
    `linalg.solve_triangular`."""
    op = "triangular_solve"
    _deprecated(op, "solve_triangular")
    for name, x in (("b", input), ("A", A)):
        if x.dim() < 2:
            raise RuntimeError(
                f"torch.triangular_solve: Expected {name} to have at least 2 dimensions, but it "
                f"has {x.dim()} dimensions instead"
            )
    _checks.require_same(op, input, A, "b", "A")
    _checks.require_floating(op, input)
    _checks.require_solvable(op, A, input, True)
    a, b = _checks.broadcast_batches(A, input)
    a = a.clone()  # which is part of the result
    used, upper = (a.mT, not upper) if transpose else (a, bool(upper))
    x = _triangles.solve_triangle(used, b, upper, True, bool(unitriangular))
    return into(out, TriangularSolve(x, a), op)


# ---- LU ----


def lu(input, pivot=True, get_infos=False, out=None):
    """LU and pivots of `linalg.lu_factor_ex`, and with `get_infos` its info."""
    _deprecated("lu", "lu_factor")
    result = LUWithInfo(*factorizations.lu_factor_ex(input, pivot=bool(pivot)))
    if get_infos:
        return into(out, result, "lu")
    return into(out, result[:2], "lu")


def lu_solve(input, LU_data, LU_pivots, *, out=None):
    """`linalg.lu_solve`, B first."""
    return factorizations.lu_solve(LU_data, LU_pivots, input, out=out)


def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """P, L and U of what `linalg.lu_factor` gives; empty where they are not asked for."""
    if LU_data.dim() < 2:
        raise RuntimeError(
            "torch.lu_unpack: Expected tensor with 2 or more dimensions. Got size: "
            f"{list(LU_data.shape)} instead"
        )
    if unpack_pivots and LU_pivots.dtype != _C.int32:
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
            "dtype. Note: this function is intended to be used with the output produced by "
            "torch.linalg.lu_factor"
        )
    p, lower, upper = factorizations.unpack(LU_data, LU_pivots, bool(unpack_pivots))
    if not unpack_data:
        lower = upper = LU_data.new_empty(0)
    return into(out, LUUnpack(p, lower, upper), "lu_unpack")


# ---- Reflections ----


def geqrf(input, *, out=None):
    """R in the upper triangle of a, and below it and in tau the reflections whose product is Q."""
    if input.dim() < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    _checks.require_kernel("geqrf_cpu", input)
    m, n = input.shape[-2:]
    if input.is_meta or input.numel() == 0:
        h, tau = input.detach().clone(), input.new_empty((*input.shape[:-2], min(m, n)))
    else:
        h, tau = _lapack.call("qr", input, mode="raw")
        h = h.mT
    return into(out, Geqrf(*_checks.without_derivative("geqrf", (h, tau), input)), "geqrf")


def ormqr(input, input2, input3, left=True, transpose=False, *, out=None):
    """Q C, C Q, or either with Q' where `transpose`, for the product Q [m, m] of the reflections
    `input`, `input2` of `geqrf`, and C `input3`."""
    op = "torch.ormqr"
    h, tau, c = input, input2, input3
    if h.dim() < 2:
        raise RuntimeError(f"{op}: input must have at least 2 dimensions.")
    if c.dim() < 2:
        raise RuntimeError(f"{op}: other must have at least 2 dimensions.")
    side = -2 if left else -1
    if c.shape[side] < tau.shape[-1]:
        raise RuntimeError(
            f"{op}: other.shape[{side}] must be greater than or equal to tau.shape[-1]"
        )
    if c.shape[side] != h.shape[-2]:
        raise RuntimeError(f"{op}: other.shape[{side}] must be equal to input.shape[-2]")
    if tau.shape[-1] > h.shape[-1]:
        raise RuntimeError(f"{op}: tau.shape[-1] must be less than or equal to input.shape[-1]")
    if h.dim() - tau.dim() != 1:
        raise RuntimeError(
            f"{op}: Expected tau to have one dimension less than input, but got tau.ndim equal to "
            f"{tau.dim()} and input.ndim is equal to {h.dim()}"
        )
    if h.dim() != c.dim():
        raise RuntimeError(
            f"{op}: Expected other to have the same number of dimensions as input, but got "
            f"other.ndim equal to {c.dim()} and input.ndim is equal to {h.dim()}"
        )
    if h.shape[:-2] != tau.shape[:-1]:
        raise RuntimeError(
            f"{op}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got "
            f"{list(tau.shape[:-1])}"
        )
    if h.shape[:-2] != c.shape[:-2]:
        raise RuntimeError(
            f"{op}: Expected batch dimensions of other to be equal to input.shape[:-2], but got "
            f"{list(c.shape[:-2])}"
        )
    for name, x in (("tau", tau), ("other", c)):
        if x.dtype != h.dtype:
            raise RuntimeError(
                f"{op}: Expected input and {name} to have the same dtype, but input has dtype "
                f"{h.dtype} and {name} has dtype {x.dtype}"
            )
    _checks.require_kernel("ormqr_cpu", h)
    v, t = factorizations.reflections(h, tau)
    t = t.mT if transpose else t
    if left:
        result = c - v @ (t @ (v.mT @ c))
    else:
        result = c - ((c @ v) @ t) @ v.mT
    return into(out, result, "ormqr")


# ---- What PyTorch has dropped: the names are there, and say what to use ----


def _gone(function):
    """Lets a function raise what it says of itself."""
    sentence = function.__doc__

    @wraps(function)
    def refuse(*args, **kwargs):
        raise RuntimeError(
            f"This function was deprecated since version 1.9 and is now removed. {sentence}"
        )

    refuse.__refuses__ = sentence.rstrip(".")
    return refuse


@_gone
def eig(input, eigenvectors=False, *, e=None, v=None):
    """Use linalg.eigh for symmetric matrices; the eigenvalues of others are complex."""


@_gone
def symeig(input, eigenvectors=False, upper=True, *, out=None):
    """Use linalg.eigh, which reads the lower triangle by default."""


@_gone
def lstsq(input, A, *, out=None):
    """Use linalg.lstsq, whose arguments are the other way about."""


@_gone
def solve(input, A, *, out=None):
    """Use linalg.solve, whose arguments are the other way about."""


@_gone
def matrix_rank(input, tol=None, symmetric=False, *, out=None):
    """Use linalg.matrix_rank."""


def vander(x, N=None, increasing=False):
    """The powers of the elements of x [n], as columns [n, N], the highest first, or last where
    `increasing`. N is n by default.
    """
    if x.dim() != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    x = x.to(_C.int64) if x.dtype == _C.bool else x
    powers = x.new_ones((x.shape[0], min(n, 1)))
    if n > 1:
        rest = x.unsqueeze(-1).expand(x.shape[0], n - 1)
        powers = _C.cat([powers, _C.cumprod(rest, -1)], -1)
    return powers if increasing else powers.flip(-1)


# Autocast lists them by these names.
_AS = {"lu": "_lu_with_info"}

for _name in __all__:
    globals()[_name].__module__ = "cnn"  # where users and pickles find them
_faces.let_override(globals(), __all__, **_AS)
