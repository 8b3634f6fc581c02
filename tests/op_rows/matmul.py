"""Matrix products."""

from __future__ import annotations

import numpy as np

import cnn
from op_cases import NUMBERS, Op, X, case, error

A, B = X(3, 4), X(4, 2)
BATCH = X(2, 3, 4)
V4, V3 = X(4), X(3)
OPTIONS = {"tolerance": 6, "dtypes": NUMBERS}
SHAPES = error(RuntimeError, "mat1 and mat2 shapes cannot be multiplied", X(3, 4), X(3, 2))
DTYPES = error(RuntimeError, "dtype", X(3, 4), X(4, 2, dtype=cnn.float64))
LARGE = X(700, 700)


def scaled(product):
    """beta * input + alpha * product of the rest."""
    return lambda x, a, b, beta=1, alpha=1: beta * x + alpha * product(a, b)


def linear(x, w, b=None):
    return x @ w.T + (0 if b is None else b)


ROWS = [
    Op("mm", np.matmul, [case(A, B), case(X(0, 4), B), case(X(3, 0), X(0, 2)), case(X(1, 4), B)],
       large=case(LARGE, LARGE), errors=[SHAPES, DTYPES, error(RuntimeError, "", X(3), X(3, 2))], **OPTIONS),
    Op("bmm", np.matmul, [case(BATCH, X(2, 4, 2)), case(X(0, 3, 4), X(0, 4, 2)), case(X(2, 3, 0), X(2, 0, 2))],
       large=case(X(16, 128, 128), X(16, 128, 128)),
       errors=[error(RuntimeError, "", X(2, 3, 4), X(2, 3, 4)), error(RuntimeError, "", X(2, 3, 4), X(3, 4, 2)),
       error(RuntimeError, "", X(3, 4), X(4, 2))], **OPTIONS),
    Op("mv", np.matmul, [case(A, V4), case(X(3, 0), X(0))], large=case(X(1024, 1030), X(1030)),
       errors=[error(RuntimeError, "", A, V3)], **OPTIONS),
    Op("dot", np.dot, [case(V4, V4), case(X(0), X(0))], large=case(X(1 << 20), X(1 << 20)),
       errors=[error(RuntimeError, "", V4, V3), error(RuntimeError, "1D", A, V4),
       error(RuntimeError, "same dtype", V4, X(4, dtype=cnn.float64))], **OPTIONS),
    Op("vdot", np.dot, [case(V4, V4)], errors=[error(RuntimeError, "", V4, V3)], **OPTIONS),
    Op("outer", np.outer, [case(V4, V3), case(X(0), V3)], large=case(X(1024), X(1030)),
       errors=[error(RuntimeError, "", A, V3)], **OPTIONS),
    Op("ger", np.outer, [case(V4, V3)], **OPTIONS),
    Op("matmul", np.matmul, [case(A, B), case(V4, V4), case(A, V4), case(V3, A), case(BATCH, B),
       case(BATCH, X(2, 4, 2)), case(X(5, 1, 3, 4), X(2, 4, 2)), case(BATCH, V4), case(V3, BATCH), case(X(2, 0, 4), B)],
       large=case(LARGE, LARGE), errors=[SHAPES, DTYPES, error(RuntimeError, "", X(), A),
       error(RuntimeError, "", X(2, 3, 4), X(3, 4, 2))], **OPTIONS),
    Op("linear", linear, [case(A, X(2, 4), X(2)), case(A, X(2, 4)), case(BATCH, X(2, 4), X(2)), case(V4, X(2, 4), X(2)),
       case(X(0, 4), X(2, 4), X(2))], tolerance=6, large=case(LARGE, LARGE, X(700)),
       errors=[error(RuntimeError, "shapes cannot be multiplied", A, X(2, 3)),
       error(RuntimeError, "", A, X(2, 4), X(3)), error(RuntimeError, "dtype", A, X(2, 4, dtype=cnn.float64))]),
    Op("addmm", scaled(np.matmul), [case(X(3, 2), A, B), case(X(2), A, B, beta=2, alpha=3), case(X(3, 2), A, B, beta=0),
       case(X(2), X(3, 0), X(0, 2))], large=case(X(700), LARGE, LARGE),
       errors=[error(RuntimeError, "cannot be multiplied", X(2), X(3, 4), X(3, 2)),
       error(RuntimeError, "", X(5), A, B)], **OPTIONS),
    Op("addmv", scaled(np.matmul), [case(V3, A, V4), case(V3, A, V4, beta=2, alpha=3), case(X(), A, V4)],
       errors=[error(RuntimeError, "", V3, A, V3)], **OPTIONS),
    Op("addr", scaled(np.outer), [case(X(4, 3), V4, V3), case(V3, V4, V3, beta=2, alpha=3)], **OPTIONS),
    Op("baddbmm", scaled(np.matmul), [case(X(2, 3, 2), BATCH, X(2, 4, 2)),
       case(X(2), BATCH, X(2, 4, 2), beta=2, alpha=3)], errors=[error(RuntimeError, "", X(2), BATCH, X(2, 3, 2))],
       **OPTIONS),
    Op("addbmm", scaled(lambda a, b: np.matmul(a, b).sum(0)),
       [case(X(3, 2), BATCH, X(2, 4, 2)), case(X(2), BATCH, X(2, 4, 2), beta=2, alpha=3)], **OPTIONS),
]  # fmt: skip
