"""Reductions, scans, sorting and normalisations along dimensions."""

from __future__ import annotations

import numpy as np

import cnn
from op_cases import ALL, INTS, NUMBERS, Fixed, Op, X, case, error

A = X(2, 3, 4)
D = X(2, 3, 4, distinct=True)
AWAY = X(2, 3, kinks=(0,))
SMALL = X(2, 3)
EMPTY = X(2, 0)
DIM = error(IndexError, "out of range", X(2, 3), 2)
LARGE = X(1024, 1030)
ROW = X(64, 16500)


def axes(dim):
    return (
        None
        if dim is None or (isinstance(dim, (tuple, list)) and not dim)
        else (tuple(dim) if isinstance(dim, (tuple, list)) else dim)
    )


def along(f):
    """f as an op with dim and keepdim."""
    return lambda x, dim=None, keepdim=False: f(x, axis=axes(dim), keepdims=keepdim)


def variance(x, dim=None, *, correction=1, keepdim=False):
    return np.var(x, axis=axes(dim), ddof=correction, keepdims=keepdim)


def logsumexp(x, dim, keepdim=False):
    return np.log(np.sum(np.exp(x), axis=axes(dim), keepdims=keepdim))


def norm(x, p=2, dim=None, keepdim=False):
    a, k = np.abs(x), {"axis": axes(dim), "keepdims": keepdim}
    if p == float("inf"):
        return a.max(**k)
    if p == -float("inf"):
        return a.min(**k)
    if p == 0:
        return (a != 0).sum(**k).astype(float)
    return (a**p).sum(**k) ** (1 / p)


def extremum(best, where):
    def reference(x, dim=None, keepdim=False):
        if dim is None:
            return best(x)
        index = where(x, axis=dim, keepdims=keepdim)
        return best(x, axis=dim, keepdims=keepdim), index

    return reference


def softmax(x, dim):
    e = np.exp(x - x.max(axis=dim, keepdims=True)) if x.size else x
    return e / e.sum(axis=dim, keepdims=True)


def running(best):
    """(values, indices) of a running extremum; the index is where it last stood."""

    def reference(x, dim):
        values = best.accumulate(x, axis=dim)
        place = np.arange(x.shape[dim]).reshape(
            [-1 if i == dim % x.ndim else 1 for i in range(x.ndim)]
        )
        return values, np.maximum.accumulate(np.where(x == values, place, 0), axis=dim)

    return reference


def sort(x, dim=-1, descending=False, stable=True):
    order = np.argsort(-x if descending else x, axis=dim, kind="stable")
    return np.take_along_axis(x, order, axis=dim), order


def topk(x, k, dim=-1, largest=True):
    values, order = sort(x, dim, largest)
    return values.take(range(k), axis=dim), order.take(range(k), axis=dim)


def kth(x, k, dim=-1, keepdim=False):
    values, order = sort(x, dim)
    pick = [k - 1] if keepdim else k - 1
    return values.take(pick, axis=dim), order.take(pick, axis=dim)


