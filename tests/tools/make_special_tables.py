"""Writes csrc/kernels/special_tables.h: series of the special functions, from mpmath.

Each is a Chebyshev expansion on the part of the axis that its name says, to the last digit of a
double; functions that decay or grow are fitted without that factor. The coefficients of Temme's
expansion of the incomplete gamma function are exact fractions, rounded once.

    python tests/tools/make_special_tables.py > csrc/kernels/special_tables.h
"""

from __future__ import annotations

from fractions import Fraction

from mpmath import (
    airyai,
    airybi,
    besseli,
    besselk,
    chop,
    cos,
    erfc,
    euler,
    exp,
    log,
    loggamma,
    mp,
    mpf,
    pi,
    sin,
    sqrt,
)

mp.dps = 40


def chebyshev(f, last=2.0**-56, most=70):
    """c with f(t) = sum of c[k] T_k(t) on [-1, 1], cut where the rest is below the last digit."""
    n = most + 20
    nodes = [cos(pi * (k + mpf(1) / 2) / n) for k in range(n)]
    values = [f(t) for t in nodes]
    c = [
        2 / mpf(n) * sum(v * cos(pi * j * (k + mpf(1) / 2) / n) for k, v in enumerate(values))
        for j in range(most)
    ]
    c[0] /= 2
    size = max(abs(v) for v in values)
    while abs(c[-1]) < last * size:
        c.pop()
    assert len(c) < most, "does not converge"
    return c


def below(end, f):
    """f on [0, end], with t = 2 x / end - 1."""
    return chebyshev(lambda t: f(end * (t + 1) / 2))


def beyond(start, f):
    """f on [start, inf), with t = 2 start / x - 1."""

    def of(t):
        u = (t + 1) / 2
        return f(start / u)

    return chebyshev(of)


def airy_parts(z):
    """P and Q of Ai(-x) = (P cos u + Q sin u) / (sqrt(pi) x^(1/4)), u = z - pi / 4 (DLMF 9.7.9)."""
    x, u = (3 * z / 2) ** (mpf(2) / 3), z - pi / 4
    scale = sqrt(pi) * x ** (mpf(1) / 4)
    a, b = scale * airyai(-x), scale * airybi(-x)
    return a * cos(u) - b * sin(u), a * sin(u) + b * cos(u)


def airy_decay(z):
    x = (3 * z / 2) ** (mpf(2) / 3)
    return 2 * sqrt(pi) * x ** (mpf(1) / 4) * exp(z) * airyai(x)


def stirling(n):
    """g_k of Gamma(z) ~ exp(-z) z^z sqrt(2 pi / z) sum of g_k z^-k, by the recurrence of DLMF 5.11.5."""
    a = [Fraction(1)]
    for k in range(1, 2 * n + 1):
        s = sum((a[j] * a[k - j] / (j + 1) for j in range(1, k)), Fraction(0))
        a.append((a[k - 1] / k - s) / (1 + Fraction(1, k + 1)))
    g, factor = [], Fraction(1)
    for k in range(n):
        g.append(factor * a[2 * k])
        factor *= 2 * k + 1
    return g


def temme(orders, powers):
    """c_k(eta) of DLMF 8.12.10 as power series: rows of fractions."""
    n = powers + 2 * orders + 3
    mu = [Fraction(0), Fraction(1)]  # mu mu' = eta (1 + mu), by powers of eta
    for k in range(2, n + 1):
        # of eta^k: sum of j mu_j mu_(k + 1 - j) over j = mu_(k - 1)
        s = sum((j * mu[j] * mu[k + 1 - j] for j in range(2, k)), Fraction(0))
        mu.append((mu[k - 1] - s) / (k + 1))
    inverse = [Fraction(1)]  # of mu / eta
    for k in range(1, n):
        inverse.append(-sum((mu[j + 1] * inverse[k - j] for j in range(1, k + 1)), Fraction(0)))
    g, rows = stirling(orders), [inverse[1:]]  # 1 / mu - 1 / eta
    for k in range(1, orders):
        before = rows[-1]
        row = [(j + 2) * before[j + 2] for j in range(len(before) - 2)]
        assert before[1] + (-1) ** k * g[k] == 0, "the pole does not cancel"
        rows.append([c + (-1) ** k * g[k] * inverse[j + 1] for j, c in enumerate(row)])
    return [[mpf(c.numerator) / c.denominator for c in row[:powers]] for row in rows]


