"""Views that are copied, and copies with a view written to."""

from __future__ import annotations

import numpy as np

from op_cases import ALL, Op, X, case, error
from op_rows.shape import chunk, expand, split, squeeze, strided, swap, view, windows

A = X(2, 3)
B = X(2, 3, 4)
BIG = X(1024, 1030)


def slices(x, dim=0, start=None, end=None, step=1):
    return x[(slice(None),) * (dim % x.ndim) + (slice(start, end, step),)]


def written(view):
    """The reference of a scatter, from that of the view, which must be one of NumPy's too."""

    def of(x, src, *args, **kwargs):
        out = x.copy()
        view(out, *args, **kwargs)[...] = src
        return out

    return of


def selected(x, dim, index):
    return x[(slice(None),) * (dim % x.ndim) + (index,)]


def on_diagonal(x, k=0, a=0, b=1):
    """A view that may be written to."""
    y = np.diagonal(x, k, a, b)
    y.setflags(write=True)
    return y


def copy(name, reference, *cases, large, **options):
    return Op(f"{name}_copy", reference, list(cases), dtypes=ALL, large=large, **options)


ROWS = [
    copy("alias", np.copy, case(A), case(X()), case(X(0, 3)), large=case(BIG)),
    copy("as_strided", strided, case(X(6), (2, 2), (2, 1), 1), case(X(4), (0, 2), (1, 1)), strided=False,
         large=case(X(1 << 20), (1023, 1023), (1024, 1), 1), errors=[error(RuntimeError, None, X(6), (4, 4), (2, 1))]),
    copy("detach", np.copy, case(A), large=case(BIG), grad=0),
    copy("diagonal", lambda x, k=0, a=0, b=1: np.diagonal(x, k, a, b), case(A), case(B, 1, 1, 2), case(A, -1),
         large=case(X(1024, 1024, 2)), errors=[error(RuntimeError, "identical", X(2, 3), 0, 1, 1)]),
    copy("expand", expand, case(X(3, 1), (2, -1, 4)), case(X(), (2, 2)), large=case(X(1, 1030), (1024, 1030)),
         errors=[error(RuntimeError, "must match the existing size", X(2, 3), (2, 4))]),
    copy("narrow", lambda x, d, s, n: np.take(x, range(s, s + n), d), case(B, 1, 1, 2), case(B, -1, 0, 0),
         large=case(BIG, 1, 1, 1028), errors=[error(RuntimeError, "", X(2, 3), 1, 2, 2)]),
    copy("permute", lambda x, d: np.transpose(x, d), case(B, (2, 0, 1)), large=case(BIG, (1, 0)),
         errors=[error(RuntimeError, "", X(2, 3), (0,))]),
    copy("select", selected, case(B, 1, 2), case(B, -1, -1), large=case(X(2, 1024, 1030), 0, 1),
         errors=[error(IndexError, "", X(2, 3), 1, 3)]),
    copy("slice", slices, case(B), case(B, 1, 1), case(B, -1, 0, 3, 2), case(B, 2, -2), large=case(BIG, 1, 1, 1029),
         errors=[error(RuntimeError, "step must be positive", X(2, 3), 0, 0, 1, 0)]),
    copy("squeeze", squeeze, case(X(2, 1, 3, 1)), case(X(2, 1, 3, 1), 1), case(X(2, 1, 3, 1), (1, 2)),
         large=case(X(1024, 1, 1030)), errors=[error(IndexError, "out of range", X(2, 3), 2)]),
    copy("t", np.transpose, case(A), case(X(3)), case(X()), large=case(BIG),
         errors=[error(RuntimeError, "2 dimensions", X(2, 2, 2))]),
    copy("transpose", swap, case(B, 0, 2), case(B, -1, 1), large=case(BIG, 0, 1),
         errors=[error(IndexError, "out of range", X(2, 3), 0, 2)]),
    copy("unfold", windows, case(B, 2, 2, 1), case(B, 1, 2, 2), large=case(X(1 << 18), 0, 4, 2),
         errors=[error(RuntimeError, "", X(3), 0, 4, 1)]),
    copy("unsqueeze", np.expand_dims, case(A, 0), case(A, -1), case(X(), 0), large=case(BIG, 1),
         errors=[error(IndexError, "out of range", X(2, 3), 3)]),
    copy("view", view, case(A, (3, 2)), case(A, (-1,)), case(X(0, 3), (3, 0)), strided=False, large=case(BIG, (-1,)),
         errors=[error(RuntimeError, "invalid for input of size", X(2, 3), (4, 2))]),
    copy("split", split, case(X(5, 2), 2), case(A, 2, 1), large=case(BIG, 500),
         errors=[error(RuntimeError, "", X(3), -1)]),
    copy("split_with_sizes", split, case(A, [1, 2], 1), large=case(BIG, [24, 1000]),
         errors=[error(RuntimeError, "", X(3), [1, 1])]),
    copy("unbind", lambda x, d=0: list(np.moveaxis(x, d, 0)), case(A), case(B, 1), large=case(X(3, 1024, 1030)),
         errors=[error(IndexError, "", X(2), 1)]),
    Op("unsafe_chunk", chunk, [case(X(5, 2), 3), case(A, 2, 1)], dtypes=ALL, large=case(BIG, 3),
       errors=[error(RuntimeError, "", X(3), 0)]),
    Op("unsafe_split", split, [case(X(5, 2), 2), case(A, 2, 1)], dtypes=ALL, large=case(BIG, 500),
       errors=[error(RuntimeError, "", X(3), -1)]),
    Op("unsafe_split_with_sizes", split, [case(A, [1, 2], 1)], dtypes=ALL, large=case(BIG, [24, 1000]),
       errors=[error(RuntimeError, "", X(3), [1, 1])]),
    Op("select_scatter", written(selected), [case(B, X(2, 4), 1, 2), case(B, X(2, 3), -1, -1)], dtypes=ALL,
       large=case(X(2, 1024, 1030), BIG, 0, 1),
       errors=[error(RuntimeError, "size equal to the slice", B, X(2, 3), 1, 0),
       error(IndexError, "out of range", B, X(2, 4), 1, 3)]),
    Op("slice_scatter", written(slices), [case(A, A), case(B, X(2, 2, 4), 1, 1), case(B, X(2, 3, 2), -1, 0, 4, 2)],
       dtypes=ALL, large=case(BIG, X(1024, 1028), 1, 1, 1029),
       errors=[error(RuntimeError, "size equal to the slice", B, X(2, 3), 1, 0)]),
    Op("diagonal_scatter", written(on_diagonal), [case(A, X(2)), case(B, X(2, 3), 1, 1, 2), case(A, X(1), -1)],
       dtypes=ALL, large=case(BIG, X(1024)), errors=[error(RuntimeError, "size equal to the slice", A, X(3)),
       error(RuntimeError, "identical", A, X(2), 0, 1, 1)]),
]  # fmt: skip
