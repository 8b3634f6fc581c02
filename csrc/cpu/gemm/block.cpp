// The tiles of one block, in tasks for the pool that are cut by shape only.
#include "cpu/gemm/block.h"

#include "core/parallel.h"
#include "cpu/gemm/tile.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// The tile, set in two steps: to a panel of A, then to panels of B.
template <class T> class Runner {
 public:
  explicit Runner(const Block<T>& block)
      : block_(block),
        epilogue_(epilogue_of(block.g, block.first, block.last)),
        packed_a_(block.pack_a ? kPanelRows<T> * block.g.k : 0) {
    tile_.epilogue = epilogue_;
    tile_.k = block.g.k, tile_.c_row = block.g.c_row, tile_.c_col = block.g.c_col;
  }

  void take_rows(int64_t panel) {
    const Gemm<T>& g = block_.g;
    row_ = block_.rows.begin(panel), rows_ = block_.rows.size(panel);
    whole_ = tile_for(block_.wide ? kWideVecs : kTileVecs);
    tile_.a = g.a + row_ * g.a_row, tile_.a_row = g.a_row, tile_.a_col = g.a_col;
    if (!block_.pack_a) return;
    pack_panel<T>(tile_.a, g.a_col, g.a_row, g.k, rows_, packed_a_, kPanelRows<T>);
    tile_.a = packed_a_, tile_.a_row = 1, tile_.a_col = kPanelRows<T>;
  }

  // b: where the panels stand, each b_panel after the one before.
  void run(int64_t panel, int64_t end, const T* b, int64_t b_row, int64_t b_panel) {
    const Gemm<T>& g = block_.g;
    const int64_t col = panel * kTileCols<T>;
    tile_.b = b, tile_.b_row = b_row, tile_.b_panel = b_panel;
    tile_.cols = min_of(end * kTileCols<T>, g.n) - col;
    tile_.c = g.c + row_ * g.c_row + col * g.c_col;
    if (epilogue_.row_scale) tile_.epilogue.row_scale = epilogue_.row_scale + row_;
    if (epilogue_.col_scale) tile_.epilogue.col_scale = epilogue_.col_scale + col;
    if (epilogue_.row_bias) tile_.epilogue.row_bias = epilogue_.row_bias + row_ * g.row_bias_stride;
    if (epilogue_.col_bias) tile_.epilogue.col_bias = epilogue_.col_bias + col;
    const int64_t vecs = ceil_div(tile_.cols, kLanes<T>);
    (vecs == (block_.wide ? kWideVecs : kTileVecs) ? whole_ : tile_for(vecs))(tile_);
  }

 private:
  TileFn<T> tile_for(int64_t vecs) const {
    return block_.wide ? tile_of<T, kWideRows, kWideVecs>(rows_, vecs) : tile_of<T, kTileRows, kTileVecs>(rows_, vecs);
  }

  const Block<T>& block_;
  const Epilogue<T> epilogue_;
  const Scratch<T> packed_a_;
  Tile<T> tile_;
  TileFn<T> whole_ = nullptr;  // the tile of these rows and full width
  int64_t row_ = 0, rows_ = 0;
};

struct Range {
  int64_t begin, end;
};

// Rows outside: a panel of A stays in L1, those of B come from L2.
template <class T> void run_panels(const Block<T>& block, Range a, Range b) {
  constexpr int64_t kCols = kTileCols<T>;
  const Gemm<T>& g = block.g;
  Runner<T> runner(block);
  const int64_t step = block.wide ? kWideVecs / kTileVecs : 1;
  const int64_t end = block.tail_b ? min_of(b.end, block.b_panels - 1) : b.end;
  const auto run = [&](int64_t q) {
    if (block.packed_b) runner.run(q, min_of(q + step, end), block.packed_b + q * kCols * g.k, kCols, kCols * g.k);
    else if (q < end) runner.run(q, min_of(q + step, end), g.b + q * kCols, g.b_row, kCols);
    else runner.run(q, b.end, block.tail_b, kCols, kCols);
  };
  const int64_t last = end < b.end ? b.end : end;  // the tail is a step of its own
  for (int64_t p = a.begin; p < a.end; ++p) {
    runner.take_rows(p);
    for (int64_t q = b.begin; q < last; q = q < end ? min_of(q + step, end) : last) run(q);
  }
}

// Columns outside: a panel of B is packed and used at once.
template <class T> void run_and_pack(const Block<T>& block, Range a, Range b) {
  constexpr int64_t kCols = kTileCols<T>;
  const Gemm<T>& g = block.g;
  Runner<T> runner(block);
  const int64_t step = block.wide ? kWideVecs / kTileVecs : 1;
  Scratch<T> packed(min_of(step, block.b_panels) * kCols * g.k);
  for (int64_t q = b.begin, next; q < b.end; q = next) {
    next = min_of(q + step, b.end);
    for (int64_t i = q; i < next; ++i)
      pack_panel(g.b + i * kCols * g.b_col, g.b_row, g.b_col, g.k, min_of(kCols, g.n - i * kCols),
                 packed + (i - q) * kCols * g.k, kCols);
    for (int64_t p = a.begin; p < a.end; ++p) {
      runner.take_rows(p);
      runner.run(q, next, packed, kCols, kCols * g.k);
    }
  }
}

template <class T> void run_range(const Block<T>& block, Range a, Range b) {
  if (block.b_from == PanelsOf::Task) run_and_pack(block, a, b);
  else run_panels(block, a, b);
}

}  // namespace

template <class T> void run_block(const Block<T>& block) {
  const double work = double(block.g.m) * double(block.g.n) * double(block.g.k);
  if (work < double(kSerialWork)) return run_range(block, {0, block.rows.count}, {0, block.b_panels});
  int64_t a_groups = 1, b_groups = ceil_div(block.b_panels, kGroup);
  while (a_groups * b_groups < kTasks && work > double(kSerialWork) * double(a_groups * b_groups)) {
    const double a_length = double(block.rows.count) / double(a_groups),
                 b_length = double(block.b_panels) / double(b_groups);
    if (a_length <= 1 && b_length <= 1) break;
    // A side whose panels are packed by each task is the one to be cut.
    const bool cut_b = block.pack_a                     ? a_length <= 1
                       : block.b_from == PanelsOf::Task ? b_length > 1
                                                        : b_length >= a_length;
    if (cut_b) b_groups = min_of(b_groups * 2, block.b_panels);
    else if (a_length > 1) a_groups = min_of(a_groups * 2, block.rows.count);
    else break;
  }
  const Parts a_parts(block.rows.count, a_groups), b_parts(block.b_panels, b_groups);
  parallel_for(a_groups * b_groups, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t a = i % a_groups, b = i / a_groups;
      run_range(block, {a_parts.begin(a), a_parts.begin(a + 1)}, {b_parts.begin(b), b_parts.begin(b + 1)});
    }
  });
}

template void run_block<float>(const Block<float>&);
template void run_block<double>(const Block<double>&);

}  // namespace cnn::cpu::CNN_ISA
