"""Making tensors, and converting them."""

from __future__ import annotations

import numpy as np

import cnn
from op_cases import ALL, FLOATS, Op, X, case, error

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
    return Op(
        name,
        lambda x: np.full(x.shape, value, x.dtype),
        [case(A), case(X()), case(X(0, 3))],
        dtypes=ALL,
        grad=0,
    )


def cast(name, dtype, low=-2.0):
    """A row of a conversion; float64's own has a gradient that finite differences can see."""
    call = case(X(2, 3, low=low)) if dtype == cnn.float64 else case(X(2, 3, low=low)).no_grad()

    def reference(x):
        if dtype == cnn.bool:
            return x.astype(bool)
        return x if dtype in FLOATS else np.trunc(x)

    tolerance = 2000 if dtype == cnn.bfloat16 else 1
    return Op(name, reference, [call], dtypes=ALL, result=dtype, tolerance=tolerance)


SIZES = [case((2, 3)), case(4), case(()), case(0, 3)]

ROWS = [
    made("zeros", sized(np.zeros), *SIZES, errors=[NEGATIVE, HUGE]),
    made("ones", sized(np.ones), *SIZES, errors=[NEGATIVE, HUGE]),
    made("full", np.full, case((2, 3), 1.5), case((), -2.0), case((0,), 1.0),
         errors=[error(RuntimeError, "negative dimension", (-1,), 1.0)]),
    made("arange", lambda *a: np.arange(*a), case(5), case(1, 6, 2), case(5, 0, -2), result=cnn.int64,
         errors=[error(RuntimeError, "nonzero", 0, 5, 0), error(RuntimeError, "inconsistent|bound", 0, 5, -1)]),
    made("linspace", np.linspace, case(0.0, 1.0, 5), case(-1, 1, 4), case(2.0, 3.0, 1), case(0, 1, 0),
         errors=[error(RuntimeError, "non-negative", 0, 1, -1)]),
    made("logspace", lambda a, b, n, base=10.0: np.logspace(a, b, n, base=base), case(0.0, 1.0, 5),
         case(0.0, 2.0, 3, 2.0), tolerance=4),
    made("eye", np.eye, case(3), case(2, 4), case(0), errors=[error(RuntimeError, None, -1)]),
    made("scalar_tensor", np.asarray, case(2.5), case(-1.0)),
    like("zeros_like", 0), like("ones_like", 1),
    Op("full_like", lambda x, v: np.full(x.shape, v, x.dtype), [case(A, 1), case(X(), 0)], dtypes=ALL, grad=0),
    Op("new_zeros", lambda x, size: np.zeros(size, x.dtype), [case(A, (4, 2)), case(X(), ())], dtypes=ALL, grad=0),
    Op("new_ones", lambda x, size: np.ones(size, x.dtype), [case(A, (4, 2))], dtypes=ALL, grad=0),
    Op("new_full", lambda x, size, v: np.full(size, v, x.dtype), [case(A, (4, 2), 1)], dtypes=ALL, grad=0),
    cast("float", cnn.float32), cast("double", cnn.float64), cast("half", cnn.float16), cast("bfloat16",
         cnn.bfloat16), cast("byte", cnn.uint8, low=0.0),
    cast("char", cnn.int8), cast("short", cnn.int16), cast("int", cnn.int32), cast("long", cnn.int64), cast("bool",
         cnn.bool),
    Op("to", lambda x, dtype, **_: x.astype(float), [case(A, cnn.float64), case(A, cnn.float64, copy=True)], dtypes=ALL,
       result=cnn.float64),
    Op("type_as", lambda x, y: x.astype(float), [case(A, X(1, dtype=cnn.float64, grad=False))], dtypes=ALL,
       result=cnn.float64, mixed=True),
    Op("detach", np.copy, [case(A), case(X())], dtypes=ALL, grad=0, in_place=False),
    Op("dropout", lambda x, p, train: x * (0 if train and p == 1 else 1),
       [case(A, 0.5, False), case(A, 0.0, True), case(A, 1.0, True)], in_place=False,
       errors=[error((RuntimeError, ValueError), "probability", A, 1.5, True)]),
    Op("fill", lambda x, v: np.full(x.shape, v, x.dtype), [case(A, 1), case(A, 0), case(X(0, 3), 1)], dtypes=ALL),
]  # fmt: skip
