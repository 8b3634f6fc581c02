// Packing: a block of a matrix laid out in panels, in the order in which the register tile reads it.
#pragma once

#include "cpu/vec/lane_sums.h"

namespace cnn::cpu::inline CNN_ISA {

// Row j of a matrix; the second kind gives its last row for every j past it.
template <class T> struct Rows {
  const T* base;
  int64_t stride;
  CNN_HD const T* operator()(int64_t j) const { return base + j * stride; }
};
template <class T> struct ClampedRows {
  const T* base;
  int64_t stride, last;
  CNN_HD const T* operator()(int64_t j) const { return base + min_of(j, last) * stride; }
};

// 16 bytes of the rows j, j + n, j + 2 n... at p, n the elements of 16 bytes, so that what is left of a transposition
// is inside each piece.
#if defined(__AVX512F__)
template <class R> CNN_HD Vec<float> load_pieces(const R& row, int j, int64_t p, float) {
  __m512 v = _mm512_castps128_ps512(_mm_loadu_ps(row(j) + p));
  v = _mm512_insertf32x4(v, _mm_loadu_ps(row(j + 4) + p), 1);
  v = _mm512_insertf32x4(v, _mm_loadu_ps(row(j + 8) + p), 2);
  return (Vec<float>)_mm512_insertf32x4(v, _mm_loadu_ps(row(j + 12) + p), 3);
}
template <class R> CNN_HD Vec<double> load_pieces(const R& row, int j, int64_t p, double) {
  __m512d v = _mm512_castpd128_pd512(_mm_loadu_pd(row(j) + p));
  v = _mm512_insertf64x2(v, _mm_loadu_pd(row(j + 2) + p), 1);
  v = _mm512_insertf64x2(v, _mm_loadu_pd(row(j + 4) + p), 2);
  return (Vec<double>)_mm512_insertf64x2(v, _mm_loadu_pd(row(j + 6) + p), 3);
}
#elif defined(__AVX2__)
template <class R> CNN_HD Vec<float> load_pieces(const R& row, int j, int64_t p, float) {
  const __m256 v = _mm256_castps128_ps256(_mm_loadu_ps(row(j) + p));
  return (Vec<float>)_mm256_insertf128_ps(v, _mm_loadu_ps(row(j + 4) + p), 1);
}
template <class R> CNN_HD Vec<double> load_pieces(const R& row, int j, int64_t p, double) {
  const __m256d v = _mm256_castpd128_pd256(_mm_loadu_pd(row(j) + p));
  return (Vec<double>)_mm256_insertf128_pd(v, _mm_loadu_pd(row(j + 2) + p), 1);
}
#else
template <class R, class T> CNN_HD Vec<T> load_pieces(const R& row, int j, int64_t p, T) {
  return vec_load(row(j) + p);
}
#endif

// to[q * width + j] = row(j)[p + q] for a vector of j and as many q as 16 bytes hold.
template <class R> CNN_HD void transpose_pieces(const R& row, int64_t p, float* to, int64_t width) {
  Vec<float> r[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) r[j] = load_pieces(row, j, p, float());
  const Vec<float> a = interleave<float, false, 1>(r[0], r[1]), b = interleave<float, false, 1>(r[2], r[3]);
  const Vec<float> c = interleave<float, true, 1>(r[0], r[1]), d = interleave<float, true, 1>(r[2], r[3]);
  vec_store(to, interleave<float, false, 2>(a, b));
  vec_store(to + width, interleave<float, true, 2>(a, b));
  vec_store(to + 2 * width, interleave<float, false, 2>(c, d));
  vec_store(to + 3 * width, interleave<float, true, 2>(c, d));
}
template <class R> CNN_HD void transpose_pieces(const R& row, int64_t p, double* to, int64_t width) {
  const Vec<double> a = load_pieces(row, 0, p, double()), b = load_pieces(row, 1, p, double());
  vec_store(to, interleave<double, false, 1>(a, b));
  vec_store(to + width, interleave<double, true, 1>(a, b));
}

// A vector's width of one panel whose source is dense along k.
template <class T, class R> void pack_across(const R& row, int64_t k, T* to, int64_t width) {
  constexpr int kDepth = 16 / int(sizeof(T));
  int64_t p = 0;
  for (; p + kDepth <= k; p += kDepth) transpose_pieces(row, p, to + p * width, width);
  for (; p < k; ++p)
    for (int j = 0; j < kLanes<T>; ++j) to[p * width + j] = row(j)[p];
}

// One panel: to[p * width + j] = from[p * k_stride + j * stride] for p < k, j < count. The columns from count to width,
// a multiple of the vector, are set to anything.
template <class T>
void pack_panel(const T* from, int64_t k_stride, int64_t stride, int64_t k, int64_t count, T* to, int64_t width) {
  if (stride == 1) {
    for (int64_t p = 0; p < k; ++p)
      for (int64_t j = 0; j < width; j += kLanes<T>)
        vec_store(to + p * width + j, vec_load_n(from + p * k_stride + j, max_of(count - j, 0)));
  } else if (k_stride == 1) {
    for (int64_t j = 0; j < width; j += kLanes<T>) {
      const T* const base = from + min_of(j, count - 1) * stride;
      if (j + kLanes<T> <= count) pack_across(Rows<T>{base, stride}, k, to + j, width);
      else pack_across(ClampedRows<T>{base, stride, max_of(count - 1 - j, 0)}, k, to + j, width);
    }
  } else {
    for (int64_t p = 0; p < k; ++p)
      for (int64_t j = 0; j < width; ++j) to[p * width + j] = from[p * k_stride + min_of(j, count - 1) * stride];
  }
}

}  // namespace cnn::cpu::CNN_ISA
