// Elementary functions. In float they are the polynomials of float_exp.h and float_trig.h, within 3 ulp; in double they
// are the C library's. On CUDA both are the device's own.
#pragma once

#include "kernels/float_exp.h"
#include "kernels/float_trig.h"
#include "kernels/hd.h"

#ifndef __CUDACC__
extern "C" double lgamma_r(double x, int* sign) noexcept;  // <math.h> would bring functions of its own, and weak ones
#endif

namespace cnn::kernels::inline CNN_ISA {

template <class T> constexpr bool kIsFloating = T(0.5) != T(0);
template <> inline constexpr bool kIsFloating<bool> = false;

template <class T> CNN_HD T infinity() { return T(__builtin_inf()); }
template <class T> CNN_HD T nan() { return T(__builtin_nan("")); }

#define CNN_FLOAT1(name) CNN_HD float name(float x) { return __builtin_##name##f(x); }
#define CNN_FLOAT2(name) CNN_HD float name(float x, float y) { return __builtin_##name##f(x, y); }
#define CNN_DOUBLE1(name) CNN_HD double name(double x) { return __builtin_##name(x); }
#define CNN_DOUBLE2(name) CNN_HD double name(double x, double y) { return __builtin_##name(x, y); }
// What has a polynomial in float on the host, and what has not.
#define CNN_POLYNOMIAL1(X)                                                                                         \
  X(exp) X(exp2) X(expm1) X(log) X(log2) X(log10) X(log1p) X(sin) X(cos) X(tan) X(asin) X(acos) X(atan) X(sinh) \
  X(cosh) X(tanh) X(asinh) X(acosh) X(atanh) X(erf) X(erfc)
#define CNN_POLYNOMIAL2(X) X(pow) X(fmod) X(atan2)
#define CNN_LIBRARY1(X) X(cbrt) X(tgamma) X(floor) X(ceil) X(trunc) X(sqrt) X(fabs)
#define CNN_LIBRARY2(X) X(copysign) X(nextafter)
CNN_POLYNOMIAL1(CNN_DOUBLE1)
CNN_POLYNOMIAL2(CNN_DOUBLE2)
CNN_LIBRARY1(CNN_DOUBLE1)
CNN_LIBRARY2(CNN_DOUBLE2)
CNN_LIBRARY1(CNN_FLOAT1)
CNN_LIBRARY2(CNN_FLOAT2)
#ifdef __CUDACC__
CNN_POLYNOMIAL1(CNN_FLOAT1)
CNN_POLYNOMIAL2(CNN_FLOAT2)
CNN_FLOAT2(hypot)
CNN_DOUBLE2(hypot)
#endif
#undef CNN_FLOAT1
#undef CNN_FLOAT2
#undef CNN_DOUBLE1
#undef CNN_DOUBLE2
#undef CNN_POLYNOMIAL1
#undef CNN_POLYNOMIAL2
#undef CNN_LIBRARY1
#undef CNN_LIBRARY2
CNN_HD float round_even(float x) { return __builtin_rintf(x); }
CNN_HD double round_even(double x) { return __builtin_rint(x); }

// log |gamma(x)|, without the C library's global sign
CNN_HD double lgamma(double x) {
#ifdef __CUDACC__
  return ::lgamma(x);
#else
  int sign;
  return ::lgamma_r(x, &sign);
#endif
}

template <class T> CNN_HD bool is_nan(T x) { return x != x; }

// Phi(x), the normal distribution, and exp(x) for x <= 0
#ifdef __CUDACC__
CNN_HD float exp_negative(float x) { return ::expf(x); }
CNN_HD float normal_cdf(float x) { return 0.5f * (1.0f + erf(x * 0.707106781f)); }
CNN_HD float times_normal_cdf(float x) { return x < -14.0f ? 0.0f : x * normal_cdf(x); }
CNN_HD float select(bool condition, float a, float b) { return condition ? a : b; }
#endif
CNN_HD double normal_cdf(double x) { return 0.5 * erfc(x * -0.70710678118654752440); }
CNN_HD double times_normal_cdf(double x) { return x < -40.0 ? 0.0 : x * normal_cdf(x); }
CNN_HD double exp_negative(double x) { return exp(x); }
CNN_HD double select(bool condition, double a, double b) { return condition ? a : b; }

// x^2 = high + low exactly, for x whose square neither overflows nor vanishes.
struct ExactSquare {
  double high, low;
  CNN_HD explicit ExactSquare(double x) : high(x * x) {
    const double wide = x * 134217729.0, top = wide - (wide - x), rest = x - top;  // 2^27 + 1: half of the digits each
    low = ((top * top - high) + 2.0 * top * rest) + rest * rest;
  }
};

// sqrt(a^2 + b^2), within 0.51 ulp; infinite where one of them is, even beside NaN. The C library's own is another one
// from glibc 2.35 on, which would tie a build to that.
#ifndef __CUDACC__
CNN_HD double hypot(double a, double b) {
  a = __builtin_fabs(a), b = __builtin_fabs(b);
  const double larger = select(a > b, a, b), smaller = select(a > b, b, a);
  const bool huge = larger > 0x1p500, tiny = larger < 0x1p-400;
  const double scale = select(huge, 0x1p-600, select(tiny, 0x1p600, 1.0));
  const double back = select(huge, 0x1p600, select(tiny, 0x1p-600, 1.0));
  const double x = larger * scale, y = smaller * scale, h = __builtin_sqrt(x * x + y * y);
  const ExactSquare x2(x), y2(y), h2(h);
  const double excess = ((h2.high - x2.high) - y2.high) + (h2.low - x2.low - y2.low);
  const double exact = select(h > 0.0, h - excess / (2.0 * h), h) * back;
  return select((a == infinity<double>()) | (b == infinity<double>()), infinity<double>(), exact);
}
#endif

// 1 / (1 + exp(-x))
template <class T> CNN_HD T sigmoid(T x) { return T(1) / (T(1) + exp(-x)); }

}  // namespace cnn::kernels::CNN_ISA
