// Attention in blocks of queries and keys, so that scores never leave the cache, with a running maximum and sum of each
// row (Milakov and Gimelshein 2018). A panel of rows, as high as the register tile, goes through both products and the
// weights between them while its scores are in L1.
#include "cpu/sequence/attention.h"

#include "core/parallel.h"
#include "cpu/gemm/dot_tile.h"
#include "cpu/sequence/softmax.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

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
    T factor[kPanelRows<T>], largest[kPanelRows<T>], rest[kPanelRows<T>];
    softmax[p].finish(factor, largest, rest);
    for (int64_t i = 0; i < panels.size(p); ++i) {
      const int64_t r = panels.begin(p) + i;
      T* const to = stack.query_row(args.out, first + r);
      for (int64_t e = 0; e < value_width; ++e) to[e] = out[r * value_width + e] * factor[i];
      *stack.largest(first + r) = largest[i], *stack.rest(first + r) = rest[i];
    }
  }
}

template <class T> void forward(const AttentionArgs& args) {
  each_query_block(args, [&](int64_t batch, int64_t kv, int64_t first, int64_t rows) {
    forward_block(args, Stack<T>(args, batch, kv), first, rows);
  });
}

}  // namespace

void attention_forward(const AttentionArgs& args) {
  const WorkScope scope(attention_cost(args));
#if defined(__AVX512F__) && defined(__x86_64__)
  if (args.dtype == DType::BFloat16) return attention_bf16_forward(args);
#endif
  if (args.dtype == DType::Float64) forward<double>(args);
  else forward<float>(args);
}

}  // namespace cnn::cpu::CNN_ISA
