// Exponentials, logarithms, powers and error functions in float: branch-free polynomials, so that loops over them
// vectorise. A NaN runs through every formula unless a line says otherwise.
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

#ifndef __CUDACC__
// condition ? a : b, by masks: the compiler makes no branch of it, which would keep a loop from being vectorised.
CNN_HD float blend_bits(uint32_t mask, float a, float b) {
  return bits_to_float((float_to_bits(a) & mask) | (float_to_bits(b) & ~mask));
}
CNN_HD float select(bool condition, float a, float b) { return blend_bits(0u - uint32_t(condition), a, b); }
CNN_HD float clamp(float x, float low, float high) {  // NaN stays
  const float y = x < low ? low : x;
  return y > high ? high : y;
}

constexpr float kInfinity = __builtin_inff(), kNan = __builtin_nanf("");

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
// exp(r) - 1 - r over r^2, by its minimax polynomial (Cephes, Moshier 1992). Polynomials are cut into two or three
// that can be worked on side by side: a processor's vectors wait for one another longer than they are worked on.
CNN_HD float exp_tail(float r) {
  const float a = fma(1.9875691500e-4f, r, 1.3981999507e-3f);
  const float b = fma(8.3334519073e-3f, r, 4.1665795894e-2f);
  const float c = fma(1.6666665459e-1f, r, 5.0000001201e-1f);
  const float z = r * r;
  return fma(fma(a, z, b), z, c);
}
// 2^n for n in [-126, 127].
CNN_HD float power_of_two(int32_t n) { return bits_to_float(uint32_t(n + 127) << 23); }

// exp(r) 2^n, the power in two steps, so that subnormal results and 2^128 are reached.
CNN_HD float exp_scaled(float r, int32_t n) {
  const float p = fma(exp_tail(r), r * r, r) + 1.0f;
  const int32_t half = n >> 1;
  return p * power_of_two(half) * power_of_two(n - half);
}
CNN_HD float exp(float x) {
  const Reduced a = reduce_ln2(x);
  const float y = x > 89.0f ? kInfinity : exp_scaled(a.r, a.n);
  return x < -104.0f ? 0.0f : y;
}
CNN_HD float half_exp(float x) {  // exp(x) / 2
  const Reduced a = reduce_ln2(clamp(x, -104.0f, 90.0f));
  return exp_scaled(a.r, a.n - 1);
}
// exp(x) for x in [-87, 88], where one power of two is enough.
CNN_HD float exp_within(float x) {
  const float shifted = fma(x, 1.44269504f, 12582912.0f), n = shifted - 12582912.0f;
  const float r = fma(n, 2.12194440e-4f, fma(n, -0.693359375f, x));
  const float p = fma(exp_tail(r), r * r, r) + 1.0f;
  return p * bits_to_float((float_to_bits(shifted) << 23) + 0x3f800000u);
}
// exp(x) for x <= 0, with zero instead of numbers below the normal ones.
CNN_HD float exp_negative(float x) { return x < -87.0f ? 0.0f : exp_within(x); }
CNN_HD float exp2(float x) {
  const float shifted = x + 12582912.0f, r = (x - (shifted - 12582912.0f)) * 0.693147181f;
  const float y = x > 129.0f ? kInfinity : exp_scaled(r, int32_t(float_to_bits(shifted) - 0x4b400000u));
  return x < -151.0f ? 0.0f : y;
}

// exp(x) - 1
CNN_HD float expm1(float x) {
  const Reduced a = reduce_ln2(clamp(x, -30.0f, 89.0f));
  const float p = fma(exp_tail(a.r), a.r * a.r, a.r);  // exp(r) - 1
  const int32_t half = a.n >> 1;
  const float s = power_of_two(half), s2 = power_of_two(a.n - half);
  const float y = fma(p * s, s2, s * s2 - 1.0f);
  const float large = (p + 1.0f) * s * s2;  // where 2^n itself overflows
  return select(x == 0.0f, x, select(a.n > 120, large, y));
}

