// Special functions: of Bessel and Airy, of the normal distribution, the incomplete gamma function, Hurwitz's zeta and
// polynomials. All are computed in double. A&S is Abramowitz & Stegun, DLMF the Digital Library of Mathematical
// Functions.
#pragma once

#include "kernels/functor.h"
#include "kernels/incomplete_gamma.h"
#include "kernels/math.h"
#include "kernels/polynomials.h"
#include "kernels/special_tables.h"
#include "kernels/unary.h"

#ifndef __CUDACC__
extern "C" {  // as lgamma_r in math.h
double j0(double x) noexcept;
double j1(double x) noexcept;
double y0(double x) noexcept;
double y1(double x) noexcept;
}
#endif

namespace cnn::kernels::inline CNN_ISA {

// X(functor, inputs, types)
#define CNN_MAP_SPECIAL(X)                                                                                  \
  X(I0, 1, Floats) X(I0e, 1, Floats) X(I1, 1, Floats) X(I1e, 1, Floats) X(K0, 1, Floats) X(K0e, 1, Floats)   \
  X(K1, 1, Floats) X(K1e, 1, Floats) X(BesselJ0, 1, Floats) X(BesselJ1, 1, Floats) X(BesselY0, 1, Floats)    \
  X(BesselY1, 1, Floats) X(SphericalJ0, 1, Floats) X(AiryAi, 1, Floats) X(Entr, 1, Floats)                   \
  X(Erfcx, 1, Floats) X(Ndtr, 1, Floats) X(Ndtri, 1, Floats) X(LogNdtr, 1, Floats)                           \
  X(FrexpMantissa, 1, Floats) X(FrexpExponent, 1, Floats) X(Xlog1py, 2, Floats) X(Zeta, 2, Floats)           \
  X(Igamma, 2, Floats) X(Igammac, 2, Floats) X(ChebyshevT, 2, Floats) X(ChebyshevU, 2, Floats)               \
  X(ChebyshevV, 2, Floats) X(ChebyshevW, 2, Floats) X(ShiftedChebyshevT, 2, Floats)                          \
  X(ShiftedChebyshevU, 2, Floats) X(ShiftedChebyshevV, 2, Floats) X(ShiftedChebyshevW, 2, Floats)            \
  X(HermiteH, 2, Floats) X(HermiteHe, 2, Floats) X(LaguerreL, 2, Floats) X(LegendreP, 2, Floats)

// A function of one number that is computed in double.
#define CNN_SPECIAL(name, f)                                                       \
  struct name : FloatFunctor {                                                     \
    static constexpr int kCost = 30;                                               \
    template <class T> CNN_HD T operator()(T x) const { return T(f(double(x))); } \
  };

// ---- Modified Bessel functions, and those times exp(-|x|) or exp(x) ----

CNN_CALLED double bessel_i0e(double value) {
  const double x = __builtin_fabs(value);
  return x <= 8 ? i0e_below_8(x / 4 - 1) : i0e_beyond_8(16 / x - 1) / __builtin_sqrt(x);
}
CNN_CALLED double bessel_i1e(double value) {
  const double x = __builtin_fabs(value);
  const double y = x <= 8 ? x * i1e_below_8(x / 4 - 1) : i1e_beyond_8(16 / x - 1) / __builtin_sqrt(x);
  return __builtin_copysign(y, value);
}
// y exp(|x|), where the exponential may overflow before the product does.
CNN_CALLED double unscaled(double y, double x) {
  const double half = __builtin_exp(__builtin_fabs(x) / 2);
  return x - x == 0 ? y * half * half : x;
}
CNN_CALLED double bessel_i0(double x) { return __builtin_fabs(unscaled(bessel_i0e(x), x)); }
CNN_CALLED double bessel_i1(double x) { return unscaled(bessel_i1e(x), x); }
CNN_SPECIAL(I0, bessel_i0)
CNN_SPECIAL(I0e, bessel_i0e)
CNN_SPECIAL(I1, bessel_i1)
CNN_SPECIAL(I1e, bessel_i1e)

// The second kind for x > 0 (A&S 9.6.10 to 9.6.13): up to 2 it is a logarithm times the first kind, and a series.
CNN_CALLED double k0_near(double x) { return k0_below_2(x * x / 2 - 1) - __builtin_log(x / 2) * bessel_i0(x); }
CNN_CALLED double k1_near(double x) { return __builtin_log(x / 2) * bessel_i1(x) + k1_below_2(x * x / 2 - 1) / x; }
CNN_CALLED double k0e_far(double x) { return k0e_beyond_2(4 / x - 1) / __builtin_sqrt(x); }
CNN_CALLED double k1e_far(double x) { return k1e_beyond_2(4 / x - 1) / __builtin_sqrt(x); }
// At 0 infinite, below nan.
CNN_CALLED double at_pole(double x) { return x == 0 ? infinity<double>() : nan<double>(); }
CNN_CALLED double bessel_k0(double x) {
  return !(x > 0) ? at_pole(x) : x <= 2 ? k0_near(x) : __builtin_exp(-x) * k0e_far(x);
}
CNN_CALLED double bessel_k1(double x) {
  return !(x > 0) ? at_pole(x) : x <= 2 ? k1_near(x) : __builtin_exp(-x) * k1e_far(x);
}
CNN_CALLED double bessel_k0e(double x) {
  return !(x > 0) ? at_pole(x) : x <= 2 ? k0_near(x) * __builtin_exp(x) : k0e_far(x);
}
CNN_CALLED double bessel_k1e(double x) {
  return !(x > 0) ? at_pole(x) : x <= 2 ? k1_near(x) * __builtin_exp(x) : k1e_far(x);
}
CNN_SPECIAL(K0, bessel_k0)
CNN_SPECIAL(K0e, bessel_k0e)
CNN_SPECIAL(K1, bessel_k1)
CNN_SPECIAL(K1e, bessel_k1e)

// ---- Bessel functions: the C library's ----

CNN_SPECIAL(BesselJ0, ::j0)
CNN_SPECIAL(BesselJ1, ::j1)
CNN_CALLED double bessel_y0(double x) { return x > 0 ? ::y0(x) : -at_pole(x); }
CNN_CALLED double bessel_y1(double x) { return x > 0 ? ::y1(x) : -at_pole(x); }
CNN_SPECIAL(BesselY0, bessel_y0)
CNN_SPECIAL(BesselY1, bessel_y1)

CNN_CALLED double spherical_j0(double x) {
  if (x == 0) return 1;
  return __builtin_fabs(x) == infinity<double>() ? 0 : __builtin_sin(x) / x;
}
CNN_SPECIAL(SphericalJ0, spherical_j0)

// ---- Airy's function, by its expansions for large x without the factors that decay and oscillate (DLMF 9.7) ----

CNN_CALLED double airy_ai(double x) {
  if (x != x) return x;
  constexpr double root_pi = 1.77245385090551602730, quarter_pi = 0.78539816339744830962;
  if (x >= -4 && x <= 2) return airy_middle((x + 1) / 3);
  const double size = __builtin_fabs(x), root = __builtin_sqrt(size), fourth = __builtin_sqrt(root);
  const double z = size * root * (2. / 3);
  if (z > 1e18) return 0;
  if (x > 0) {
    constexpr double start = 1.88561808316412673174;  // z at 2
    return airy_decay(2 * start / z - 1) * __builtin_exp(-z) / (2 * root_pi * fourth);
  }
  const double t = 2 * (16. / 3) / z - 1, u = z - quarter_pi;
  return (airy_p(t) * __builtin_cos(u) + airy_q(t) / z * __builtin_sin(u)) / (root_pi * fourth);
}
CNN_SPECIAL(AiryAi, airy_ai)

// ---- The normal distribution ----

// exp(x^2) erfc(x); the variable (x - 3.75) / (x + 3.75) is Shepherd and Laframboise's (1981).
CNN_CALLED double scaled_erfc(double value) {
  const double x = __builtin_fabs(value);
  const double y = x == infinity<double>() ? 0 : erfcx_half_line((x - 3.75) / (x + 3.75)) / (1 + 2 * x);
  if (!(value < 0)) return y;
  if (x > 26.7) return infinity<double>();
  const ExactSquare square(x);
  return 2 * __builtin_exp(square.high) * (1 + square.low) - y;
}
CNN_CALLED double log_normal_cdf(double x) {
  constexpr double root_half = 0.70710678118654752440;
  if (x < -1) return __builtin_log(scaled_erfc(-x * root_half) / 2) - x * x / 2;
  return __builtin_log1p(-__builtin_erfc(x * root_half) / 2);
}
// Phi^-1(p): a first guess (A&S 26.2.23), then Halley's steps on the side of the smaller tail.
CNN_CALLED double normal_quantile(double p) {
  if (!(p >= 0 && p <= 1)) return nan<double>();
  if (p == 0 || p == 1) return p == 0 ? -infinity<double>() : infinity<double>();
  constexpr double root_half = 0.70710678118654752440, root_2_pi = 2.50662827463100050242;
  const bool lower = p < 0.5;
  const double tail = lower ? p : 1 - p;  // exact
  const double t = __builtin_sqrt(-2 * __builtin_log(tail));
  double x = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
  for (int step = 0; step < 3; ++step) {
    // The error of the upper tail at x, in units of the density there.
    const double root_scale = __builtin_exp(x * x / 4);  // its square overflows before tail does
    const double error = x < 1 ? root_scale * root_scale * (0.5 - tail - 0.5 * __builtin_erf(x * root_half))
                               : scaled_erfc(x * root_half) / 2 - root_scale * tail * root_scale;
    x += error * root_2_pi / (1 - error * root_2_pi * x / 2);
  }
  return lower ? -x : x;
}
CNN_SPECIAL(Erfcx, scaled_erfc)
CNN_SPECIAL(Ndtr, normal_cdf)
CNN_SPECIAL(LogNdtr, log_normal_cdf)
CNN_SPECIAL(Ndtri, normal_quantile)

// -x log(x), 0 at 0, -inf below
CNN_CALLED double entropy(double x) {
  return x > 0 ? -x * __builtin_log(x) : x == 0 ? 0 : x < 0 ? -infinity<double>() : x;
}
CNN_SPECIAL(Entr, entropy)
#undef CNN_SPECIAL

// x = mantissa 2^exponent, the mantissa's size in [0.5, 1); an infinity, nan and 0 are their own mantissa.
struct FrexpMantissa : Functor {
  template <class T> CNN_HD T operator()(T x) const {
    int exponent;
    return T(__builtin_frexp(double(x), &exponent));
  }
};
struct FrexpExponent : Functor {
  template <class T> CNN_HD T operator()(T x) const {
    int exponent = 0;
    if (fabs(x) < infinity<T>()) (void)__builtin_frexp(double(x), &exponent);
    return T(exponent);
  }
};

// a log(1 + b), 0 where a is 0
struct Xlog1py : FloatFunctor {
  template <class T> CNN_HD T operator()(T a, T b) const { return b != b ? b : (a == T(0) ? T(0) : a * log1p(b)); }
};

// Hurwitz's zeta: the sum of (q + k)^-s over k >= 0, for s > 1. Terms up to 10 + s, then Euler and Maclaurin's rest
// (DLMF 25.11.28). Below 0 for whole s only: the terms below 0 are a difference of two such sums.
struct Zeta : FloatFunctor {
  static constexpr int kCost = 100;
  template <class T> CNN_HD T operator()(T exponent, T place) const {
    const double s = double(exponent), q = double(place);
    if (s != s || q != q) return nan<T>();
    if (s <= 1) return s == 1 ? infinity<T>() : nan<T>();
    if (q > 0) return T(sum(s, q));
    if (q == __builtin_floor(q)) return infinity<T>();
    if (s != __builtin_floor(s)) return nan<T>();
    const double fraction = q - __builtin_floor(q), rest = __builtin_ceil(q) - q;
    const double sign = __builtin_fmod(s, 2) == 0 ? 1 : -1;
    return T(sum(s, fraction) + sign * (sum(s, rest) - sum(s, 1 - q)));
  }

