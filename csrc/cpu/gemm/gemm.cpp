// Matrix products of floats: which way a product is computed, by its shape and strides alone. The sum over k of one
// element of C always runs in one thread, block after block.
#include "cpu/gemm/gemm.h"

#include "cpu/gemm/block.h"
#include "cpu/heavy_kernels.h"
#include "cpu/kept_layout.h"
#include "cpu/scratch.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

template <class T> void gemm_any(Gemm<T> g);

inline constexpr int64_t kDotLimit = 24;  // rows up to which dot products are tried

// C^T = B^T A^T.
template <class T> Gemm<T> transposed(const Gemm<T>& g) {
  Gemm<T> t = g;
  t.m = g.n, t.n = g.m;
  t.a = g.b, t.a_row = g.b_col, t.a_col = g.b_row;
  t.b = g.a, t.b_row = g.a_col, t.b_col = g.a_row;
  t.c_row = g.c_col, t.c_col = g.c_row;
  t.keeper = nullptr;
  t.row_scale = g.col_scale, t.col_scale = g.row_scale;
  t.row_bias = g.col_bias, t.row_bias_stride = g.col_bias_stride;
  t.col_bias = g.row_bias, t.col_bias_stride = g.row_bias_stride;
  return t;
}

// Lines that far apart fall into few sets of the cache and throw each other out.
template <class T> bool crowds_cache(int64_t stride) { return stride * int64_t(sizeof(T)) % 2048 == 0; }

// Across its rows A is read in place whatever its stride; along them a packed panel fills its lines.
template <class T> bool repays_packing_a(const Gemm<T>& g) {
  return g.k > kLittleDepth && g.a_col != 1 && g.n >= (g.a_row == 1 ? 8 : 4) * kLanes<T>;
}
// Up to this many rows of A stay in L2 while each task packs the panels of B that it needs.
inline constexpr int64_t kRowsInL2 = 320;
template <class T> PanelsOf panels_of(const Gemm<T>& g) {
  const int64_t worthwhile = crowds_cache<T>(g.b_row) ? 112 : g.b_row > 256 ? 336 : g.m + 1;  // rows
  if (g.b_col == 1 && (g.m < worthwhile || g.k <= kLittleDepth)) return PanelsOf::Place;
  const bool few_columns = g.n <= 4 * kTileCols<T> && g.m > 8 * kTileRows;  // then A is what should be read once
  return g.m <= kRowsInL2 && !repays_packing_a(g) && !few_columns ? PanelsOf::Task : PanelsOf::Packed;
}

// Rough cycles of a product as it stands, for each element of B: as dot products, and in tiles.
template <class T> double cost_of_dots(const Gemm<T>& g) {
  const double m = double(g.m), lay_a = g.a_col == 1 ? 0 : m / double(g.n);
  return (m < 2 ? 0.6 : m / 2) / kLanes<T> + 5 * m / double(g.k) + lay_a;
}
template <class T> double cost_of_tiles(const Gemm<T>& g) {
  const double m = double(g.m), cols = double(ceil_div(g.n, kLanes<T>) * kLanes<T>);
  const double pack = g.b_col == 1 ? 0 : g.b_row == 1 ? 3.2 / kLanes<T> : 1;
  return pack + (m < 4 ? 4 : m) / 2 / kLanes<T> * (g.n <= kLanes<T> ? 1.1 : 1) * cols / double(g.n);
}

template <class T> bool dots_pay(const Gemm<T>& g, double cost_otherwise) {
  return g.b_row == 1 && g.k > 1 && g.m <= kDotLimit && cost_of_dots(g) < cost_otherwise;
}

// Few rows and a B from far away is read once, row after row; the wide tiles of up to kWideRows rows keep up as long as
// B is in the last cache.
template <class T> bool pays_streaming(const Gemm<T>& g) {
  const int64_t bytes = g.n * g.k * int64_t(sizeof(T));
  return g.m <= kStreamRows && g.b_col == 1 && g.n >= 4 * kTileCols<T> && g.k > kLittleDepth &&
         bytes >= (g.m <= kWideRows ? int64_t(32) << 20 : int64_t(1) << 19);
}