def first_gamma_part(a):
    """log Gamma(1 + a) / a."""
    return -euler if a == 0 else loggamma(1 + a) / a


SERIES = {
    "i0e_below_8": below(8, lambda x: exp(-x) * besseli(0, x)),
    "i0e_beyond_8": beyond(8, lambda x: exp(-x) * sqrt(x) * besseli(0, x)),
    "i1e_below_8": below(8, lambda x: exp(-x) * besseli(1, x) / x if x else mpf(1) / 2),
    "i1e_beyond_8": beyond(8, lambda x: exp(-x) * sqrt(x) * besseli(1, x)),
    "k0_below_2": below(4, lambda s: besselk(0, sqrt(s)) + log(sqrt(s) / 2) * besseli(0, sqrt(s))),
    "k0e_beyond_2": beyond(2, lambda x: exp(x) * sqrt(x) * besselk(0, x)),
    "k1_below_2": below(
        4, lambda s: sqrt(s) * (besselk(1, sqrt(s)) - log(sqrt(s) / 2) * besseli(1, sqrt(s)))
    ),
    "k1e_beyond_2": beyond(2, lambda x: exp(x) * sqrt(x) * besselk(1, x)),
    "erfcx_half_line": chebyshev(
        lambda t: (lambda x: (1 + 2 * x) * exp(x * x) * erfc(x))(mpf("3.75") * (1 + t) / (1 - t))
    ),
    "airy_middle": chebyshev(lambda t: airyai(3 * t - 1)),
    "airy_decay": beyond(mpf(4) * sqrt(mpf(2)) / 3, airy_decay),
    "airy_p": beyond(mpf(16) / 3, lambda z: airy_parts(z)[0]),
    "airy_q": beyond(mpf(16) / 3, lambda z: airy_parts(z)[1] * z),
    "lgamma_1_plus": below(mpf(5) / 4, first_gamma_part),
}


def numbers(values):
    lines, line = [], "     "
    for v in values:
        text = f" {float(chop(v, mpf(10) ** -60))!r},"
        if len(line) + len(text) > 118:
            lines.append(line)
            line = "     "
        line += text
    return "\n".join([*lines, line.rstrip(",")])


HEAD = """\
// Series of the special functions. Written by tests/tools/make_special_tables.py, where each is defined.
#pragma once

#include "kernels/hd.h"

// A function that is called, not put into each of the loops.
#ifdef __CUDACC__
#define CNN_CALLED __host__ __device__ inline
#else
#define CNN_CALLED inline __attribute__((noinline))
#endif

namespace cnn::kernels::inline CNN_ISA {

// The sum of c[k] T_k(t), by Clenshaw's recurrence.
template <int n> CNN_HD double chebyshev_sum(const double (&c)[n], double t) {
  double after = 0, sum = 0;
  for (int k = n - 1; k > 0; --k) {
    const double next = 2 * t * sum - after + c[k];
    after = sum;
    sum = next;
  }
  return t * sum - after + c[0];
}
template <int n> CNN_HD double polynomial(const double (&c)[n], double x) {
  double sum = c[n - 1];
  for (int k = n - 2; k >= 0; --k) sum = sum * x + c[k];
  return sum;
}
"""


def main():
    print(HEAD)
    for name, c in SERIES.items():
        print(
            f"CNN_CALLED double {name}(double t) {{\n  constexpr double c[] = {{\n{numbers(c)}}};"
        )
        print("  return chebyshev_sum(c, t);\n}")
    for k, row in enumerate(temme(5, 18)):
        print(
            f"CNN_CALLED double temme_{k}(double eta) {{\n  constexpr double c[] = {{\n{numbers(row)}}};"
        )
        print("  return polynomial(c, eta);\n}")
    print("\n}  // namespace cnn::kernels::CNN_ISA")


if __name__ == "__main__":
    main()