 private:
  CNN_CALLED static double sum(double s, double q) {
    // B_2j / (2j)!
    constexpr double bernoulli[] = {8.333333333333333e-2,   -1.388888888888889e-3,  3.3068783068783070e-5,
                                    -8.267195767195767e-7,  2.0876756987868100e-8,  -5.284190138687493e-10,
                                    1.3382536530684679e-11, -3.389680296322583e-13, 8.586062056277845e-15,
                                    -2.174868698558062e-16, 5.5090028283602300e-18, -1.395446468581252e-19};
    double y = 0;
    for (; q < 10 + s; q += 1) {
      const double term = __builtin_pow(q, -s);
      y += term;
      if (term * q <= 0x1p-60 * y || y == infinity<double>()) return y;  // 0 too, where terms underflow
    }
    double term = __builtin_pow(q, -s);
    y += __builtin_pow(q, 1 - s) / (s - 1) + 0.5 * term;
    if (term == 0) return y;
    term *= s / q;
    for (int j = 0; j < 12; ++j) {
      const double part = bernoulli[j] * term;
      y += part;
      if (__builtin_fabs(part) < 0x1p-60 * y) break;
      term *= (s + 2 * j + 1) * (s + 2 * j + 2) / (q * q);
    }
    return y;
  }
};

// Numbered in the upper half of the unary functors' family.
enum { kMapSpecialBefore = kMapUnary * kFamilySize + kFamilySize / 2 - 1, CNN_MAP_SPECIAL(CNN_ENUM_ID) kMapSpecialEnd };
static_assert(kMapUnaryEnd <= kMapSpecialBefore + 1 && kMapSpecialEnd <= (kMapUnary + 1) * kFamilySize,
              "two families in the numbers of one");
CNN_MAP_SPECIAL(CNN_ID_OF)

}  // namespace cnn::kernels::CNN_ISA
