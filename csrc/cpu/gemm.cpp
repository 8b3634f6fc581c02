// Matrix products of floats: blocked for the caches, cut into tasks for the pool by shape only. The sum over k of one
// element of C always runs in one thread, block after block.
#include "cpu/gemm.h"

#include "core/parallel.h"
#include "cpu/dot_tile.h"
#include "cpu/gemm_pack.h"
#include "cpu/gemm_tile.h"
#include "cpu/heavy_kernels.h"
#include "cpu/scratch.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

template <class T> inline constexpr int64_t kBlockK = 1536 / int(sizeof(T));  // depth of a packed block
inline constexpr int64_t kBlockM = 4032, kBlockN = 2048;                      // packed at a time
inline constexpr int64_t kGroup = 8;       // panels of one side in a task: 8 x 14 rows of A stay in L2
inline constexpr int64_t kTasks = 16;      // enough of them for the pool to even out
inline constexpr int64_t kDirectN = 128;   // fewer columns than this do not repay packing A
inline constexpr int64_t kDotLimit = 12;   // rows (or columns) up to which dot products beat packing
inline constexpr int kWideVecs = 8;        // width of the tiles for a single row

template <class T> bool repays_packing_a(const Gemm<T>& g) { return (g.a_row != 1 && g.a_col != 1) || g.n >= kDirectN; }
template <class T> bool repays_packing_b(const Gemm<T>& g) { return g.b_col != 1 || g.m > 2 * kTileRows; }

// C^T = B^T A^T.
template <class T> Gemm<T> transposed(const Gemm<T>& g) {
  Gemm<T> t = g;
  t.m = g.n, t.n = g.m;
  t.a = g.b, t.a_row = g.b_col, t.a_col = g.b_row;
  t.b = g.a, t.b_row = g.a_col, t.b_col = g.a_row;
  t.c_row = g.c_col, t.c_col = g.c_row;
  t.row_bias = g.col_bias, t.row_bias_stride = g.col_bias_stride;
  t.col_bias = g.row_bias, t.col_bias_stride = g.row_bias_stride;
  return t;
}

// Rough cycles of a product as it stands: tiles, packing (slower across the grain), columns of C that are not dense.
template <class T> double cost_of(const Gemm<T>& g) {
  const double m = double(g.m), n = double(g.n), k = double(g.k);
  const double tiles = double(ceil_div(g.n, kTileCols<T>) * kTileVecs) * (m < 4 ? 4 : m) * k;
  const double pack_a = repays_packing_a(g) ? m * k * (g.a_row == 1 ? 0.15 : g.a_col == 1 ? 0.4 : 1.5) : 0;
  const double pack_b = repays_packing_b(g) ? n * k * (g.b_col == 1 ? 0.15 : g.b_row == 1 ? 0.4 : 1.5) : 0;
  return tiles + pack_a + pack_b + (g.c_col == 1 ? 0 : 1.5) * m * n;
}

template <class T> Epilogue<T> epilogue_of(const Gemm<T>& g, bool first, bool last) {
  Epilogue<T> e;
  e.alpha = g.alpha;
  e.accumulate = g.accumulate || !first;
  e.relu = g.relu && last;
  e.row_bias = last ? g.row_bias : nullptr;
  e.row_bias_stride = g.row_bias_stride;
  e.col_bias = last ? g.col_bias : nullptr;
  return e;
}

// --- dot products: both operands dense along k ----------------------------------------------------------------------

template <class T, int kRows, int kCols>
void run_dot(const Gemm<T>& g, int64_t i, int64_t j) {
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
  T sums[kRows * kLanes<T>];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int c = 0; c < kCols; ++c) sums[r * kLanes<T> + c] = vec_sum<T>(acc[r][c]);
  Tile<T> t{};
  t.c = g.c + i * g.c_row + j * g.c_col;
  t.c_row = g.c_row, t.c_col = g.c_col, t.cols = kCols;
  t.epilogue = epilogue_of(g, true, true);
  if (t.epilogue.row_bias) t.epilogue.row_bias += i * g.row_bias_stride;
  if (t.epilogue.col_bias) t.epilogue.col_bias += j;
  finish_tile(t, sums, kRows, kLanes<T>);
}

