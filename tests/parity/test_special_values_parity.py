"""Elementwise functions at special values: zeros, ties, corners, subnormals, infinities, nan."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import cnn  # noqa: E402

inf, nan = float("inf"), float("nan")
POINTS = [
    0.0, -0.0, 1e-45, -1e-42, 1e-38, 1e-30, -1e-19, 1e-8, 1e-4, 0.5, -0.5, 1.0, -1.0, 1.5, -1.5,
    2.0, -2.0, 2.5, 3.0, -3.0, 4.0, 6.0, -6.0, 7.0, 10.0, -10.0, 19.9, 20.0, 20.1, -50.0, 88.0,
    -88.0, 104.0, -104.0, 300.0, 1e4, -1e4, 1e10, 1e19, 1e30, -1e30, 3e38, -3e38, inf, -inf, nan,
]  # fmt: skip
FEW = [
    0.0, -0.0, 1e-40, -1e-19, 1e-8, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 3.0, 5.5, -7.0, 100.0, 1e30,
    -1e30, inf, -inf, nan,
]  # fmt: skip
DTYPES = ("float32", "float64", "bfloat16", "float16")
RELATIVE = {"float32": 1e-5, "float64": 1e-9, "bfloat16": 3e-2, "float16": 4e-3}
ABSOLUTE = {"float32": 1e-6, "float64": 1e-9, "bfloat16": 1e-2, "float16": 2e-3}

NAMES = """
    abs neg sign sgn exp exp2 expm1 log log2 log10 log1p sqrt rsqrt reciprocal square sin cos tan
    asin acos atan sinh cosh tanh asinh acosh atanh sigmoid erf erfc erfinv lgamma digamma sinc floor
    ceil trunc round frac nan_to_num logit deg2rad rad2deg relu isnan isinf isfinite isposinf
    isneginf signbit logical_not positive
"""
LAYERS = """
    relu relu6 elu selu celu gelu silu mish softplus softsign hardtanh hardswish hardsigmoid
    hardshrink softshrink tanhshrink leaky_relu logsigmoid
"""
PAIRS = """
    add sub mul div floor_divide fmod remainder pow atan2 hypot maximum minimum fmax fmin copysign
    logaddexp logaddexp2 xlogy nextafter eq ne lt le gt ge logical_and logical_or logical_xor
    float_power
"""
LOSSES = """
    mse_loss l1_loss smooth_l1_loss huber_loss kl_div binary_cross_entropy_with_logits
    poisson_nll_loss
