"""Reading and writing at indices."""

from __future__ import annotations

import numpy as np

import cnn
from op_cases import ALL, INTS, NUMBERS, Fixed, Index, Mask, Op, X, case, error

A = X(4, 3)
LONG = cnn.int64
BIG = X(1024, 1030)


def at(x, dim, index):
    """NumPy's index that means `index` along dim, element by element."""
    grid = np.meshgrid(*[np.arange(n) for n in index.shape], indexing="ij", sparse=True)
    return tuple(index if i == dim % x.ndim else grid[i] for i in range(x.ndim))


def along(dim, index, ndim):
    return (slice(None),) * (dim % ndim) + (index,)


def index_put(x, indices, values, accumulate=False):
    out = x.copy()
    if accumulate:
        np.add.at(out, tuple(indices), values)
    else:
        out[tuple(indices)] = values
    return out


def index_add(x, dim, index, source, alpha=1):
    out = x.copy()
    np.add.at(out, along(dim, index, x.ndim), (alpha * source).astype(x.dtype))
    return out


def index_set(x, dim, index, value):
    out = x.copy()
    out[along(dim, index, x.ndim)] = value
    return out


def scatter(x, dim, index, src, reduce=None):
    out, src = x.copy(), src if np.ndim(src) == 0 else src[tuple(map(slice, index.shape))]
    {None: lambda a, i, v: a.__setitem__(i, v), "add": np.add.at, "multiply": np.multiply.at}[
        reduce
    ](out, at(x, dim, index), src)
    return out


def scatter_add(x, dim, index, src):
    return scatter(x, dim, index, src, "add")


def scatter_reduce(x, dim, index, src, reduce, include_self=True):
    out, src, places = x.copy(), src[tuple(map(slice, index.shape))], at(x, dim, index)
    touched = np.zeros(x.shape, int)
    np.add.at(touched, places, 1)
    start = {"sum": 0, "prod": 1, "mean": 0, "amax": -np.inf, "amin": np.inf}[reduce]
    if not include_self:
        out = np.where(touched > 0, start, out)
    op = {
        "sum": np.add,
        "prod": np.multiply,
        "mean": np.add,
        "amax": np.maximum,
        "amin": np.minimum,
    }[reduce]
    op.at(out, places, src)
    return (
        np.where(touched > 0, out / np.maximum(touched + include_self, 1), out)
        if reduce == "mean"
        else out
    )


def masked_scatter(x, mask, source):
    out = x.copy()
    mask = np.broadcast_to(mask, x.shape)
    out[mask] = source.ravel()[: mask.sum()]
    return out


def put(x, index, source, accumulate=False):
    out = x.ravel().copy()
    if accumulate:
        np.add.at(out, index.ravel(), source.ravel())
    else:
        out[index.ravel()] = source.ravel()
    return out.reshape(x.shape)


def index_reduce(x, dim, index, source, reduce, include_self=True):
    spread = np.broadcast_to(
        index.reshape([-1 if i == dim else 1 for i in range(x.ndim)]), source.shape
    )
    return scatter_reduce(x, dim, spread, source, reduce, include_self)


def take_along(x, indices, dim=None):
    return x.ravel()[indices.ravel()] if dim is None else np.take_along_axis(x, indices, dim)


def searchsorted(edges, x, out_int32=False, right=False):
    return np.searchsorted(edges, x, "right" if right else "left").astype(np.int64)


def nonzero_static(x, size, fill_value=-1):
    found = np.argwhere(x)[:size]
    return np.concatenate([found, np.full((size - len(found), x.ndim), fill_value)])


def outside(low, match="out of range"):
    """Calls whose index reaches beyond both ends."""
    return error(IndexError, match, *low)


ROW_INDEX = Index(2, below=4, distinct=True)
BAD = Fixed([0, 4], LONG)
BELOW = Fixed([-5, 0], LONG)
EDGES = Fixed([-1.0, 0.0, 0.5, 2.0])
OUT = "out of (range|bounds)"