template <class T, int kRows, int kCols>
void run_dot_of(const Gemm<T>& g, int64_t i, int64_t j, int64_t rows, int64_t cols) {
  if constexpr (kRows > 1)
    if (rows < kRows) return run_dot_of<T, kRows - 1, kCols>(g, i, j, rows, cols);
  if constexpr (kCols > 1)
    if (cols < kCols) return run_dot_of<T, kRows, kCols - 1>(g, i, j, rows, cols);
  run_dot<T, kRows, kCols>(g, i, j);
}

template <class T> void gemm_dot(const Gemm<T>& g) {
  constexpr int kCols = kDotCols < kLanes<T> ? kDotCols : kLanes<T>;
  const Parts rows(g.m, ceil_div(g.m, kDotRows)), cols(g.n, ceil_div(g.n, kCols));
  const int64_t grain = 1 + kSerialWork / 2 / (g.m * kCols * (g.k + kLanes<T>));
  parallel_for(cols.count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j)
      for (int64_t i = 0; i < rows.count; ++i)
        run_dot_of<T, kDotRows, kCols>(g, rows.begin(i), cols.begin(j), rows.size(i), cols.size(j));
  });
}

// --- blocks and panels ----------------------------------------------------------------------------------------------

// One block of the product: rows of A in panels of nearly equal height, columns of B in panels of the tile's width.
template <class T> struct Block {
  Gemm<T> g;               // of this block alone
  bool first, last;        // of the blocks along k
  T* packed_a;             // null: A is read where it lies
  T* packed_b;             // panels of B from packed_from on; the ones before are read where they lie
  int64_t packed_from;
  Parts rows;              // the panels of A
  int64_t b_panels;

  int64_t cols_of(int64_t panel) const { return min_of(kTileCols<T>, g.n - panel * kTileCols<T>); }
};

template <class T> void pack_block(const Block<T>& block, bool pack_a, bool pack_b = true) {
  const Gemm<T>& g = block.g;
  const int64_t a_count = pack_a ? block.rows.count : 0, b_count = pack_b ? block.b_panels - block.packed_from : 0;
  const int64_t grain = 1 + (1 << 14) / (1 + g.k * kTileCols<T>);
  parallel_for(a_count + b_count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (i < a_count) {
        const int64_t row = block.rows.begin(i), rows = block.rows.size(i);
        pack_panel(g.a + row * g.a_row, g.a_col, g.a_row, g.k, rows, block.packed_a + row * g.k, rows);
      } else {
        const int64_t at = i - a_count, panel = at + block.packed_from;
        pack_panel(g.b + panel * kTileCols<T> * g.b_col, g.b_row, g.b_col, g.k, block.cols_of(panel),
                   block.packed_b + at * g.k * kTileCols<T>, kTileCols<T>);
      }
    }
  });
}

template <class T> void run_panels(const Block<T>& block, int64_t a_begin, int64_t a_end, int64_t b_begin,
                                   int64_t b_end) {
  const Gemm<T>& g = block.g;
  const bool along_rows = block.packed_a || g.a_row == 1;
  TileFn<T> tiles[2];  // panels have block.rows.low rows, or one more
  for (int i = 0; i < 2; ++i) {
    const int64_t rows = min_of(block.rows.low + i, kTileRows);
    tiles[i] =
        along_rows ? tile_of<T, kTileVecs, true, kTileRows>(rows) : tile_of<T, kTileVecs, false, kTileRows>(rows);
  }
  Tile<T> t;
  t.k = g.k, t.c_row = g.c_row, t.c_col = g.c_col;
  const Epilogue<T> epilogue = epilogue_of(g, block.first, block.last);
  for (int64_t q = b_begin; q < b_end; ++q) {
    const int64_t col = q * kTileCols<T>;
    constexpr int64_t kWide = kWideVecs / kTileVecs;
    const bool wide = g.m == 1 && min_of(q + kWide, b_end) == q + kWide && (q + kWide) * kTileCols<T> <= g.n &&
                      q + kWide <= block.packed_from;
    t.b = q < block.packed_from ? g.b + col : block.packed_b + (q - block.packed_from) * g.k * kTileCols<T>;
    t.b_row = q < block.packed_from ? g.b_row : kTileCols<T>;
    t.cols = wide ? kWide * kTileCols<T> : block.cols_of(q);
    for (int64_t p = a_begin; p < a_end; ++p) {
      const int64_t row = block.rows.begin(p), rows = block.rows.size(p);
      t.a = block.packed_a ? block.packed_a + row * g.k : g.a + row * g.a_row;
      t.a_row = block.packed_a ? 1 : g.a_row;
      t.a_col = block.packed_a ? rows : g.a_col;
      t.c = g.c + row * g.c_row + col * g.c_col;
      t.epilogue = epilogue;
      if (t.epilogue.row_bias) t.epilogue.row_bias += row * g.row_bias_stride;
      if (t.epilogue.col_bias) t.epilogue.col_bias += col;
      if (wide) run_tile<T, 1, kWideVecs, true>(t);
      else tiles[rows - block.rows.low](t);
    }
    if (wide) q += kWide - 1;
  }
}

