// Attention of bfloat16, forward: both products in panels of bfloat16 (gemm/bf16_tiles.h), the softmax between them in
// float. Weights are rounded to bfloat16 on their way to the values. Few rows are multiplied where keys and values lie.
#include "cpu/sequence/attention.h"

#if defined(__AVX512F__) && defined(__x86_64__)
#include "cpu/gemm/bf16_tiles.h"
#include "cpu/gemm/half_rows.h"
#include "cpu/sequence/softmax.h"
#include "cpu/vec/half.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

using HalfStack = Stack<float, BFloat16>;

const uint16_t* bits(const BFloat16* p) { return reinterpret_cast<const uint16_t*>(p); }

// n floats, whole vectors, rounded; zeros up to `filled`, a multiple of 32.
CNN_WITH_PAIRS void round_row(const float* x, int64_t n, int64_t filled, uint16_t* to) {
  const __m512 none = _mm512_setzero_ps();
  for (int64_t i = 0; i < filled; i += 2 * kLines) {
    const __m512 low = i < n ? _mm512_loadu_ps(x + i) : none;
    const __m512 high = i + kLines < n ? _mm512_loadu_ps(x + i + kLines) : none;
    const __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    __builtin_memcpy(to + i, &both, sizeof both);
  }
}

// A power of two is a factor of bfloat16 that loses nothing.
bool is_power_of_two(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return (bits & 0x7fffff) == 0 && x >= 0x1p-20f && x <= 0x1p20f;
}

// Rows from `first` on of a stack.
void forward_block(const AttentionArgs& args, const HalfStack& stack, int64_t first, int64_t rows) {
  const Engine& engine = cpu::engine();
  const int64_t width = args.width, value_width = args.value_width, seen = stack.seen(first, rows);
  const int64_t depth = whole_blocks(width), wide = whole_blocks(value_width), block = min_of(kKeyBlock, seen),
                whole = whole_blocks(block);
  const int64_t s_row = whole + kLines, p_row = whole + kDepth;  // other sets of the cache from row to row
  const int64_t panels = ceil_div(rows, kPanelLines);
  const float scale = float(args.scale);
  const bool scales_queries = is_power_of_two(scale);
  Scratch<uint16_t> q(panels * kPanelLines * depth), packed_k(whole * depth), packed_v(whole * wide),
      p(kPanelLines * p_row);
  Scratch<float> s(kPanelLines * s_row), out(panels * kPanelLines * wide);
  Scratch<Softmax<float, kPanelLines>> softmax(panels);
  for (int64_t i = 0; i < panels; ++i) softmax[i].start();
  __builtin_memset(p, 0, size_t(kPanelLines * p_row) * sizeof(uint16_t));
  __builtin_memset(q, 0, size_t(panels * kPanelLines * depth) * sizeof(uint16_t));
  for (int64_t r = 0; r < rows; ++r) {
    const BFloat16* const from = stack.query_row(args.q, first + r);
    uint16_t* const to = q + r * depth;
    if (!scales_queries) __builtin_memcpy(to, from, size_t(width) * sizeof *to);
    else
      for (int64_t e = 0; e < width; ++e) to[e] = BFloat16(float(from[e]) * scale).bits;
  }

  engine.open();
  for (int64_t j = 0; j < seen; j += block) {
    const int64_t keys = min_of(block, seen - j), k_row = args.k.row, v_row = args.v.row;
    const uint16_t *const k = bits(stack.key_row(args.k, j)), *const v = bits(stack.key_row(args.v, j));
    for (int64_t c = 0; c < keys; c += kPanelLines)
      pack_strip<true>({k + c * k_row, 1, k_row}, min_of(kPanelLines, keys - c), width, packed_k + c * depth);
    for (int64_t e = 0; e < value_width; e += kPanelLines)
      pack_strip<true>({v + e, v_row, 1}, min_of(kPanelLines, value_width - e), keys, packed_v + e * whole);
    for (int64_t i = 0; i < panels; ++i) {
      const int64_t r = i * kPanelLines, m = min_of(kPanelLines, rows - r);
      const int64_t n = min_of(keys, stack.seen(first + r, m) - j), n_vectors = whole_vectors<float>(n);
      if (n <= 0) continue;
      for (int64_t c = 0; c < n; c += kPanelLines)
        engine.multiply({{q + r * depth, depth, kLines * depth, kDepth},
                         packed_k + c * depth,
                         depth / kDepth,
                         m,
                         n - c,
                         true,
                         s + c,
                         s_row});
      if (!scales_queries)
        for (int64_t l = 0; l < m; ++l) scale_row(s + l * s_row, n, scale);
      stack.mask(first + r, m, j, n, s, s_row);
      softmax[i].take(s, s_row, m, n_vectors);
      float* const o = out + r * wide;
      for (int64_t l = 0; l < m; ++l) {
        if (const float* noise = stack.noise(first + r + l, j)) multiply_row(s + l * s_row, noise, n);
        if (j > 0) scale_row(o + l * wide, wide, softmax[i].kept[l]);
        round_row(s + l * s_row, n_vectors, whole_blocks(n), p + l * p_row);
      }
      for (int64_t e = 0; e < value_width; e += kPanelLines)
        engine.multiply({{p, p_row, kLines * p_row, kDepth},
                         packed_v + e * whole,
                         whole_blocks(n) / kDepth,
                         m,
                         value_width - e,
                         j == 0,
                         o + e,
                         wide});
    }
  }
  engine.close();
  for (int64_t i = 0; i < panels; ++i) {
    float factor[kPanelLines], largest[kPanelLines], rest[kPanelLines];
    softmax[i].finish(factor, largest, rest);
    for (int64_t l = 0; l < min_of(kPanelLines, rows - i * kPanelLines); ++l) {
      const int64_t r = i * kPanelLines + l;
      scale_row(out + r * wide, value_width, factor[l]);
      cast_dense(value_width, out + r * wide, stack.query_row(args.out, first + r));
      *stack.largest(first + r) = largest[l], *stack.rest(first + r) = rest[l];
    }
  }
}

