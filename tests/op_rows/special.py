"""Special functions. References are integrals by Gauss's rule, sums and NumPy's polynomials."""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import chebyshev, hermite, hermite_e, laguerre, legendre

import cnn
from op_cases import FLOATS, Fixed, Op, X, case, error
from op_rows.unary import erfc, erfinv, lgamma

R = X(2, 3)
WIDE = X(2, 3, low=-12.0, high=12.0, kinks=(0,))
POSITIVE = X(2, 3, low=0.3, high=9.0)
LARGE = X(300, 257)
NODES, WEIGHTS = legendre.leggauss(120)


def integral(f, end):
    """Of f(t) from 0 to end, for each element of the arrays that f makes."""
    t, w = (NODES + 1) / 2, WEIGHTS / 2
    return sum(wi * f(ti * end) * end for ti, wi in zip(t, w))


def bessel_i(n):
    return lambda x: integral(lambda t: np.exp(x * np.cos(t)) * np.cos(n * t), math.pi) / math.pi


def bessel_j(n):
    return lambda x: integral(lambda t: np.cos(n * t - x * np.sin(t)), math.pi) / math.pi


def bessel_k(n):
    return lambda x: integral(
        lambda t: np.exp(-x * np.cosh(t)) * np.cosh(n * t), np.arccosh(1 + 45 / x)
    )


def bessel_y(n):
    def of(x):
        waves = integral(lambda t: np.sin(x * np.sin(t) - n * t), math.pi)
        tail = integral(
            lambda t: (np.exp(n * t) + (-1) ** n * np.exp(-n * t)) * np.exp(-x * np.sinh(t)),
            np.arcsinh(45 / x),
        )
        return (waves - tail) / math.pi

    return of


def airy(x):
    """By the Maclaurin series (Abramowitz and Stegun 10.4.2)."""
    x = np.array(x, float)
    f, g, a, b = 0.0, 0.0, np.ones_like(x), x.copy()
    for k in range(0, 90, 3):
        f, g = f + a, g + b
        a = a * x**3 / ((k + 2) * (k + 3))
        b = b * x**3 / ((k + 3) * (k + 4))
    return f * 3 ** (-2 / 3) / math.gamma(2 / 3) - g * 3 ** (-1 / 3) / math.gamma(1 / 3)


def ndtr(x):
    return 0.5 * erfc(-x / math.sqrt(2))


def entr(x):
    return np.where(x == 0, 0.0, -x * np.log(np.where(x == 0, 1, x)))


def zeta(s, q):
    """A long sum and the first terms of Euler and Maclaurin's rest."""
    s, q = np.broadcast_arrays(np.array(s, float), np.array(q, float))
    total, n = sum((q + k) ** -s for k in range(200)), q + 200
    return total + n ** (1 - s) / (s - 1) + n**-s / 2 + s * n ** (-s - 1) / 12


def igamma(a, x):
    a, x = np.broadcast_arrays(np.array(a, float), np.array(x, float))
    total, term = np.zeros(a.shape), np.exp(a * np.log(x) - x - lgamma(a + 1))
    for k in range(1, 200):
        total, term = total + term, term * x / (a + k)
    return total


def mvlgamma(x, p):
    return p * (p - 1) / 4 * math.log(math.pi) + sum(lgamma(x - j / 2) for j in range(p))


def xlog1py(a, b):
    return a * np.log1p(b)


def polynomial(value):
    """By NumPy's series with one coefficient; the degree is cut to an integer."""

    def of(x, n):
        x, n = np.broadcast_arrays(np.array(x, float), np.trunc(np.array(n, float)).astype(int))
        y = [value(xi, [0] * ni + [1]) if ni >= 0 else 0.0 for xi, ni in zip(x.ravel(), n.ravel())]
        return np.array(y, float).reshape(x.shape)

    return of


def second_kind(x, c):
    """U_n is the derivative of T_(n + 1), divided by n + 1."""
    n = len(c) - 1
    return chebyshev.chebval(x, chebyshev.chebder([0] * (n + 1) + [1])) / (n + 1)


def third_kind(x, c):
    """V_n = U_n - U_(n - 1)."""
    return second_kind(x, c) - (second_kind(x, c[1:]) if len(c) > 1 else 0)


def fourth_kind(x, c):
    return second_kind(x, c) + (second_kind(x, c[1:]) if len(c) > 1 else 0)


def shifted(value):
    return lambda x, c: value(2 * x - 1, c)


def function(name, reference, arg=R, *cases, grad=2, tolerance=10, **options):
    """A row of a function of one number; integers give float32."""
    options.setdefault("dtypes", FLOATS)
    return Op(
        name, reference, [case(arg), *cases], result="float", pointwise=True, grad=grad,
        tolerance=tolerance, large=case(arg.shaped(300, 257)), **options,
    )  # fmt: skip


def degrees(name, value, low=-1.5):
    """A row of a family of polynomials."""
    x, n = X(3, 4, low=low, high=1.5), X(3, 4, low=0.1, high=7.9)
    cases = [
        case(x, n), case(Fixed([1.0, -1.0, 0.0]), Fixed([5.0, 4.0, 7.0])),
        case(X(3), Fixed([-1.0, 0.0, 1.0])), case(Fixed([0.5, -1.25, 1.0]), 5), case(0.5, n),
    ]  # fmt: skip
    return Op(
        f"special_{name}", polynomial(value), cases, grad=0, tolerance=20, result="float",
        pointwise=True, large=case(x.shaped(300, 257), n.shaped(300, 257)),
    )  # fmt: skip