template <class T> void run_block(const Block<T>& block) {
  const double work = double(block.g.m) * double(block.g.n) * double(block.g.k);
  int64_t a_groups = ceil_div(block.rows.count, kGroup), b_groups = ceil_div(block.b_panels, kGroup);
  while (a_groups * b_groups < kTasks && work > double(kSerialWork) * double(a_groups * b_groups)) {
    const double a_length = double(block.rows.count) / double(a_groups),
                 b_length = double(block.b_panels) / double(b_groups);
    if (a_length <= 1 && b_length <= 1) break;
    if (b_length >= a_length) b_groups = min_of(b_groups * 2, block.b_panels);
    else a_groups = min_of(a_groups * 2, block.rows.count);
  }
  const int64_t tasks = a_groups * b_groups;
  const Parts a_parts(block.rows.count, a_groups), b_parts(block.b_panels, b_groups);
  const int64_t grain = work < double(kSerialWork) ? tasks : 1;
  parallel_for(tasks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t a = i % a_groups, b = i / a_groups;
      run_panels(block, a_parts.begin(a), a_parts.begin(a + 1), b_parts.begin(b), b_parts.begin(b + 1));
    }
  });
}

template <class T> void gemm_blocked(const Gemm<T>& g) {
  const bool pack_a = repays_packing_a(g), pack_b = repays_packing_b(g);
  const int64_t k_blocks = pack_a || pack_b ? max_of(1, ceil_div(g.k, kBlockK<T>)) : 1;
  const int64_t n_blocks = ceil_div(g.n, kBlockN), m_blocks = ceil_div(g.m, kBlockM);
  const int64_t block_k = ceil_div(g.k, k_blocks);
  const int64_t block_n = ceil_div(ceil_div(g.n, n_blocks), kTileCols<T>) * kTileCols<T>;
  const int64_t block_m = ceil_div(g.m, m_blocks);
  const Parts depths(g.k, k_blocks);
  const int64_t packed_cols = pack_b ? block_n : g.n % kTileCols<T> ? kTileCols<T> : 0;
  Scratch<T> a_scratch(pack_a ? block_m * block_k : 0), b_scratch(packed_cols * block_k);

  for (int64_t j = 0; j < g.n; j += block_n) {
    for (int64_t kb = 0; kb < k_blocks; ++kb) {
      const int64_t k = depths.begin(kb);
      for (int64_t i = 0; i < g.m; i += block_m) {
        Gemm<T> part = g;
        part.m = min_of(block_m, g.m - i), part.n = min_of(block_n, g.n - j);
        part.k = depths.size(kb);
        part.a += i * g.a_row + k * g.a_col;
        part.b += k * g.b_row + j * g.b_col;
        part.c += i * g.c_row + j * g.c_col;
        if (part.row_bias) part.row_bias += i * g.row_bias_stride;
        if (part.col_bias) part.col_bias += j;
        const Block<T> block = {part,
                                kb == 0,
                                kb == k_blocks - 1,
                                a_scratch,
                                b_scratch,
                                pack_b ? 0 : part.n / kTileCols<T>,
                                Parts(part.m, ceil_div(part.m, kTileRows)),
                                ceil_div(part.n, kTileCols<T>)};
        pack_block(block, pack_a);
        run_block(block);
      }
    }
  }
}

