// Products of bfloat16 in panels of 32 rows of A and 32 columns of B. One element of C is summed over all of k in one
// tile, so its value depends on the shape and the processor alone.
#include "cpu/gemm/half.h"

#if defined(__AVX512F__) && defined(__x86_64__)
#include "cpu/gemm/bf16_tiles.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

inline constexpr int64_t kCacheOfA = 5 << 17;  // elements of A that stay in L2 while panels of B are packed and used
inline constexpr int64_t kFreshOfB = 1 << 17;  // elements of B that one task packs at a time
inline constexpr int64_t kPastCache = 1 << 20;  // elements of C from which it is not worth keeping in the cache

template <bool kForB> void pack_panel_of(const Operand& x, int64_t panel, int64_t lines, int64_t depth, uint16_t* to) {
  const int64_t k_stride = kForB ? x.row : x.col, stride = kForB ? x.col : x.row, first = panel * kPanelLines;
  pack_strip<kForB>({x.bits() + first * stride, k_stride, stride}, min_of(kPanelLines, lines - first), depth, to);
}

// Panels from `first` on, one after the other. Memory is read in the order in which it lies: panel by panel, or, dense
// across the panels, one depth of 32 after the other.
template <bool kForB>
void pack_panels(const Operand& x, int64_t first, int64_t lines, int64_t depth, uint16_t* to) {
  const int64_t size = whole_blocks(depth) * kPanelLines, panels = ceil_div(lines, kPanelLines) - first;
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

// B dense along k is best read where it lies, as rows: C^T = B^T A^T, and the sums are turned round at the end. That
// pays where laying out A costs less than laying out B.
bool pays_turned(const Plan& plan, const Operand& b) {
  return b.row == 1 && b.col != 1 && double(plan.m) * double(plan.k + plan.n) < double(plan.n) * double(plan.k);
}

// One product of A [m, k] and B [k, n], as they were given or `turned`. Of A, whole panels that are dense along k are
// read in place.
template <class C> class PanelProduct {
 public:
  PanelProduct(const Plan& plan, bool turned, const Operand& a, const Operand& b, C* c)
      : plan_(plan),
        turned_(turned),
        m_(turned ? plan.n : plan.m),
        n_(turned ? plan.m : plan.n),
        a_(a),
        b_(b),
        c_(c),
        size_(whole_blocks(plan.k) * kPanelLines),
        a_panels_(ceil_div(m_, kPanelLines)),
        b_panels_(ceil_div(n_, kPanelLines)),
        in_place_(a.col == 1 && plan.k % kDepth == 0 && (a.row % kPage != 0 || n_ <= kPanelLines) ? m_ / kPanelLines
                                                                                                  : 0),
        a_groups_(min_of(a_panels_, ceil_div(m_ * plan.k, kCacheOfA))),
        fresh_b_(a_groups_ <= 2 && (b.row == 1 || plan.k * n_ <= kCacheOfA || m_ <= 2 * kPanelLines)),
        packed_a_((a_panels_ - in_place_) * size_),
        packed_b_(fresh_b_ ? 0 : b_panels_ * size_) {
    const Epilogue<float>& e = plan.epilogue;
    rounds_whole_rows_ = std::is_same_v<C, BFloat16> && e.alpha == 1 && !e.accumulate && !e.row_bias && plan.c_col == 1;
    past_cache_ = rounds_whole_rows_ && plan.m * plan.n >= kPastCache && plan.c_row % kPanelLines == 0 &&
                  reinterpret_cast<uintptr_t>(c) % 64 == 0;
  }

  void run() {
    pack_panels<false>(a_, in_place_, m_, plan_.k, packed_a_);
    if (!fresh_b_) pack_panels<true>(b_, 0, n_, plan_.k, packed_b_);
    // Rows that stay in L2, and all columns past them; the pool gets more tasks by cutting the columns, then the rows.
    int64_t a_groups = max_of(a_groups_, 1), b_groups = 1;
    const double work = double(m_) * double(n_) * double(plan_.k) / 8;  // as slow as so many of floats
    while (a_groups * b_groups < kTasks && work > double(kSerialWork) * double(a_groups * b_groups)) {
      if (b_groups < b_panels_) b_groups = min_of(b_groups * 2, b_panels_);
      else if (a_groups < a_panels_) a_groups = min_of(a_groups * 2, a_panels_);
      else break;
    }
    const Parts a_parts(a_panels_, a_groups), b_parts(b_panels_, b_groups);
    const int64_t grain = work < double(kSerialWork) ? a_groups * b_groups : 1;
    parallel_for(a_groups * b_groups, grain, [&](int64_t begin, int64_t end) {
      engine_.open();
      for (int64_t task = begin; task < end; ++task) {
        const int64_t i = task / b_groups, j = task % b_groups;
        run_range(a_parts.begin(i), a_parts.begin(i + 1), b_parts.begin(j), b_parts.begin(j + 1));
      }
      if (past_cache_) _mm_sfence();
      engine_.close();
    });
  }

 private:
  void run_range(int64_t a_begin, int64_t a_end, int64_t b_begin, int64_t b_end) const {
    const int64_t blocks = size_ / kBlock;
    const int64_t chunk = ceil_div(blocks, max_of(ceil_div(blocks, engine_.blocks_in_l1), 1));
    const int64_t at_once = fresh_b_ ? max_of(1, kFreshOfB / (size_ + 1)) : b_end;
    Scratch<uint16_t> fresh(fresh_b_ ? min_of(at_once, b_end - b_begin) * size_ : 0);
    const bool several = blocks > chunk;  // sums wait for the next piece of depth
    Scratch<float> sums((several ? a_end - a_begin : 1) * kPanelLines * kPanelLines);
    for (int64_t j = b_begin; j < b_end; ++j) {
      const int64_t since = (j - b_begin) % at_once;
      if (fresh_b_ && since == 0)
        pack_panels<true>(b_, j, min_of(n_, min_of(j + at_once, b_end) * kPanelLines), plan_.k, fresh);
      const uint16_t* const panel = fresh_b_ ? fresh + since * size_ : packed_b_ + j * size_;
      for (int64_t p = 0; p < max_of(blocks, 1); p += max_of(chunk, 1)) {
        const int64_t deep = min_of(chunk, blocks - p);
        const uint16_t* const b = panel + p * kBlock;
        // What follows of B comes to L2 by portions, while this piece is used.
        const int64_t portion = ceil_div(deep * kBlock, a_end - a_begin);
        const uint16_t* next = b + deep * kBlock;
        for (int64_t i = a_begin; i < a_end; ++i) {
          for (const uint16_t* end = next + portion; !fresh_b_ && next < end; next += 32)
            __builtin_prefetch(next, 0, 2);
          float* const tile = several ? sums + (i - a_begin) * kPanelLines * kPanelLines : sums;
          if (p + deep >= blocks && !past_cache_) fetch_c(i, j);
          engine_.multiply(
              {rows_at(i, p), b, deep, min_of(kPanelLines, m_ - i * kPanelLines), n_ - j * kPanelLines, p == 0, tile});
          if (p + deep >= blocks) finish_at(i, j, tile);
        }
      }
    }
  }

  RowsPanel rows_at(int64_t i, int64_t block) const {
    if (i >= in_place_)
      return {packed_a_ + (i - in_place_) * size_ + block * kBlock, kDepth, kTileElements, 2 * kTileElements};
    return {a_.bits() + i * kPanelLines * a_.row + block * kDepth, a_.row, kLines * a_.row, kDepth};
  }

  // Where the sums of two panels go in C.
  struct Place {
    int64_t row, col, rows, cols;
  };
  Place place_of(int64_t i, int64_t j) const {
    const int64_t row = (turned_ ? j : i) * kPanelLines, col = (turned_ ? i : j) * kPanelLines;
    return {row, col, min_of(kPanelLines, plan_.m - row), min_of(kPanelLines, plan_.n - col)};
  }

  // C will be written when the tile is done: by then it should be near.
  void fetch_c(int64_t i, int64_t j) const {
    const Place at = place_of(i, j);
    const C* const c = c_ + at.row * plan_.c_row + at.col * plan_.c_col;
    for (int64_t r = 0; r < at.rows; ++r) __builtin_prefetch(c + r * plan_.c_row, 1);
  }

  void finish_at(int64_t i, int64_t j, const float* sums) const {
    const Place at = place_of(i, j);
    alignas(64) float turned[kPanelLines * kPanelLines];
    if (turned_) turn_sums(sums, turned), sums = turned;
    const Epilogue<float>& e = plan_.epilogue;
    if (rounds_whole_rows_ && at.cols == kPanelLines)
      store_rounded(sums, at.rows, e.col_bias ? e.col_bias + at.col : nullptr, e.bounds,
                    reinterpret_cast<BFloat16*>(c_) + at.row * plan_.c_row + at.col, plan_.c_row, past_cache_);
    else finish(plan_, c_, at.row, at.col, sums, at.rows, at.cols, kPanelLines);
  }

  const Engine& engine_ = engine();
  const Plan& plan_;
  const bool turned_;
  const int64_t m_, n_;
  const Operand a_, b_;
  C* const c_;
  const int64_t size_;  // elements of a packed panel
  const int64_t a_panels_, b_panels_, in_place_;
  const int64_t a_groups_;  // of rows that stay in L2
  const bool fresh_b_;  // each task packs the panels of B that it needs, just before
  bool rounds_whole_rows_, past_cache_;
  const Scratch<uint16_t> packed_a_, packed_b_;
};

}  // namespace

template <class C> void multiply_panels(const Plan& plan, const Operand& a, const Operand& b, C* c) {
  if (pays_turned(plan, b)) PanelProduct<C>(plan, true, b.transposed(), a.transposed(), c).run();
  else PanelProduct<C>(plan, false, a, b, c).run();
}
template void multiply_panels(const Plan&, const Operand&, const Operand&, float*);
template void multiply_panels(const Plan&, const Operand&, const Operand&, BFloat16*);

}  // namespace cnn::cpu::CNN_ISA

#endif
