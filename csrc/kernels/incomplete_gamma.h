// The regularised incomplete gamma functions P(a, x) and Q(a, x) = 1 - P(a, x), in double.
#pragma once

#include "kernels/math.h"
#include "kernels/special_tables.h"

namespace cnn::kernels::inline CNN_ISA {

struct IncompleteGamma {
  double a, x;

  CNN_CALLED double lower() const {
    if (!(x >= 0) || !(a >= 0) || (a == 0 && x == 0)) return nan<double>();
    if (x == 0 || a == infinity<double>()) return x == infinity<double>() ? nan<double>() : 0.0;
    if (a == 0 || x == infinity<double>()) return 1;
    if (a > kLarge) return uniform(-1);
    return x > 1 && x > a ? 1 - fraction() : series();
  }
  CNN_CALLED double upper() const {
    if (!(x >= 0) || !(a >= 0) || (a == 0 && x == 0)) return nan<double>();
    if (x == 0 || a == infinity<double>()) return x == infinity<double>() ? nan<double>() : 1.0;
    if (a == 0 || x == infinity<double>()) return 0;
    if (a > kLarge) return uniform(1);
    if (x > 1.1) return x < a ? 1 - series() : fraction();
    const bool half = x <= 0.5 ? -0.4 / __builtin_log(x) < a : x * 1.1 < a;  // Q is not small beside P
    return half ? 1 - series() : small();
  }

 private:
  static constexpr double kLarge = 1e4, kEpsilon = 0x1p-53;

  // u - log(1 + u) for u = x / a - 1, without cancellation: s u - 2 (s^3 / 3 + s^5 / 5 + ...) with s = u / (2 + u).
  CNN_CALLED double excess() const {
    const double u = (x - a) / a;
    if (__builtin_fabs(u) > 0.4) return u - __builtin_log(x / a);
    const double s = u / (2 + u), s2 = s * s;
    double power = s * s2, sum = 0;
    for (int k = 3; k < 50; k += 2) {
      const double term = power / k;
      sum += term;
      if (__builtin_fabs(term) < kEpsilon * __builtin_fabs(sum)) break;
      power *= s2;
    }
    return s * u - 2 * sum;
  }
  // x^a exp(-x) / Gamma(a + 1), by Stirling's series (Abramowitz & Stegun 6.1.40) where a is not small.
  CNN_CALLED double front() const {
    if (a < 10) return __builtin_exp(a * __builtin_log(x) - x - lgamma(a + 1));
    const double z = 1 / (a * a);
    const double tail = (1. / 12 - z * (1. / 360 - z * (1. / 1260 - z * (1. / 1680 - z * (1. / 1188))))) / a;
    return __builtin_exp(-a * excess() - tail) / __builtin_sqrt(6.28318530717958647693 * a);
  }
  // P as a sum of positive terms (6.5.29), for x up to about a.
  CNN_CALLED double series() const {
    double term = 1, sum = 1;
    for (double k = a + 1; term > kEpsilon * sum; k += 1) {
      term *= x / k;
      sum += term;
    }
    return sum * front();
  }
  // Q as a continued fraction (6.5.31, in its even part), from the left: for x from about a, above 1.
  CNN_CALLED double fraction() const {
    double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
    for (int k = 1; k < 20000; ++k) {
      const double numerator = -k * (k - a);
      b += 2;
      d = 1 / (numerator * d + b);
      c = b + numerator / c;
      const double step = c * d;
      h *= step;
      if (__builtin_fabs(step - 1) < 3e-16) break;
    }
    return h * a * front();
  }
  // Q for small a and x, where P is near 1: 1 - x^a / Gamma(a + 1) (1 + a sum of (-x)^k / (k! (a + k))).
  CNN_CALLED double small() const {
    double term = 1, sum = 0;
    for (int k = 1; k < 100; ++k) {
      term *= -x / k;
      sum += term / (a + k);
      if (__builtin_fabs(term) < kEpsilon * __builtin_fabs(sum)) break;
    }
    const double exponent = a * (__builtin_log(x) - lgamma_1_plus(1.6 * a - 1));
    return -__builtin_expm1(exponent) - a * sum * __builtin_exp(exponent);
  }
  // Temme's expansion, uniform in x (DLMF 8.12.3): P with side -1, Q with side 1.
  CNN_CALLED double uniform(double side) const {
    const double half_square = excess(), eta = __builtin_copysign(__builtin_sqrt(2 * half_square), x - a);
    if (a * half_square > 760) return (x > a) == (side > 0) ? 0 : 1;
    const double inverse = 1 / a;
    const double sum =
        temme_0(eta) +
        inverse * (temme_1(eta) + inverse * (temme_2(eta) + inverse * (temme_3(eta) + inverse * temme_4(eta))));
    const double rest = __builtin_exp(-a * half_square) / __builtin_sqrt(6.28318530717958647693 * a) * sum;
    return 0.5 * __builtin_erfc(side * eta * __builtin_sqrt(0.5 * a)) + side * rest;
  }
};

// P(a, x), the lower part
struct Igamma : Functor {
  static constexpr int kCost = 100;
  template <class T> CNN_HD T operator()(T a, T x) const { return T(IncompleteGamma{double(a), double(x)}.lower()); }
};
// Q(a, x), the upper part
struct Igammac : Functor {
  static constexpr int kCost = 100;
  template <class T> CNN_HD T operator()(T a, T x) const { return T(IncompleteGamma{double(a), double(x)}.upper()); }
};

}  // namespace cnn::kernels::CNN_ISA