// Depth blocks of a packed matrix; each holds its panels one after the other.
template <class T> Parts packed_depths(int64_t k) { return Parts(k, ceil_div(k, kBlockK<T>)); }
template <class T> int64_t whole_panels(int64_t n) { return ceil_div(n, kTileCols<T>) * kTileCols<T>; }

template <class T> void run_packed(Gemm<T> g, T* packed, int64_t columns, int64_t first) {
  if (g.m <= 0 || g.n <= 0) return;
  const bool pack_a = repays_packing_a(g);
  const Parts depths = packed_depths<T>(g.k);
  const int64_t block_m = ceil_div(g.m, max_of(1, ceil_div(g.m, kBlockM)));
  Scratch<T> a_scratch(pack_a ? block_m * depths.largest() : 0), bias(g.col_bias && g.col_bias_stride != 1 ? g.n : 0);
  if (bias) {
    for (int64_t j = 0; j < g.n; ++j) bias[j] = g.col_bias[j * g.col_bias_stride];
    g.col_bias = bias;
  }
  const int64_t blocks = max_of(depths.count, 1);  // with k == 0 the epilogue alone
  for (int64_t kb = 0; kb < blocks; ++kb) {
    const int64_t k = depths.count ? depths.begin(kb) : 0, depth = depths.count ? depths.size(kb) : 0;
    for (int64_t i = 0; i < g.m; i += block_m) {
      Gemm<T> part = g;
      part.m = min_of(block_m, g.m - i), part.k = depth;
      part.a += i * g.a_row + k * g.a_col;
      part.c += i * g.c_row;
      if (part.row_bias) part.row_bias += i * g.row_bias_stride;
      const Block<T> block = {part,
                              kb == 0,
                              kb == blocks - 1,
                              a_scratch,
                              packed + k * whole_panels<T>(columns) + depth * first,
                              0,
                              Parts(part.m, ceil_div(part.m, kTileRows)),
                              ceil_div(part.n, kTileCols<T>)};
      pack_block(block, pack_a, false);
      run_block(block);
    }
  }
}

// Both operands dense along k and few rows: dot products, A laid in rows first if it is not.
template <class T> bool dots_pay(const Gemm<T>& g) { return g.b_row == 1 && g.m <= kDotLimit && g.n > 1 && g.k > 1; }

template <class T> void gemm_any(Gemm<T> g) {
  if (g.m <= 0 || g.n <= 0) return;
  if (g.m == 1) g.a_row = 1;
  if (g.n == 1) g.b_col = 1;
  Gemm<T> t = transposed(g);
  if (dots_pay(t) && (!dots_pay(g) || t.m < g.m)) g = t;
  else if (!dots_pay(g) && cost_of(t) < cost_of(g)) g = t;

  Scratch<T> bias(g.col_bias && g.col_bias_stride != 1 ? g.n : 0);
  if (bias) {
    for (int64_t j = 0; j < g.n; ++j) bias[j] = g.col_bias[j * g.col_bias_stride];
    g.col_bias = bias;
  }
  if (!dots_pay(g)) return gemm_blocked(g);
  Scratch<T> rows(g.a_col == 1 ? 0 : g.m * g.k);
  if (rows) {
    for (int64_t i = 0; i < g.m; ++i)
      for (int64_t p = 0; p < g.k; ++p) rows[i * g.k + p] = g.a[i * g.a_row + p * g.a_col];
    g.a = rows, g.a_row = g.k, g.a_col = 1;
  }
  gemm_dot(g);
}

