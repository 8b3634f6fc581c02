// Trigonometric functions and their inverses in float, branch-free (see float_exp.h).
#pragma once

#include "kernels/float_exp.h"

namespace cnn::kernels::inline CNN_ISA {

#ifndef __CUDACC__
// Beyond this the C library's functions must be called: pi has more digits than the reduction below carries.
constexpr float kTrigLimit = 1048576.0f;
CNN_HD bool beyond_trig(float x) { return !(__builtin_fabsf(x) <= kTrigLimit); }

// x = n pi/2 + r with |r| <= pi/4, in double: near multiples of pi/2 the difference has few of the float's bits.
struct Quadrant {
  float r;
  uint32_t n;
};
CNN_HD Quadrant reduce_half_pi(float x) {
  const double wide = x, shifted = wide * 0.63661977236758134 + 6755399441055744.0;  // 1.5 2^52
  const double n = shifted - 6755399441055744.0;
  const double r = (wide - n * 1.57079632673412561417) - n * 6.07710050650619224932e-11;  // 33 bits, and the rest
  uint64_t bits;
  __builtin_memcpy(&bits, &shifted, 8);
  return {float(r), uint32_t(bits)};
}
// Minimax polynomials on [-pi/4, pi/4] (Cephes).
CNN_HD float sin_within(float r) {
  const float z = r * r;
  float p = fma(-1.9515295891e-4f, z, 8.3321608736e-3f);
  p = fma(p, z, -1.6666654611e-1f);
  return __builtin_copysignf(fma(p * z, r, r), r);  // the sign of zero
}
CNN_HD float cos_within(float r) {
  const float z = r * r;
  float p = fma(2.443315711809948e-5f, z, -1.388731625493765e-3f);
  p = fma(p, z, 4.166664568298827e-2f);
  return fma(p, z * z, fma(-0.5f, z, 1.0f));
}
// sin(r + n pi/2)
CNN_HD float sin_turned(float r, uint32_t n) {
  const float y = blend_bits(0u - (n & 1), cos_within(r), sin_within(r));
  return bits_to_float(float_to_bits(y) ^ ((n & 2) << 30));
}
CNN_HD float usual_sin(float x) {
  const Quadrant q = reduce_half_pi(x);
  return sin_turned(q.r, q.n);
}
CNN_HD float usual_cos(float x) {
  const Quadrant q = reduce_half_pi(x);
  return sin_turned(q.r, q.n + 1);
}
CNN_HD float usual_tan(float x) {
  const Quadrant q = reduce_half_pi(x);
  const float s = sin_within(q.r), c = cos_within(q.r);
  const uint32_t turned = 0u - (q.n & 1);
  return blend_bits(turned, -c, s) / blend_bits(turned, s, c);
}
CNN_HD float sin(float x) { return beyond_trig(x) ? __builtin_sinf(x) : usual_sin(x); }
CNN_HD float cos(float x) { return beyond_trig(x) ? __builtin_cosf(x) : usual_cos(x); }
CNN_HD float tan(float x) { return beyond_trig(x) ? __builtin_tanf(x) : usual_tan(x); }

// asin(s) - s over s, in z = s^2, for s <= 1/2 (Cephes).
CNN_HD float asin_tail(float z) {
  float p = fma(4.2163199048e-2f, z, 2.4181311049e-2f);
  p = fma(p, z, 4.5470025998e-2f);
  p = fma(p, z, 7.4953002686e-2f);
  p = fma(p, z, 1.6666752422e-1f);
  return p * z;
}
// Above 1/2 by asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2)).
CNN_HD float asin(float x) {
  const float a = __builtin_fabsf(x);
  const bool far = a > 0.5f;
  const float z = select(far, 0.5f * (1.0f - a), a * a), s = select(far, __builtin_sqrtf(z), a);
  const float y = fma(asin_tail(z), s, s);
  return __builtin_copysignf(select(far, 1.57079637f - (2.0f * y + 4.37113883e-8f), y), x);
}
CNN_HD float acos(float x) {
  const float a = __builtin_fabsf(x);
  const bool far = a > 0.5f;
  const float z = select(far, 0.5f * (1.0f - a), a * a), s = select(far, __builtin_sqrtf(z), a);
  const float y = fma(asin_tail(z), s, s), signed_y = __builtin_copysignf(y, x);
  const float beyond = select(x < 0.0f, 3.14159274f - (2.0f * y + 8.74227766e-8f), 2.0f * y);
  return select(far, beyond, 1.57079637f - (signed_y + 4.37113883e-8f));
}

// atan(t) for t in [0, 1] (coefficients by N. Juffa).
CNN_HD float atan_within(float t) {
  const float z = t * t;
  float p = fma(2.78569828e-3f, z, -1.58660226e-2f);
  p = fma(p, z, 4.24722321e-2f);
  p = fma(p, z, -7.49753043e-2f);
  p = fma(p, z, 1.06448799e-1f);
  p = fma(p, z, -1.42070308e-1f);
  p = fma(p, z, 1.99934542e-1f);
  p = fma(p, z, -3.33331466e-1f);
  return fma(p * z, t, t);
}
CNN_HD float atan(float x) {
  const float a = __builtin_fabsf(x);
  const bool far = a > 1.0f;
  const float y = atan_within(select(far, 1.0f / a, a));
  return __builtin_copysignf(select(far, 1.57079637f - y, y), x);
}
// The angle of the point (x, y).
CNN_HD float atan2(float y, float x) {
  const float a = __builtin_fabsf(y), b = __builtin_fabsf(x);
  const bool steep = a > b;
  const float low = select(steep, b, a), high = select(steep, a, b);
  const float ratio = select(low == high, select(high == 0.0f, 0.0f, 1.0f), low / high);
  float t = atan_within(ratio);
  t = select(steep, 1.57079637f - t, t);
  t = select(float_to_bits(x) >> 31 != 0, 3.14159274f - t, t);
  return select((x != x) | (y != y), kNan, __builtin_copysignf(t, y));
}

// sqrt(a^2 + b^2); infinite where one of them is, even beside NaN
CNN_HD float hypot(float a, float b) {
  const float y = float(__builtin_sqrt(double(a) * a + double(b) * b));
  return select((__builtin_fabsf(a) == kInfinity) | (__builtin_fabsf(b) == kInfinity), kInfinity, y);
}

// a - b trunc(a / b): in double exact while the quotient has fewer than 28 bits, 4 more than keep it from being
// rounded to the next integer.
CNN_HD bool beyond_fmod(float a, float b) {
  return !((__builtin_fabs(double(a) / double(b)) < 268435456.0) & (__builtin_fabsf(b) < kInfinity));
}
CNN_HD float usual_fmod(float a, float b) {
  const double x = a, y = b;
  return __builtin_copysignf(float(x - y * __builtin_trunc(x / y)), a);
}
CNN_HD float fmod(float a, float b) { return beyond_fmod(a, b) ? __builtin_fmodf(a, b) : usual_fmod(a, b); }
#endif

}  // namespace cnn::kernels::CNN_ISA
