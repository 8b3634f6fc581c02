// Vectors as wide as this instruction set has them: GCC's vector types, with intrinsics where the compiler needs help.
#pragma once

#include "kernels/hd.h"

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace cnn::cpu::inline CNN_ISA {

#if defined(__AVX512F__)
inline constexpr int kVecBytes = 64, kRegisters = 32;
#elif defined(__AVX2__)
inline constexpr int kVecBytes = 32, kRegisters = 16;
#elif defined(__aarch64__)
inline constexpr int kVecBytes = 16, kRegisters = 32;
#else
inline constexpr int kVecBytes = 16, kRegisters = 16;
#endif

template <class T> struct VecOf;
template <> struct VecOf<float> {
  typedef float Type __attribute__((vector_size(kVecBytes)));
};
template <> struct VecOf<double> {
  typedef double Type __attribute__((vector_size(kVecBytes)));
};
template <class T> using Vec = typename VecOf<T>::Type;
template <class T> inline constexpr int kLanes = kVecBytes / int(sizeof(T));

// The numbers of all lanes, for shuffles written as formulas.
template <int... kLane> struct LaneList {};
template <int kCount, int... kLane> struct LanesUpTo : LanesUpTo<kCount - 1, kCount - 1, kLane...> {};
template <int... kLane> struct LanesUpTo<0, kLane...> {
  using Type = LaneList<kLane...>;
};
template <class T> using AllLanes = typename LanesUpTo<kLanes<T>>::Type;

template <class T> CNN_HD Vec<T> vec_load(const T* p) {
  Vec<T> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class T> CNN_HD void vec_store(T* p, Vec<T> v) { __builtin_memcpy(p, &v, sizeof v); }
template <class T> CNN_HD Vec<T> vec_splat(T x) { return x - Vec<T>{}; }
// Lane l + kBy at lane l, around the end.
template <class T, int kBy, int... kLane> CNN_HD Vec<T> vec_moved_down(Vec<T> v, LaneList<kLane...>) {
  return __builtin_shufflevector(v, v, (kLane + kBy) % kLanes<T>...);
}
template <class T> CNN_HD Vec<T> vec_numbers() {  // 0, 1, 2, ...
  Vec<T> v{};
  for (int l = 0; l < kLanes<T>; ++l) v[l] = T(l);
  return v;
}

// a * b + c, rounded once where the instruction set has it.
CNN_HD Vec<float> vec_fma(Vec<float> a, Vec<float> b, Vec<float> c) {
#if defined(__AVX512F__)
  return (Vec<float>)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Vec<float>)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (Vec<float>)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}
CNN_HD Vec<double> vec_fma(Vec<double> a, Vec<double> b, Vec<double> c) {
#if defined(__AVX512F__)
  return (Vec<double>)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif defined(__AVX2__)
  return (Vec<double>)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#elif defined(__aarch64__)
  return (Vec<double>)vfmaq_f64((float64x2_t)c, (float64x2_t)a, (float64x2_t)b);
#else
  return a * b + c;
#endif
}

// The first n lanes of memory, zeros in the others; nothing past them is touched.
template <class T> CNN_HD Vec<T> vec_load_n(const T* p, int64_t n) {
  if (n >= kLanes<T>) return vec_load(p);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) return (Vec<T>)_mm512_maskz_loadu_ps(__mmask16((1u << n) - 1), p);
  else return (Vec<T>)_mm512_maskz_loadu_pd(__mmask8((1u << n) - 1), p);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return (Vec<T>)_mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), lanes));
  } else {
    const __m256i lanes = _mm256_setr_epi64x(0, 1, 2, 3);
    return (Vec<T>)_mm256_maskload_pd(p, _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), lanes));
  }
#else
  Vec<T> v{};
  T lanes[kLanes<T>] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
  __builtin_memcpy(&v, lanes, sizeof v);
  return v;
#endif
}

template <class T> CNN_HD void vec_store_n(T* p, Vec<T> v, int64_t n) {
  if (n >= kLanes<T>) return vec_store(p, v);
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4) _mm512_mask_storeu_ps(p, __mmask16((1u << n) - 1), (__m512)v);
  else _mm512_mask_storeu_pd(p, __mmask8((1u << n) - 1), (__m512d)v);
#else
  T lanes[kLanes<T>];
  __builtin_memcpy(lanes, &v, sizeof v);
  for (int64_t i = 0; i < n; ++i) p[i] = lanes[i];
#endif
}

// A choice of the first n lanes, made once and used in a loop. Where masks are not free, kMaskedLoads is false.
#if defined(__AVX512F__)
inline constexpr bool kMaskedLoads = true;
template <class T> using Lanes = __mmask16;
template <class T> CNN_HD __mmask16 lanes_of(int64_t n) { return __mmask16((1u << (n < 16 ? n : 16)) - 1); }
CNN_HD Vec<float> vec_load_lanes(const float* p, __mmask16 m) { return (Vec<float>)_mm512_maskz_loadu_ps(m, p); }
CNN_HD Vec<double> vec_load_lanes(const double* p, __mmask16 m) {
  return (Vec<double>)_mm512_maskz_loadu_pd(__mmask8(m), p);
}
CNN_HD void vec_store_lanes(float* p, Vec<float> v, __mmask16 m) { _mm512_mask_storeu_ps(p, m, (__m512)v); }
CNN_HD void vec_store_lanes(double* p, Vec<double> v, __mmask16 m) {
  _mm512_mask_storeu_pd(p, __mmask8(m), (__m512d)v);
}
#else
inline constexpr bool kMaskedLoads = false;
template <class T> using Lanes = int64_t;
template <class T> CNN_HD int64_t lanes_of(int64_t n) { return n; }
template <class T> CNN_HD Vec<T> vec_load_lanes(const T* p, int64_t n) { return vec_load_n(p, n); }
template <class T> CNN_HD void vec_store_lanes(T* p, Vec<T> v, int64_t n) { vec_store_n(p, v, n); }
#endif