// x = m 2^e with m in [sqrt(1/2), sqrt(2)), for finite x > 0; f = m - 1, and log(m) = f + rest.
struct Logarithm {
  float e, f, rest;
};
CNN_HD Logarithm logarithm(float x) {
  const bool tiny = x < 1.17549435e-38f;
  const uint32_t u = float_to_bits(select(tiny, x * 8388608.0f, x));
  const uint32_t shifted = u - 0x3f3504f3u;  // so that the mantissa's range is centred
  const float e = float(int32_t(shifted) >> 23) - select(tiny, 23.0f, 0.0f);
  const float f = bits_to_float((shifted & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
  const float z = f * f;
  float even = fma(7.0376836292e-2f, z, 1.1676998740e-1f);  // Cephes
  float odd = fma(-1.1514610310e-1f, z, -1.2420140846e-1f);
  even = fma(even, z, 1.4249322787e-1f);
  odd = fma(odd, z, -1.6668057665e-1f);
  even = fma(even, z, 2.0000714765e-1f);
  odd = fma(odd, z, -2.4999993993e-1f);
  even = fma(even, z, 3.3333331174e-1f);
  return {e, f, fma(odd, f, even) * (f * z)};
}
// A logarithm's values at the ends of its domain: y is its value inside.
CNN_HD float log_ends(float x, float y) {
  y = select(x < kInfinity, y, x);  // NaN too
  y = select(x == 0.0f, -kInfinity, y);
  return select(x < 0.0f, kNan, y);
}
CNN_HD float log_within(float x) {  // of finite x > 0
  const Logarithm a = logarithm(x);
  float y = fma(a.e, -2.12194440e-4f, a.rest);
  y = fma(-0.5f, a.f * a.f, y);
  return fma(a.e, 0.693359375f, a.f + y);
}
CNN_HD float log(float x) { return log_ends(x, log_within(x)); }
CNN_HD float log2(float x) {
  const Logarithm a = logarithm(x);
  const float y = fma(-0.5f, a.f * a.f, a.rest);
  const float z = fma(y, 0.44269504f, fma(a.f, 0.44269504f, y));  // log2(e) - 1
  return log_ends(x, z + a.f + a.e);
}
CNN_HD float log10(float x) {
  const Logarithm a = logarithm(x);
  const float y = fma(-0.5f, a.f * a.f, a.rest);
  float z = (a.f + y) * 7.00731903251827651129e-4f;
  z = fma(y, 4.3359375e-1f, z);
  z = fma(a.e, 2.48745663981195213739e-4f, z);
  z = fma(a.f, 4.3359375e-1f, z);
  return log_ends(x, fma(a.e, 3.0078125e-1f, z));
}

// log(u) with the rounding error of u = 1 + x made good.
CNN_HD float log1p(float x) {
  const float u = 1.0f + x;
  const float lost = (x - (u - 1.0f)) / u;
  const float y = log_within(u) + lost;
  return select(x == 0.0f, x, log_ends(u, y));
}

// tanh(x) = u / (u + 1), u = (exp(2x) - 1) / 2. As in reduce_ln2 and exp_tail, with h = r / 2 in place of r.
CNN_HD float tanh(float x) {
  const float b = __builtin_fabsf(x), a = b > 10.0f ? 10.0f : b;
  const float shifted = fma(a, 2.88539008f, 12582912.0f), n = shifted - 12582912.0f;
  const float h = fma(n, 1.06097220e-4f, fma(n, -0.3466796875f, a)), z = h * h;
  const float c0 = fma(1.272044256e-2f, h, 4.474239842e-2f);  // 2^(k+1) times the coefficient of r^k
  const float c1 = fma(1.333352305e-1f, h, 3.333263672e-1f);
  const float c2 = fma(6.666666184e-1f, h, 1.0000000240f);
  const float p = fma(fma(fma(c0, z, c1), z, c2), z, h);
  const float s = bits_to_float((float_to_bits(shifted) << 23) + 0x3f800000u);
  const float u = fma(p, s, fma(s, 0.5f, -0.5f));
  return __builtin_copysignf(u / (u + 1.0f), x);
}

// (e^a -+ e^-a) / 2; near zero sinh is a series, as the difference loses digits.
CNN_HD float sinh(float x) {
  const float a = __builtin_fabsf(x), z = x * x;
  const float e = half_exp(a), far = e - 0.25f / e;
  float near = fma(2.03721912945e-4f, z, 8.33028376239e-3f);
  near = fma(near, z, 1.66667160211e-1f);
  near = fma(near * z, a, a);
  return __builtin_copysignf(select(a > 1.0f, far, near), x);
}
CNN_HD float cosh(float x) {
  const float e = half_exp(__builtin_fabsf(x));
  return e + 0.25f / e;
}

// sign(x) log1p(a + a^2 / (1 + sqrt(1 + a^2))), where a = |x|; log(2a) for large ones, whose square overflows.
CNN_HD float asinh(float x) {
  const float a = __builtin_fabsf(x);
  const bool large = a > 1e9f;
  const float t = select(large, a, a + a * a / (1.0f + __builtin_sqrtf(fma(a, a, 1.0f))));
  return __builtin_copysignf(log1p(t) + select(large, 0.693147181f, 0.0f), x);
}
// log1p(t + sqrt(2t + t^2)), t = x - 1
CNN_HD float acosh(float x) {
  const float t = x - 1.0f;
  const bool large = x > 1e9f;
  const float u = select(large, x, t + __builtin_sqrtf(fma(t, t, 2.0f * t)));
  return select(x < 1.0f, kNan, log1p(u) + select(large, 0.693147181f, 0.0f));
}
// log1p(2a / (1 - a)) / 2
CNN_HD float atanh(float x) {
  const float a = __builtin_fabsf(x);
  return __builtin_copysignf(0.5f * log1p(2.0f * a / (1.0f - a)), x);
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

// a b - c, where c = a b rounded: the error of the product.
CNN_HD float product_error(float a, float b, float c) {
#ifdef __FMA__
  return __builtin_fmaf(a, b, -c);
#else
  return float(double(a) * double(b) - double(c));
#endif
}
// (1 + 2a) exp(a^2) erfc(a) as a polynomial in (a - 2) / (a + 2) (Shepherd & Laframboise 1981; coefficients by N.
// Juffa).
CNN_HD float erfc(float x) {
  const float a = __builtin_fabsf(x);
  const float b = a > 10.5f ? 10.5f : a;  // erfc(10.06) is the least subnormal
  const float r = 1.0f / (b + 2.0f), q0 = (b - 2.0f) * r;
  const float q = fma(r, fma(q0, -b, fma(q0 + 1.0f, -2.0f, b)), q0);
  float p = fma(-4.01139259e-4f, q, -1.23075210e-3f);
  p = fma(p, q, 1.31355342e-3f);
  p = fma(p, q, 8.63227434e-3f);
  p = fma(p, q, -8.05991981e-3f);
  p = fma(p, q, -5.42046614e-2f);
  p = fma(p, q, 1.64055392e-1f);
  p = fma(p, q, -1.66031361e-1f);
  p = fma(p, q, -9.27639827e-2f);
  p = fma(p, q, 2.76978403e-1f);
  const float d = 1.0f / (b + b + 1.0f), v = fma(p, d, d);
  const float y = fma(fma(fma(v, -b, 0.5f), 2.0f, p - v), d, v);
  const float s = b * b, e = exp(-s);
  const float near = fma(y, e, -(y * e * product_error(b, b, s)));
  return select(x < 0.0f, 2.0f - near, near);
}

// 2^x for x in [-126, 127]: the whole part is added to the exponent's bits. Of a NaN it makes any number.
CNN_HD float exp2_within(float x) {
  const float shifted = x + 12582912.0f, r = x - (shifted - 12582912.0f), z = r * r;
  const float a = fma(9.618505836e-3f, r, 5.550359935e-2f);  // of 2^r - 1 over r, error 3e-9
  const float b = fma(2.402264774e-1f, r, 6.931471825e-1f);
  const float c = fma(1.532646857e-4f, r, 1.339080743e-3f);
  const float p = fma(fma(fma(c, z, a), z, b), r, 1.0f);
  return bits_to_float((float_to_bits(shifted) << 23) + float_to_bits(p));
}

// Phi(-a) = erfc(a / sqrt 2) / 2 for a in [0, 10.9], Phi being the normal distribution. log2(2 Phi(-a)) / a is a
// polynomial, on [0, 5.7] with an error of 4e-8 / a. At the end Phi is 3e-25 by it, far below what matters beside 1.
CNN_HD float normal_tail(float a) {
  const float z = a * a;
  float even = fma(2.54993404e-09f, z, 1.56339092e-06f), odd = fma(-9.46882750e-08f, z, -1.49878497e-05f);
  even = fma(even, z, 8.95164048e-05f);
  odd = fma(odd, z, -3.03107081e-04f);
  even = fma(even, z, 1.89558195e-05f);
  odd = fma(odd, z, 6.94912160e-03f);
  even = fma(even, z, -5.24550453e-02f);
  odd = fma(odd, z, -4.59213525e-01f);
  even = fma(even, z, -1.15110517e+00f);
  return exp2_within(fma(fma(odd, a, even), a, -1.0f));
}
// Phi(x), of a NaN any number; and x Phi(x) = max(x, 0) - |x| Phi(-|x|), whose last term is 0 in float from 14 on.
CNN_HD float normal_cdf(float x) {
  const float a = __builtin_fabsf(x);
  return 0.5f + __builtin_copysignf(0.5f - normal_tail(a > 10.9f ? 10.9f : a), x);
}
CNN_HD float times_normal_cdf(float x) {
  const float a = __builtin_fabsf(x), b = a > 10.9f ? 10.9f : a;
  return fma(-b, a > 14.0f ? 0.0f : normal_tail(b), x < 0.0f ? 0.0f : x);
}

// |a|^b = 2^(b log2 |a|), in double: a float's 24 bits are not enough for the product. Finite a > 0.
CNN_HD float pow_within(float a, float b) {
  const bool tiny = a < 1.17549435e-38f;
  const uint32_t shifted = float_to_bits(select(tiny, a * 8388608.0f, a)) - 0x3f3504f3u;
  const double e = double(int32_t(shifted) >> 23) - (tiny ? 23.0 : 0.0);
  const double m = double(bits_to_float((shifted & 0x007fffffu) + 0x3f3504f3u));
  const double s = (m - 1.0) / (m + 1.0), z = s * s;  // log2 m = 2/ln2 atanh(s)
  double p = fma(z, 0.2219816, 0.2623703);
  p = fma(p, z, 0.32059923);
  p = fma(p, z, 0.41219858);
  p = fma(p, z, 0.57707801635558536);
  p = fma(p, z, 0.96179669392597561);
  p = fma(p, z, 2.8853900817779268);
  double t = double(b) * fma(p, s, e);
  t = t < -160.0 ? -160.0 : (t > 130.0 ? 130.0 : t);
  const double shift = t + 6755399441055744.0, r = t - (shift - 6755399441055744.0);  // 1.5 2^52
  double q = fma(r, 1.5252733804059840e-5, 1.5403530393381609e-4);
  q = fma(q, r, 1.3333558146428443e-3);
  q = fma(q, r, 9.6181291076284772e-3);
  q = fma(q, r, 5.5504108664821580e-2);
  q = fma(q, r, 2.4022650695910071e-1);
  q = fma(q, r, 6.9314718055994531e-1);
  q = fma(q, r, 1.0);
  int64_t n;
  __builtin_memcpy(&n, &shift, 8);
  const int64_t bits = int64_t(uint64_t(n - 0x4338000000000000 + 1023) << 52);
  double scale;
  __builtin_memcpy(&scale, &bits, 8);
  return float(q * scale);
}
CNN_HD float pow(float a, float b) {
#ifndef __AVX2__  // without vectors of 64-bit integers the library's table is faster
  return __builtin_powf(a, b);
#endif
  const float x = __builtin_fabsf(a);
  float y = pow_within(x, b);
  const float half = 0.5f * b;
  const bool whole = __builtin_truncf(b) == b, odd = whole & (__builtin_truncf(half) != half);
  const bool zero = x == 0.0f, endless = x == kInfinity, up = b > 0.0f;
  y = select(zero | endless, select(zero == up, 0.0f, kInfinity), y);
  y = select((__builtin_fabsf(b) == kInfinity) & (x != 1.0f), select((x > 1.0f) == up, kInfinity, 0.0f), y);
  y = select((a < 0.0f) & !whole & !endless, kNan, y);
  y = select(odd, __builtin_copysignf(y, a), y);
  y = select((a != a) | (b != b), kNan, y);
  return select((b == 0.0f) | (a == 1.0f) | ((a == -1.0f) & (__builtin_fabsf(b) == kInfinity)), 1.0f, y);
}
#endif

}  // namespace cnn::kernels::CNN_ISA
