// The shape of the register tile, and what happens to its sums on their way to C.
#pragma once

#include "cpu/gemm/finish.h"

namespace cnn::cpu::inline CNN_ISA {

// Rows of a full tile: 14 x 2 vectors leave 4 of 32 registers for B, 6 x 2 leave 4 of 16.
inline constexpr int kTileRows = kRegisters == 32 ? 14 : (kVecBytes == 32 ? 6 : 4);
inline constexpr int kTileVecs = 2;
// Tiles of few rows are wider: the sums must outnumber the latency of an addition.
inline constexpr int kWideVecs = kRegisters == 32 ? 8 : 4;
inline constexpr int kWideRows = kRegisters == 32 ? 3 : 2;
template <class T> inline constexpr int kTileCols = kTileVecs * kLanes<T>;

// What happens to the sums on their way to C.
template <class T> struct Epilogue {
  T alpha = 1;
  bool accumulate = false;
  Bounds<T> bounds;
  const T* row_scale = nullptr;  // of this tile's first row, dense
  const T* col_scale = nullptr;  // of this tile's first column, dense
  const T* row_bias = nullptr;  // of this tile's first row, stride row_bias_stride
  int64_t row_bias_stride = 1;
  const T* col_bias = nullptr;  // of this tile's first column, dense
};

template <class T> struct Tile {
  const T* a;
  int64_t a_row, a_col;
  const T* b;
  int64_t b_row;    // columns are dense
  int64_t b_panel;  // from one panel of kTileCols columns to the next
  int64_t k;
  T* c;
  int64_t c_row, c_col;
  int64_t cols;  // that count, from 1 to the tile's width; B is read in whole vectors, but for kMasked
  Epilogue<T> epilogue;
};

template <class T> CNN_HD Vec<T> gather(const T* p, int64_t stride, int64_t n) {
  T lanes[kLanes<T>] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = p[i * stride];
  return vec_load(lanes);
}
template <class T> CNN_HD void scatter(T* p, int64_t stride, Vec<T> v, int64_t n) {
  T lanes[kLanes<T>];
  vec_store(lanes, v);
  for (int64_t i = 0; i < n; ++i) p[i * stride] = lanes[i];
}

// c = clamp((alpha * sums + (accumulate ? c : 0)) * scales + biases, bounds) for sums [rows][width] in memory.
template <class T>
__attribute__((noinline)) void finish_tile(const Tile<T>& t, const T* sums, int rows, int width) {
  const Epilogue<T>& e = t.epilogue;
  const Vec<T> alpha = vec_splat(e.alpha);
  for (int i = 0; i < rows; ++i, sums += width) {
    const T row_scale = e.row_scale ? e.row_scale[i] : T(1);
    const T row_bias = e.row_bias ? e.row_bias[i * e.row_bias_stride] : T(0);
    T* c = t.c + i * t.c_row;
    for (int64_t j = 0; j < t.cols; j += kLanes<T>) {
      const int64_t lanes = min_of(t.cols - j, kLanes<T>);
      Vec<T> sum = vec_load_n(sums + j, lanes) * alpha;  // what follows may be garbage, slow if denormal
      if (e.accumulate) sum = sum + (t.c_col == 1 ? vec_load_n(c + j, lanes) : gather(c + j * t.c_col, t.c_col, lanes));
      if (e.row_scale) sum = sum * vec_splat(row_scale);
      if (e.col_scale) sum = sum * vec_load_n(e.col_scale + j, lanes);
      if (e.row_bias) sum = sum + vec_splat(row_bias);
      if (e.col_bias) sum = sum + vec_load_n(e.col_bias + j, lanes);
      if (e.bounds.any()) sum = bounded<T>(sum, vec_splat(e.bounds.low), vec_splat(e.bounds.high));
      if (t.c_col == 1) vec_store_n(c + j, sum, lanes);
      else scatter(c + j * t.c_col, t.c_col, sum, lanes);
    }
  }
}

// The same with dense columns of C, from the registers. Each step is a loop of its own, so that every loop unrolls.
template <class T, int kRows, int kVecs>
CNN_HD void finish_in_registers(const Tile<T>& t, Vec<T> (&acc)[kRows][kVecs], Lanes<T> last) {
  constexpr int kWidth = kLanes<T>;
  const Epilogue<T>& e = t.epilogue;
  if (e.alpha != T(1)) {
    const Vec<T> alpha = vec_splat(e.alpha);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[i][v] = acc[i][v] * alpha;
  }
  if (e.accumulate) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) {
        const T* c = t.c + i * t.c_row + v * kWidth;
        acc[i][v] = acc[i][v] + (v + 1 < kVecs ? vec_load(c) : vec_load_lanes(c, last));
      }
  }
  if (e.row_scale) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Vec<T> scale = vec_splat(e.row_scale[i]);
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[i][v] = acc[i][v] * scale;
    }
  }
  if (e.col_scale) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      const T* p = e.col_scale + v * kWidth;
      const Vec<T> scale = v + 1 < kVecs ? vec_load(p) : vec_load_lanes(p, last);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) acc[i][v] = acc[i][v] * scale;
    }
  }
  if (e.row_bias) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const Vec<T> bias = vec_splat(e.row_bias[i * e.row_bias_stride]);
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[i][v] = acc[i][v] + bias;
    }
  }
  if (e.col_bias) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      const T* p = e.col_bias + v * kWidth;
      const Vec<T> bias = v + 1 < kVecs ? vec_load(p) : vec_load_lanes(p, last);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) acc[i][v] = acc[i][v] + bias;
    }
  }
  if (e.bounds.any()) {
    const Vec<T> low = vec_splat(e.bounds.low), high = vec_splat(e.bounds.high);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[i][v] = bounded<T>(acc[i][v], low, high);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      T* c = t.c + i * t.c_row + v * kWidth;
      if (v + 1 < kVecs) vec_store(c, acc[i][v]);
      else vec_store_lanes(c, acc[i][v], last);
    }
}

}  // namespace cnn::cpu::CNN_ISA
