// Products of a few rows with a large matrix: memory is the limit, so B is read once, several whole rows at a time,
// while the sums stay in L1.
#include "core/parallel.h"
#include "cpu/gemm/gemm.h"
#include "cpu/gemm/block.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

inline constexpr int64_t kStreamBytes = 4096;  // of a row of B that one task reads at a time

// sums[i][j] += sum over p < kDeep of a[i, p] * b[p, j] for j < n, a multiple of the vector.
template <class T, int kRows, int kDeep>
void add_rows(const Gemm<T>& g, const T* a, const T* b, int64_t n, T* sums, int64_t width) {
  Vec<T> av[kRows][kDeep];
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int p = 0; p < kDeep; ++p) av[i][p] = vec_splat(a[i * g.a_row + p * g.a_col]);
  for (int64_t j = 0; j < n; j += kLanes<T>) {
    Vec<T> acc[kRows];
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) acc[i] = vec_load(sums + i * width + j);
#pragma GCC unroll 8
    for (int p = 0; p < kDeep; ++p) {
      __builtin_prefetch(b + (p + kDeep) * g.b_row + j);
      const Vec<T> bv = vec_load(b + p * g.b_row + j);
#pragma GCC unroll 4
      for (int i = 0; i < kRows; ++i) acc[i] = vec_fma(av[i][p], bv, acc[i]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) vec_store(sums + i * width + j, acc[i]);
  }
}

template <class T, int kRows> void stream_columns(const Gemm<T>& g, int64_t col, int64_t cols) {
  constexpr int kDeep = kRegisters == 32 ? (kRows <= 2 ? 8 : 4) : (kRows == 1 ? 8 : kRows == 2 ? 4 : 2);
  constexpr int64_t kWidth = kStreamBytes / int64_t(sizeof(T));
  alignas(64) T sums[kRows * kWidth] = {}, totals[kRows * kWidth];  // of a block of k, and of the blocks before
  const int64_t whole = cols / kLanes<T> * kLanes<T>;
  const T* const b = g.b + col;
  int64_t p = 0;
  const auto take = [&]<int kCount>() {
    add_rows<T, kRows, kCount>(g, g.a + p * g.a_col, b + p * g.b_row, whole, sums, kWidth);
    for (int64_t i = 0; i < kRows; ++i)
      for (int q = 0; q < kCount; ++q) {
        const T x = g.a[i * g.a_row + (p + q) * g.a_col];
        for (int64_t j = whole; j < cols; ++j) sums[i * kWidth + j] += x * b[(p + q) * g.b_row + j];
      }
    p += kCount;
  };
  for (;;) {
    const int64_t end = min_of(p + kBlockK<T>, g.k);
    const bool first = p == 0, last = end == g.k;
    while (p + kDeep <= end) take.template operator()<kDeep>();
    while (p < end) take.template operator()<1>();
    if (first && last) break;
    for (int64_t i = 0; i < kRows; ++i)
      for (int64_t j = i * kWidth; j < i * kWidth + cols; ++j) {
        const T total = first ? sums[j] : totals[j] + sums[j];
        totals[j] = total;
        sums[j] = last ? total : T(0);
      }
    if (last) break;
  }

  Tile<T> t{};
  t.c = g.c + col * g.c_col;
  t.c_row = g.c_row, t.c_col = g.c_col, t.cols = cols;
  t.epilogue = epilogue_of(g, true, true);
  if (t.epilogue.col_scale) t.epilogue.col_scale += col;
  if (t.epilogue.col_bias) t.epilogue.col_bias += col;
  finish_tile(t, sums, kRows, int(kWidth));
}

}  // namespace

template <class T> void gemm_stream(const Gemm<T>& g) {
  const int64_t step = kStreamBytes / int64_t(sizeof(T));
  // At least four tasks, of columns that fill several lines.
  const int64_t pieces = max_of(ceil_div(g.n, step), min_of(4, g.n / (2 * kTileCols<T>)));
  const int64_t cols = ceil_div(ceil_div(g.n, max_of(pieces, 1)), kLanes<T>) * kLanes<T>;
  parallel_for(ceil_div(g.n, cols), 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t col = i * cols, count = min_of(cols, g.n - col);
      if (g.m == 1) stream_columns<T, 1>(g, col, count);
      else if (g.m == 2) stream_columns<T, 2>(g, col, count);
      else if (g.m == 3) stream_columns<T, 3>(g, col, count);
      else stream_columns<T, 4>(g, col, count);
    }
  });
}

template void gemm_stream<float>(const Gemm<float>&);
template void gemm_stream<double>(const Gemm<double>&);

}  // namespace cnn::cpu::CNN_ISA
