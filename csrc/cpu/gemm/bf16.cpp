// Products of bfloat16 with sums in float: through the processor's matrix tiles where there are some, else as products
// of floats. One element of C is summed over all of k in one tile, so its value depends on the shape alone.
#include <string.h>

#include <type_traits>

#include "cnn/dtype.h"
#include "core/cpu_info.h"
#include "core/parallel.h"
#include "cpu/gemm/gemm.h"
#include "cpu/gemm/epilogue.h"
#include "cpu/scratch.h"

#if defined(__AVX512F__) && defined(__x86_64__)
#define CNN_TILES 1
#include "cpu/gemm/bf16_pack.h"
#endif

namespace cnn::cpu::inline CNN_ISA {
namespace {

// A matrix of bfloat16 or, on request rounded to it, of float.
struct Operand {
  const void* data;
  int64_t row, col;
  Operand from(int64_t i, int64_t j) const {  // of bfloat16
    return {static_cast<const uint16_t*>(data) + i * row + j * col, row, col};
  }
};

// The matrix in another type, dense along the dimension in which it was dense.
template <class From, class To> Operand converted(const Operand& x, int64_t rows, int64_t cols, To* to) {
  const bool across = x.row == 1 && x.col != 1;
  const int64_t outer = across ? cols : rows, inner = across ? rows : cols;
  const int64_t outer_stride = across ? x.col : x.row, inner_stride = across ? x.row : x.col;
  const From* const from = static_cast<const From*>(x.data);
  parallel_for(outer, 1 + kPackWork / (1 + inner), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const From* const p = from + i * outer_stride;
      if (inner_stride == 1)
        for (int64_t j = 0; j < inner; ++j) to[i * inner + j] = To(float(p[j]));
      else
        for (int64_t j = 0; j < inner; ++j) to[i * inner + j] = To(float(p[j * inner_stride]));
    }
  });
  return across ? Operand{to, 1, inner} : Operand{to, inner, 1};
}

// What surrounds the products of a batch: sizes, epilogue with the bias in float.
struct Plan {
  int64_t m, n, k;
  int64_t c_row, c_col;
  Epilogue<float> epilogue;  // row_bias and col_bias of the whole matrix
};

// C of floats or bfloat16 at [i, j] from the sums of a tile, [rows][width].
template <class C>
void finish(const Plan& plan, C* c, int64_t i, int64_t j, const float* sums, int64_t rows, int64_t cols, int width) {
  Tile<float> t{};
  c += i * plan.c_row + j * plan.c_col;
  t.c_row = plan.c_row, t.c_col = plan.c_col, t.cols = cols;
  t.epilogue = plan.epilogue;
  if (t.epilogue.row_bias) t.epilogue.row_bias += i * t.epilogue.row_bias_stride;
  if (t.epilogue.col_bias) t.epilogue.col_bias += j;
  if constexpr (std::is_same_v<C, float>) {
    t.c = c;
    finish_tile(t, sums, int(rows), width);
  } else {
    float wide[32 * 32];
    t.c = wide, t.c_row = cols, t.c_col = 1;
    if (t.epilogue.accumulate)
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t s = 0; s < cols; ++s) wide[r * cols + s] = float(c[r * plan.c_row + s * plan.c_col]);
    finish_tile(t, sums, int(rows), width);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t s = 0; s < cols; ++s) c[r * plan.c_row + s * plan.c_col] = C(wide[r * cols + s]);
  }
}

#ifdef CNN_TILES

#define CNN_WITH_TILES __attribute__((target("amx-tile,amx-bf16,avx512bf16")))

