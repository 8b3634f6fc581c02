#include "core/box_muller.h"

#include <cstring>
#include <initializer_list>

#include "core/cpu_info.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#pragma GCC optimize("O3", "fp-contract=off")
#pragma GCC diagnostic ignored "-Wpsabi"  // the vectors never leave this file

namespace cnn {
namespace {

using Float8 = float __attribute__((vector_size(32)));
using Int8 = int32_t __attribute__((vector_size(32)));
constexpr Float8 kZero8 = {};

#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
namespace avx2 {

inline Float8 fma(Float8 a, Float8 b, Float8 c) { return _mm256_fmadd_ps(a, b, c); }
inline Float8 sqrt(Float8 x) { return _mm256_sqrt_ps(x); }
#include "core/box_muller_lanes.h"

}  // namespace avx2
#pragma GCC pop_options
#endif

namespace portable {

inline Float8 fma(Float8 a, Float8 b, Float8 c) {
  for (int i = 0; i < 8; ++i) a[i] = __builtin_fmaf(a[i], b[i], c[i]);
  return a;
}
inline Float8 sqrt(Float8 x) {
  for (int i = 0; i < 8; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
}
#include "core/box_muller_lanes.h"

}  // namespace portable
}  // namespace

void box_muller(float* data, int64_t blocks, float mean, float std) {
#if defined(__x86_64__)
  if (cpu_isa() >= Isa::Avx2) return avx2::transform(data, blocks, mean, std);
#endif
  portable::transform(data, blocks, mean, std);
}

}  // namespace cnn
