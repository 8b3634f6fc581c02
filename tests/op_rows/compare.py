"""Comparisons, logic and bits."""

from __future__ import annotations

import numpy as np

import cnn
from op_cases import ALL, BOOL, INTS, NUMBERS, Fixed, Op, X, case, error

A, B = X(2, 3), X(3)
SHAPES = error(RuntimeError, "must match", X(2, 3), X(4))
WHOLE_SHAPES = error(RuntimeError, "must match", X(2, 3), X(4), dtype=cnn.int64)
NO_FLOATS = error(NotImplementedError, "not implemented for 'Float'", X(3), X(3))


def compare(name, reference):
    return Op(name, reference, [case(A, B), case(A, 1).only(NUMBERS)], dtypes=ALL, result=cnn.bool, grad=0,
              pointwise=True, errors=[SHAPES])  # fmt: skip


def logic(name, reference):
    return Op(
        name,
        reference,
        [case(A, B)],
        dtypes=ALL,
        result=cnn.bool,
        grad=0,
        pointwise=True,
        errors=[SHAPES],
    )


def bits(name, reference, b=B, dtypes=INTS + BOOL, scalar=1):
    cases = [
        case(A, b),
        case(A, scalar).only(INTS),
        case(scalar, X(2, 3, low=0, high=3)).only(INTS),
    ]
    return Op(name, reference, cases, dtypes=dtypes, grad=0, pointwise=True,
              errors=[WHOLE_SHAPES, NO_FLOATS])  # fmt: skip


ROWS = [
    compare("eq", np.equal),
    compare("ne", np.not_equal),
    compare("not_equal", np.not_equal),
    compare("lt", np.less),
    compare("less", np.less),
    compare("le", np.less_equal),
    compare("less_equal", np.less_equal),
    compare("gt", np.greater),
    compare("greater", np.greater),
    compare("ge", np.greater_equal),
    compare("greater_equal", np.greater_equal),
    logic("logical_and", np.logical_and),
    logic("logical_or", np.logical_or),
    logic("logical_xor", np.logical_xor),
    bits("bitwise_and", np.bitwise_and),
    bits("bitwise_or", np.bitwise_or),
    bits("bitwise_xor", np.bitwise_xor),
    bits("bitwise_left_shift", np.left_shift, X(3, low=0, high=3), INTS),
    bits("bitwise_right_shift", np.right_shift, X(3, low=0, high=3), INTS),
    Op("isclose", lambda a, b, **k: np.isclose(a, b, **k),
       [case(A, B), case(A, B, rtol=0.5, atol=0.5), case(Fixed([1.0, 2.0]), Fixed([1.0, 2.1]))], dtypes=NUMBERS,
       result=cnn.bool, grad=0, pointwise=True),
]  # fmt: skip
