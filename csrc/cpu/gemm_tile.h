// The register tile of the matrix product: rows of A broadcast against vectors of B.
#pragma once

#include "cpu/vec.h"

namespace cnn::cpu::inline CNN_ISA {

// Rows of a full tile: 14 x 2 vectors leave 4 of 32 registers for B, 6 x 2 leave 4 of 16.
inline constexpr int kTileRows = kRegisters == 32 ? 14 : (kVecBytes == 32 ? 6 : 4);
inline constexpr int kTileVecs = 2;
template <class T> inline constexpr int kTileCols = kTileVecs * kLanes<T>;

// What happens to the sums on their way to C.
template <class T> struct Epilogue {
  T alpha = 1;
  bool accumulate = false;
  bool relu = false;
  const T* row_bias = nullptr;  // of this tile's first row, stride row_bias_stride
  int64_t row_bias_stride = 1;
  const T* col_bias = nullptr;  // of this tile's first column, dense
};

template <class T> struct Tile {
  const T* a;
  int64_t a_row, a_col;  // one of them is 1
  const T* b;
  int64_t b_row;  // columns are dense
  int64_t k;
  T* c;
  int64_t c_row, c_col;
  int64_t cols;  // that count, from 1 to the tile's width
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

// The sums of a tile, [rows][vecs * lanes], to memory.
template <class T>
__attribute__((noinline)) void finish_tile(const Tile<T>& t, const T* sums, int rows, int width) {
  const Epilogue<T>& e = t.epilogue;
  const Vec<T> alpha = vec_splat(e.alpha);
  for (int i = 0; i < rows; ++i, sums += width) {
    const T row_bias = e.row_bias ? e.row_bias[i * e.row_bias_stride] : T(0);
    T* c = t.c + i * t.c_row;
    for (int64_t j = 0; j < t.cols; j += kLanes<T>) {
      const int64_t lanes = min_of(t.cols - j, kLanes<T>);
      Vec<T> sum = vec_load(sums + j) * alpha;
      if (e.accumulate) sum = sum + (t.c_col == 1 ? vec_load_n(c + j, lanes) : gather(c + j * t.c_col, t.c_col, lanes));
      if (e.row_bias) sum = sum + vec_splat(row_bias);
      if (e.col_bias) sum = sum + vec_load_n(e.col_bias + j, lanes);
      if (e.relu) sum = vec_relu<T>(sum);
      if (t.c_col == 1) vec_store_n(c + j, sum, lanes);
      else scatter(c + j * t.c_col, t.c_col, sum, lanes);
    }
  }
}

// kAlongRows: A is dense along its rows' index (packed panels, transposed A), else along k. B is read in whole vectors.
template <class T, int kRows, int kVecs, bool kAlongRows>
void run_tile(const Tile<T>& t) {
  using V = Vec<T>;
  constexpr int kWidth = kLanes<T>;
  V acc[kRows][kVecs];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) acc[i][v] = V{};

  const T* a = t.a;
  const T* b = t.b;
  const int64_t a_row = t.a_row, a_col = t.a_col, b_row = t.b_row, k = t.k;
  for (int64_t p = 0; p < k; ++p) {
    V bv[kVecs];
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) bv[v] = vec_load(b + v * kWidth);
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i) {
      const V av = vec_splat(kAlongRows ? a[i] : a[i * a_row]);
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[i][v] = vec_fma(av, bv[v], acc[i][v]);
    }
    a += kAlongRows ? a_col : 1;
    b += b_row;
  }

  alignas(64) T sums[kRows * kVecs * kWidth];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) vec_store(sums + (i * kVecs + v) * kWidth, acc[i][v]);
  finish_tile(t, sums, kRows, kVecs * kWidth);
}

template <class T> using TileFn = void (*)(const Tile<T>&);

// The tile of 1 to kRows rows.
template <class T, int kVecs, bool kAlongRows, int kRows>
TileFn<T> tile_of(int64_t rows) {
  if constexpr (kRows > 1)
    if (rows < kRows) return tile_of<T, kVecs, kAlongRows, kRows - 1>(rows);
  return run_tile<T, kRows, kVecs, kAlongRows>;
}

}  // namespace cnn::cpu::CNN_ISA
