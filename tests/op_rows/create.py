"""Making tensors."""

from __future__ import annotations

import cnn
import numpy as np
from op_cases import ALL, FLOATS, NUMBERS, Op, X, case, error

F32 = (cnn.float32,)
A = X(2, 3)
NEGATIVE = error(RuntimeError, "negative dimension", (2, -1))
HUGE = error(RuntimeError, None, (1 << 40, 1 << 40))


def sized(make):
    return lambda *size: make(size[0] if isinstance(size[0], tuple) else size)


def made(name, reference, *cases, **options):
    """A row of an op that takes no tensors."""
    return Op(name, reference, list(cases), dtypes=F32, grad=0, **options)


def like(name, value):
    return Op(name, lambda x: np.full(x.shape, value, x.dtype), [case(A), case(X()), case(X(0, 3))], dtypes=ALL, grad=0)


SIZES = [case((2, 3)), case(4), case(()), case(0, 3)]

ROWS = [
    made("zeros", sized(np.zeros), *SIZES, errors=[NEGATIVE, HUGE]),
    made("ones", sized(np.ones), *SIZES, errors=[NEGATIVE, HUGE]),
    made("full", np.full, case((2, 3), 1.5), case((), -2.0), case((0,), 1.0), errors=[error(RuntimeError, "negative dimension", (-1,), 1.0)]),
    made("arange", lambda *a: np.arange(*a), case(5), case(1, 6, 2), case(5, 0, -2), result=cnn.int64, errors=[error(RuntimeError, "nonzero", 0, 5, 0), error(RuntimeError, "inconsistent|bound", 0, 5, -1)]),
    made("linspace", np.linspace, case(0.0, 1.0, 5), case(-1, 1, 4), case(2.0, 3.0, 1), case(0, 1, 0), errors=[error(RuntimeError, "non-negative", 0, 1, -1)]),
    made("logspace", lambda a, b, n, base=10.0: np.logspace(a, b, n, base=base), case(0.0, 1.0, 5), case(0.0, 2.0, 3, 2.0), tolerance=4),
    made("eye", np.eye, case(3), case(2, 4), case(0), errors=[error(RuntimeError, None, -1)]),
    made("scalar_tensor", np.asarray, case(2.5), case(-1.0)),
    like("zeros_like", 0), like("ones_like", 1),
    Op("full_like", lambda x, v: np.full(x.shape, v, x.dtype), [case(A, 1), case(X(), 0)], dtypes=ALL, grad=0),
    Op("new_zeros", lambda x, size: np.zeros(size, x.dtype), [case(A, (4, 2)), case(X(), ())], dtypes=ALL, grad=0),
    Op("new_ones", lambda x, size: np.ones(size, x.dtype), [case(A, (4, 2))], dtypes=ALL, grad=0),
    Op("new_full", lambda x, size, v: np.full(size, v, x.dtype), [case(A, (4, 2), 1)], dtypes=ALL, grad=0),
    Op("fill", lambda x, v: np.full(x.shape, v, x.dtype), [case(A, 1), case(A, 0), case(X(0, 3), 1)], dtypes=ALL),
]  # fmt: skip