"""


# Where PyTorch's number is wrong, or depends on where in memory the element stands: (dtype, x, other) -> bool
HALVES = ("bfloat16", "float16")
EXCUSED = {
    "F.gelu": lambda dtype, x, _: abs(x) > 1e9,  # an infinity times 0
    "gelu(tanh)": lambda dtype, x, _: x < -1e9,
    "F.hardsigmoid": lambda dtype, x, _: dtype == "float64",  # 1/6 as a float
    "fmod": lambda dtype, x, other: 0 < abs(other) < 1e-18,  # a quotient that overflows
    "remainder": lambda dtype, x, other: 0 < abs(other) < 1e-18,
    "copysign": lambda dtype, x, other: other != other,  # the sign of nan
    "logit": lambda dtype, x, _: -1e-18 < x <= 0,  # -inf or +inf at -0
    "logit(eps)": lambda dtype, x, _: dtype in HALVES and x == 1,  # 1 - eps rounded to 1
    "x ** 1.5": lambda dtype, x, _: dtype == "float16" and x < -1e9,
    "F.binary_cross_entropy_with_logits": lambda dtype, x, _: x < -1e9,  # log of exp
}


def constant(t, x, value):
    return t.full_like(x, value).detach()


UNARY = {
    **{n: lambda t, x, n=n: getattr(t, n)(x) for n in NAMES.split()},
    **{f"F.{n}": lambda t, x, n=n: getattr(t.nn.functional, n)(x) for n in LAYERS.split()},
    "elu(2)": lambda t, x: t.nn.functional.elu(x, 2.0),
    "celu(2)": lambda t, x: t.nn.functional.celu(x, 2.0),
    "leaky_relu(-.5)": lambda t, x: t.nn.functional.leaky_relu(x, -0.5),
    "gelu(tanh)": lambda t, x: t.nn.functional.gelu(x, approximate="tanh"),
    "softplus(2, 5)": lambda t, x: t.nn.functional.softplus(x, 2.0, 5.0),
    "threshold": lambda t, x: t.nn.functional.threshold(x, 0.5, 3.0),
    "logit(eps)": lambda t, x: t.logit(x, 1e-3),
    "clamp": lambda t, x: x.clamp(-1, 1),
    "clamp(max)": lambda t, x: x.clamp(max=1),
    "clamp(nan)": lambda t, x: x.clamp(nan, 1),
    "clamp(empty)": lambda t, x: x.clamp(1, -1),
    "clamp(tensors)": lambda t, x: t.clamp(x, constant(t, x, -1.0), constant(t, x, 1.0)),
    "clamp(min tensor)": lambda t, x: t.clamp(x, min=constant(t, x, 0.0)),
    "clamp(max tensor)": lambda t, x: t.clamp(x, max=constant(t, x, 1.0)),
    "clamp(nan tensor)": lambda t, x: t.clamp(x, min=constant(t, x, nan)),
    **{
        f"x ** {p}": lambda t, x, p=p: x**p
        for p in (0, 1, 2, 3, 4, -1, -2, -3, 1.5, -0.5, inf, nan)
    },
    **{f"{b} ** x": lambda t, x, b=b: b**x for b in (0.0, 1.0, 2.0, -2.0, inf)},
    "xlogy(x, x)": lambda t, x: t.xlogy(x, x),
    "xlogy(x, 0)": lambda t, x: t.xlogy(x, 0.0),
    "xlogy(2, x)": lambda t, x: t.xlogy(2.0, x),
    "x / x": lambda t, x: x / x,
    "1 / x": lambda t, x: 1 / x,
    "x // 1.5": lambda t, x: x // 1.5,
    "x % -1.5": lambda t, x: x % -1.5,
    "fmod(1.5)": lambda t, x: t.fmod(x, 1.5),
    "polygamma(1)": lambda t, x: t.polygamma(1, x),
    "polygamma(2)": lambda t, x: t.polygamma(2, x),
}
BINARY = {
    **{n: lambda t, a, b, n=n: getattr(t, n)(a, b) for n in PAIRS.split()},
    **{
        f"F.{n}": lambda t, a, b, n=n: getattr(t.nn.functional, n)(a, b, reduction="none")
        for n in LOSSES.split()
    },
    "smooth_l1_loss(0)": lambda t, a, b: t.nn.functional.smooth_l1_loss(
        a, b, reduction="none", beta=0.0
    ),
    "clamp(min)": lambda t, a, b: t.clamp(a, min=b),
    "clamp(max)": lambda t, a, b: t.clamp(a, max=b),
    "clamp(both)": lambda t, a, b: t.clamp(a, b, b + 1),
    "clamp(crossed)": lambda t, a, b: t.clamp(a, b, b - 1),
    "lerp": lambda t, a, b: t.lerp(a, b, 0.3),
    "lerp(.7)": lambda t, a, b: t.lerp(a, b, 0.7),
    "addcdiv": lambda t, a, b: t.addcdiv(a, a, b, value=0.5),
    "div(trunc)": lambda t, a, b: t.div(a, b, rounding_mode="trunc"),
    "where": lambda t, a, b: t.where(a > b, a, b),
}


def results(t, f, arrays, dtype):
    """The values, and the gradients of their sum, in float64."""
    leaves = [t.tensor(a.tolist(), dtype=t.float64).to(getattr(t, dtype)) for a in arrays]
    y = f(t, *leaves)
    parts = [y]
    if y.is_floating_point():
        for leaf in leaves:
            leaf.requires_grad_()
        try:
            y = f(t, *leaves)
            y.sum().backward()
            parts += [leaf.grad for leaf in leaves]
        except (RuntimeError, NotImplementedError):  # none of it has a gradient
            pass
    return [None if p is None else (p.detach().to(t.float64) + 0.0).numpy() for p in parts]


def differences(f, arrays, dtype):
    """(part, index, PyTorch's number, ours) of all that differ."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        theirs, ours = (results(t, f, arrays, dtype) for t in (torch, cnn))
        assert len(theirs) == len(ours)
        found = []
        for part, (a, b) in enumerate(zip(theirs, ours, strict=True)):
            assert (a is None) == (b is None), part
            if a is None:
                continue
            close = np.isclose(a, b, rtol=RELATIVE[dtype], atol=ABSOLUTE[dtype], equal_nan=True) & (
                np.isinf(a) == np.isinf(b)
            )
            found += [(part, i, a[i], b[i]) for i in np.flatnonzero(~close)]
    return found


def excused(name, dtype, x, other):
    return name in EXCUSED and EXCUSED[name](dtype, x, other)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_operand(name, dtype):
    points = np.array(POINTS)
    wrong = [
        (part, points[i], a, b)
        for part, i, a, b in differences(UNARY[name], [points], dtype)
        if not excused(name, dtype, points[i], None)
    ]
    assert wrong == []


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_operands(name, dtype):
    a, b = (v.ravel() for v in np.meshgrid(FEW, FEW))
    wrong = [
        (part, a[i], b[i], x, y)
        for part, i, x, y in differences(BINARY[name], [a, b], dtype)
        if not excused(name, dtype, a[i], b[i])
    ]
    assert wrong == []