// Many more rows hide the packing.
inline constexpr int64_t kKeptRows = 256;
constexpr char kPackedMatrix = 0;

// By panels of all of B, unless they would not last and `only_kept`. Did it run?
template <class T> bool run_by_panels(const Gemm<T>& g, bool only_kept) {
  const LayoutKey key = {&kPackedMatrix, g.b, {int64_t(sizeof(T)), g.b_row, g.b_col, g.k, g.n}};
  KeptLayout<T> packed(g.keeper, key);
  if (only_kept && !packed.lasts()) return false;
  packed.fill(packed_size<T>(g.k, g.n), [&](T* to) { pack_b(g.b, g.b_row, g.b_col, g.k, g.n, to); });
  gemm_packed<T>(g, packed);
  return true;
}

template <class T> void gemm_blocked(const Gemm<T>& g) {
  // The panels that are kept are those that would be packed now.
  if (g.keeper && g.m <= kKeptRows && panels_of(g) != PanelsOf::Place && run_by_panels(g, true)) return;
  const bool pack_a = repays_packing_a(g);
  const PanelsOf b_from = panels_of(g);
  const bool pack_b = b_from == PanelsOf::Packed;
  const bool pack_tail = b_from == PanelsOf::Place && !kMaskedLoads && g.n % kLanes<T> != 0;
  // Of few rows B is read once, and depth need not fit a cache; but a sum over all of a long k would lose digits.
  const bool few = g.m <= kWideRows && b_from == PanelsOf::Place;
  const Parts depths(g.k, max_of(1, ceil_div(g.k, (few ? 2 : 1) * kBlockK<T>)));
  const int64_t block_n = Parts(ceil_div(g.n, kTileCols<T>), ceil_div(g.n, kBlockN)).largest() * kTileCols<T>;
  Scratch<T> b_scratch((pack_b ? block_n : pack_tail ? kTileCols<T> : 0) * depths.largest());
  T* const packed_b = b_scratch;

  for (int64_t j = 0; j < g.n; j += block_n) {
    const int64_t n = min_of(block_n, g.n - j), tail = n / kTileCols<T> * kTileCols<T>;
    for (int64_t d = 0; d < depths.count; ++d) {
      const int64_t k = depths.begin(d), depth = depths.size(d);
      const T* const b = g.b + k * g.b_row + j * g.b_col;
      const bool has_tail = pack_tail && tail < n;
      if (pack_b) pack_b_panels(b, g.b_row, g.b_col, depth, n, packed_b);
      if (has_tail) pack_panel(b + tail, g.b_row, 1, depth, n - tail, packed_b, kTileCols<T>);
      Block<T> block(part_of(g, 0, g.m, j, n, k, depth), d == 0, d == depths.count - 1, b_from);
      block.pack_a = pack_a;
      if (pack_b) block.packed_b = packed_b;
      if (has_tail) block.tail_b = packed_b;
      run_block(block);
    }
  }
}

// A laid in dense rows, for dot products.
template <class T> void lay_rows(Gemm<T>* g, T* rows) {
  for (int64_t p = 0; p < g->k; ++p)
    for (int64_t i = 0; i < g->m; ++i) rows[i * g->k + p] = g->a[i * g->a_row + p * g->a_col];
  g->a = rows, g->a_row = g->k, g->a_col = 1;
}

// Of a few rows and B dense along k, it is cheaper to lay out A: C^T = B A^T, turned round at the end.
inline constexpr int64_t kTurnedRows = 64;
template <class T> bool pays_turned(const Gemm<T>& g) {
  return g.b_row == 1 && g.b_col != 1 && g.a_col == 1 && g.c_col == 1 && !g.accumulate && g.m > 1 &&
         g.m <= kTurnedRows && 3 * g.m <= g.n && g.k >= 64;
}

