// The other register tile: dot products of dense rows, vectors along the summed index. Nothing is packed.
#pragma once

#include "cpu/vec/vec.h"

namespace cnn::cpu::inline CNN_ISA {

// Sums of a full tile: 4 x 6 of 32 registers, 3 x 4 or 2 x 4 of 16.
inline constexpr int kDotRows = kRegisters == 32 ? 4 : (kVecBytes == 32 ? 3 : 2);
inline constexpr int kDotCols = kRegisters == 32 ? 6 : 4;

// acc[i][j] += a[i * a_row + p] * b[j][p] for p in [0, n), n a multiple of the vector.
template <class T, int kRows, int kCols>
CNN_HD void dot_accumulate(Vec<T> (&acc)[kRows][kCols], const T* a, int64_t a_row, const T* const* b, int64_t n) {
  constexpr int kWidth = kLanes<T>;
  const T* bp[kCols];
#pragma GCC unroll 8
  for (int j = 0; j < kCols; ++j) bp[j] = b[j];
  for (int64_t p = 0; p < n; p += kWidth) {
    Vec<T> av[kRows];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) av[i] = vec_load(a + i * a_row + p);
#pragma GCC unroll 8
    for (int j = 0; j < kCols; ++j) {
      const Vec<T> bv = vec_load(bp[j] + p);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) acc[i][j] = vec_fma(av[i], bv, acc[i][j]);
    }
  }
}

// The rest, n below the vector.
template <class T, int kRows, int kCols>
CNN_HD void dot_accumulate_rest(Vec<T> (&acc)[kRows][kCols], const T* a, int64_t a_row, const T* const* b, int64_t n) {
  Vec<T> av[kRows];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) av[i] = vec_load_n(a + i * a_row, n);
#pragma GCC unroll 8
  for (int j = 0; j < kCols; ++j) {
    const Vec<T> bv = vec_load_n(b[j], n);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) acc[i][j] = vec_fma(av[i], bv, acc[i][j]);
  }
}

}  // namespace cnn::cpu::CNN_ISA
