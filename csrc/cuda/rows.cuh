// Functors over whole rows, a block for each row. Those that order rows or scan them have ways of their own: rank.cuh,
// scan_rows.cuh.
#pragma once

#include "cuda/runtime.h"
#include "cuda/tables.h"
#include "kernels/for_types.h"
#include "kernels/rows.h"

namespace cnn::cuda {

inline constexpr int kRowThreads = 256;
inline constexpr int64_t kMaxRowBlocks = 1 << 20;

// The threads of a block, a multiple of 32, over one row. Element i is thread (i mod threads)'s in every call, so a
// thread reads what it wrote itself.
struct BlockTeam {
  // Every thread gets the result; its order depends on n and the number of threads alone.
  template <class T, class F, class Term>
  __device__ T reduce(int64_t n, T start, const F& f, const Term& term) const {
    __shared__ T warps[kRowThreads / 32];
    T acc = start;
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) acc = f.combine(acc, term(i));
    for (int step = 16; step > 0; step /= 2) acc = f.combine(acc, __shfl_down_sync(kAllLanes, acc, step));
    __syncthreads();  // until all have read the result of the reduction before
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = acc;
    __syncthreads();
    acc = warps[0];
    for (unsigned w = 1; w < blockDim.x / 32; ++w) acc = f.combine(acc, warps[w]);
    return acc;
  }

  template <class F>
  __device__ void each(int64_t n, const F& f) const {
    for (int64_t i = threadIdx.x; i < n; i += blockDim.x) f(i);
  }
};

// Every thread has the value; one writes it.
template <class P, class V>
__device__ void put(const BlockTeam&, P p, const V& value) {
  if (threadIdx.x == 0) *p = value;
}

__device__ inline void row_operands(const RowsBlock& block, int64_t row, void** p) {
#pragma unroll
  for (int k = 0; k < kMapOperands; ++k) p[k] = block.data[k] ? block.data[k] + row * block.strides[k] : nullptr;
}

template <class F, class T>
__global__ void __launch_bounds__(kRowThreads) rows_by_block(F f, RowsBlock block) {
  void* p[kMapOperands];
  for (int64_t row = blockIdx.x; row < block.rows; row += gridDim.x) {
    row_operands(block, row, p);
    f.template run<T>(BlockTeam{}, kernels::RowData{p}, block.n);
  }
}

template <class F, class T>
void launch_rows(const RowsBlock& block) {
  static_assert(!F::kSerial);
  const F& f = *static_cast<const F*>(block.functor);
  int threads = 32;
  while (threads < kRowThreads && threads < block.n) threads *= 2;
  const auto kernel = rows_by_block<F, T>;
  CNN_LAUNCH(kernel, unsigned(block.rows < kMaxRowBlocks ? block.rows : kMaxRowBlocks), threads, f, block);
}

template <class F>
void add_rows(Tables& t) {
  RowsLaunch* row = t.rows[kernels::IdOf<F>::value];
  row[int(DType::Float32)] = launch_rows<F, float>;
  row[int(DType::Float64)] = launch_rows<F, double>;
}

}  // namespace cnn::cuda
