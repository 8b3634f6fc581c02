// Attention in blocks of queries and keys, so that scores never leave the cache, with a running maximum and sum of each
// row (Milakov and Gimelshein 2018). A panel of rows, as high as the register tile, goes through both products and the
// weights between them while its scores are in L1.
#include "cpu/sequence/attention.h"

#include "core/parallel.h"
#include "cpu/gemm/dot_tile.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

inline constexpr int64_t kQueryBlock = 256, kLeastQueryBlock = 64;  // rows that share the packing of a block of keys

template <class T> Vec<T> larger(Vec<T> a, Vec<T> b) { return b > a ? b : a; }

// In every lane the one kStep lanes away.
template <class T, int kStep, int... kLane> Vec<T> exchanged(Vec<T> v, LaneList<kLane...>) {
  return __builtin_shufflevector(v, v, (kLane ^ kStep)...);
}
// In every lane the largest of all of them.
template <class T, int kStep = kLanes<T> / 2> Vec<T> largest_of_lanes(Vec<T> v) {
  if constexpr (kStep > 0) {
    v = larger<T>(v, exchanged<T, kStep>(v, AllLanes<T>{}));
    v = largest_of_lanes<T, kStep / 2>(v);
  }
  return v;
}

// Of n numbers, whole vectors, and `top` the largest; four strands hide the latency.
template <class T> T row_max(const T* x, int64_t n, T top) {
  constexpr int64_t kWidth = kLanes<T>;
  const Vec<T> start = vec_splat(top);
  Vec<T> best[4] = {start, start, start, start};
  int64_t i = 0;
  for (; i + 4 * kWidth <= n; i += 4 * kWidth)
#pragma GCC unroll 4
    for (int l = 0; l < 4; ++l) best[l] = larger<T>(best[l], vec_load(x + i + l * kWidth));
  for (; i < n; i += kWidth) best[0] = larger<T>(best[0], vec_load(x + i));
  return largest_of_lanes<T>(larger<T>(larger<T>(best[0], best[1]), larger<T>(best[2], best[3])))[0];
}

