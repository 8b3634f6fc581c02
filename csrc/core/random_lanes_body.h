// random_lanes.cpp includes this once for each instruction set, after defining fma and sqrt for it;
// hence no include guard.

template <class T>
void scale(T* data, int64_t n, T factor, T addend) {
  for (int64_t i = 0; i < n; ++i) data[i] = std::fma(data[i], factor, addend);
}

// Natural logarithm of x in (0, 1], after Cephes' logf: x = 2^e m with m in [sqrt(1/2), sqrt(2)),
// and a polynomial in m - 1.
CNN_INLINE Float8 log_unit(const Float8& x) {
  const Int8 bits = Int8(x);
  Float8 e = __builtin_convertvector((bits >> 23) - 126, Float8);
  Float8 m = Float8((bits & 0x007fffff) | 0x3f000000);  // in [1/2, 1)
  const Int8 low = m < 0.707106781186547524f;
  e -= Float8(low & Int8(kZero8 + 1.0f));
  m = (m - 1.0f) + Float8(low & Int8(m));
  const Float8 m2 = m * m;
  Float8 y = kZero8 + 7.0376836292e-2f;
  for (const float c : {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f,
                        2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f}) {
    y = fma(y, m, kZero8 + c);
  }
  y = fma(y * m, m2, e * -2.12194440e-4f);  // log 2 in two parts: this one, and 0.693359375
  y = fma(kZero8 - 0.5f, m2, y);
  return fma(e, kZero8 + 0.693359375f, m + y);
}

// Sine and cosine of x in [0, 2 pi], after Cephes' sinf: x is an even octant and a rest within pi/4,
// and there is one polynomial for each of the two functions.
CNN_INLINE void sin_cos(const Float8& x, Float8* sin, Float8* cos) {
  const Int8 octant = (__builtin_convertvector(x * 1.27323954473516f, Int8) + 1) & ~1;
  const Float8 j = __builtin_convertvector(octant, Float8);
  Float8 r = fma(j, kZero8 - 0.78515625f, x);  // pi/4 in three parts
  r = fma(j, kZero8 - 2.4187564849853515625e-4f, r);
  r = fma(j, kZero8 - 3.77489497744594108e-8f, r);
  const Float8 r2 = r * r;
  Float8 c = fma(kZero8 + 2.443315711809948e-5f, r2, kZero8 - 1.388731625493765e-3f);
  c = fma(c, r2, kZero8 + 4.166664568298827e-2f) * r2;
  c = fma(c, r2, r2 * -0.5f) + 1.0f;
  Float8 s = fma(kZero8 - 1.9515295891e-4f, r2, kZero8 + 8.3321608736e-3f);
  s = fma(s, r2, kZero8 - 1.6666654611e-1f) * r2;
  s = fma(s, r, r);
  const Int8 swap = (octant & 2) != 0;
  const Int8 sin_bits = (Int8(c) & swap) | (Int8(s) & ~swap);
  const Int8 cos_bits = (Int8(s) & swap) | (Int8(c) & ~swap);
  *sin = Float8(sin_bits ^ ((octant & 4) << 29));
  *cos = Float8(cos_bits ^ ((~(octant - 2) & 4) << 29));
}

inline void normals(float* data, int64_t blocks, float mean, float std) {
  for (; blocks > 0; --blocks, data += 16) {
    Float8 d[2], sin, cos;
    std::memcpy(d, data, sizeof d);
    const Float8 radius = sqrt(log_unit(1.0f - d[0]) * -2.0f);
    sin_cos(d[1] * 6.283185307179586f, &sin, &cos);
    d[0] = fma(radius * cos, kZero8 + std, kZero8 + mean);
    d[1] = fma(radius * sin, kZero8 + std, kZero8 + mean);
    std::memcpy(data, d, sizeof d);
  }
}