struct alignas(64) TileShapes {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

CNN_WITH_TILES void open_tiles() {
  static const TileShapes shapes;
  _tile_loadconfig(&shapes);
}
CNN_WITH_TILES void close_tiles() { _tile_release(); }

// A panel of 32 rows of A, packed or where it lies. Counts elements.
struct RowsPanel {
  const uint16_t* at;
  int64_t row, lower, step;  // from row to row, to the lower tile, to the next 32 of depth
};

// sums[32][32] (+)= panel of A @ packed panel of B, `blocks` of 32 deep. A passes by and leaves B in the first cache.
CNN_WITH_TILES void multiply_panels(const RowsPanel& panel, const uint16_t* b, int64_t blocks, bool first,
                                    float* sums) {
  const uint16_t *upper = panel.at, *lower = panel.at + panel.lower;
  const int64_t row = panel.row * 2;
  if (first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, 128);
    _tile_loadd(1, sums + 16, 128);
    _tile_loadd(2, sums + 16 * 32, 128);
    _tile_loadd(3, sums + 16 * 32 + 16, 128);
  }
  for (int64_t p = 0; p < blocks; ++p) {
    _tile_stream_loadd(4, upper, row);
    _tile_loadd(6, b, 64);
    _tile_loadd(7, b + kTileElements, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_stream_loadd(5, lower, row);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
    upper += panel.step, lower += panel.step, b += 2 * kTileElements;
  }
  _tile_stored(0, sums, 128);
  _tile_stored(1, sums + 16, 128);
  _tile_stored(2, sums + 16 * 32, 128);
  _tile_stored(3, sums + 16 * 32 + 16, 128);
}

// Whole rows of sums, rounded, with nothing to be done on their way. Past the cache they are aligned, and need a fence.
CNN_WITH_TILES void store_rounded(const float* sums, int64_t rows, BFloat16* c, int64_t c_row, bool past_cache) {
  for (int64_t r = 0; r < rows; ++r, sums += 32, c += c_row) {
    const __m512bh v = _mm512_cvtne2ps_pbh(_mm512_load_ps(sums + 16), _mm512_load_ps(sums));
    if (past_cache) _mm512_stream_si512(reinterpret_cast<__m512i*>(c), (__m512i)v);
    else memcpy(static_cast<void*>(c), &v, 64);
  }
}

inline constexpr int64_t kBlock = 2 * kTileElements;  // a panel's two tiles
inline constexpr int64_t kPanel = 32;  // lines of a panel: two tiles
inline constexpr int64_t kBlocksInL1 = 16;  // of a panel of B, that stay there while panels of A pass
inline constexpr int64_t kPage = 2048;  // elements; rows that far apart share few lines of the cache
inline constexpr int64_t kCacheOfA = 5 << 17;  // elements of A that stay in L2 while panels of B are packed and used
inline constexpr int64_t kPastCache = 1 << 20;  // elements of C from which it is not worth keeping in the cache

int64_t whole_blocks(int64_t depth) { return ceil_div(depth, kDepth) * kDepth; }

template <bool kForB> void pack_panel_of(const Operand& x, int64_t panel, int64_t lines, int64_t depth, uint16_t* to) {
  const int64_t k_stride = kForB ? x.row : x.col, stride = kForB ? x.col : x.row, first = panel * kPanel;
  const uint16_t* const from = static_cast<const uint16_t*>(x.data);
  pack_strip<kForB>({from + first * stride, k_stride, stride}, min_of(kPanel, lines - first), depth, to);
}

// Panels from `first` on, one after the other. Memory is read in the order in which it lies: panel by panel, or, dense
// across the panels, one depth of 32 after the other.
template <bool kForB>
void pack_panels(const Operand& x, int64_t first, int64_t lines, int64_t depth, uint16_t* to) {
  const int64_t size = whole_blocks(depth) * kPanel, panels = ceil_div(lines, kPanel) - first;
  const bool by_depth = (kForB ? x.col : x.row) == 1;
  const int64_t work = by_depth ? panels * kBlock : size;
  parallel_for(by_depth ? size / kBlock : panels, 1 + kPackWork / (1 + work), [&](int64_t begin, int64_t end) {
    for (int64_t at = begin; at < end; ++at) {
      if (!by_depth) {
        pack_panel_of<kForB>(x, first + at, lines, depth, to + at * size);
        continue;
      }
      const int64_t k = at * kDepth;
      const Operand part = kForB ? x.from(k, 0) : x.from(0, k);
      for (int64_t i = 0; i < panels; ++i)
        pack_panel_of<kForB>(part, first + i, lines, min_of(kDepth, depth - k), to + i * size + at * kBlock);
    }
  });
}

// One product. Of A, whole panels that are dense along k are read in place.
template <class C> class TileProduct {
 public:
  TileProduct(const Plan& plan, const Operand& a, const Operand& b, C* c)
      : plan_(plan),
        a_(a),
        b_(b),
        c_(c),
        size_(whole_blocks(plan.k) * kPanel),
        a_panels_(ceil_div(plan.m, kPanel)),
        b_panels_(ceil_div(plan.n, kPanel)),
        in_place_(a.col == 1 && plan.k % kDepth == 0 && a.row % kPage != 0 ? plan.m / kPanel : 0),
        a_groups_(min_of(a_panels_, ceil_div(plan.m * plan.k, kCacheOfA))),
        fresh_b_(a_groups_ <= 2 && (b.row == 1 || plan.k * plan.n <= kCacheOfA / 2)),
        packed_a_((a_panels_ - in_place_) * size_),
        packed_b_(fresh_b_ ? 0 : b_panels_ * size_) {
    const Epilogue<float>& e = plan.epilogue;
    rounds_whole_rows_ = std::is_same_v<C, BFloat16> && e.alpha == 1 && !e.accumulate && !e.bounds.any() &&
                         !e.row_bias && !e.col_bias && plan.c_col == 1;
    past_cache_ = rounds_whole_rows_ && plan.m * plan.n >= kPastCache && plan.c_row % kPanel == 0 &&
                  reinterpret_cast<uintptr_t>(c) % 64 == 0;
  }

  void run() {
    pack_panels<false>(a_, in_place_, plan_.m, plan_.k, packed_a_);
    if (!fresh_b_) pack_panels<true>(b_, 0, plan_.n, plan_.k, packed_b_);
    // Rows that stay in L2, and all columns past them; the pool gets more tasks by cutting the columns, then the rows.
    int64_t a_groups = max_of(a_groups_, 1), b_groups = 1;
    const double work = double(plan_.m) * double(plan_.n) * double(plan_.k) / 8;  // as slow as so many of floats
    while (a_groups * b_groups < kTasks && work > double(kSerialWork) * double(a_groups * b_groups)) {
      if (b_groups < b_panels_) b_groups = min_of(b_groups * 2, b_panels_);
      else if (a_groups < a_panels_) a_groups = min_of(a_groups * 2, a_panels_);
      else break;
    }
    const Parts a_parts(a_panels_, a_groups), b_parts(b_panels_, b_groups);
    const int64_t grain = work < double(kSerialWork) ? a_groups * b_groups : 1;
    parallel_for(a_groups * b_groups, grain, [&](int64_t begin, int64_t end) {
      open_tiles();
      for (int64_t task = begin; task < end; ++task) {
        const int64_t i = task / b_groups, j = task % b_groups;
        run_range(a_parts.begin(i), a_parts.begin(i + 1), b_parts.begin(j), b_parts.begin(j + 1));
      }
      if (past_cache_) _mm_sfence();
      close_tiles();
    });
  }

 private:
  void run_range(int64_t a_begin, int64_t a_end, int64_t b_begin, int64_t b_end) const {
    const int64_t blocks = size_ / kBlock, chunk = ceil_div(blocks, max_of(ceil_div(blocks, kBlocksInL1), 1));
    Scratch<uint16_t> fresh(fresh_b_ ? chunk * kBlock : 0);
    const bool several = blocks > chunk;  // sums wait for the next piece of depth
    Scratch<float> sums((several ? a_end - a_begin : 1) * kPanel * kPanel);
    for (int64_t j = b_begin; j < b_end; ++j) {
      for (int64_t p = 0; p < max_of(blocks, 1); p += max_of(chunk, 1)) {
        const int64_t deep = min_of(chunk, blocks - p), k = p * kDepth;
        if (fresh_b_) pack_panel_of<true>(b_.from(k, 0), j, plan_.n, min_of(deep * kDepth, plan_.k - k), fresh);
        const uint16_t* const b = fresh_b_ ? fresh : packed_b_ + j * size_ + p * kBlock;
        // What follows of B comes to L2 by portions, while this piece is used.
        const int64_t portion = ceil_div(deep * kBlock, a_end - a_begin);
        const uint16_t* next = b + deep * kBlock;
        for (int64_t i = a_begin; i < a_end; ++i) {
          for (const uint16_t* end = next + portion; !fresh_b_ && next < end; next += 32)
            __builtin_prefetch(next, 0, 2);
          float* const tile = several ? sums + (i - a_begin) * kPanel * kPanel : sums;
          if (p + deep >= blocks && !past_cache_) fetch_c(i, j);
          multiply_panels(rows_at(i, p), b, deep, p == 0, tile);
          if (p + deep >= blocks) finish_at(i, j, tile);
        }
      }
    }
  }

  RowsPanel rows_at(int64_t i, int64_t block) const {
    if (i >= in_place_)
      return {packed_a_ + (i - in_place_) * size_ + block * kBlock, kDepth, kTileElements, 2 * kTileElements};
    return {static_cast<const uint16_t*>(a_.data) + i * kPanel * a_.row + block * kDepth, a_.row, kLines * a_.row,
            kDepth};
  }

  // C will be written when the tile is done: by then it should be near.
  void fetch_c(int64_t i, int64_t j) const {
    const C* const c = c_ + i * kPanel * plan_.c_row + j * kPanel * plan_.c_col;
    const int64_t rows = min_of(kPanel, plan_.m - i * kPanel);
    for (int64_t r = 0; r < rows; ++r) __builtin_prefetch(c + r * plan_.c_row, 1);
  }

  void finish_at(int64_t i, int64_t j, const float* sums) const {
    const int64_t row = i * kPanel, col = j * kPanel;
    const int64_t rows = min_of(kPanel, plan_.m - row), cols = min_of(kPanel, plan_.n - col);
    if (rounds_whole_rows_ && cols == kPanel)
      store_rounded(sums, rows, reinterpret_cast<BFloat16*>(c_) + row * plan_.c_row + col, plan_.c_row, past_cache_);
    else finish(plan_, c_, row, col, sums, rows, cols, int(kPanel));
  }

  const Plan& plan_;
  const Operand a_, b_;
  C* const c_;
  const int64_t size_;  // elements of a packed panel
  const int64_t a_panels_, b_panels_, in_place_;
  const int64_t a_groups_;  // of rows that stay in L2
  const bool fresh_b_;  // each task packs the panels of B that it needs, just before
  bool rounds_whole_rows_, past_cache_;
  const Scratch<uint16_t> packed_a_, packed_b_;
};

template <class C> void multiply(const Plan& plan, Operand a, Operand b, DType dtype, C* c) {
  const bool rounds = dtype == DType::Float32;
  Scratch<BFloat16> a_half(rounds ? plan.m * plan.k : 0), b_half(rounds ? plan.k * plan.n : 0);
  if (rounds) {
    a = converted<float, BFloat16>(a, plan.m, plan.k, a_half);
    b = converted<float, BFloat16>(b, plan.k, plan.n, b_half);
  }
  TileProduct<C>(plan, a, b, c).run();
}

#endif  // CNN_TILES

// As a product of floats.
void multiply_wide(const Plan& plan, Operand a, Operand b, BFloat16* c) {
  Scratch<float> wide_a(plan.m * plan.k), wide_b(plan.k * plan.n), wide_c(plan.m * plan.n);
  a = converted<BFloat16, float>(a, plan.m, plan.k, wide_a);
  b = converted<BFloat16, float>(b, plan.k, plan.n, wide_b);
  Gemm<float> g;
  g.m = plan.m, g.n = plan.n, g.k = plan.k;
  g.a = static_cast<const float*>(a.data), g.a_row = a.row, g.a_col = a.col;
  g.b = static_cast<const float*>(b.data), g.b_row = b.row, g.b_col = b.col;
  g.c = wide_c, g.c_row = plan.n, g.c_col = 1;
  gemm(g);
  parallel_for(plan.m, 1 + kPackWork / (1 + plan.n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (int64_t j = 0; j < plan.n; j += 32)
        finish(plan, c, i, j, wide_c + i * plan.n + j, 1, min_of(32, plan.n - j), int(plan.n));
  });
}

}  // namespace

