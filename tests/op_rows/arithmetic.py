"""Functions of two and more numbers, with broadcasting."""

from __future__ import annotations

import math

import numpy as np

import cnn
from op_cases import ALL, FLOATS, INTS, NUMBERS, Fixed, Mask, Op, X, case, error

A, B = X(2, 3), X(3)
WHOLE = X(2, 3, low=-9, high=9)
DIVISOR = X(3, low=-3, high=3, kinks=(0,))
POSITIVE = X(2, 3, low=0.2, high=3.0)
APART = X(2, 3, distinct=True)
SHAPES = error(RuntimeError, "must match", X(2, 3), X(4))


def binary(name, reference, a=A, b=B, cases=(), **options):
    """A row of a function of two tensors."""
    options.setdefault("errors", [SHAPES])
    return Op(name, reference, [case(a, b), *cases], pointwise=True, **options)


def rounded(a, b, rounding_mode=None):
    if rounding_mode is None:
        return a / b
    return {"floor": np.floor, "trunc": np.trunc}[rounding_mode](a / b)


def truncated(a, b):
    return (
        np.trunc(a / b)
        if a.dtype.kind == "f"
        else (np.sign(a) * np.sign(b) * (np.abs(a) // np.abs(b)))
    )


def xlogy(a, b):
    a, b = np.broadcast_arrays(a, b)
    return np.where(a == 0, 0.0, a * np.log(np.where(a == 0, 1.0, b)))


def lower_gamma(a, x):
    """P(a, x) by its power series, for x below 20."""
    terms = (math.exp((a + n) * math.log(x) - x - math.lgamma(a + n + 1)) for n in range(100))
    return math.fsum(terms)


igamma = np.vectorize(lower_gamma, otypes=[float])


def add(a, b, alpha=1):
    return np.logical_or(a, b) if np.asarray(a).dtype == bool else a + alpha * np.asarray(b)


def clamp(x, min=None, max=None):
    x = x if min is None else np.maximum(x, min)
    return x if max is None else np.minimum(x, max)


# By it, the incomplete gamma functions have no derivative.
SHAPE = X(2, 3, low=0.3, high=6, grad=False)
ALPHA = [case(A, B, alpha=2), case(A, 2)]
KINKS = X(2, 3, kinks=(-0.5, 0.5))
DIVISION = [
    error(RuntimeError, "ZeroDivisionError", X(3), Fixed([1, 0, 2]), dtype=cnn.int64),
    SHAPES,
]

ROWS = [
    binary("add", add, dtypes=ALL, cases=[case(A, B, alpha=2).only(NUMBERS), case(A, 2).only(NUMBERS),
           case(A, -2.5).only(FLOATS)]),
    binary("sub", lambda a, b, alpha=1: a - alpha * b, dtypes=NUMBERS, cases=ALPHA,
           errors=[SHAPES, error(RuntimeError, "bool", Mask(3), Mask(3))]),
    binary("subtract", lambda a, b, alpha=1: a - alpha * b, dtypes=NUMBERS, cases=ALPHA),
    binary("rsub", lambda a, b, alpha=1: b - alpha * a, dtypes=NUMBERS, cases=ALPHA),
    binary("mul", np.multiply, dtypes=ALL, cases=[case(A, 3).only(NUMBERS)]),
    binary("multiply", np.multiply, dtypes=ALL),
    binary("div", rounded, b=DIVISOR, dtypes=FLOATS,
           cases=[case(A, 2.0), case(WHOLE, DIVISOR, rounding_mode="trunc").no_grad(),
           case(WHOLE, DIVISOR, rounding_mode="floor").no_grad()],
           errors=[SHAPES, error(RuntimeError, "rounding_mode", X(3), X(3), rounding_mode="up")]),
    binary("divide", rounded, b=DIVISOR, cases=[case(WHOLE, DIVISOR, rounding_mode="trunc").no_grad()]),
    binary("true_divide", np.divide, b=DIVISOR, dtypes=NUMBERS, result="float"),
    Op("floor_divide", np.floor_divide, [case(WHOLE, DIVISOR).no_grad()], pointwise=True, dtypes=NUMBERS,
       errors=DIVISION),
    binary("remainder", np.mod, WHOLE, DIVISOR, dtypes=NUMBERS, tolerance=9,
           cases=[case(A, 0.7).only(FLOATS).no_grad()], errors=DIVISION),
    binary("fmod", np.fmod, WHOLE, DIVISOR, dtypes=NUMBERS, tolerance=9, errors=DIVISION),
    binary("atan2", np.arctan2, b=DIVISOR, dtypes=NUMBERS, result="float"),
    binary("arctan2", np.arctan2, b=DIVISOR),
    binary("hypot", np.hypot, b=DIVISOR),
    binary("maximum", np.maximum, APART, X(3, low=-0.05, high=0.05), dtypes=ALL,
           large=case(X(1024, 1030), X(1024, 1030))),
    binary("minimum", np.minimum, APART, X(3, low=-0.05, high=0.05), dtypes=ALL,
           large=case(X(1024, 1030), X(1024, 1030))),
    binary("fmax", np.fmax, APART, X(3, low=-0.05, high=0.05), dtypes=ALL, large=case(X(1024, 1030), X(1024, 1030))),
    binary("fmin", np.fmin, APART, X(3, low=-0.05, high=0.05), dtypes=ALL, large=case(X(1024, 1030), X(1024, 1030))),
    binary("copysign", np.copysign, X(2, 3, kinks=(0,)), DIVISOR, result="float",
           cases=[case(X(2, 3, kinks=(0,)), -2.0)]),
    binary("logaddexp", np.logaddexp),
    binary("logaddexp2", np.logaddexp2),
    binary("xlogy", xlogy, X(2, 3, low=0.2, high=2), POSITIVE.shaped(3), cases=[case(A, 2.0), case(2.0, POSITIVE),
           case(Fixed([0.0, 0.0, 1.0]), Fixed([0.0, 2.0, 3.0])).no_grad()]),
    *(Op(name, reference, [case(SHAPE, X(3, low=0.2, high=9))], pointwise=True, tolerance=4,
         errors=[SHAPES, error(NotImplementedError, name, X(3), X(3), dtype=cnn.int64)])
      for name, reference in (("igamma", igamma), ("igammac", lambda a, x: 1 - igamma(a, x)))),
    binary("nextafter", np.nextafter, dtypes=(cnn.float64,)),
    binary("gcd", np.gcd, X(2, 3, low=0, high=40), X(3, low=0, high=40), dtypes=INTS, grad=0),
    binary("lcm", np.lcm, X(2, 3, low=0, high=11), X(3, low=0, high=11), dtypes=INTS, grad=0),
    Op("heaviside", np.heaviside, [case(A, B).no_grad(),
       case(Fixed([[-1.0, 0.0, 2.0], [0.0, 1.0, -3.0]]), B).no_grad()], pointwise=True, errors=[SHAPES]),
    binary("ldexp", lambda a, b: a * np.exp2(b), dtypes=FLOATS),
    binary("pow", np.power, POSITIVE, B, tolerance=4,
           cases=[case(A, 2), case(A, 3), case(POSITIVE, -1.5), case(POSITIVE, 0.5), case(2.5, A), case(A, 0)],
           errors=[SHAPES, error(RuntimeError, "negative integer powers", X(3), -2, dtype=cnn.int64)]),
    binary("float_power", np.power, POSITIVE, B, dtypes=NUMBERS, result=cnn.float64, in_place=False,
           cases=[case(POSITIVE, 2), case(2.0, B)]),
    Op("lerp", lambda a, b, w: a + w * (b - a), [case(A, B, 0.3), case(A, B, X(2, 1))], pointwise=True),
    Op("addcmul", lambda a, b, c, value=1: a + value * b * c, [case(A, B, X(2, 1)), case(A, B, A, value=2)],
       dtypes=NUMBERS, pointwise=True, tolerance=2),
    Op("addcdiv", lambda a, b, c, value=1: a + value * b / c,
       [case(A, B, X(2, 1, kinks=(0,), low=-3, high=3)), case(A, B, DIVISOR, value=-2)], pointwise=True, tolerance=4,
       errors=[error(RuntimeError, "addcdiv", X(3), X(3), X(3), dtype=cnn.int64)]),
    Op("clamp", clamp, [case(KINKS, -0.5, 0.5).only(FLOATS), case(A, 0), case(KINKS, max=0.5).only(FLOATS),
       case(APART, Fixed([-0.3, 0.0, 0.3]), None),
       case(APART, Fixed([-0.3, 0.0, 0.3]), Fixed([0.3, 0.45, 1.0])).only(FLOATS), case(A, 1, 0).no_grad()],
       dtypes=NUMBERS, pointwise=True, errors=[error(RuntimeError, "At least one", X(3))]),
    Op("clip", clamp, [case(KINKS, -0.5, 0.5)], pointwise=True),
    Op("clamp_min", np.maximum, [case(KINKS, 0.5), case(APART, X(3, low=-0.05, high=0.05)),
       case(APART, X(low=-0.05, high=0.05))], pointwise=True),
    Op("clamp_max", np.minimum, [case(KINKS, 0.5), case(APART, X(3, low=-0.05, high=0.05)),
       case(APART, X(low=-0.05, high=0.05))], pointwise=True),
    Op("where", np.where, [case(Mask(2, 3), A, B), case(Mask(3), A, 2).only(NUMBERS),
       case(Mask(2, 1), 0, B).only(NUMBERS)], dtypes=ALL, pointwise=True,
       errors=[error(RuntimeError, "bool", X(3), X(3), X(3)), error(RuntimeError, "must match", Mask(3), X(2), X(3))]),
    Op("masked_fill", lambda x, m, v: np.where(m, v, x),
       [case(A, Mask(2, 3), 2), case(A, Mask(3), 1), case(A, Mask(2, 1), X())], dtypes=NUMBERS,
       large=case(X(1024, 1030), Mask(1030), 2.0),
       errors=[error(RuntimeError, "bool", X(3), X(3), 1.0), error(RuntimeError, "0-dim", X(3), Mask(3), X(3)),
       error(RuntimeError, "must match", X(3), Mask(4), 1.0)]),
]  # fmt: skip