template <class T> void gemm_batch(const GemmArgs& args, const T* packed = nullptr) {
  Gemm<T> g;
  g.m = args.m, g.n = args.n, g.k = args.k;
  g.a_row = args.a_row, g.a_col = args.a_col, g.b_row = args.b_row, g.b_col = args.b_col;
  g.c_row = args.c_row, g.c_col = args.c_col;
  g.alpha = T(args.alpha);
  g.accumulate = args.accumulate;
  g.relu = args.activation == Activation::Relu;
  g.row_bias_stride = g.col_bias_stride = args.bias_stride;
  const auto run = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      Gemm<T> one = g;
      one.a = static_cast<const T*>(args.a) + i * args.a_batch;
      one.b = static_cast<const T*>(args.b) + i * args.b_batch;
      one.c = static_cast<T*>(args.c) + i * args.c_batch;
      if (args.bias)
        (args.bias_of == BiasOf::Row ? one.row_bias : one.col_bias) =
            static_cast<const T*>(args.bias) + i * args.bias_batch;
      if (packed) gemm_packed(one, packed);
      else gemm_any(one);
    }
  };
  // Many small products go to the pool whole; large ones are cut inside.
  const double work = double(args.m) * double(args.n) * double(args.k) + 1;
  if (args.batch > 1 && (work < kSerialWork || args.batch >= kTasks)) {
    parallel_for(args.batch, 1 + int64_t(double(kSerialWork) / work), run);
  } else {
    run(0, args.batch);
  }
}

}  // namespace

void gemm(const Gemm<float>& g) { gemm_any(g); }
void gemm(const Gemm<double>& g) { gemm_any(g); }

template <class T> int64_t packed_step() { return kTileCols<T>; }
template <class T> int64_t packed_size(int64_t k, int64_t n) { return k * whole_panels<T>(n); }

template <class T> void pack_b(const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, T* packed) {
  const Parts depths = packed_depths<T>(k);
  const int64_t panels = ceil_div(n, kTileCols<T>);
  const int64_t grain = 1 + (1 << 14) / (1 + depths.largest() * kTileCols<T>);
  parallel_for(depths.count * panels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t p = depths.begin(i / panels), depth = depths.size(i / panels), j = i % panels * kTileCols<T>;
      pack_panel(b + p * b_row + j * b_col, b_row, b_col, depth, min_of(kTileCols<T>, n - j),
                 packed + p * panels * kTileCols<T> + depth * j, kTileCols<T>);
    }
  });
}

template <class T> void gemm_packed(const Gemm<T>& g, const T* packed, int64_t columns, int64_t first) {
  run_packed(g, const_cast<T*>(packed), columns ? columns : g.n, first);
}

template int64_t packed_step<float>();
template int64_t packed_step<double>();
template int64_t packed_size<float>(int64_t, int64_t);
template int64_t packed_size<double>(int64_t, int64_t);
template void pack_b<float>(const float*, int64_t, int64_t, int64_t, int64_t, float*);
template void pack_b<double>(const double*, int64_t, int64_t, int64_t, int64_t, double*);
template void gemm_packed<float>(const Gemm<float>&, const float*, int64_t, int64_t);
template void gemm_packed<double>(const Gemm<double>&, const double*, int64_t, int64_t);

int64_t packed_size_entry(const GemmArgs& args) {
  const int64_t n =
      args.dtype == DType::Float64 ? packed_size<double>(args.k, args.n) : packed_size<float>(args.k, args.n);
  return n * item_size(args.dtype);
}

void pack_b_entry(const GemmArgs& args, void* packed) {
  if (args.dtype == DType::Float64)
    return pack_b(static_cast<const double*>(args.b), args.b_row, args.b_col, args.k, args.n,
                  static_cast<double*>(packed));
  pack_b(static_cast<const float*>(args.b), args.b_row, args.b_col, args.k, args.n, static_cast<float*>(packed));
}

void gemm_packed_entry(const GemmArgs& args, const void* packed) {
  if (args.dtype == DType::Float64) return gemm_batch<double>(args, static_cast<const double*>(packed));
  gemm_batch<float>(args, static_cast<const float*>(packed));
}

void gemm_entry(const GemmArgs& args) {
  if (args.dtype == DType::Float32) return gemm_batch<float>(args);
  if (args.dtype == DType::Float64) return gemm_batch<double>(args);
  gemm_integers(args);
}

}  // namespace cnn::cpu::CNN_ISA
