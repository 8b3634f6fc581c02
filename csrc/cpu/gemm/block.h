// Blocks of a product: panels of A and B, packed or where they lie, cut into tasks for the pool by shape only.
#pragma once

#include "core/parallel.h"
#include "cpu/gemm/gemm.h"
#include "cpu/gemm/pack.h"
#include "cpu/gemm/epilogue.h"
#include "cpu/scratch.h"

namespace cnn::cpu::inline CNN_ISA {

template <class T> inline constexpr int64_t kBlockK = sizeof(T) == 4 ? 512 : 256;  // a panel of A stays in L1
inline constexpr int64_t kBlockN = 2048;    // columns packed at a time
inline constexpr int64_t kGroup = 16;       // panels of B that stay in L2 while rows of A pass
inline constexpr int64_t kLittleDepth = 8;                // writing C is all the work
// Width of a packed panel of A.
template <class T> inline constexpr int64_t kPanelRows = (kTileRows + kLanes<T> - 1) / kLanes<T> * kLanes<T>;

template <class T> Epilogue<T> epilogue_of(const Gemm<T>& g, bool first, bool last) {
  Epilogue<T> e;
  e.alpha = g.alpha;
  e.accumulate = g.accumulate || !first;
  if (last) e.bounds = g.bounds, e.row_scale = g.row_scale, e.col_scale = g.col_scale;
  e.row_bias = last ? g.row_bias : nullptr;
  e.row_bias_stride = g.row_bias_stride;
  e.col_bias = last ? g.col_bias : nullptr;
  return e;
}

// c[i, j] and what belongs to it, as the first of a smaller product.
template <class T> Gemm<T> part_of(const Gemm<T>& g, int64_t i, int64_t m, int64_t j, int64_t n, int64_t k,
                                   int64_t depth) {
  Gemm<T> part = g;
  part.m = m, part.n = n, part.k = depth;
  part.a += i * g.a_row + k * g.a_col;
  part.b += k * g.b_row + j * g.b_col;
  part.c += i * g.c_row + j * g.c_col;
  if (part.row_scale) part.row_scale += i;
  if (part.col_scale) part.col_scale += j;
  if (part.row_bias) part.row_bias += i * g.row_bias_stride;
  if (part.col_bias) part.col_bias += j;
  return part;
}

// Where the panels of B come from.
enum class PanelsOf : uint8_t {
  Place,   // they are read where they lie
  Packed,  // all were packed before
  Task,    // each task packs its own, one after the other, and uses it while it is in L1
};

// One block of the product: rows of A in panels of nearly equal height, columns of B in panels of the tile's width.
template <class T> struct Block {
  Gemm<T> g;         // of this block alone
  bool first, last;  // of the blocks along k
  bool wide;         // few rows, or little depth: low and wide tiles
  PanelsOf b_from;
  Parts rows;        // the panels of A
  int64_t b_panels;
  bool pack_a = false;          // each task lays out a panel of A before its tiles
  const T* packed_b = nullptr;  // for PanelsOf::Packed
  const T* tail_b = nullptr;    // the last panel alone, packed; null: it lies where the others do

  Block(const Gemm<T>& part, bool is_first, bool is_last, PanelsOf from)
      : g(part),
        first(is_first),
        last(is_last),
        wide(part.m <= kWideRows || part.k <= kLittleDepth),
        b_from(from),
        rows(part.m, ceil_div(part.m, wide ? kWideRows : kTileRows)),
        b_panels(ceil_div(part.n, kTileCols<T>)) {}
};

// Several panels in turn, some rows of each: where rows are dense, a row is read by more than the lines of one panel.
template <class T>
void pack_b_panels(const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, T* packed) {
  constexpr int64_t kCols = kTileCols<T>, kPanels = 4, kRows = 32;
  const Parts groups(ceil_div(n, kCols), ceil_div(n, kCols * kPanels));
  parallel_for(groups.count, 1 + kPackWork / (1 + k * kCols * kPanels), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t p = 0; p < k; p += kRows)
        for (int64_t q = groups.begin(i); q < groups.begin(i + 1); ++q)
          pack_panel(b + p * b_row + q * kCols * b_col, b_row, b_col, min_of(kRows, k - p),
                     min_of(kCols, n - q * kCols), packed + (q * k + p) * kCols, kCols);
  });
}

// Defined in block.cpp.
template <class T> void run_block(const Block<T>& block);

}  // namespace cnn::cpu::CNN_ISA
