// The register tile of products whose operands a kernel has laid out itself: no packing, no masks, no epilogue.
#pragma once

#include "cpu/gemm/tile.h"
#include "cpu/vec/vec.h"

namespace cnn::cpu::inline CNN_ISA {

// c[i * c_row + j] (+)= sum over k of a(i, k) * b[k * b_row + j], for whole vectors of columns j. A comes in `runs` of
// k each, run r from a + offsets[r]; B goes on. In a run, a(i, k) is a[k * a_step + i] where A is dense along its rows'
// index, else a[i * a_step + k]. What is accumulated is added at the end: the error of a sum grows with the length of
// its chain of additions, and a sum of short chains keeps that of a short one.
inline constexpr int64_t kChain = 64;  // products of a chain, where a caller has many
template <class T> struct PanelTile {
  const T* a;
  int64_t a_step;
  const int64_t* offsets;
  int64_t runs;
  const T* b;
  int64_t b_row;
  int64_t k;
  T* c;
  int64_t c_row;
  bool accumulate;
};

// Rows of the largest tile by its vectors: sums, a row of B and one element of A fit the registers.
inline constexpr int kPanelVecs = kRegisters == 32 ? 4 : 2;
inline constexpr int panel_rows(int vecs) {
  return vecs > 3 ? 6 : vecs > 2 ? 8 : vecs > 1 || kRegisters < 32 ? kTileRows : 16;
}

template <class T, int kRows, int kVecs, bool kAlongRows>
void run_panel_tile(const PanelTile<T>& t) {
  using V = Vec<T>;
  constexpr int kWidth = kLanes<T>, kThirds = (kRows + 2) / 3;
  V acc[kRows][kVecs];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) acc[i][v] = V{};

  // Rows far apart: a pointer for three of them, or addresses alone would take all registers.
  const int64_t step = t.a_step, twice = 2 * t.a_step;
  const T* b = t.b;
  const int64_t b_row = t.b_row, k = t.k;
  for (int64_t run = 0; run < t.runs; ++run) {
    const T* a[kThirds];
#pragma GCC unroll 8
    for (int i = 0; i < kThirds; ++i) a[i] = t.a + t.offsets[run] + (kAlongRows ? 0 : 3 * i * step);
    for (int64_t left = k; left > 0; --left) {
      V bv[kVecs];
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) bv[v] = vec_load(b + v * kWidth);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const V av = vec_splat(kAlongRows ? a[0][i] : a[i / 3][i % 3 == 0 ? 0 : i % 3 == 1 ? step : twice]);
#pragma GCC unroll 8
        for (int v = 0; v < kVecs; ++v) acc[i][v] = vec_fma(av, bv[v], acc[i][v]);
      }
      b += b_row;
      if constexpr (kAlongRows) {
        a[0] += step;
      } else {
#pragma GCC unroll 8
        for (int i = 0; i < kThirds; ++i) ++a[i];
      }
    }
  }
  if (t.accumulate) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[i][v] = acc[i][v] + vec_load(t.c + i * t.c_row + v * kWidth);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) vec_store(t.c + i * t.c_row + v * kWidth, acc[i][v]);
}

template <class T> using PanelTileFn = void (*)(const PanelTile<T>&);

// The tile of 1 to kRows rows; of 1 to kPanelVecs vectors and as many rows as panel_rows has for them.
template <class T, bool kAlongRows, int kVecs, int kRows>
PanelTileFn<T> panel_tile_of_rows(int64_t rows) {
  if constexpr (kRows > 1)
    if (rows < kRows) return panel_tile_of_rows<T, kAlongRows, kVecs, kRows - 1>(rows);
  return run_panel_tile<T, kRows, kVecs, kAlongRows>;
}
template <class T, bool kAlongRows, int kVecs = kPanelVecs>
PanelTileFn<T> panel_tile_of(int64_t rows, int64_t vecs) {
  if constexpr (kVecs > 1)
    if (vecs < kVecs) return panel_tile_of<T, kAlongRows, kVecs - 1>(rows, vecs);
  return panel_tile_of_rows<T, kAlongRows, kVecs, panel_rows(kVecs)>(rows);
}

}  // namespace cnn::cpu::CNN_ISA
