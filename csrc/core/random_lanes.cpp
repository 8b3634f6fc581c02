#include "core/random_lanes.h"

#include <cmath>
#include <cstring>
#include <initializer_list>

#include "core/cpu_info.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

// How a call returns a vector depends on the instruction set; inlined ones are none.
#pragma GCC diagnostic ignored "-Wpsabi"
#define CNN_INLINE inline __attribute__((always_inline))

namespace cnn {
namespace {

using Float8 = float __attribute__((vector_size(32)));
using Int8 = int32_t __attribute__((vector_size(32)));
constexpr Float8 kZero8 = {};

#if defined(__x86_64__)
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif
namespace avx2 {

CNN_INLINE Float8 fma(const Float8& a, const Float8& b, const Float8& c) { return _mm256_fmadd_ps(a, b, c); }
CNN_INLINE Float8 sqrt(const Float8& x) { return _mm256_sqrt_ps(x); }
#include "core/random_lanes_body.h"

}  // namespace avx2
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

namespace portable {

CNN_INLINE Float8 fma(const Float8& a, const Float8& b, const Float8& c) {
  Float8 y = {};
  for (int i = 0; i < 8; ++i) y[i] = std::fma(a[i], b[i], c[i]);
  return y;
}
CNN_INLINE Float8 sqrt(const Float8& x) {
  Float8 y = {};
  for (int i = 0; i < 8; ++i) y[i] = std::sqrt(x[i]);
  return y;
}
#include "core/random_lanes_body.h"

}  // namespace portable

#if defined(__x86_64__)
bool has_fma() { return cpu_isa() >= Isa::Avx2; }
#else
bool has_fma() { return false; }
namespace avx2 = portable;
#endif

}  // namespace

void multiply_add(float* data, int64_t n, float factor, float addend) {
  (has_fma() ? avx2::scale<float> : portable::scale<float>)(data, n, factor, addend);
}

void multiply_add(double* data, int64_t n, double factor, double addend) {
  (has_fma() ? avx2::scale<double> : portable::scale<double>)(data, n, factor, addend);
}

void box_muller(float* data, int64_t blocks, float mean, float std) {
  (has_fma() ? avx2::normals : portable::normals)(data, blocks, mean, std);
}

}  // namespace cnn
