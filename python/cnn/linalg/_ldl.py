"""Factors of symmetric matrices that need not be definite, without gradients.

The algorithm and the form of its results are those of LAPACK's sytrf and sytrs on a lower triangle
(Bunch and Kaufman, 1977): blocks of one or two rows on the diagonal of D.
"""

from __future__ import annotations

from .. import _C
from . import _checks
from ._checks import into, named

LDLFactor = named("linalg_ldl_factor", ("LD", "pivots"))
LDLFactorEx = named("linalg_ldl_factor_ex", ("LD", "pivots", "info"))


def ldl_factor_ex(input, *, hermitian=False, check_errors=False, out=None):
    """`ldl_factor` and info, an int32 for each matrix: 0, or the first block of D that is 0,
    counted from 1. `check_errors` raises instead."""
    op = "torch.linalg.ldl_factor_ex"
    _checks.require_square(op, input)
    _checks.require_floating(op, input)
    a = input.detach()
    n = a.shape[-1]
    pivots = _C.zeros(a.shape[:-1], dtype=_C.int32, device=a.device)
    info = _C.zeros(a.shape[:-2], dtype=_C.int32, device=a.device)
    factor = a.tril()
    if not a.is_meta:
        count = info.numel()
        flat = factor.cpu().contiguous().reshape(count, n, n)
        where = pivots.cpu().view(count, n)
        with _quiet():
            found = [_factor(m, places) for m, places in zip(flat.numpy(), where.numpy())]
        info = _C.tensor(found, dtype=_C.int32, device=a.device).reshape(info.shape)
        factor = flat.reshape(a.shape).to(a.device)
        pivots = where.reshape(pivots.shape).to(a.device)
    if check_errors:
        _checks.check_info(op, "ldl_factor", info)
    results = _checks.without_derivative("linalg_ldl_factor_ex", (factor, pivots, info), input)
    return into(out, LDLFactorEx(*results), op)


def ldl_factor(input, *, hermitian=False, out=None):
    """LD and pivots of A = P L D L' P' for symmetric A [..., n, n], whose lower triangle is read.

    L lies below the blocks of D, its ones left out. pivots (int32) are LAPACK's: row i was
    exchanged with row pivots[i], counted from 1; the two rows of a block have the same negative
    number, of the row that the second was exchanged with. Without gradient.
    """
    result = ldl_factor_ex(input, hermitian=hermitian)
    _checks.check_info("torch.linalg.ldl_factor", "ldl_factor", result.info)
    return into(out, LDLFactor(result.LD, result.pivots), "torch.linalg.ldl_factor")


def ldl_solve(LD, pivots, B, *, hermitian=False, out=None):
    """X of A X = B by the factors of `ldl_factor`."""
    op = "torch.linalg.ldl_solve"
    _checks.require_square(op, LD, "LD")
    _checks.require_floating(op, LD)
    _checks.require_matrix(op, B, "B")
    if LD.shape[:-1] != pivots.shape:
        raise RuntimeError(
            f"{op}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with "
            f"shape {list(pivots.shape)} instead"
        )
    if pivots.dtype.is_floating_point or pivots.dtype == _C.bool:
        raise RuntimeError(
            f"{op}: Expected pivots to be integers. Got {_checks.type_name(pivots.dtype)}"
        )
    if LD.dtype != B.dtype:
        raise RuntimeError(
            f"{op}: LD dtype {_checks.type_name(LD.dtype)} does not match b dtype "
            f"{_checks.type_name(B.dtype)}"
        )
    _checks.require_solvable(op, LD, B, True)
    n = LD.shape[-1]
    factor, right = _checks.broadcast_batches(LD.detach(), B.detach())
    x = right.contiguous().clone()
    if not x.is_meta and x.numel():
        x = x.cpu()
        flat = x.view(-1, n, x.shape[-1]).numpy()
        places = pivots.cpu().expand(factor.shape[:-1]).reshape(-1, n)
        if not (((places != 0) & (places.abs() <= n)).all()):
            raise RuntimeError(f"{op}: pivots must lie between 1 and {n}, or -{n} and -1")
        with _quiet():
            host = factor.cpu().reshape(-1, n, n).numpy()
            for ld, place, b in zip(host, places.tolist(), flat):
                _solve(ld, place, b)
        x = x.to(right.device)
    (x,) = _checks.without_derivative("linalg_ldl_solve", (x,), LD, B)
    return into(out, x, op)


