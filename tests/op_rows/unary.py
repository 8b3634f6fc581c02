"""Functions of one number."""

from __future__ import annotations

import math

import numpy as np

import cnn
from op_cases import ALL, BOOL, FLOATS, INTS, NUMBERS, Fixed, Op, X, case, error

R = X(2, 3)
POSITIVE = X(2, 3, low=0.2, high=3.0)
UNIT = X(2, 3, low=-0.9, high=0.9)
AWAY = X(2, 3, low=-3.0, high=3.0, kinks=(0,))
erf = np.vectorize(math.erf, otypes=[float])
erfc = np.vectorize(math.erfc, otypes=[float])
lgamma = np.vectorize(math.lgamma, otypes=[float])


def digamma(x):
    """By the recurrence up to 12, then the asymptotic series (Abramowitz and Stegun 6.3.18)."""
    x, shift = np.array(x, float), 0.0
    for _ in range(12):
        shift, x = shift + 1 / x, x + 1
    r = 1 / (x * x)
    series = r * (1 / 12 - r * (1 / 120 - r * (1 / 252 - r * (1 / 240 - r / 132))))
    return np.log(x) - 0.5 / x - series - shift


def trigamma(x):
    """By the recurrence up to 12, then the asymptotic series (6.4.12)."""
    x, shift = np.array(x, float), 0.0
    for _ in range(12):
        shift, x = shift + 1 / (x * x), x + 1
    r = 1 / (x * x)
    series = r * (1 / 6 - r * (1 / 30 - r * (1 / 42 - r * (1 / 30 - r * 5 / 66))))
    return 1 / x + r / 2 + series / x - 0 + shift


def erfinv(y):
    """By Newton's method on erf."""
    y = np.array(y, float)
    x = np.zeros_like(y)
    for _ in range(60):
        x = x - (erf(x) - y) / (2 / math.sqrt(math.pi) * np.exp(-x * x))
    return x


def smooth(name, reference, arg=R, tolerance=1.0, **options):
    """A row of a function that is smooth on arg's range; integers give float32."""
    options.setdefault("dtypes", FLOATS)
    return Op(
        name, reference, [case(arg)], result="float", pointwise=True, tolerance=tolerance, **options
    )


def step(name, reference, arg=AWAY, dtypes=NUMBERS, **options):
    """A row of a function with steps."""
    return Op(name, reference, [case(arg)], dtypes=dtypes, pointwise=True, **options)


def test_of(name, reference, dtypes=ALL, **options):
    """A row of a function with bool results, on special values too."""
    special = X_SPECIAL.only(FLOATS).no_grad()
    return Op(
        name,
        reference,
        [case(R), special],
        dtypes=dtypes,
        result=cnn.bool,
        grad=0,
        pointwise=True,
        **options,
    )


SPECIAL_VALUES = Fixed([0.0, -0.0, 1.5, -1.5, math.inf, -math.inf, math.nan])
X_SPECIAL = case(SPECIAL_VALUES)