ZERO = Fixed([0.0, -0.0])
GAMMA = X(2, 3, low=0.4, high=6.0, grad=False)

ROWS = [
    function("i0", bessel_i(0), WIDE, case(ZERO), tolerance=20),
    function("special_i0e", lambda x: bessel_i(0)(x) * np.exp(-np.abs(x)), WIDE, case(ZERO).no_grad(), tolerance=20),
    function("special_i1", bessel_i(1), WIDE, case(Fixed([0.0]))),
    function("special_i1e", lambda x: bessel_i(1)(x) * np.exp(-np.abs(x)), WIDE, case(Fixed([0.0])).no_grad()),
    function("special_modified_bessel_i0", bessel_i(0), WIDE, grad=0),
    function("special_modified_bessel_i1", bessel_i(1), WIDE, grad=0),
    function("special_modified_bessel_k0", bessel_k(0), POSITIVE, grad=0),
    function("special_modified_bessel_k1", bessel_k(1), POSITIVE, grad=0),
    function("special_scaled_modified_bessel_k0", lambda x: bessel_k(0)(x) * np.exp(x), POSITIVE, grad=0),
    function("special_scaled_modified_bessel_k1", lambda x: bessel_k(1)(x) * np.exp(x), POSITIVE, grad=0),
    function("special_bessel_j0", bessel_j(0), WIDE, case(ZERO), grad=0),
    function("special_bessel_j1", bessel_j(1), WIDE, case(ZERO), grad=0),
    function("special_bessel_y0", bessel_y(0), POSITIVE, grad=0),
    function("special_bessel_y1", bessel_y(1), POSITIVE, grad=0),
    function("special_spherical_bessel_j0", lambda x: np.sinc(x / np.pi), WIDE, case(ZERO), grad=0),
    function("special_airy_ai", airy, X(2, 3, low=-5.0, high=2.5), case(Fixed([-4.5, -4.0, 2.0])), grad=0),
    function("special_entr", entr, X(2, 3, low=0.2, high=3.0), case(ZERO).no_grad()),
    function("special_erfcx", lambda x: np.exp(x * x) * erfc(x), X(2, 3, low=-1.5, high=3.0)),
    function("special_ndtr", ndtr),
    function("special_ndtri", lambda p: math.sqrt(2) * erfinv(2 * p - 1), X(2, 3, low=0.1, high=0.9)),
    function("special_log_ndtr", lambda x: np.log(ndtr(x)), X(2, 3, low=-4.0, high=2.0)),
    Op("special_xlog1py", xlog1py, [case(R, X(2, 3, low=-0.7, high=3.0)), case(R, 0.5),
       case(2.5, X(3, low=-0.7, high=3.0))],
       result="float", pointwise=True, tolerance=4, large=case(LARGE, X(300, 257, low=-0.7, high=3.0))),
    Op("special_zeta", zeta, [case(X(2, 3, low=1.5, high=6.0, grad=False), X(2, 3, low=0.4, high=5.0)),
       case(2.0, X(2, 3, low=0.4, high=5.0))], result="float", pointwise=True, tolerance=10,
       large=case(X(300, 257, low=1.5, high=6.0, grad=False), X(300, 257, low=0.4, high=5.0))),
    Op("igamma", igamma, [case(GAMMA, X(2, 3, low=0.3, high=8.0))], pointwise=True, tolerance=10,
       large=case(GAMMA.shaped(300, 257), X(300, 257, low=0.3, high=8.0)),
       errors=[error(NotImplementedError, "igamma", X(3), X(3), dtype=cnn.int64)]),
    Op("igammac", lambda a, x: 1 - igamma(a, x), [case(GAMMA, X(2, 3, low=0.3, high=8.0))], pointwise=True,
       tolerance=10, large=case(GAMMA.shaped(300, 257), X(300, 257, low=0.3, high=8.0)),
       errors=[error(NotImplementedError, "igammac", X(3), X(3), dtype=cnn.int64)]),
    Op("mvlgamma", mvlgamma, [case(X(2, 3, low=1.3, high=6.0), 1), case(X(2, 3, low=1.3, high=6.0), 3)],
       result="float", tolerance=20, large=case(X(300, 257, low=1.3, high=6.0), 2),
       errors=[error(RuntimeError, "p has to be greater than or equal to 1", X(3), 0)]),
    Op("frexp", lambda x: np.frexp(x),
       [case(WIDE), case(Fixed([0.0, -0.0, 0.5, -1024.0])).no_grad(), case(X(0)), case(X())],
       result=(None, cnn.int32), large=case(X(1024, 1030)),
       errors=[error(RuntimeError, "floating-point", X(3), dtype=cnn.int64)]),
    degrees("chebyshev_polynomial_t", chebyshev.chebval),
    degrees("chebyshev_polynomial_u", second_kind),
    degrees("chebyshev_polynomial_v", third_kind),
    degrees("chebyshev_polynomial_w", fourth_kind),
    degrees("shifted_chebyshev_polynomial_t", shifted(chebyshev.chebval), -0.5),
    degrees("shifted_chebyshev_polynomial_u", shifted(second_kind), -0.5),
    degrees("shifted_chebyshev_polynomial_v", shifted(third_kind), -0.5),
    degrees("shifted_chebyshev_polynomial_w", shifted(fourth_kind), -0.5),
    degrees("hermite_polynomial_h", hermite.hermval),
    degrees("hermite_polynomial_he", hermite_e.hermeval),
    degrees("laguerre_polynomial_l", laguerre.lagval),
    degrees("legendre_polynomial_p", legendre.legval),
]  # fmt: skip
