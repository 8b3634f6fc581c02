// A product of matrices by tiles in shared memory: for what cuBLASLt does not take (integers, strides in both
// dimensions).
#pragma once

#include "cuda/runtime.h"
#include "cuda/sum_type.h"
#include "device/heavy_table.h"

namespace cnn::cuda {

inline constexpr int kTile = 16;

// Block b computes tile (b / columns) % rows, b % columns of product b / (rows columns): a thread for each element.
//   c[i, j] = activation(alpha sum over k of a[i, k] b[k, j] + (accumulate ? c[i, j] : 0) + bias)
// 16-bit floats are summed in float32, and c may be one.
template <class T, class C = T>
__global__ void __launch_bounds__(kTile* kTile) gemm_tiles(GemmArgs g, int64_t rows, int64_t columns) {
  using S = Sum<T>;
  __shared__ S a_tile[kTile][kTile + 1];
  __shared__ S b_tile[kTile][kTile + 1];
  const int64_t batch = blockIdx.x / (rows * columns), tile = blockIdx.x % (rows * columns);
  const int y = int(threadIdx.x) / kTile, x = int(threadIdx.x) % kTile;
  const int64_t i = tile / columns * kTile + y, j = tile % columns * kTile + x;
  const T* const a = static_cast<const T*>(g.a) + batch * g.a_batch;
  const T* const b = static_cast<const T*>(g.b) + batch * g.b_batch;
  S sum = 0;
  for (int64_t at = 0; at < g.k; at += kTile) {
    a_tile[y][x] = i < g.m && at + x < g.k ? S(a[i * g.a_row + (at + x) * g.a_col]) : S(0);
    b_tile[y][x] = at + y < g.k && j < g.n ? S(b[(at + y) * g.b_row + j * g.b_col]) : S(0);
    __syncthreads();
    for (int k = 0; k < kTile; ++k) sum = S(sum + a_tile[y][k] * b_tile[k][x]);
    __syncthreads();
  }
  if (i >= g.m || j >= g.n) return;
  C* const c = static_cast<C*>(g.c) + batch * g.c_batch + i * g.c_row + j * g.c_col;
  S value = S(S(g.alpha) * sum);
  if (g.accumulate) value = S(value + S(*c));
  if (g.bias)
    value = S(value + S(static_cast<const T*>(
                          g.bias)[batch * g.bias_batch + (g.bias_of == BiasOf::Column ? j : i) * g.bias_stride]));
  if (g.activation == Activation::Relu && value < S(0)) value = S(0);
  *c = C(value);
}

// c[i, j] = activation(c[i, j] + bias), a thread for each element of the batch's products
template <class T>
__global__ void __launch_bounds__(256) gemm_finish(GemmArgs g) {
  const int64_t n = g.batch * g.m * g.n, step = int64_t(gridDim.x) * blockDim.x;
  for (int64_t at = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; at < n; at += step) {
    const int64_t j = at % g.n, i = at / g.n % g.m, batch = at / g.n / g.m;
    T* const c = static_cast<T*>(g.c) + batch * g.c_batch + i * g.c_row + j * g.c_col;
    Sum<T> value = *c;
    if (g.bias)
      value += Sum<T>(
          static_cast<const T*>(g.bias)[batch * g.bias_batch + (g.bias_of == BiasOf::Column ? j : i) * g.bias_stride]);
    *c = T(g.activation == Activation::Relu && value < 0 ? Sum<T>(0) : value);
  }
}

template <class T, class C = T>
void launch_gemm(const GemmArgs& g) {
  const int64_t rows = (g.m + kTile - 1) / kTile, columns = (g.n + kTile - 1) / kTile;
  const int64_t blocks = g.batch * rows * columns;
  check_implemented(blocks < (int64_t(1) << 31), "", "a product of ", blocks, " tiles on CUDA; call .cpu() first");
  const auto kernel = gemm_tiles<T, C>;
  CNN_LAUNCH(kernel, unsigned(blocks), kTile * kTile, g, rows, columns);
}

template <class T>
void launch_finish(const GemmArgs& g) {
  const int64_t blocks = (g.batch * g.m * g.n + 255) / 256, most = 1 << 20;
  const auto kernel = gemm_finish<T>;
  CNN_LAUNCH(kernel, unsigned(blocks < most ? blocks : most), 256, g);
}

}  // namespace cnn::cuda
