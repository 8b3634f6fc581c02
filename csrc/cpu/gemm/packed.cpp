// Products with a matrix that was laid out once: blocks of depth, each with its panels one after the other.
#include "cpu/gemm/gemm.h"
#include "cpu/gemm/block.h"
#include "cpu/heavy_kernels.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

template <class T> Parts depths_of(int64_t k) { return Parts(k, max_of(1, ceil_div(k, kBlockK<T>))); }
template <class T> int64_t whole_panels(int64_t n) { return ceil_div(n, kTileCols<T>) * kTileCols<T>; }

}  // namespace

template <class T> int64_t packed_step() { return kTileCols<T>; }
template <class T> int64_t packed_size(int64_t k, int64_t n) { return k * whole_panels<T>(n); }

template <class T> void pack_b(const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, T* packed) {
  const Parts depths = depths_of<T>(k);
  for (int64_t d = 0; d < depths.count; ++d)
    pack_b_panels(b + depths.begin(d) * b_row, b_row, b_col, depths.size(d), n,
                  packed + depths.begin(d) * whole_panels<T>(n));
}

template <class T> void gemm_packed(const Gemm<T>& whole, const T* packed, int64_t columns, int64_t first) {
  Gemm<T> g = whole;
  if (g.m <= 0 || g.n <= 0) return;
  Scratch<T> bias(g.col_bias && g.col_bias_stride != 1 ? g.n : 0);
  if (bias) {
    for (int64_t j = 0; j < g.n; ++j) bias[j] = g.col_bias[j * g.col_bias_stride];
    g.col_bias = bias;
  }
  g.b = packed, g.b_row = g.b_col = 0;
  const Parts depths = depths_of<T>(g.k);
  const int64_t width = whole_panels<T>(columns ? columns : g.n);
  for (int64_t d = 0; d < depths.count; ++d) {
    const int64_t k = depths.begin(d), depth = depths.size(d);
    Block<T> block(part_of(g, 0, g.m, 0, g.n, k, depth), d == 0, d == depths.count - 1, PanelsOf::Packed);
    block.packed_b = packed + k * width + depth * first;
    run_block(block);
  }
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
  return item_size(args.dtype) *
         (args.dtype == DType::Float64 ? packed_size<double>(args.k, args.n) : packed_size<float>(args.k, args.n));
}

void pack_b_entry(const GemmArgs& args, void* packed) {
  if (args.dtype == DType::Float64)
    return pack_b(static_cast<const double*>(args.b), args.b_row, args.b_col, args.k, args.n,
                  static_cast<double*>(packed));
  pack_b(static_cast<const float*>(args.b), args.b_row, args.b_col, args.k, args.n, static_cast<float*>(packed));
}

}  // namespace cnn::cpu::CNN_ISA
