// What attention's two directions share: where rows of queries and keys lie, and the scores of a few rows.
#pragma once

#include "core/parallel.h"
#include "cpu/gemm/block.h"
#include "cpu/gemm/gemm.h"
#include "cpu/gemm/tile.h"
#include "cpu/heavy_kernels.h"
#include "cpu/scratch.h"
#include "cpu/vec/exp.h"

namespace cnn::cpu::inline CNN_ISA {

inline constexpr int64_t kKeyBlock = 512;  // keys whose panels stay in L2 while rows of queries pass
template <class T> int64_t whole_vectors(int64_t n) { return ceil_div(n, kLanes<T>) * kLanes<T>; }

// The queries of all heads that share one head of keys and values, one head after the other: row r of the stack is
// query r % args.rows of head r / args.rows of them. E are the elements of the planes, T all other numbers.
template <class T, class E = T> class Stack {
 public:
  Stack(const AttentionArgs& args, int64_t batch, int64_t kv)
      : a_(args), batch_(batch), kv_(kv), head_(kv * (args.heads / args.kv_heads)) {}

  E* query_row(const AttentionPlanes& p, int64_t r) const {
    return static_cast<E*>(p.data) + batch_ * p.batch + (head_ + r / a_.rows) * p.head + r % a_.rows * p.row;
  }
  E* key_row(const AttentionPlanes& p, int64_t j) const {
    return static_cast<E*>(p.data) + batch_ * p.batch + kv_ * p.head + j * p.row;
  }
  // The parts of lse: the largest score, and the rest.
  T* largest(int64_t r) const { return static_cast<T*>(a_.lse) + (batch_ * a_.heads + head_) * a_.rows + r; }
  T* rest(int64_t r) const { return largest(r) + a_.batch * a_.heads * a_.rows; }
  const T* noise(int64_t r, int64_t j) const {
    if (!a_.noise) return nullptr;
    return static_cast<const T*>(a_.noise) + ((batch_ * a_.heads + head_) * a_.rows + r) * a_.cols + j;
  }
  // Keys that some row of `count` from r on sees.
  int64_t seen(int64_t r, int64_t count = 1) const {
    if (!a_.causal) return a_.cols;
    const int64_t last = r + count - 1;
    return min_of(a_.cols, r / a_.rows == last / a_.rows ? last % a_.rows + 1 : a_.rows);
  }

  // Rows from r on, dense, times a factor.
  void copy_rows(const AttentionPlanes& p, int64_t r, int64_t count, int64_t width, T factor, T* __restrict to) const {
    for (int64_t end = r + count; r < end; ++r, to += width) {
      const T* from = query_row(p, r);
      for (int64_t e = 0; e < width; ++e) to[e] = from[e] * factor;
    }
  }

  // Of rows from r on and keys from j on: what of the scores is hidden becomes -inf, up to whole vectors, and the mask
  // is added.
  void mask(int64_t r, int64_t count, int64_t j, int64_t cols, T* s, int64_t s_row) const {
    for (int64_t i = 0; i < count; ++i, s += s_row) {
      if (a_.mask) mask_row(r + i, j, cols, s);
      for (int64_t c = max_of(0, min_of(cols, seen(r + i) - j)); c < whole_vectors<T>(cols); ++c)
        s[c] = -kernels::infinity<T>();
    }
  }

 private:
  void mask_row(int64_t r, int64_t j, int64_t cols, T* s) const {
    const int64_t at =
        batch_ * a_.mask_batch + (head_ + r / a_.rows) * a_.mask_head + r % a_.rows * a_.mask_row + j * a_.mask_col;
    const auto each = [&](const auto* mask, const auto& masked) {
      if (a_.mask_col == 1)
        for (int64_t c = 0; c < cols; ++c) s[c] = masked(s[c], mask[c]);
      else
        for (int64_t c = 0; c < cols; ++c) s[c] = masked(s[c], mask[c * a_.mask_col]);
    };
    if (a_.mask_is_bool)
      each(static_cast<const uint8_t*>(a_.mask) + at,
           [](T x, uint8_t seen) { return seen ? x : -kernels::infinity<T>(); });
    else each(static_cast<const T*>(a_.mask) + at, [](T x, T bias) { return x + bias; });
  }

  const AttentionArgs& a_;
  int64_t batch_, kv_, head_;
};

template <class T> void multiply_row(T* __restrict x, const T* __restrict by, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] *= by[i];
}

