// float16 and bfloat16 in vectors, by the processor's own conversions where it has them.
#pragma once

#include <type_traits>

#include "cnn/dtype.h"
#include "cpu/vec/vec.h"

namespace cnn::cpu::inline CNN_ISA {

#ifdef __F16C__
inline constexpr bool kConvertsHalf = true;
// A vector at a time by the processor's own conversion, the last few by way of a buffer.
CNN_HD void vector_to_half(const float* from, void* out) {
#if defined(__AVX512F__)  // masked, or gcc 12 warns of a register that nothing set
  const __m256i h = _mm512_maskz_cvtps_ph(0xffff, _mm512_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT);
  _mm256_storeu_si256(static_cast<__m256i*>(out), h);
#else
  const __m128i h = _mm256_cvtps_ph(_mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT);
  _mm_storeu_si128(static_cast<__m128i*>(out), h);
#endif
}
CNN_HD Vec<float> vector_of_half(const void* from) {
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(static_cast<const __m256i*>(from)));
#else
  return (Vec<float>)_mm256_cvtph_ps(_mm_loadu_si128(static_cast<const __m128i*>(from)));
#endif
}
inline void cast_dense(int64_t n, const float* a, Half* y) {
  constexpr int kStep = kLanes<float>;
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep) vector_to_half(a + i, y + i);
  if (i == n) return;
  float rest[kStep] = {};
  uint16_t halves[kStep];
  for (int64_t k = 0; k < n - i; ++k) rest[k] = a[i + k];
  vector_to_half(rest, halves);
  __builtin_memcpy(static_cast<void*>(y + i), halves, size_t(n - i) * 2);
}
inline void cast_dense(int64_t n, const Half* a, float* y) {
  constexpr int kStep = kLanes<float>;
  int64_t i = 0;
  for (; i + kStep <= n; i += kStep) vec_store(y + i, vector_of_half(a + i));
  if (i == n) return;
  uint16_t halves[kStep] = {};
  __builtin_memcpy(halves, a + i, size_t(n - i) * 2);
  vec_store_n(y + i, vector_of_half(halves), n - i);
}
#else
inline constexpr bool kConvertsHalf = false;
inline void cast_dense(int64_t n, const float* a, Half* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = Half(a[i]);
}
inline void cast_dense(int64_t n, const Half* a, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = float(a[i]);
}
#endif
inline void cast_dense(int64_t n, const float* a, BFloat16* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = BFloat16(a[i]);
}
inline void cast_dense(int64_t n, const BFloat16* a, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = float(a[i]);
}

// Two vectors of floats from two vectors' elements at p: of float16 the first half and the second, of bfloat16, by a
// shift and a mask, the even elements and the odd ones.
struct Two {
  Vec<float> one, other;
};
typedef uint32_t Words __attribute__((vector_size(kVecBytes)));
CNN_HD Two load_two(const BFloat16* p) {
  Words w;
  __builtin_memcpy(&w, p, sizeof w);
  return {(Vec<float>)(w << 16), (Vec<float>)(w & 0xffff0000u)};
}
CNN_HD Two load_two(const Half* p) {
#ifdef __F16C__
  return {vector_of_half(p), vector_of_half(p + kLanes<float>)};
#else
  float lanes[2 * kLanes<float>];
  cast_dense(2 * kLanes<float>, p, lanes);
  return {vec_load(lanes), vec_load(lanes + kLanes<float>)};
#endif
}

// A vector of floats from as many elements of bfloat16, and back, rounded; the first lanes of it where some are chosen.
typedef uint16_t Halves __attribute__((vector_size(kVecBytes / 2)));
CNN_HD Vec<float> widened_halves(Halves h) { return (Vec<float>)(__builtin_convertvector(h, Words) << 16); }
CNN_HD Halves rounded_halves(Vec<float> v) {
  const Words x = (Words)v, rounded = (x + 0x7fffu + ((x >> 16) & 1u)) >> 16;
  return __builtin_convertvector((x & 0x7fffffffu) > 0x7f800000u ? Words{} + 0x7fc0u : rounded, Halves);
}
CNN_HD Vec<float> vec_load(const BFloat16* p) {
  Halves h;
  __builtin_memcpy(&h, p, sizeof h);
  return widened_halves(h);
}
CNN_HD void vec_store(BFloat16* p, Vec<float> v) {
  const Halves h = rounded_halves(v);
  __builtin_memcpy(static_cast<void*>(p), &h, sizeof h);
}
#if defined(__AVX512F__)
CNN_HD Vec<float> vec_load_lanes(const BFloat16* p, __mmask16 m) {
  return widened_halves((Halves)_mm256_maskz_loadu_epi16(m, p));
}
CNN_HD void vec_store_lanes(BFloat16* p, Vec<float> v, __mmask16 m) {
  _mm256_mask_storeu_epi16(p, m, (__m256i)rounded_halves(v));
}
#else
CNN_HD Vec<float> vec_load_lanes(const BFloat16* p, int64_t n) {
  Halves h{};
  __builtin_memcpy(&h, p, size_t(n < kLanes<float> ? n : kLanes<float>) * 2);
  return widened_halves(h);
}
CNN_HD void vec_store_lanes(BFloat16* p, Vec<float> v, int64_t n) {
  const Halves h = rounded_halves(v);
  __builtin_memcpy(static_cast<void*>(p), &h, size_t(n < kLanes<float> ? n : kLanes<float>) * 2);
}
#endif
CNN_HD Vec<float> vec_load_n(const BFloat16* p, int64_t n) {
  return n >= kLanes<float> ? vec_load(p) : vec_load_lanes(p, lanes_of<float>(n));
}
CNN_HD void vec_store_n(BFloat16* p, Vec<float> v, int64_t n) {
  if (n >= kLanes<float>) vec_store(p, v);
  else vec_store_lanes(p, v, lanes_of<float>(n));
}

// Where element j of a row lies after load_two, vector by vector.
template <class T> int64_t place_in_two(int64_t j) {
  constexpr int64_t kOne = kLanes<float>;
  return std::is_same_v<T, Half> ? j : j / (2 * kOne) * (2 * kOne) + j % 2 * kOne + j % (2 * kOne) / 2;
}

}  // namespace cnn::cpu::CNN_ISA