// x = exp(x - shift) of n numbers, whole vectors; their sum, in lanes.
template <class T> Vec<T> exp_row(T* x, int64_t n, T shift) {
  constexpr int64_t kWidth = kLanes<T>;
  const Vec<T> by = vec_splat(shift);
  Vec<T> sum[4] = {};
  int64_t i = 0;
  const auto take = [&](int64_t at, int strand) {
    const Vec<T> y = vec_exp_negative(vec_load(x + at) - by);
    vec_store(x + at, y);
    sum[strand] += y;
  };
  for (; i + 4 * kWidth <= n; i += 4 * kWidth)
#pragma GCC unroll 4
    for (int l = 0; l < 4; ++l) take(i + l * kWidth, l);
  for (; i < n; i += kWidth) take(i, 0);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

template <class T> void scale_row(T* __restrict x, int64_t n, T by) {
  for (int64_t i = 0; i < n; ++i) x[i] *= by;
}

// The state of a panel's rows: the largest score so far, the sum of exp(score - top) and what was left of the sum when
// the largest changed.
template <class T> struct Softmax {
  T top[kPanelRows<T>], total[kPanelRows<T>], kept[kPanelRows<T>];

  void start() {
    for (int64_t r = 0; r < kPanelRows<T>; ++r) top[r] = -kernels::infinity<T>(), total[r] = T(0);
  }

  // Scores s [rows, n] become weights.
  void take(T* s, int64_t s_row, int64_t rows, int64_t n) {
    T highest[kPanelRows<T>], shift[kPanelRows<T>];
    for (int64_t r = 0; r < kPanelRows<T>; ++r) highest[r] = r < rows ? row_max(s + r * s_row, n, top[r]) : top[r];
    for (int64_t r = 0; r < kPanelRows<T>; r += kLanes<T>) {
      const Vec<T> now = vec_load(highest + r), by = now == vec_splat(-kernels::infinity<T>()) ? Vec<T>{} : now;
      vec_store(kept + r, vec_exp_negative(vec_load(top + r) - by));
      vec_store(shift + r, by);
      vec_store(top + r, now);
    }
    for (int64_t first = 0; first < rows; first += kLanes<T>) {
      Vec<T> sums[kLanes<T>];
      for (int64_t i = 0, r = first; i < kLanes<T>; ++i, ++r)
        sums[i] = r < rows ? exp_row(s + r * s_row, n, shift[r]) : Vec<T>{};
      vec_store(total + first, vec_fma(vec_load(total + first), vec_load(kept + first), lane_sums<T>(sums)));
    }
  }

  // What a row of weights has to be multiplied by, and the log of the sum of exp of its scores. A row without any gives
  // zeros.
  void finish(T* __restrict factor, T* __restrict lse) const {
    for (int64_t r = 0; r < kPanelRows<T>; ++r) {
      const bool any = top[r] != -kernels::infinity<T>();
      factor[r] = kernels::select(any, T(1) / total[r], T(0));
      lse[r] = kernels::select(any, top[r] + kernels::log(total[r]), kernels::infinity<T>());
    }
  }
};

// Rows from `first` on of a stack.
template <class T>
void forward_block(const AttentionArgs& args, const Stack<T>& stack, int64_t first, int64_t rows) {
  const int64_t width = args.width, value_width = args.value_width, seen = stack.seen(first, rows);
  const int64_t block = min_of(kKeyBlock, seen), s_row = whole_vectors<T>(block) + kLanes<T>;
  const bool few = rows <= kDotRows, values_lie = read_in_place<T>(args.v, value_width, rows);
  const Parts panels(rows, ceil_div(rows, kTileRows));
  Scratch<T> q(rows * width), out(rows * value_width), s(panels.largest() * s_row);
  Scratch<T> packed_k(few ? 0 : panels_size<T>(width, block));
  Scratch<T> packed_v(values_lie ? 0 : panels_size<T>(block, value_width));
  Scratch<Softmax<T>> softmax(panels.count);
  for (int64_t p = 0; p < panels.count; ++p) softmax[p].start();
  stack.copy_rows(args.q, first, rows, width, T(args.scale), q);

  for (int64_t j = 0; j < seen; j += block) {
    const int64_t keys = min_of(block, seen - j);
    const T *const k = stack.key_row(args.k, j), *const v = stack.key_row(args.v, j);
    PanelsB<T> k_panels, v_panels = {v, args.v.row, kTileCols<T>};
    if (!few) k_panels = packed_panels<T>(k, 1, args.k.row, width, keys, packed_k);
    if (!values_lie) v_panels = packed_panels<T>(v, args.v.row, 1, keys, value_width, packed_v);
    for (int64_t p = 0; p < panels.count; ++p) {
      const int64_t r = panels.begin(p), m = panels.size(p), n = min_of(keys, stack.seen(first + r, m) - j);
      if (n <= 0) continue;
      T* const o = out + r * value_width;
      if (few) {
        Gemm<T> g;
        g.m = m, g.n = n, g.k = width;
        g.a = q, g.a_row = width, g.a_col = 1;
        g.b = k, g.b_row = 1, g.b_col = args.k.row;
        g.c = s, g.c_row = s_row;
        gemm_dot(g);
      } else {
        multiply_panels<T>(m, n, width, q + r * width, width, k_panels, s, s_row);
      }
      stack.mask(first + r, m, j, n, s, s_row);
      softmax[p].take(s, s_row, m, whole_vectors<T>(n));
      for (int64_t i = 0; i < m; ++i) {
        if (const T* noise = stack.noise(first + r + i, j)) multiply_row(s + i * s_row, noise, n);
        if (j > 0) scale_row(o + i * value_width, value_width, softmax[p].kept[i]);
      }
      constexpr auto wide = multiply_panels<T, kDotRows, 2 * kTileVecs>, high = multiply_panels<T>;
      (few ? wide : high)(m, value_width, n, s, s_row, v_panels, o, value_width, j > 0);
    }
  }
  for (int64_t p = 0; p < panels.count; ++p) {
    T factor[kPanelRows<T>], lse[kPanelRows<T>];
    softmax[p].finish(factor, lse);
    for (int64_t i = 0; i < panels.size(p); ++i) {
      const int64_t r = panels.begin(p) + i;
      T* const to = stack.query_row(args.out, first + r);
      for (int64_t e = 0; e < value_width; ++e) to[e] = out[r * value_width + e] * factor[i];
      *stack.lse(first + r) = lse[i];
    }
  }
}

template <class T> void forward(const AttentionArgs& args) {
  const int64_t stacks = args.batch * args.kv_heads, rows = args.heads / args.kv_heads * args.rows;
  int64_t block = kQueryBlock;
  while (block > kLeastQueryBlock && stacks * ceil_div(rows, block) < kTasks) block /= 2;
  const Parts blocks(rows, ceil_div(rows, block));
  const int64_t work = blocks.largest() * args.cols * (args.width + args.value_width);
  parallel_for(stacks * blocks.count, 1 + kSerialWork / (work + 1), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t which = n / blocks.count, i = n % blocks.count;
      const Stack<T> stack(args, which / args.kv_heads, which % args.kv_heads);
      forward_block(args, stack, blocks.begin(i), blocks.size(i));
    }
  });
}

}  // namespace

void attention_forward(const AttentionArgs& args) {
  const WorkScope scope(attention_cost(args));
  if (args.dtype == DType::Float64) forward<double>(args);
  else forward<float>(args);
}

}  // namespace cnn::cpu::CNN_ISA