// The right operand of products in one thread: panels of the tile's width, packed or where they lie.
template <class T> struct PanelsB {
  const T* data = nullptr;
  int64_t row = 0, panel = 0;
};
template <class T> int64_t panels_size(int64_t k, int64_t n) { return k * ceil_div(n, kTileCols<T>) * kTileCols<T>; }
template <class T> PanelsB<T> packed_panels(const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, T* to) {
  for (int64_t j = 0; j < n; j += kTileCols<T>)
    pack_panel(b + j * b_col, b_row, b_col, k, min_of(kTileCols<T>, n - j), to + j * k, kTileCols<T>);
  return {to, kTileCols<T>, kTileCols<T> * k};
}

// c [m, n] (+)= a b for m up to kRows, a dense along k, in tiles of kVecs vectors.
template <class T, int kRows = kTileRows, int kVecs = kTileVecs>
void multiply_panels(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, const PanelsB<T>& b, T* c,
                     int64_t c_row, bool accumulate = false) {
  constexpr int64_t kCols = kVecs * kLanes<T>;
  Tile<T> t{};
  t.a = a, t.a_row = a_row, t.a_col = 1;
  t.b = b.data, t.b_row = b.row, t.b_panel = b.panel;
  t.k = k;
  t.c = c, t.c_row = c_row, t.c_col = 1;
  t.epilogue.accumulate = accumulate;
  for (; n > 0; n -= kCols, t.b += kVecs / kTileVecs * b.panel, t.c += kCols) {
    t.cols = min_of(n, kCols);
    tile_of<T, kRows, kVecs>(m, ceil_div(t.cols, kLanes<T>))(t);
  }
}

// Whether the rows of b, `width` long, are a right operand as they lie.
template <class T> bool read_in_place(const AttentionPlanes& b, int64_t width, int64_t rows) {
  return (kMaskedLoads || width % kLanes<T> == 0) &&
         (rows < 112 || b.row * int64_t(sizeof(T)) <= 1024);  // rows far apart crowd into few sets of the cache
}

inline constexpr int64_t kQueryBlock = 256, kLeastQueryBlock = 64;  // rows that share the packing of a block of keys

// f(batch, head of keys, first row of the stack, rows) for all blocks of rows.
template <class F> void each_query_block(const AttentionArgs& args, const F& f) {
  const int64_t stacks = args.batch * args.kv_heads, rows = args.heads / args.kv_heads * args.rows;
  int64_t block = kQueryBlock;
  while (block > kLeastQueryBlock && stacks * ceil_div(rows, block) < kTasks) block /= 2;
  const Parts blocks(rows, ceil_div(rows, block));
  const int64_t work = blocks.largest() * args.cols * (args.width + args.value_width);
  parallel_for(stacks * blocks.count, 1 + kSerialWork / (work + 1), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t which = n / blocks.count, i = n % blocks.count;
      f(which / args.kv_heads, which % args.kv_heads, blocks.begin(i), blocks.size(i));
    }
  });
}

// Of bfloat16, where the processor has tiles or pairs for it.
void attention_bf16_forward(const AttentionArgs& args);

inline double attention_cost(const AttentionArgs& args) {
  return double(args.batch) * double(args.heads) * double(args.rows) * double(args.cols) * double(args.width) / 20;
}

}  // namespace cnn::cpu::CNN_ISA
