// Products of few rows with columns that are dense along k: vectors along the summed index.
#include "core/parallel.h"
#include "cpu/gemm/dot_tile.h"
#include "cpu/gemm/gemm.h"
#include "cpu/gemm/block.h"
#include "cpu/vec/lane_sums.h"
#include "cpu/scratch.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// Sums of a full tile: for one or two rows flat, else square.
inline constexpr int kFlatRows = kRegisters == 32 ? 2 : 1, kFlatCols = 8;
inline constexpr int kSquareRows = kRegisters == 32 ? 4 : 2, kSquareCols = 4;

// Elements summed in T. A longer sum is one of such sums, in double, or it would lose what is small beside it.
inline constexpr int64_t kDotDepth = 4096;
inline constexpr int kDotWays = 4;  // sums of one product side by side: each waits for its last addition

// The sum of one product over n elements, n a multiple of the vector.
template <class T> Vec<T> dot_alone(const T* a, const T* b, int64_t n) {
  Vec<T> acc[kDotWays] = {};
  constexpr int kWidth = kLanes<T>;
  const int64_t whole = n / (kDotWays * kWidth) * (kDotWays * kWidth);
  for (int64_t p = 0; p < whole; p += kDotWays * kWidth)
#pragma GCC unroll 4
    for (int w = 0; w < kDotWays; ++w)
      acc[w] = vec_fma(vec_load(a + p + w * kWidth), vec_load(b + p + w * kWidth), acc[w]);
  for (int64_t p = whole; p < n; p += kWidth) acc[0] = vec_fma(vec_load(a + p), vec_load(b + p), acc[0]);
  return (acc[0] + acc[1]) + (acc[2] + acc[3]);
}

// Room for the sums of a tile, row after row, in whole vectors.
template <class T, int kRows, int kCols> inline constexpr int kSumsRoom =
    (kRows * kCols + kLanes<T> - 1) / kLanes<T> * kLanes<T>;

// The sums of a tile over `depth` elements from p on.
template <class T, int kRows, int kCols>
void dot_sums(const Gemm<T>& g, int64_t i, int64_t j, int64_t p, int64_t depth, T (&sums)[kSumsRoom<T, kRows, kCols>]) {
  Vec<T> acc[kRows][kCols] = {};
  const T* const a = g.a + i * g.a_row + p;
  const T* b[kCols];
#pragma GCC unroll 8
  for (int c = 0; c < kCols; ++c) b[c] = g.b + (j + c) * g.b_col + p;
  const int64_t whole = depth / kLanes<T> * kLanes<T>;
  if constexpr (kRows * kCols == 1) acc[0][0] = dot_alone(a, b[0], whole);
  else dot_accumulate<T, kRows, kCols>(acc, a, g.a_row, b, whole);
  if (whole < depth) {
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) b[c] += whole;
    dot_accumulate_rest<T, kRows, kCols>(acc, a + whole, g.a_row, b, depth - whole);
  }
#pragma GCC unroll 16
  for (int at = 0; at < kSumsRoom<T, kRows, kCols>; at += kLanes<T>) {
    Vec<T> parts[kLanes<T>];
#pragma GCC unroll 16
    for (int l = 0; l < kLanes<T>; ++l)
      parts[l] = at + l < kRows * kCols ? acc[(at + l) / kCols % kRows][(at + l) % kCols] : Vec<T>{};
    vec_store(sums + at, lane_sums<T>(parts));
  }
}

// The same over all of a k that is longer.
template <class T, int kRows, int kCols>
void dot_sums_deep(const Gemm<T>& g, int64_t i, int64_t j, T (&sums)[kSumsRoom<T, kRows, kCols>]) {
  constexpr int kSums = kRows * kCols;
  const int64_t blocks = ceil_div(g.k, kDotDepth);
  Scratch<T> parts(blocks * kSums);
  parallel_for(blocks, 1 + kSerialWork / (kDotDepth * kSums), [&](int64_t begin, int64_t end) {
    for (int64_t block = begin; block < end; ++block) {
      T part[kSumsRoom<T, kRows, kCols>];
      const int64_t p = block * kDotDepth;
      dot_sums<T, kRows, kCols>(g, i, j, p, min_of(kDotDepth, g.k - p), part);
      for (int s = 0; s < kSums; ++s) parts[block * kSums + s] = part[s];
    }
  });
  for (int s = 0; s < kSums; ++s) {
    double total = 0;
    for (int64_t block = 0; block < blocks; ++block) total += double(parts[block * kSums + s]);
    sums[s] = T(total);
  }
}

template <class T, int kRows, int kCols> void run_dot(const Gemm<T>& g, int64_t i, int64_t j) {
  T sums[kSumsRoom<T, kRows, kCols>];
  if (g.k <= kDotDepth) dot_sums<T, kRows, kCols>(g, i, j, 0, g.k, sums);
  else dot_sums_deep<T, kRows, kCols>(g, i, j, sums);
  Tile<T> t{};
  t.c = g.c + i * g.c_row + j * g.c_col;
  t.c_row = g.c_row, t.c_col = g.c_col, t.cols = kCols;
  t.epilogue = epilogue_of(g, true, true);
  if (t.epilogue.row_scale) t.epilogue.row_scale += i;
  if (t.epilogue.col_scale) t.epilogue.col_scale += j;
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
