// Products of integers, modulo their width, as PyTorch computes them.
#include "core/parallel.h"
#include "cpu/gemm/gemm.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// U and the wider W are unsigned, so that overflow is defined; the bits are those of the signed product.
template <class U, class W> void rows_of_product(const GemmArgs& g, int64_t begin, int64_t end) {
  const U alpha = U(int64_t(g.alpha));
  for (int64_t at = begin; at < end; ++at) {
    const int64_t batch = at / g.m, i = at % g.m;
    const U* a = static_cast<const U*>(g.a) + batch * g.a_batch + i * g.a_row;
    const U* b = static_cast<const U*>(g.b) + batch * g.b_batch;
    U* c = static_cast<U*>(g.c) + batch * g.c_batch + i * g.c_row;
    const U* bias = static_cast<const U*>(g.bias);
    if (!g.accumulate)
      for (int64_t j = 0; j < g.n; ++j) c[j * g.c_col] = bias ? bias[j * g.bias_stride] : U(0);
    for (int64_t p = 0; p < g.k; ++p) {
      const W x = W(alpha) * a[p * g.a_col];
      const U* row = b + p * g.b_row;
      if (g.b_col == 1 && g.c_col == 1)
        for (int64_t j = 0; j < g.n; ++j) c[j] = U(c[j] + x * row[j]);
      else
        for (int64_t j = 0; j < g.n; ++j) c[j * g.c_col] = U(c[j * g.c_col] + x * row[j * g.b_col]);
    }
  }
}

}  // namespace

void gemm_integers(const GemmArgs& g) {
  const int64_t grain = 1 + kSerialWork / (1 + g.n * g.k);
  parallel_for(g.batch * g.m, grain, [&](int64_t begin, int64_t end) {
    switch (item_size(g.dtype)) {
      case 1:
        return rows_of_product<uint8_t, uint32_t>(g, begin, end);
      case 2:
        return rows_of_product<uint16_t, uint32_t>(g, begin, end);
      case 4:
        return rows_of_product<uint32_t, uint32_t>(g, begin, end);
      default:
        return rows_of_product<uint64_t, uint64_t>(g, begin, end);
    }
  });
}

}  // namespace cnn::cpu::CNN_ISA