def _quiet():
    """inf and nan are results; NumPy would warn of them."""
    import numpy

    return numpy.errstate(all="ignore")


_ALPHA = (1 + 17**0.5) / 8  # bounds the growth of elements


def _factor(a, pivots):
    """Factors the lower triangle of a in place; info."""
    import numpy

    n, k, info = a.shape[0], 0, 0
    while k < n:
        p, step = _pivot(a, k)
        if p is None:
            info = info or k + 1
            pivots[k] = k + 1
            k += 1
            continue
        at = k + step - 1
        if p != at:
            _exchange(a, k, at, p)
        if step == 1:
            column = a[k + 1 :, k].copy()
            scaled = column / a[k, k]
            a[k + 1 :, k + 1 :] -= numpy.tril(numpy.outer(scaled, column))
            a[k + 1 :, k] = scaled
            pivots[k] = p + 1
        else:
            columns = a[k + 2 :, k : k + 2].copy()
            d = a[k + 1, k]
            d11, d22 = a[k + 1, k + 1] / d, a[k, k] / d
            d = 1 / (d11 * d22 - 1) / d
            first = d * (d11 * columns[:, 0] - columns[:, 1])
            second = d * (d22 * columns[:, 1] - columns[:, 0])
            scaled = numpy.stack([first, second], 1)
            a[k + 2 :, k + 2 :] -= numpy.tril(scaled @ columns.T)
            a[k + 2 :, k : k + 2] = scaled
            pivots[k] = pivots[k + 1] = -(p + 1)
        k += step
    return info


def _pivot(a, k):
    """The row to bring to the block at k, and its size; None where the column is 0 or nan."""
    n = a.shape[0]
    own = abs(a[k, k])
    row, largest = k, 0
    if k + 1 < n:
        row = k + 1 + int(abs(a[k + 1 :, k]).argmax())
        largest = abs(a[row, k])
    if max(own, largest) == 0 or own != own:
        return None, 1
    if own >= _ALPHA * largest:
        return k, 1
    beside = abs(a[row, k:row]).max()
    if row + 1 < n:
        beside = max(beside, abs(a[row + 1 :, row]).max())
    if own >= _ALPHA * largest * (largest / beside):
        return k, 1
    return row, 1 if abs(a[row, row]) >= _ALPHA * beside else 2


def _exchange(a, k, at, p):
    """Rows and columns at and p of the symmetric matrix that is left at k; p is the later."""
    below = a[p + 1 :, at].copy()
    a[p + 1 :, at], a[p + 1 :, p] = a[p + 1 :, p].copy(), below
    between = a[at + 1 : p, at].copy()
    a[at + 1 : p, at], a[p, at + 1 : p] = a[p, at + 1 : p].copy(), between
    a[at, at], a[p, p] = a[p, p], a[at, at]
    if at != k:
        a[at, k], a[p, k] = a[p, k], a[at, k]


def _solve(ld, pivots, b):
    """inv(A) b in place."""
    import numpy

    def exchange(i, j):
        if i != j:
            b[[i, j]] = b[[j, i]]

    n, k = len(pivots), 0
    ends = []
    while k < n:
        size = 1 if pivots[k] > 0 or k + 1 == n else 2
        end = k + size
        exchange(end - 1, abs(pivots[k]) - 1)
        b[end:] -= ld[end:, k:end] @ b[k:end]
        if size == 1:
            b[k] /= ld[k, k]
        else:
            block = numpy.tril(ld[k:end, k:end])
            block[0, 1] = block[1, 0]
            (d00, d01), (_, d11) = block / block[1, 0]
            first, second = b[k] / block[1, 0], b[k + 1] / block[1, 0]
            scale = d00 * d11 - d01
            b[k], b[k + 1] = (d11 * first - second) / scale, (d00 * second - first) / scale
        ends.append((k, end))
        k = end
    for k, end in reversed(ends):
        b[k:end] -= ld[end:, k:end].T @ b[end:]
        exchange(end - 1, abs(pivots[k]) - 1)