// Up to kHalfDotRows rows: keys and values are read once, where they lie, and weights are not rounded.
template <int kRows> void forward_few(const AttentionArgs& args, const HalfStack& stack, int64_t first) {
  const int64_t width = args.width, value_width = args.value_width, seen = stack.seen(first, kRows);
  const int64_t whole = width / kTwo * kTwo, depth = ceil_div(width, kTwo) * kTwo, block = min_of(kKeyBlock, seen);
  const int64_t s_row = whole_vectors<float>(block), k_row = args.k.row, v_row = args.v.row;
  Scratch<float> q(kRows * depth), s(kRows * s_row), weights(kRows * block), sums(kRows * kStreamCols);
  __builtin_memset(q, 0, size_t(kRows * depth) * sizeof(float));
  __builtin_memset(sums, 0, size_t(kRows * kStreamCols) * sizeof(float));
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t e = 0; e < width; ++e)
      q[r * depth + place_in_two<BFloat16>(e)] = float(stack.query_row(args.q, first + r)[e]) * float(args.scale);
  Softmax<float> softmax;
  softmax.start();
  for (int64_t j = 0; j < seen; j += block) {
    const int64_t keys = min_of(block, seen - j);
    const BFloat16 *const k = stack.key_row(args.k, j), *const v = stack.key_row(args.v, j);
    for (int64_t c = 0; c < keys; c += kHalfDotCols) {
      const int64_t count = min_of(kHalfDotCols, keys - c);
      BFloat16 rest[kHalfDotCols * kTwo] = {};
      for (int64_t t = 0; t < count && whole < width; ++t)
        memcpy(static_cast<void*>(rest + t * kTwo), k + (c + t) * k_row + whole, size_t(width - whole) * 2);
      dots_of<BFloat16, kRows, kHalfDotCols>(
          kRows, count, {q, depth, k + c * k_row, k_row, whole, whole < width ? rest : nullptr, s + c, s_row});
    }
    stack.mask(first, kRows, j, keys, s, s_row);
    softmax.take(s, s_row, kRows, whole_vectors<float>(keys));
    for (int64_t r = 0; r < kRows; ++r) {
      if (const float* noise = stack.noise(first + r, j)) multiply_row(s + r * s_row, noise, keys);
      if (j > 0) scale_row(sums + r * kStreamCols, kStreamCols, softmax.kept[r]);
      for (int64_t c = 0; c < keys; ++c) weights[c * kRows + r] = s[r * s_row + c];
    }
    int64_t c = 0;
    for (; c + kStreamDeep <= keys; c += kStreamDeep)
      add_all<BFloat16, kRows, kStreamDeep>(weights + c * kRows, v + c * v_row, v_row, value_width, sums);
    for (; c < keys; ++c) add_all<BFloat16, kRows, 1>(weights + c * kRows, v + c * v_row, v_row, value_width, sums);
  }
  float factor[kPanelRows<float>], largest[kPanelRows<float>], rest[kPanelRows<float>];
  softmax.finish(factor, largest, rest);
  for (int64_t r = 0; r < kRows; ++r) {
    BFloat16* const to = stack.query_row(args.out, first + r);
    for (int64_t e = 0; e < value_width; ++e)
      to[e] = BFloat16(sums[r * kStreamCols + place_in_two<BFloat16>(e)] * factor[r]);
    *stack.largest(first + r) = largest[r], *stack.rest(first + r) = rest[r];
  }
}

template <int kRows = kHalfDotRows>
void forward_few(const AttentionArgs& args, const HalfStack& stack, int64_t first, int64_t rows) {
  if constexpr (kRows > 1)
    if (rows < kRows) return forward_few<kRows - 1>(args, stack, first, rows);
  forward_few<kRows>(args, stack, first);
}

}  // namespace

void attention_bf16_forward(const AttentionArgs& args) {
  each_query_block(args, [&](int64_t batch, int64_t kv, int64_t first, int64_t rows) {
    const HalfStack stack(args, batch, kv);
    if (rows <= kHalfDotRows && args.value_width <= kStreamCols) forward_few(args, stack, first, rows);
    else forward_block(args, stack, first, rows);
  });
}

}  // namespace cnn::cpu::CNN_ISA

#endif