template <class T> void gemm_turned(const Gemm<T>& g) {
  Scratch<T> turned(g.m * g.n);
  Gemm<T> t = transposed(g);
  t.c = turned, t.c_row = g.m, t.c_col = 1;
  gemm_any(t);
  const int64_t vectors = g.n / kLanes<T>;
  parallel_for(vectors + 1, 1 + kPackWork / (g.m * kLanes<T>), [&](int64_t begin, int64_t end) {
    for (int64_t v = begin; v < end; ++v) {
      const int64_t j = v * kLanes<T>;
      if (v < vectors) {
        pack_across(Rows<T>{turned + j * g.m, g.m}, g.m, g.c + j, g.c_row);
        continue;
      }
      for (int64_t i = 0; i < g.m; ++i)
        for (int64_t s = j; s < g.n; ++s) g.c[i * g.c_row + s] = turned[s * g.m + i];
    }
  });
}

template <class T> void gemm_any(Gemm<T> g) {
  if (g.m <= 0 || g.n <= 0) return;
  if (g.m == 1) g.a_row = 1, g.c_row = g.n;  // a stride that is never taken, said in the best way
  if (g.n == 1) g.b_col = 1, g.c_col = 1;
  const Gemm<T> t = transposed(g);
  const double as_tiles = cost_of_tiles(g);
  const bool dots = dots_pay(g, as_tiles);
  const bool dots_across = !dots && dots_pay(t, as_tiles * double(g.n) / double(g.m));
  if (dots_across || (!dots && (g.n == 1 || (g.c_col != 1 && g.c_row == 1)))) g = t;

  Scratch<T> bias(g.col_bias && g.col_bias_stride != 1 ? g.n : 0);
  if (bias) {
    for (int64_t j = 0; j < g.n; ++j) bias[j] = g.col_bias[j * g.col_bias_stride];
    g.col_bias = bias, g.col_bias_stride = 1;
  }
  if (!dots && !dots_across) {
    if (pays_turned(g)) return gemm_turned(g);
    if (pays_streaming(g)) return gemm_stream(g);
    return gemm_blocked(g);
  }
  Scratch<T> rows(g.a_col == 1 ? 0 : g.m * g.k);
  if (rows) lay_rows<T>(&g, rows);
  gemm_dot(g);
}

template <class T> void gemm_batch(const GemmArgs& args, const T* packed = nullptr) {
  Gemm<T> g;
  g.m = args.m, g.n = args.n, g.k = args.k;
  g.a_row = args.a_row, g.a_col = args.a_col, g.b_row = args.b_row, g.b_col = args.b_col;
  g.c_row = args.c_row, g.c_col = args.c_col;
  g.alpha = T(args.alpha);
  g.accumulate = args.accumulate;
  if (args.activation == Activation::Relu) g.bounds.low = 0;
  g.row_bias_stride = g.col_bias_stride = args.bias_stride;
  if (args.b_batch == 0) g.keeper = args.keeper;
  each_product(args, [&](int64_t i) {
    Gemm<T> one = g;
    one.a = static_cast<const T*>(args.a) + i * args.a_batch;
    one.b = static_cast<const T*>(args.b) + i * args.b_batch;
    one.c = static_cast<T*>(args.c) + i * args.c_batch;
    if (args.bias)
      (args.bias_of == BiasOf::Row ? one.row_bias : one.col_bias) =
          static_cast<const T*>(args.bias) + i * args.bias_batch;
    if (packed) gemm_packed(one, packed);
    else gemm_any(one);
  });
}

}  // namespace

void gemm_by_panels(const Gemm<float>& g) { run_by_panels(g, false); }

void gemm(const Gemm<float>& g) { gemm_any(g); }
void gemm(const Gemm<double>& g) { gemm_any(g); }

void gemm_entry(const GemmArgs& args) {
  if (is_reduced(args.dtype) || (args.rounds && rounding_pays(args))) return gemm_half(args);
  if (args.dtype == DType::Float32) return gemm_batch<float>(args);
  if (args.dtype == DType::Float64) return gemm_batch<double>(args);
  gemm_integers(args);
}

void gemm_packed_entry(const GemmArgs& args, const void* packed) {
  if (args.dtype == DType::Float64) return gemm_batch<double>(args, static_cast<const double*>(packed));
  gemm_batch<float>(args, static_cast<const float*>(packed));
}

}  // namespace cnn::cpu::CNN_ISA
