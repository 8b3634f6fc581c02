// Squares of vectors turned in registers: what was the lane becomes the vector's number.
#pragma once

#include "cpu/vec.h"

namespace cnn::cpu::inline CNN_ISA {

// The first halves of a and b, lanes alternating; interleave_high has the second halves.
template <class T> CNN_HD Vec<T> interleave_low(Vec<T> a, Vec<T> b) {
  if constexpr (kLanes<T> == 16)
    return __builtin_shufflevector(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
  else if constexpr (kLanes<T> == 8) return __builtin_shufflevector(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
  else if constexpr (kLanes<T> == 4) return __builtin_shufflevector(a, b, 0, 4, 1, 5);
  else return __builtin_shufflevector(a, b, 0, 2);
}
template <class T> CNN_HD Vec<T> interleave_high(Vec<T> a, Vec<T> b) {
  if constexpr (kLanes<T> == 16)
    return __builtin_shufflevector(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
  else if constexpr (kLanes<T> == 8) return __builtin_shufflevector(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
  else if constexpr (kLanes<T> == 4) return __builtin_shufflevector(a, b, 2, 6, 3, 7);
  else return __builtin_shufflevector(a, b, 1, 3);
}

// r[i][j] becomes r[j][i].
template <class T> CNN_HD void transpose_lanes(Vec<T> (&r)[kLanes<T>]) {
  constexpr int kN = kLanes<T>;
#pragma GCC unroll 4
  for (int done = 1; done < kN; done *= 2) {
    Vec<T> s[kN];
#pragma GCC unroll 8
    for (int i = 0; i < kN / 2; ++i) {
      s[2 * i] = interleave_low<T>(r[i], r[i + kN / 2]);
      s[2 * i + 1] = interleave_high<T>(r[i], r[i + kN / 2]);
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
  transpose_lanes<T>(r);
}
template <class T>
CNN_HD void store_transposed(Vec<T> (&r)[kLanes<T>], T* to, int64_t to_row, int64_t rows, int64_t n) {
  transpose_lanes<T>(r);
  if (rows == kLanes<T> && n == kLanes<T>) {
#pragma GCC unroll 16
    for (int i = 0; i < kLanes<T>; ++i) vec_store(to + i * to_row, r[i]);
  } else {
    for (int i = 0; i < rows; ++i) vec_store_n(to + i * to_row, r[i], n);
  }
}

}  // namespace cnn::cpu::CNN_ISA