// x where it is larger (smaller) than `than`, or NaN; else `than`. What a search waits for from step to step is short.
CNN_HD Vec<float> vec_larger(Vec<float> x, Vec<float> than) {
#if defined(__AVX512F__)
  const __m512 v = (__m512)x;
  return (Vec<float>)_mm512_mask_max_ps(v, _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q), v, (__m512)than);
#elif defined(__AVX2__)
  const __m256 v = (__m256)x;
  return (Vec<float>)_mm256_blendv_ps(_mm256_max_ps(v, (__m256)than), v, _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
#else
  return (x > than) | (x != x) ? x : than;
#endif
}
CNN_HD Vec<double> vec_larger(Vec<double> x, Vec<double> than) {
#if defined(__AVX512F__)
  const __m512d v = (__m512d)x;
  return (Vec<double>)_mm512_mask_max_pd(v, _mm512_cmp_pd_mask(v, v, _CMP_ORD_Q), v, (__m512d)than);
#elif defined(__AVX2__)
  const __m256d v = (__m256d)x;
  return (Vec<double>)_mm256_blendv_pd(_mm256_max_pd(v, (__m256d)than), v, _mm256_cmp_pd(v, v, _CMP_UNORD_Q));
#else
  return (x > than) | (x != x) ? x : than;
#endif
}
CNN_HD Vec<float> vec_smaller(Vec<float> x, Vec<float> than) {
#if defined(__AVX512F__)
  const __m512 v = (__m512)x;
  return (Vec<float>)_mm512_mask_min_ps(v, _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q), v, (__m512)than);
#elif defined(__AVX2__)
  const __m256 v = (__m256)x;
  return (Vec<float>)_mm256_blendv_ps(_mm256_min_ps(v, (__m256)than), v, _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
#else
  return (x < than) | (x != x) ? x : than;
#endif
}
CNN_HD Vec<double> vec_smaller(Vec<double> x, Vec<double> than) {
#if defined(__AVX512F__)
  const __m512d v = (__m512d)x;
  return (Vec<double>)_mm512_mask_min_pd(v, _mm512_cmp_pd_mask(v, v, _CMP_ORD_Q), v, (__m512d)than);
#elif defined(__AVX2__)
  const __m256d v = (__m256d)x;
  return (Vec<double>)_mm256_blendv_pd(_mm256_min_pd(v, (__m256d)than), v, _mm256_cmp_pd(v, v, _CMP_UNORD_Q));
#else
  return (x < than) | (x != x) ? x : than;
#endif
}

// The sum of the lanes: the upper half is added to the lower until one is left.
typedef float Float4 __attribute__((vector_size(16)));
typedef double Double2 __attribute__((vector_size(16)));
CNN_HD float sum_lanes(Float4 v) {
  v += __builtin_shufflevector(v, v, 2, 3, 0, 1);
  v += __builtin_shufflevector(v, v, 1, 0, 3, 2);
  return v[0];
}
CNN_HD double sum_lanes(Double2 v) { return v[0] + v[1]; }
#if defined(__AVX2__) || defined(__AVX512F__)
typedef float Float8 __attribute__((vector_size(32)));
typedef double Double4 __attribute__((vector_size(32)));
CNN_HD float sum_lanes(Float8 v) {
  return sum_lanes(__builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7));
}
CNN_HD double sum_lanes(Double4 v) {
  return sum_lanes(__builtin_shufflevector(v, v, 0, 1) + __builtin_shufflevector(v, v, 2, 3));
}
#endif
#if defined(__AVX512F__)
CNN_HD float sum_lanes(Vec<float> v) {
  return sum_lanes(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                   __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
}
CNN_HD double sum_lanes(Vec<double> v) {
  return sum_lanes(__builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7));
}
#endif
template <class T> CNN_HD T vec_sum(Vec<T> v) { return sum_lanes(v); }

CNN_HD int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
CNN_HD int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
CNN_HD int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

// [0, n) in `count` pieces whose sizes differ by one at most, the longer ones first.
struct Parts {
  int64_t count, low, longer;
  CNN_HD Parts(int64_t n, int64_t pieces)
      : count(pieces), low(pieces ? n / pieces : 0), longer(pieces ? n % pieces : 0) {}
  CNN_HD int64_t begin(int64_t i) const { return low * i + min_of(i, longer); }
  CNN_HD int64_t size(int64_t i) const { return low + (i < longer ? 1 : 0); }
  CNN_HD int64_t largest() const { return low + (longer ? 1 : 0); }
};

}  // namespace cnn::cpu::CNN_ISA