ROWS = [
    step("abs", np.abs),
    step("absolute", np.abs),
    step("neg", np.negative, R),
    step("negative", np.negative, R),
    step("positive", lambda x: +x, R),
    step("sign", np.sign, dtypes=NUMBERS),
    step("sgn", np.sign, dtypes=NUMBERS),
    step("conj", np.copy, R, ALL),
    step("conj_physical", np.copy, R, ALL),
    step("real", np.copy, R, ALL),
    step("resolve_conj", np.copy, R, ALL),
    step("resolve_neg", np.copy, R, ALL),
    Op("angle", lambda x: np.where(np.isnan(x), x, np.where(x < 0, np.pi, 0.0)),
       [case(R), case(SPECIAL_VALUES).only(FLOATS).no_grad()], dtypes=ALL, result="float", pointwise=True),
    step("square", np.square, R),
    step("floor", np.floor, X(2, 3, low=-2.4, high=2.4, kinks=(-2, -1, 0, 1, 2))),
    step("ceil", np.ceil, X(2, 3, low=-2.4, high=2.4, kinks=(-2, -1, 0, 1, 2))),
    step("trunc", np.trunc, X(2, 3, low=-2.4, high=2.4, kinks=(-2, -1, 0, 1, 2))),
    step("fix", np.trunc, X(2, 3, low=-2.4, high=2.4, kinks=(-2, -1, 0, 1, 2))),
    step("frac", lambda x: x - np.trunc(x), X(2, 3, low=-2.4, high=2.4, kinks=(-2, -1, 0, 1, 2)), FLOATS),
    Op("round", lambda x, decimals=0: np.round(x, decimals),
       [case(X(2, 3, low=-2.3, high=2.3, kinks=(-1.5, -0.5, 0.5, 1.5))),
       case(R, decimals=2).only((cnn.float64,)).no_grad(),
       case(X(5, low=-3000, high=3000), decimals=-2).only((cnn.float64,)).no_grad()], dtypes=NUMBERS, pointwise=True),
    smooth("exp", np.exp, dtypes=ALL),
    smooth("exp2", np.exp2),
    smooth("expm1", np.expm1, UNIT),
    smooth("log", np.log, POSITIVE),
    smooth("log2", np.log2, POSITIVE),
    smooth("log10", np.log10, POSITIVE),
    smooth("log1p", np.log1p, UNIT),
    smooth("sqrt", np.sqrt, POSITIVE, dtypes=NUMBERS),
    smooth("rsqrt", lambda x: 1 / np.sqrt(x), X(2, 3, low=1.0, high=4.0), dtypes=NUMBERS),
    smooth("reciprocal", lambda x: 1 / x, X(2, 3, low=-3.0, high=3.0, kinks=(0,)), dtypes=NUMBERS),
    smooth("sin", np.sin, X(2, 3, low=-9, high=9), dtypes=ALL, tolerance=4),
    smooth("cos", np.cos, X(2, 3, low=-9, high=9), dtypes=ALL, tolerance=4),
    smooth("tan", np.tan, X(2, 3, low=-1.2, high=1.2)),
    smooth("asin", np.arcsin, UNIT),
    smooth("acos", np.arccos, UNIT),
    smooth("atan", np.arctan),
    smooth("sinh", np.sinh),
    smooth("cosh", np.cosh),
    smooth("tanh", np.tanh, dtypes=ALL),
    smooth("asinh", np.arcsinh),
    smooth("acosh", np.arccosh, X(2, 3, low=1.2, high=4.0)),
    smooth("atanh", np.arctanh, UNIT),
    smooth("arcsin", np.arcsin, UNIT),
    smooth("arccos", np.arccos, UNIT),
    smooth("arctan", np.arctan),
    smooth("arcsinh", np.arcsinh),
    smooth("arccosh", np.arccosh, X(2, 3, low=1.2, high=4.0)),
    smooth("arctanh", np.arctanh, UNIT),
    smooth("sigmoid", lambda x: 1 / (1 + np.exp(-x)), dtypes=ALL),
    smooth("erf", erf),
    smooth("erfc", erfc),
    smooth("erfinv", erfinv, X(2, 3, low=-0.8, high=0.8), tolerance=4),
    smooth("lgamma", lgamma, X(2, 3, low=0.3, high=6.0), tolerance=10),
    smooth("digamma", digamma, X(2, 3, low=0.3, high=6.0), tolerance=50),
    smooth("sinc", np.sinc, X(2, 3, kinks=(0,))),
    smooth("deg2rad", np.deg2rad, dtypes=ALL),
    smooth("rad2deg", np.rad2deg, dtypes=ALL),
    Op("logit", lambda x, eps=None: (lambda p: np.log(p / (1 - p)))(x if eps is None else np.clip(x, eps, 1 - eps)),
       [case(X(2, 3, low=0.1, high=0.9)), case(X(2, 3, low=-0.5, high=1.5, kinks=(0.2, 0.8)), 0.2)], pointwise=True),
    Op("polygamma", lambda n, x: (digamma, trigamma)[n](x),
       [case(0, X(2, 3, low=0.3, high=6.0)), case(1, X(2, 3, low=0.3, high=6.0)).no_grad()], tolerance=50,
       in_place=False, errors=[error(RuntimeError, "polygamma", -1, X(3))]),
    Op("nan_to_num", lambda x, *a: np.where(np.isnan(x), (a + (0.0,))[0], x), [case(R), case(R, 1.5)], dtypes=ALL,
       pointwise=True),
    test_of("isnan", np.isnan),
    test_of("isinf", np.isinf),
    test_of("isfinite", np.isfinite),
    test_of("isposinf", lambda x: np.isposinf(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool)),
    test_of("isneginf", lambda x: np.isneginf(x) if x.dtype.kind == "f" else np.zeros(x.shape, bool)),
    test_of("signbit", lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0),
    test_of("logical_not", np.logical_not),
    Op("bitwise_not", np.invert, [case(R)], dtypes=INTS + BOOL, grad=0, pointwise=True,
       errors=[error(NotImplementedError, "bitwise_not", X(3))]),
]  # fmt: skip
