// Elementary functions. In float they are branch-free polynomials, so that loops over them vectorise, within 2 ulp;
// in double they are the C library's. On CUDA both are the device's own.
#pragma once

#include "kernels/hd.h"

namespace cnn::kernels::inline CNN_ISA {

CNN_HD float bits_to_float(uint32_t u) {
  float f;
  __builtin_memcpy(&f, &u, 4);
  return f;
}
CNN_HD uint32_t float_to_bits(float f) {
  uint32_t u;
  __builtin_memcpy(&u, &f, 4);
  return u;
}

template <class T> CNN_HD T infinity() { return T(__builtin_inf()); }
template <class T> CNN_HD T nan() { return T(__builtin_nan("")); }

// One name for both precisions, for what only the C library has.
#define CNN_LIBM1(name)                                                   \
  CNN_HD float name(float x) { return __builtin_##name##f(x); }           \
  CNN_HD double name(double x) { return __builtin_##name(x); }
#define CNN_LIBM2(name)                                                             \
  CNN_HD float name(float x, float y) { return __builtin_##name##f(x, y); }         \
  CNN_HD double name(double x, double y) { return __builtin_##name(x, y); }
// clang-format off
CNN_LIBM1(sin) CNN_LIBM1(cos) CNN_LIBM1(tan) CNN_LIBM1(asin) CNN_LIBM1(acos) CNN_LIBM1(atan)
CNN_LIBM1(sinh) CNN_LIBM1(cosh) CNN_LIBM1(asinh) CNN_LIBM1(acosh) CNN_LIBM1(atanh)
CNN_LIBM1(log2) CNN_LIBM1(log10) CNN_LIBM1(exp2) CNN_LIBM1(erfc) CNN_LIBM1(cbrt) CNN_LIBM1(tgamma)
CNN_LIBM1(floor) CNN_LIBM1(ceil) CNN_LIBM1(trunc) CNN_LIBM1(sqrt) CNN_LIBM1(fabs)
CNN_LIBM2(pow) CNN_LIBM2(fmod) CNN_LIBM2(atan2) CNN_LIBM2(hypot) CNN_LIBM2(copysign) CNN_LIBM2(nextafter)
// clang-format on
#undef CNN_LIBM1
#undef CNN_LIBM2
                CNN_HD float round_even(float x) {
  return __builtin_rintf(x);
}
CNN_HD double round_even(double x) { return __builtin_rint(x); }

template <class T> CNN_HD bool is_nan(T x) { return x != x; }

#ifdef __CUDACC__
CNN_HD float exp(float x) { return ::expf(x); }
CNN_HD float expm1(float x) { return ::expm1f(x); }
CNN_HD float log(float x) { return ::logf(x); }
CNN_HD float log1p(float x) { return ::log1pf(x); }
CNN_HD float tanh(float x) { return ::tanhf(x); }
CNN_HD float erf(float x) { return ::erff(x); }
#else
// x = n ln2 + r with |r| <= ln2/2; adding 1.5 2^23 rounds to an integer and leaves it in the low bits.
struct Reduced {
  float r;
  int32_t n;
};
CNN_HD Reduced reduce_ln2(float x) {
  const float shifted = fma(x, 1.44269504f, 12582912.0f);
  const float n = shifted - 12582912.0f;
  float r = fma(n, -0.693359375f, x);
  r = fma(n, 2.12194440e-4f, r);
  return {r, int32_t(float_to_bits(shifted) - 0x4b400000u)};
}
// exp(r) - 1 - r over r^2, by its minimax polynomial (Cephes, Moshier 1992).
CNN_HD float exp_tail(float r) {
  float p = fma(1.9875691500e-4f, r, 1.3981999507e-3f);
  p = fma(p, r, 8.3334519073e-3f);
  p = fma(p, r, 4.1665795894e-2f);
  p = fma(p, r, 1.6666665459e-1f);
  return fma(p, r, 5.0000001201e-1f);
}
// 2^n for n in [-126, 127].
CNN_HD float power_of_two(int32_t n) { return bits_to_float(uint32_t(n + 127) << 23); }

CNN_HD float exp(float x) {
  const float clamped = x < -104.0f ? -104.0f : (x > 89.0f ? 89.0f : x);
  const Reduced a = reduce_ln2(clamped);
  const float p = fma(exp_tail(a.r), a.r * a.r, a.r) + 1.0f;
  const int32_t half = a.n >> 1;  // in two steps, so that subnormal results and 2^128 are reached
  const float y = p * power_of_two(half) * power_of_two(a.n - half);
  return x != x ? x : y;
}

CNN_HD float expm1(float x) {
  const float clamped = x < -30.0f ? -30.0f : (x > 89.0f ? 89.0f : x);
  const Reduced a = reduce_ln2(clamped);
  const float p = fma(exp_tail(a.r), a.r * a.r, a.r);  // exp(r) - 1
  const int32_t half = a.n >> 1;
  const float s = power_of_two(half), s2 = power_of_two(a.n - half);
  const float y = fma(p * s, s2, s * s2 - 1.0f);
  const float large = (p + 1.0f) * s * s2;  // where 2^n itself overflows
  const float z = a.n > 120 ? large : y;
  return x != x ? x : (x == 0.0f ? x : z);
}

// log(m 2^e), m in [sqrt(1/2), sqrt(2)) (Cephes).
CNN_HD float log(float x) {
  const bool tiny = x < 1.17549435e-38f;
  const uint32_t u = float_to_bits(tiny ? x * 8388608.0f : x);
  const uint32_t shifted = u - 0x3f3504f3u;  // so that the mantissa's range is centred
  const float e = float(int32_t(shifted) >> 23) - (tiny ? 23.0f : 0.0f);
  const float f = bits_to_float((shifted & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  const float z = f * f;
  float p = fma(7.0376836292e-2f, f, -1.1514610310e-1f);
  p = fma(p, f, 1.1676998740e-1f);
  p = fma(p, f, -1.2420140846e-1f);
  p = fma(p, f, 1.4249322787e-1f);
  p = fma(p, f, -1.6668057665e-1f);
  p = fma(p, f, 2.0000714765e-1f);
  p = fma(p, f, -2.4999993993e-1f);
  p = fma(p, f, 3.3333331174e-1f);
  float y = p * f * z;
  y = fma(e, -2.12194440e-4f, y);
  y = fma(-0.5f, z, y);
  y = fma(e, 0.693359375f, f + y);
  y = x == infinity<float>() ? x : y;
  y = x == 0.0f ? -infinity<float>() : y;
  return x < 0.0f ? nan<float>() : (x != x ? x : y);
}

// log(u) with the rounding error of u = 1 + x made good.
CNN_HD float log1p(float x) {
  const float u = 1.0f + x;
  const float y = log(u) + (x - (u - 1.0f)) / u;
  return u == 1.0f ? x : (u == infinity<float>() || u <= 0.0f ? log(u) : y);
}

// tanh(x) = t / (t + 2), t = exp(2x) - 1. The smaller of |x| and 10 is taken of their bits: a comparison of floats would
// become a branch, and the loop around it no vectors.
CNN_HD float tanh(float x) {
  const uint32_t a = float_to_bits(x) & 0x7fffffffu, ten = 0x41200000u;
  const float t = expm1(2.0f * bits_to_float(a < ten ? a : ten));
  const float y = __builtin_copysignf(t / (t + 2.0f), x);
  return x != x ? x : y;
}

// Two polynomials that meet at 0.93: in x^2, and of log(1 - erf) (coefficients by N. Juffa).
CNN_HD float erf(float x) {
  const float t = __builtin_fabsf(x), s = x * x;
  float far = fma(-1.72853470e-5f, t, 3.83197126e-4f);
  far = fma(far, s, fma(-3.88396438e-3f, t, 2.42546219e-2f));
  far = fma(far, t, -1.06777877e-1f);
  far = fma(far, t, -6.34846687e-1f);
  far = fma(far, t, -1.28717512e-1f);
  far = fma(far, t, -t);
  far = __builtin_copysignf(1.0f - exp(t > 10.0f ? -100.0f : far), x);
  float near = fma(-5.96761703e-4f, s, 4.99119423e-3f);
  near = fma(near, s, -2.67681349e-2f);
  near = fma(near, s, 1.12819925e-1f);
  near = fma(near, s, -3.76125336e-1f);
  near = fma(near, s, 1.28379166e-1f);
  near = fma(near, x, x);
  return t > 0.927734375f ? far : near;
}
#endif

CNN_HD double exp(double x) { return __builtin_exp(x); }
CNN_HD double expm1(double x) { return __builtin_expm1(x); }
CNN_HD double log(double x) { return __builtin_log(x); }
CNN_HD double log1p(double x) { return __builtin_log1p(x); }
CNN_HD double tanh(double x) { return __builtin_tanh(x); }
CNN_HD double erf(double x) { return __builtin_erf(x); }

// 1 / (1 + exp(-x))
template <class T> CNN_HD T sigmoid(T x) { return T(1) / (T(1) + exp(-x)); }

}  // namespace cnn::kernels::CNN_ISA
