// Squares of vectors turned in registers: what was the lane becomes the vector's number.
#pragma once

#include "cpu/vec/vec.h"

namespace cnn::cpu::inline CNN_ISA {

template <class V> inline constexpr int kLanesIn = int(sizeof(V) / sizeof(V{}[0]));

// The first halves of a and b, lanes alternating; interleave_high has the second halves.
template <class V> CNN_HD V interleave_low(V a, V b) {
  if constexpr (kLanesIn<V> == 16)
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  else if constexpr (kLanesIn<V> == 8) return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  else if constexpr (kLanesIn<V> == 4) return __builtin_shufflevector(a, b, 0, 4, 1, 5);
  else return __builtin_shufflevector(a, b, 0, 2);
}
template <class V> CNN_HD V interleave_high(V a, V b) {
  if constexpr (kLanesIn<V> == 16)
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  else if constexpr (kLanesIn<V> == 8) return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  else if constexpr (kLanesIn<V> == 4) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
  else return __builtin_shufflevector(a, b, 1, 3);
}

// r[i][j] becomes r[j][i].
template <class V, int kN> CNN_HD void transpose_lanes(V (&r)[kN]) {
  static_assert(kN == kLanesIn<V>);
#pragma GCC unroll 4
  for (int done = 1; done < kN; done *= 2) {
    V s[kN];
#pragma GCC unroll 8
    for (int i = 0; i < kN / 2; ++i) {
      s[2 * i] = interleave_low(r[i], r[i + kN / 2]);
      s[2 * i + 1] = interleave_high(r[i], r[i + kN / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kN; ++i) r[i] = s[i];
  }
}

// A square of memory: `rows` rows from_row apart of n elements, both at most the vector; the rest counts as zeros.
template <class T>
CNN_HD void load_transposed(const T* from, int64_t from_row, int64_t rows, int64_t n, Vec<T> (&r)[kLanes<T>]) {
  if (rows == kLanes<T> && n == kLanes<T>) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) r[i] = vec_load(from + i * from_row);
  } else {
    for (int i = 0; i < kLanes<T>; ++i) r[i] = i < rows ? vec_load_n(from + i * from_row, n) : Vec<T>{};
  }
  transpose_lanes(r);
}
template <class T>
CNN_HD void store_transposed(Vec<T> (&r)[kLanes<T>], T* to, int64_t to_row, int64_t rows, int64_t n) {
  transpose_lanes(r);
  if (rows == kLanes<T> && n == kLanes<T>) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) vec_store(to + i * to_row, r[i]);
  } else {
    for (int i = 0; i < rows; ++i) vec_store_n(to + i * to_row, r[i], n);
  }
}

}  // namespace cnn::cpu::CNN_ISA
