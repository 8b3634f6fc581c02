// Few rows of float by 16-bit floats where they lie: dot products, and rows that are added up. They become float in the
// registers.
#pragma once

#include <string.h>

#include "cpu/vec/half.h"
#include "cpu/vec/lane_sums.h"

namespace cnn::cpu::inline CNN_ISA {

inline constexpr int64_t kOne = kLanes<float>, kTwo = 2 * kOne;  // elements of a vector of floats, and of 16 bits

inline constexpr int kHalfDotRows = kRegisters == 32 ? 4 : 2, kHalfDotCols = 4;

// Rows of A, in the order of load_two and filled up with zeros, and columns of B as they lie.
template <class T> struct Dots {
  const float* a;
  int64_t a_row;
  const T* b;
  int64_t b_col;
  int64_t k;  // whole vectors
  const T* rest;  // of the columns past them, a vector for each; null where there is none
  float* sums;  // [rows][width]
  int64_t width;
};

template <class T, int kRows, int kCols> void dots(const Dots<T>& d) {
  Vec<float> acc[kRows][kCols] = {};
  const auto add = [&](int64_t p, const T* from, int64_t stride) __attribute__((always_inline)) {
    Two x[kRows];
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      const float* const a = d.a + i * d.a_row + p;
      x[i] = {vec_load(a), vec_load(a + kOne)};
    }
#pragma GCC unroll 4
    for (int j = 0; j < kCols; ++j) {
      const Two y = load_two(from + j * stride);
#pragma GCC unroll 4
      for (int i = 0; i < kRows; ++i) acc[i][j] = vec_fma(x[i].other, y.other, vec_fma(x[i].one, y.one, acc[i][j]));
    }
  };
  for (int64_t p = 0; p < d.k; p += kTwo) add(p, d.b + p, d.b_col);
  if (d.rest) add(d.k, d.rest, kTwo);
#pragma GCC unroll 16
  for (int at = 0; at < kRows * kCols; at += kOne) {
    Vec<float> parts[kOne];
#pragma GCC unroll 16
    for (int l = 0; l < kOne; ++l)
      parts[l] = at + l < kRows * kCols ? acc[(at + l) / kCols % kRows][(at + l) % kCols] : Vec<float>{};
    float found[kOne];
    vec_store(found, lane_sums<float>(parts));
    for (int l = 0; l < kOne && at + l < kRows * kCols; ++l)
      d.sums[(at + l) / kCols * d.width + (at + l) % kCols] = found[l];
  }
}

template <class T, int kRows, int kCols> void dots_of(int64_t rows, int64_t cols, const Dots<T>& d) {
  if constexpr (kRows > 1)
    if (rows < kRows) return dots_of<T, kRows - 1, kCols>(rows, cols, d);
  if constexpr (kCols > 1)
    if (cols < kCols) return dots_of<T, kRows, kCols - 1>(rows, cols, d);
  dots<T, kRows, kCols>(d);
}

inline constexpr int kStreamDeep = 4;  // rows of B at a time
inline constexpr int64_t kStreamCols = 1024;  // of one task: the sums stay in the first cache

// sums[i][j], in the order of load_two, += sum over p < kDeep of a[p][i] * b[p, j] for j < n, whole vectors. B is
// fetched `ahead`.
template <class T, int kRows, int kDeep>
void add_rows(const float* a, const T* b, int64_t b_row, int64_t ahead, int64_t n, float* sums) {
  for (int64_t j = 0; j < n; j += kTwo) {
    Two acc[kRows];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i)
      acc[i] = {vec_load(sums + i * kStreamCols + j), vec_load(sums + i * kStreamCols + j + kOne)};
#pragma GCC unroll 4
    for (int p = 0; p < kDeep; ++p) {
      __builtin_prefetch(b + p * b_row + j + ahead);
      const Two y = load_two(b + p * b_row + j);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const Vec<float> x = vec_splat(a[p * kRows + i]);
        acc[i] = {vec_fma(x, y.one, acc[i].one), vec_fma(x, y.other, acc[i].other)};
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      vec_store(sums + i * kStreamCols + j, acc[i].one);
      vec_store(sums + i * kStreamCols + j + kOne, acc[i].other);
    }
  }
}

// `kDeep` rows of B with the columns that fill no vector.
template <class T, int kRows, int kDeep>
void add_all(const float* a, const T* b, int64_t b_row, int64_t cols, float* sums) {
  const int64_t whole = cols / kTwo * kTwo;
  add_rows<T, kRows, kDeep>(a, b, b_row, kDeep * b_row, whole, sums);
  if (whole == cols) return;
  T rest[kDeep * kTwo] = {};
  for (int p = 0; p < kDeep; ++p)
    memcpy(static_cast<void*>(rest + p * kTwo), b + p * b_row + whole, size_t(cols - whole) * 2);
  add_rows<T, kRows, kDeep>(a, rest, kTwo, 0, kTwo, sums + whole);
}

}  // namespace cnn::cpu::CNN_ISA
