// Implicit derivatives of gamma and beta draws, in double.
//
// A draw x of a distribution F(x; a) moves with its parameter as its quantile stays: dx/da = -(dF/da) / p(x) (Figurnov
// et al. 2018; Jankowiak and Obermeyer 2018). F and dF/da are one integral with two weights,
//
//   F(x) = integral of p(t) dt,   -dF/da = integral of p(t) (m - log t) dt,   m = E[log t],
//
// over what lies below x, or, with the other sign, over what lies above; of the two sides the one is taken on which
// log t does not reach m, so that nothing cancels. In u = log t (gamma) and u = logit t (beta) the density is
// log-concave and falls steadily from x on: a Gauss-Legendre rule over the stretch on which it falls to exp(-40) has
// double precision. Where the density falls too slowly for that, below x for small a, the power series of F serves,
// whose terms have known derivatives.
#pragma once

#include "kernels/math.h"
#include "kernels/special_tables.h"
#include "kernels/unary.h"

namespace cnn::kernels::inline CNN_ISA {

inline constexpr double kEnough = 40;  // exp(-40) is far below an ulp of the sum
inline constexpr double kSteep = 4;    // from this parameter on the density falls fast enough on its side

CNN_HD double digamma_of(double x) { return Digamma{}(x); }
CNN_HD bool is_infinite(double x) { return fabs(x) == infinity<double>(); }
CNN_HD double larger(double a, double b) { return a < b ? b : a; }

// The integral of f over [0, length], in stretches on which it is smooth, by the Gauss-Legendre rule: its 16 nodes give
// half the digits of a double, which is enough for the gradient of a draw.
template <class F> CNN_HD double integral(double length, const F& f) {
  static constexpr double node[] = {
      0.0052995325041750307, 0.0277124884633837,  0.067184398806084122, 0.1222977958224985,
      0.19106187779867811,   0.27099161117138632, 0.35919822461037054,  0.45249374508118129,
      0.54750625491881877,   0.64080177538962946, 0.72900838882861363,  0.80893812220132189,
      0.87770220417750155,   0.93281560119391593, 0.9722875115366163,   0.99470046749582497};
  static constexpr double weight[] = {
      0.013576229705877029, 0.031126761969323888, 0.047579255841246448, 0.062314485627766973,
      0.07479799440828841,  0.084578259697501282, 0.091301707522461806, 0.094725305227534237,
      0.094725305227534237, 0.091301707522461806, 0.084578259697501282, 0.07479799440828841,
      0.062314485627766973, 0.047579255841246448, 0.031126761969323888, 0.013576229705877029};
  constexpr double kStretch = 3;
  if (!(length >= 0 && length < 1e4)) return nan<double>();
  const int stretches = length > kStretch ? int(ceil(length / kStretch)) : 1;
  const double h = length / stretches;
  double sum = 0;
  for (int s = 0; s < stretches; ++s)
    for (int i = 0; i < 16; ++i) sum += weight[i] * f((s + node[i]) * h);
  return sum * h;
}

// ---- Gamma ----

// exp(x) - 1 - x, exact near 0.
CNN_CALLED double exp_rest(double x) {
  if (fabs(x) > 0.25) return expm1(x) - x;
  double sum = 0, power = x * x / 2;
  for (int n = 3; n < 16; ++n) {
    sum += power;
    power *= x / n;
  }
  return sum;
}

// From x on, `side` = +1 upwards or -1 downwards in log t: what log p has fallen by at distance d, and the distance at
// which that is kEnough.
struct GammaFall {
  double a, x, side, log_x = log(x);
  CNN_HD double at(double d) const { return exp(log_x + side * d); }
  CNN_HD double operator()(double d) const {
    if (d > 1) return at(d) - x - side * a * d;
    if (a < 1e5) return x * expm1(side * d) - side * a * d;
    return x * exp_rest(side * d) + side * (x - a) * d;  // where those terms would cancel
  }
  CNN_HD double length() const {  // by Newton's method from beyond the root; the fall is convex
    const double beyond = 2 * kEnough + sqrt(2 * kEnough * a);
    double d = side < 0 ? kEnough / a + sqrt(2 * kEnough / a) : x > 1e-9 ? log1p(beyond / x) : log(beyond) - log_x;
    for (int step = 0; step < 40; ++step) {
      const double excess = (*this)(d)-kEnough;
      if (fabs(excess) < 1) break;
      d -= excess / (side * (at(d) - a));
    }
    return d;
  }
};

inline constexpr double kTiny = 1e-300;
CNN_HD bool gamma_by_series(double a, double x) { return x <= a && a < kSteep; }

CNN_CALLED double gamma_grad(double a, double x) {
  if (is_nan(a) || is_nan(x) || a < 0 || x < 0 || is_infinite(a)) return nan<double>();
  if (x == 0) return 0;
  if (a == 0 || is_infinite(x)) return nan<double>();
  a = larger(a, kTiny);
  if (gamma_by_series(a, x)) {  // the logarithm of a term grows with a by log x - psi(a + n + 1)
    double sum = 0, term = x / a, weight = digamma_of(a + 1) - log(x);
    for (int n = 1; n < 10000 && term * (1 + fabs(weight)) > 1e-17 * fabs(sum); ++n) {
      sum += term * weight;
      term *= x / (a + n);
      weight += 1 / (a + n);
    }
    return sum;
  }
  const GammaFall fall{a, x, x <= a ? -1. : 1.};
  const double distance = log(x) - digamma_of(a);
  const double sum = integral(fall.length(), [&](double d) { return exp(-fall(d)) * (fall.side * distance + d); });
  return x * sum;
}

// ---- Beta ----

// psi(a) - psi(a + b), exact also where b is small beside a.
CNN_CALLED double digamma_difference(double a, double b) {
  double shift = 0;
  for (; a < 16; a += 1) shift -= b / (a * (a + b));
  const double total = a + b, first = b / (a * total);  // 1 / a - 1 / total
  const double second = first * (1 / a + 1 / total);    // of the squares
  const double fourth = second * (1 / (a * a) + 1 / (total * total));
  const double sixth =
      second * (1 / (a * a * a * a) + 1 / (a * a * total * total) + 1 / (total * total * total * total));
  return shift - log1p(b / a) - first / 2 - second / 12 + fourth / 120 - sixth / 252;
}

// As for gamma, in logit t.
struct BetaFall {
  double a, b, x, side, y = 1 - x;
  CNN_HD double log_ratio(double d) const {  // log(t / x)
    const double e = -side * d;
    if (d < 0.5) return -log1p(y * expm1(e));
    if (e < 300) return -log(x + y * exp(e));
    return -(log(y) + e) - log1p(x / y * exp(-e));
  }
  CNN_HD double operator()(double d) const { return side * b * d - (a + b) * log_ratio(d); }
  CNN_HD double slope(double d) const { return side * ((a + b) * x * exp(log_ratio(d)) - a); }
  CNN_HD double length() const {
    // Where t is half the mean, or 1 - t half of its own, and farther off, the slope is half the parameter or more.
    const double own = side < 0 ? a : b, half = own / (2 * (a + b)), odds = side < 0 ? x / y : y / x;
    double d = larger(0.0, log(odds) - log(half / (1 - half))) + 2 * kEnough / own;
    for (int step = 0; step < 40; ++step) {
      const double excess = (*this)(d)-kEnough;
      if (fabs(excess) < 1) break;
      d -= excess / slope(d);
    }
    return d;
  }
};

CNN_CALLED double beta_grad(double x, double a, double total) {
  const double b = total - a;
  if (!(x >= 0 && x <= 1 && a > 0 && b >= 0) || is_infinite(total)) return nan<double>();
  if (x == 0 || b == 0) return 0;  // b = 0: lost beside a, and all draws are 1
  if (x == 1) return -digamma_difference(a, b) / b;
  const bool below = x <= a / total;
  if ((below ? a : b) >= kSteep) {
    const BetaFall fall{a, b, x, below ? -1. : 1.};
    const double log_x = x < 0.5 ? log(x) : log1p(x - 1), mean = digamma_difference(a, b);
    const double sum = integral(
        fall.length(), [&](double d) { return exp(-fall(d)) * fall.side * (log_x + fall.log_ratio(d) - mean); });
    return x * sum;
  }
  // F(x) = x^a (1 - x)^b / (a B(a, b)) sum of (a + b)_n / (a + 1)_n x^n, or 1 less the same for 1 - x; the logarithm of
  // a term has the derivative `weight` by a.
  const bool direct = x <= 0.5;
  const double y = direct ? x : 1 - x, p = direct ? a : b;
  double term = direct ? x / a : x / b;
  double weight = direct ? digamma_of(a + 1) - digamma_of(total) - log(x) : log(x) - digamma_difference(a, b);
  double sum = 0;
  for (int n = 0; n < 100000; ++n) {
    sum += term * weight;
    if (n > 0 && !(term * (1 + fabs(weight)) > 1e-17 * fabs(sum))) break;
    weight += direct ? 1 / (a + 1 + n) - 1 / (total + n) : 1 / (total + n);
    term *= (total + n) / (p + 1 + n) * y;
  }
  return sum;
}

}  // namespace cnn::kernels::CNN_ISA