void gemm_bf16(const GemmArgs& args) {
  if (args.m <= 0 || args.n <= 0) return;
  const bool half = args.dtype == DType::BFloat16;
  const int64_t item = item_size(args.dtype);
  each_product(args, [&](int64_t i) {
    Plan plan{args.m, args.n, args.k, args.c_row, args.c_col, {}};
    Epilogue<float>& e = plan.epilogue;
    e.alpha = float(args.alpha);
    e.accumulate = args.accumulate;
    if (args.activation == Activation::Relu) e.bounds.low = 0;
    const int64_t biases = !args.bias ? 0 : args.bias_of == BiasOf::Row ? args.m : args.n;
    Scratch<float> bias(biases);
    for (int64_t j = 0; j < biases; ++j) {
      const int64_t at = i * args.bias_batch + j * args.bias_stride;
      bias[j] = half ? float(static_cast<const BFloat16*>(args.bias)[at]) : static_cast<const float*>(args.bias)[at];
    }
    (args.bias_of == BiasOf::Row ? e.row_bias : e.col_bias) = bias;
    const Operand a{static_cast<const char*>(args.a) + i * args.a_batch * item, args.a_row, args.a_col};
    const Operand b{static_cast<const char*>(args.b) + i * args.b_batch * item, args.b_row, args.b_col};
    void* const c = static_cast<char*>(args.c) + i * args.c_batch * item;
#ifdef CNN_TILES
    if (cpu_tiles())
      return half ? multiply(plan, a, b, args.dtype, static_cast<BFloat16*>(c))
                  : multiply(plan, a, b, args.dtype, static_cast<float*>(c));
#endif
    multiply_wide(plan, a, b, static_cast<BFloat16*>(c));
  });
}

}  // namespace cnn::cpu::CNN_ISA
