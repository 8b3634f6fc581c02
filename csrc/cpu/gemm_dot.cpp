// Products of few rows with columns that are dense along k: vectors along the summed index.
#include "core/parallel.h"
#include "cpu/dot_tile.h"
#include "cpu/gemm.h"
#include "cpu/gemm_block.h"
#include "cpu/lane_sums.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// Sums of a full tile: for one or two rows flat, else square.
inline constexpr int kFlatRows = kRegisters == 32 ? 2 : 1, kFlatCols = 8;
inline constexpr int kSquareRows = kRegisters == 32 ? 4 : 2, kSquareCols = 4;

template <class T, int kRows, int kCols> void run_dot(const Gemm<T>& g, int64_t i, int64_t j) {
  Vec<T> acc[kRows][kCols] = {};
  const T* b[kCols];
#pragma GCC unroll 8
  for (int c = 0; c < kCols; ++c) b[c] = g.b + (j + c) * g.b_col;
  const int64_t whole = g.k / kLanes<T> * kLanes<T>;
  dot_accumulate<T, kRows, kCols>(acc, g.a + i * g.a_row, g.a_row, b, whole);
  if (whole < g.k) {
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) b[c] += whole;
    dot_accumulate_rest<T, kRows, kCols>(acc, g.a + i * g.a_row + whole, g.a_row, b, g.k - whole);
  }
  constexpr int kGroups = (kRows * kCols + kLanes<T> - 1) / kLanes<T>;
  T sums[kGroups * kLanes<T>];
#pragma GCC unroll 16
  for (int group = 0; group < kGroups; ++group) {
    Vec<T> parts[kLanes<T>];
#pragma GCC unroll 16
    for (int l = 0; l < kLanes<T>; ++l) {
      const int at = group * kLanes<T> + l;
      parts[l] = at < kRows * kCols ? acc[at / kCols % kRows][at % kCols] : Vec<T>{};
    }
    vec_store(sums + group * kLanes<T>, lane_sums<T>(parts));
  }
  Tile<T> t{};
  t.c = g.c + i * g.c_row + j * g.c_col;
  t.c_row = g.c_row, t.c_col = g.c_col, t.cols = kCols;
  t.epilogue = epilogue_of(g, true, true);
  if (t.epilogue.row_bias) t.epilogue.row_bias += i * g.row_bias_stride;
  if (t.epilogue.col_bias) t.epilogue.col_bias += j;
  finish_tile(t, sums, kRows, kCols);
}

template <class T, int kRows, int kCols>
void run_dot_of(const Gemm<T>& g, int64_t i, int64_t j, int64_t rows, int64_t cols) {
  if constexpr (kRows > 1)
    if (rows < kRows) return run_dot_of<T, kRows - 1, kCols>(g, i, j, rows, cols);
  if constexpr (kCols > 1)
    if (cols < kCols) return run_dot_of<T, kRows, kCols - 1>(g, i, j, rows, cols);
  run_dot<T, kRows, kCols>(g, i, j);
}

template <class T, int kRows, int kCols> void dot_with(const Gemm<T>& g) {
  const Parts rows(g.m, ceil_div(g.m, kRows)), cols(g.n, ceil_div(g.n, kCols));
  const int64_t grain = 1 + kSerialWork / 2 / (g.m * kCols * (g.k + kLanes<T>));
  parallel_for(cols.count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j)
      for (int64_t i = 0; i < rows.count; ++i)
        run_dot_of<T, kRows, kCols>(g, rows.begin(i), cols.begin(j), rows.size(i), cols.size(j));
  });
}

}  // namespace

template <class T> void gemm_dot(const Gemm<T>& g) {
  if (g.m <= kFlatRows) dot_with<T, kFlatRows, kFlatCols>(g);
  else dot_with<T, kSquareRows, kSquareCols>(g);
}

template void gemm_dot<float>(const Gemm<float>&);
template void gemm_dot<double>(const Gemm<double>&);

}  // namespace cnn::cpu::CNN_ISA