ROWS = [
    Op("index", lambda x, i: x[tuple(i)],
       [case(A, [Index(2, below=4)]), case(A, [Index(2, 1, below=4), Index(3, below=3)]), case(A, [Mask(4)]),
       case(A, [Index(0, below=4)])], dtypes=ALL, meta=False,
       errors=[error(IndexError, OUT, A, [BAD]), error(IndexError, OUT, A, [BELOW]), error(IndexError, "", A, [X(3)]),
       error(IndexError, "", A, [Mask(3)]), error(IndexError, "too many indices", A, [BAD, BAD, BAD])],
       large=case(BIG, [Index(2000, below=1024)])),
    Op("index_put", index_put, [case(A, [ROW_INDEX], X(2, 3)), case(A, [ROW_INDEX], X()),
       case(A, [Index(5, below=4), Index(5, below=3)], X(5), True)], dtypes=ALL, meta=False,
       errors=[error(IndexError, OUT, A, [BAD], X(2, 3)), error(IndexError, OUT, A, [BELOW], X(2, 3)),
       error(RuntimeError, "", A, [ROW_INDEX], X(5))],
       large=case(BIG, [Index(200000, below=1024), Index(200000, below=1030)], X(200000), True)),
    Op("index_select", lambda x, d, i: np.take(x, i, d),
       [case(A, 0, Index(5, below=4)), case(A, 1, Index(2, below=3)), case(A, -1, Index(0, below=3))], dtypes=ALL,
       errors=[error(IndexError, OUT, A, 0, BAD), error(IndexError, OUT, A, 0, BELOW), error(IndexError, "", A, 2, BAD),
       error((IndexError, RuntimeError), "", A, 0, Index(2, 2, below=2))], large=case(BIG, 0, Index(1500, below=1024))),
    Op("index_add", index_add, [case(A, 0, Index(5, below=4), X(5, 3)),
       case(A, 1, Index(2, below=3), X(4, 2), alpha=2)], dtypes=ALL,
       errors=[error((IndexError, RuntimeError), OUT, A, 0, BAD, X(2, 3)),
       error((IndexError, RuntimeError), "", A, 0, Index(2, below=4), X(3, 3))],
       large=case(BIG, 0, Index(2000, below=1024), X(2000, 1030))),
    Op("index_copy", index_set, [case(A, 0, ROW_INDEX, X(2, 3)), case(A, 1, Index(2, below=3, distinct=True), X(4, 2))],
       dtypes=ALL, errors=[error(IndexError, OUT, A, 0, BAD, X(2, 3)),
       error((IndexError, RuntimeError), "", A, 0, ROW_INDEX, X(3, 3))]),
    Op("index_fill", index_set, [case(A, 0, ROW_INDEX, 2), case(A, 1, Index(2, below=3), X())], dtypes=NUMBERS,
       errors=[error(IndexError, OUT, A, 0, BAD, 1.0), error(RuntimeError, "0-dimension", A, 0, ROW_INDEX, X(2))]),
    Op("index_reduce", index_reduce, [case(A, 0, Index(5, below=4), X(5, 3, kinks=(0,)), r,
       include_self=s) for r in ("prod", "mean", "amax", "amin") for s in (True, False)] + [case(A, 1,
       Index(2, below=3), X(4, 2), "prod")], tolerance=4,
       errors=[error((IndexError, RuntimeError), OUT, A, 0, BAD, X(2, 3), "prod"),
       error(RuntimeError, "prod, mean, amax or amin", A, 0, ROW_INDEX, X(2, 3), "sum"),
       error(RuntimeError, "Number of indices", A, 0, ROW_INDEX, X(3, 3), "prod"),
       error(RuntimeError, "must match", A, 0, ROW_INDEX, X(2), "prod"),
       error(RuntimeError, "int64", A, 0, X(2), X(2, 3), "prod"),
       error(NotImplementedError, "Bool", A, 0, ROW_INDEX, X(2, 3), "amax", dtype=cnn.bool)],
       large=case(BIG, 0, Index(2000, below=1024), X(2000, 1030), "amax")),
    Op("put", put, [case(A, Index(2, 3, below=12, distinct=True), X(2, 3)), case(A, Fixed([-1, 0], LONG), X(2)),
       case(A, Index(6, below=12), X(6), True), case(A, Index(0, below=12), X(0))], dtypes=ALL,
       errors=[error(IndexError, OUT, A, Fixed([12], LONG), X(1)), error(IndexError, OUT, A, Fixed([-13], LONG), X(1)),
       error(IndexError, "same number of elements", A, Fixed([1], LONG), X(2)),
       error(RuntimeError, "long tensor", A, X(2), X(2)),
       error(IndexError, "empty tensor", X(0), Fixed([0], LONG), X(1))],
       large=case(BIG, Index(200000, below=1024 * 1030), X(200000), True)),
    Op("gather", lambda x, d, i: x[at(x, d, i)],
       [case(A, 0, Index(2, 3, below=4)), case(A, 1, Index(3, 5, below=3)), case(A, 0, Index(0, 3, below=4))],
       dtypes=ALL, errors=[error((IndexError, RuntimeError), OUT, A, 0, Fixed([[4]], LONG)),
       error((IndexError, RuntimeError), OUT, A, 0, Fixed([[-1]], LONG)),
       error(RuntimeError, "", A, 0, Index(2, below=3)), error(RuntimeError, "", A, 0, Index(2, 4, below=3)),
       error(RuntimeError, "int64", A, 0, X(2, 3))], large=case(BIG, 0, Index(1024, 1030, below=1024))),
    Op("scatter", scatter, [case(A, 0, Fixed([[0, 1, 2], [3, 2, 0]], LONG), X(2, 3)),
       case(A, 0, Fixed([[0, 1, 2]], LONG), 2), case(A, 0, Fixed([[0, 1]], LONG), X(2, 3)),
       case(A, 1, Fixed([[0, 0, 2]], LONG), X(1, 3), reduce="add").no_grad(),
       case(A, 1, Fixed([[0, 0, 2]], LONG), X(1, 3), reduce="multiply").no_grad()], dtypes=ALL,
       errors=[error((IndexError, RuntimeError), OUT, A, 0, Fixed([[4]], LONG), X(1, 1)),
       error((IndexError, RuntimeError), OUT, A, 0, Fixed([[-1]], LONG), 1.0),
       error(RuntimeError, "", A, 0, Index(5, 3, below=4), X(2, 3)),
       error(RuntimeError, "", A, 0, Index(1, 3, below=4), X(1, 3), reduce="sideways"),
       error(RuntimeError, "no larger than src", X(5), 0, Fixed(0, LONG), X(0)),
       error(RuntimeError, "number of dimensions", A, 0, Fixed(0, LONG), X(4, 3)),
       error(RuntimeError, "number of dimensions", X(5), 0, Fixed(0, LONG), X(1, 1))]),
    Op("scatter_add", scatter_add, [case(A, 0, Index(6, 3, below=4), X(6, 3)),
       case(A, 1, Index(2, 5, below=3), X(3, 5))], dtypes=ALL,
       errors=[error((IndexError, RuntimeError), OUT, A, 0, Fixed([[4]], LONG), X(1, 1)),
       error(RuntimeError, "", A, 0, Index(5, 3, below=4), X(2, 3)),
       error(RuntimeError, "no larger than src", X(5), 0, Fixed(0, LONG), X(0))],
       large=case(BIG, 0, Index(2000, 1030, below=1024), X(2000, 1030))),
    Op("scatter_reduce", scatter_reduce,
       [case(A, 0, Index(6, 3, below=4), X(6, 3, kinks=(0,)), r, include_self=s) for r in ("sum", "prod", "mean",
       "amax", "amin") for s in (True, False)] + [case(A, 1, Index(2, 5, below=3), X(3, 5), "sum"),
       case(Fixed([[0.0, 2.0, 0.0, 3.0]]), 1, Fixed([[0, 0, 1, 1, 3, 3]], LONG),
       Fixed([[2.0, 3.0, 0.0, 5.0, 0.0, 4.0]]), "prod")], tolerance=4,
       errors=[error((IndexError, RuntimeError), OUT, A, 0, Fixed([[4]], LONG), X(1, 1), "sum"),
       error(RuntimeError, "", A, 0, Index(1, 3, below=4), X(1, 3), "max"),
       error(RuntimeError, "no larger than src", X(5), 0, Fixed(0, LONG), X(0), "sum")]),
    Op("take", lambda x, i: x.ravel()[i], [case(A, Index(2, 3, below=12)), case(A, Fixed([-1, -12], LONG))], dtypes=ALL,
       errors=[error(IndexError, OUT, A, Fixed([12], LONG)), error(IndexError, OUT, A, Fixed([-13], LONG))]),
    Op("take_along_dim", take_along, [case(A, Index(4, 2, below=3), 1), case(A, Index(1, 3, below=4), 0),
       case(A, Index(5, below=12))], dtypes=ALL, errors=[error(RuntimeError, OUT, A, Fixed([12], LONG))]),
    Op("masked_select", lambda x, m: np.broadcast_to(x,
       np.broadcast_shapes(x.shape, m.shape))[np.broadcast_to(m, np.broadcast_shapes(x.shape, m.shape))],
       [case(A, Mask(4, 3)), case(A, Mask(3)), case(X(3), Mask(4, 1))], dtypes=ALL, meta=False,
       errors=[error(RuntimeError, "BoolTensor", A, X(4, 3)), error(RuntimeError, "must match", A, Mask(2))],
       large=case(BIG, Mask(1024, 1030))),
    Op("masked_scatter", masked_scatter,
       [case(A, Mask(4, 3), X(12)), case(A, Mask(3), X(4, 3)), case(X(), Fixed(True, cnn.bool), X(2)),
       case(X(), Fixed(False, cnn.bool), X(2))], dtypes=ALL,
       errors=[error(RuntimeError, "", A, Fixed(np.ones((4, 3), bool), cnn.bool), X(2)),
       error(RuntimeError, "bool", A, X(4, 3), X(12))]),
    Op("embedding", lambda w, i, *a, **k: w[i],
       [case(A, Index(2, 3, below=4)), case(A, Index(below=4)), case(A, Index(0, below=4))],
       errors=[error(IndexError, OUT, A, BAD), error(IndexError, OUT, A, Fixed([-1], LONG)),
       error(RuntimeError, "", A, X(2)), error(RuntimeError, "2-D", X(3), ROW_INDEX)],
       large=case(X(5000, 64), Index(20000, below=5000))),
    Op("nonzero", lambda x, as_tuple=False: list(np.nonzero(x)) if as_tuple else np.argwhere(x),
       [case(A), case(Fixed([[0, 1], [2, 0]])), case(X(0, 2)), case(Fixed(3)), case(A, as_tuple=True)], dtypes=ALL,
       result=LONG, grad=0, meta=False),
    Op("nonzero_static", nonzero_static, [case(A, size=15), case(Fixed([[0, 1], [2, 0]]), size=1), case(A, size=0),
       case(Fixed([[0, 1], [2, 0]]), size=4, fill_value=7)], dtypes=ALL, result=LONG, grad=0, large=case(BIG, size=9),
       errors=[error(RuntimeError, "non-negative", A, size=-1)]),
    Op("argwhere", np.argwhere, [case(A), case(Fixed([[0, 1], [2, 0]]))], dtypes=ALL, result=LONG, grad=0, meta=False),
    Op("searchsorted", searchsorted, [case(EDGES, X(2, 3)), case(EDGES, X(4), right=True), case(EDGES, 0.3)],
       result=LONG, grad=0),
    Op("bucketize", lambda x, e, **k: searchsorted(e, x, **k), [case(X(2, 3), EDGES), case(X(4), EDGES, right=True)],
       result=LONG, grad=0),
    Op("bincount", lambda x, w=None, minlength=0: np.bincount(x, w, minlength),
       [case(X(9, low=0, high=5)), case(X(9, low=0, high=5), None, 8), case(X(0, low=0, high=5))], dtypes=INTS,
       result=LONG, grad=0, meta=False, errors=[error(RuntimeError, "", Fixed([-1], LONG)),
       error(RuntimeError, "", Index(2, 2, below=2))]),
    Op("one_hot", lambda x, n=-1: np.eye(n if n > 0 else x.max() + 1, dtype=int)[x],
       [case(Index(5, below=4), 4), case(Index(2, 3, below=4))], dtypes=(LONG,), grad=0, meta=False,
       errors=[error(RuntimeError, "", Fixed([4], LONG), 3), error(RuntimeError, "", Fixed([-1], LONG), 3)]),
]  # fmt: skip