def median(x, dim=None, keepdim=False):
    if dim is None:
        return np.sort(x.ravel())[(x.size - 1) // 2]
    return kth(x, (x.shape[dim] - 1) // 2 + 1, dim, keepdim)


def renorm(x, p, dim, maxnorm):
    size = np.linalg.norm(np.moveaxis(x, dim, 0).reshape(x.shape[dim], -1), p, axis=1).reshape(
        [-1 if d == dim else 1 for d in range(x.ndim)]
    )
    return x * np.where(size > maxnorm, maxnorm / (size + 1e-7), 1)


def mode(x, dim=-1, keepdim=False):
    def one(row):
        values, counts = np.unique(row, return_counts=True)
        value = values[counts == counts.max()].min()
        return value, np.flatnonzero(row == value)[-1]

    value = np.apply_along_axis(lambda r: one(r)[0], dim, x)
    index = np.apply_along_axis(lambda r: one(r)[1], dim, x)
    return (np.expand_dims(value, dim), np.expand_dims(index, dim)) if keepdim else (value, index)


def reduction(name, reference, *cases, arg=A, **options):
    """A row of a reduction over all, over one and over several dimensions."""
    options.setdefault("errors", [DIM])
    several = [case(arg), case(arg, 1), case(arg, (0, -1), keepdim=True), case(X(5), 0)]
    return Op(name, reference, [*several, *cases], large=case(LARGE, 0), **options)


SUMS = {"tolerance": 4}
BYTELESS = tuple(d for d in ALL if d != cnn.uint8)  # of uint8 the result is uint8
ONE = [case(D), case(D, 1), case(D, -1, keepdim=True), case(X(4, distinct=True), 0)]
PAIR = (None, cnn.int64)
NO_ELEMENTS = error(IndexError, "", X(2, 0), 1)

ROWS = [
    reduction("sum", along(np.sum), case(X()), case(EMPTY), case(EMPTY, 1), case(X(0, 3), 1), any_out=True, **SUMS),
    reduction("mean", along(np.mean), case(X()), case(X(0, 3), 1), **SUMS),
    reduction("nansum", lambda x, *a, **k: along(np.nansum)(x, *a, **k),
              case(Fixed([[1.0, np.nan], [np.nan, 2.0]]), 1).no_grad(), **SUMS),
    reduction("nanmean", lambda x, *a, **k: along(np.nanmean)(x, *a, **k), **SUMS),
    Op("prod", along(np.prod), [case(X(2, 3, kinks=(0,))), case(A, 1), case(A, -1, keepdim=True), case(X()),
       case(EMPTY, 1), case(Fixed([[0.0, 2.0, 3.0], [0.0, 0.0, 1.5]]), 1)], tolerance=4, errors=[DIM],
       large=case(X(1024, 1030, low=0.99, high=1.01), 0), in_place=False),
    reduction("any", along(np.any), dtypes=BYTELESS, result=cnn.bool, grad=0),
    reduction("all", along(np.all), dtypes=BYTELESS, result=cnn.bool, grad=0),
    Op("count_nonzero", lambda x, dim=None: np.count_nonzero(x, axis=axes(dim)) + np.int64(0),
       [case(A), case(A, 1), case(A, (0, 2))], dtypes=ALL, result=cnn.int64, grad=0, errors=[DIM]),
    Op("trace", np.trace, [case(X(3, 3)), case(X(2, 4)), case(X(0, 0))],
       errors=[error(RuntimeError, "expected a matrix", X(3))]),
    Op("logsumexp", logsumexp, [case(A, 1), case(A, (0, 2)), case(A, -1, keepdim=True)], large=case(LARGE, 0),
       errors=[DIM]),
    Op("linalg_vector_norm", norm, [case(AWAY), case(AWAY, 1), case(AWAY, 3, 1), case(D, float("inf"), (1,)),
       case(AWAY, 2, (0,), True), case(AWAY, 0).no_grad()], tolerance=4, large=case(LARGE, 2, 0)),
    Op("norm", norm, [case(AWAY), case(AWAY, 1), case(AWAY, 3, 1), case(D, float("inf"), 1), case(AWAY, 2, 0, True)],
       tolerance=4),
    Op("renorm", renorm, [case(SMALL, 2, 0, 1.0), case(SMALL, 1.5, 1, 0.7), case(D, 1, 1, 2),
       case(SMALL, float("inf"), 0, 0.5)], tolerance=8, large=case(LARGE, 2, 0, 1.0),
       errors=[error(RuntimeError, "non-positive", X(2, 3), 0, 0, 1.0),
       error(RuntimeError, "maxnorm to be >= 0", X(2, 3), 2, 0, -1.0), error(IndexError, "out of range", A, 2, 5, 1.0),
       error(RuntimeError, "at least 2 dimensions", X(3), 2, 0, 1.0)]),
    Op("dist", lambda a, b, p=2: norm(a - b, p),
       [case(SMALL, X(2, 3, low=3, high=5)), case(SMALL, X(3, low=3, high=5), 1)], tolerance=4),
    Op("max", extremum(np.max, np.argmax), [*ONE, case(X())], result=PAIR, dtypes=NUMBERS, large=case(LARGE, 0),
       errors=[DIM, NO_ELEMENTS, error(RuntimeError, "", X(0))]),
    Op("min", extremum(np.min, np.argmin), [*ONE, case(X())], result=PAIR, dtypes=NUMBERS, large=case(LARGE, 0),
       errors=[DIM, NO_ELEMENTS]),
    Op("amax", along(np.max), [*ONE, case(D, (0, 2))], dtypes=NUMBERS, large=case(LARGE, 0), errors=[DIM, NO_ELEMENTS]),
    Op("amin", along(np.min), [*ONE, case(D, (0, 2))], dtypes=NUMBERS, large=case(LARGE, 0), errors=[DIM, NO_ELEMENTS]),
    Op("aminmax", lambda x, dim=None, keepdim=False: (x.min(axis=dim, keepdims=keepdim),
       x.max(axis=dim, keepdims=keepdim)), [case(D), case(D, dim=1), case(D, dim=-1, keepdim=True)], dtypes=NUMBERS),
    Op("argmax", along(np.argmax), ONE, dtypes=NUMBERS, result=cnn.int64, grad=0, errors=[DIM, NO_ELEMENTS]),
    Op("argmin", along(np.argmin), ONE, dtypes=NUMBERS, result=cnn.int64, grad=0, errors=[DIM, NO_ELEMENTS]),
    reduction("var", variance, case(A, correction=0), case(A, 1, correction=2), arg=X(2, 3, 4), **SUMS),
    Op("std", lambda x, *a, **k: np.sqrt(variance(x, *a, **k)),
       [case(A), case(A, 1), case(A, (0, -1), keepdim=True), case(A, correction=0)], tolerance=8, large=case(LARGE, 0)),
    Op("var_mean", lambda x, dim=None: (variance(x, dim), np.mean(x, axis=axes(dim))),
       [case(A), case(A, 1), case(A, (0, 2))], tolerance=4),
    Op("std_mean", lambda x, dim=None: (np.sqrt(variance(x, dim)), np.mean(x, axis=axes(dim))),
       [case(A), case(A, 1), case(A, (0, 2))], tolerance=8),
    Op("cumsum", lambda x, dim: np.cumsum(x, axis=dim),
       [case(A, 1), case(A, -1), case(X(0, 3), 0), case(X(), 0).no_grad()][:3], tolerance=8, large=case(ROW, 1),
       errors=[DIM]),
    Op("cumprod", lambda x, dim: np.cumprod(x, axis=dim),
       [case(AWAY, 1), case(A, -1), case(Fixed([[2.0, 0.0, 3.0, 1.5]]), 1)], tolerance=8, errors=[DIM]),
    Op("logcumsumexp", lambda x, dim: np.log(np.cumsum(np.exp(x), axis=dim)), [case(A, 1), case(A, -1)], tolerance=4,
       errors=[DIM]),
    Op("cummax", running(np.maximum), [case(D, 1), case(D, -1)], dtypes=NUMBERS, result=PAIR, errors=[DIM]),
    Op("cummin", running(np.minimum), [case(D, 1), case(D, -1)], dtypes=NUMBERS, result=PAIR, errors=[DIM]),
    Op("sort", sort, [case(D), case(D, 1), case(D, 0, True), case(X(9), 0).no_grad(), case(D, stable=True, dim=1),
       case(EMPTY)], dtypes=NUMBERS, result=PAIR, large=case(ROW), errors=[DIM]),
    Op("argsort", lambda *a, **k: sort(*a, **k)[1],
       [case(D), case(D, 1), case(D, 0, True), case(X(40, low=0, high=3)), case(D, stable=True, dim=1)], dtypes=NUMBERS,
       result=cnn.int64, grad=0),
    Op("msort", lambda x: np.sort(x, axis=0), [case(D), case(X(7, distinct=True))], dtypes=NUMBERS),
    Op("topk", topk, [case(D, 2), case(D, 1, 0), case(D, 2, 1, False)], dtypes=NUMBERS, result=PAIR, large=case(ROW, 5),
       errors=[error(RuntimeError, "out of range", X(3), 4), error(RuntimeError, "out of range", X(3), -1)]),
    Op("kthvalue", kth, [case(D, 2), case(D, 1, 0), case(D, 3, 1, True)], dtypes=NUMBERS, result=PAIR,
       errors=[error(RuntimeError, "out of range", X(3), 0), error(RuntimeError, "out of range", X(3), 4)]),
    Op("median", median, ONE, dtypes=NUMBERS, result=PAIR, errors=[DIM]),
    Op("nanmedian", median, ONE, dtypes=NUMBERS, result=PAIR),
    Op("mode", mode, [case(X(2, 9, low=0, high=4, distinct=False)).only(INTS), case(D, 1), case(D, 0, True)],
       dtypes=NUMBERS, result=PAIR),
    Op("softmax", softmax, [case(A, 1), case(A, -1), case(X(5), 0), case(EMPTY, 1), case(X(2, 1), 1)], tolerance=2,
       large=case(ROW, 1), errors=[DIM]),
    Op("log_softmax", lambda x, dim: np.log(softmax(x, dim)), [case(A, 1), case(A, -1), case(X(5), 0), case(EMPTY, 1)],
       tolerance=2, large=case(ROW, 1), errors=[DIM]),
    Op("_softmax_backward_data", lambda g, y, dim, _: y * (g - (g * y).sum(axis=dim, keepdims=True)),
       [case(A, A, 1, cnn.float32).only((cnn.float32,))], grad=0, tolerance=4, dtypes=(cnn.float32,)),
    Op("_log_softmax_backward_data", lambda g, y, dim, _: g - np.exp(y) * g.sum(axis=dim, keepdims=True),
       [case(A, A, 1, cnn.float32)], grad=0, tolerance=4, dtypes=(cnn.float32,)),
]  # fmt: skip
