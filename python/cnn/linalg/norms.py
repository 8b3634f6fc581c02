"""Norms of vectors and matrices."""

from __future__ import annotations

from .. import _C
from .._refusals import dim_of
from . import _checks
from ._checks import into

__all__ = ["matrix_norm", "norm", "vector_norm"]

_INF = float("inf")


def vector_norm(input, ord=2, dim=None, keepdim=False, *, dtype=None, out=None):
    """(sum |x|^ord)^(1/ord) over `dim`, or over all; inf: the largest size, -inf: the least, 0: how
    many are not 0."""
    return _C.linalg_vector_norm(input, ord, dim, keepdim, dtype=dtype, out=out)


def norm(input, ord=None, dim=None, keepdim=False, *, out=None, dtype=None):
    """`matrix_norm` where `dim` is a pair, or where ord is given and the input has two dimensions;
    `vector_norm` else, and over everything where neither is given."""
    if dim is not None:
        dim = (dim,) if isinstance(dim, int) else tuple(dim)
        if len(dim) not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}"
            )
    elif ord is not None and input.dim() not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
            f"{input.dim()}D."
        )
    of_matrices = len(dim) == 2 if dim is not None else input.dim() == 2
    if isinstance(ord, str) or (ord is not None and of_matrices):
        return matrix_norm(input, ord, dim or (0, 1), keepdim, dtype=dtype, out=out)
    return vector_norm(input, 2 if ord is None else ord, dim, keepdim, dtype=dtype, out=out)


def matrix_norm(input, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None, out=None):
    """Norms of the matrices over two dimensions.

    'fro': of the elements; 'nuc': the sum of singular values; 2, -2: the largest and the least of
    them; 1, -1: the largest and the least sum of sizes of a column; inf, -inf: of a row.
    """
    op = "linalg.matrix_norm"
    x = input
    _checks.require_matrix(op, x)
    by_elements = ord == "fro" or (not isinstance(ord, str) and abs(ord) in (1, _INF))
    _checks.require_floating(op, x, low_precision=by_elements)
    dim = tuple(dim) if not isinstance(dim, int) else (dim,)
    if len(dim) != 2:
        raise RuntimeError(f"{op}: dim must be a 2-tuple. Got {' '.join(map(str, dim))}")
    rows, columns = dim_of(x, dim[0]), dim_of(x, dim[1])
    if rows == columns:
        raise RuntimeError(f"{op}: dims must be different. Got ({dim[0]}, {dim[1]})")
    if dtype is not None:
        if not dtype.is_floating_point:
            raise RuntimeError(
                f"{op}: dtype should be floating point or complex, but got "
                f"{_checks.type_name(dtype)}"
            )
        x = x.to(dtype)
    if isinstance(ord, str):
        if ord not in ("fro", "nuc"):
            raise RuntimeError(f"{op}: Order {ord} not supported.")
        if ord == "fro":
            return into(out, _C.linalg_vector_norm(x, 2, (rows, columns), keepdim), op)
    elif abs(ord) not in (1, 2, _INF):
        raise RuntimeError(f"{op}: Order {ord} not supported.")
    if isinstance(ord, str) or abs(ord) == 2:
        result = _by_singular_values(x, ord, rows, columns)
    else:
        result = _by_sums(x, ord, rows, columns)
    if keepdim:
        for d in sorted((rows, columns)):
            result = result.unsqueeze(d)
    return into(out, result, op)


def _by_singular_values(x, ord, rows, columns):
    from .spectral import svdvals

    values = svdvals(x.movedim((rows, columns), (-2, -1)))
    if ord == "nuc":
        return values.sum(-1)
    if ord > 0 and values.shape[-1] == 0:
        return values.sum(-1)
    return values.amax(-1) if ord > 0 else values.amin(-1)


def _by_sums(x, ord, rows, columns):
    summed, sought = (rows, columns) if abs(ord) == 1 else (columns, rows)
    sums = _C.linalg_vector_norm(x, 1, (summed,), True)
    if ord > 0 and x.shape[sought] == 0:
        return sums.sum((rows, columns))
    sums = sums.amax(sought, keepdim=True) if ord > 0 else sums.amin(sought, keepdim=True)
    return sums.squeeze((rows, columns))
