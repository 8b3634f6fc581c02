// f(i) for every i below n, a thread for each: the form of most heavy kernels. A functor is a formula of one element of
// what it writes, so nothing meets and nothing is added in an order of its own.
#pragma once

#include "cuda/index_limit.h"
#include "cuda/runtime.h"

namespace cnn::cuda {

inline constexpr int kOverThreads = 256;
inline constexpr int64_t kMaxOverBlocks = 1 << 20;

// At least one block fits, or the compiler would spill registers for the sake of more.
template <class F>
__global__ void __launch_bounds__(kOverThreads, 1) over_indices(F f, uint32_t n) {
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) f(i);
}

template <class F>
void over(const F& f, int64_t n) {
  if (n == 0) return;
  const int64_t wanted = (n + kOverThreads - 1) / kOverThreads;
  const auto kernel = over_indices<F>;
  CNN_LAUNCH(kernel, unsigned(wanted < kMaxOverBlocks ? wanted : kMaxOverBlocks), kOverThreads, f, uint32_t(n));
}

}  // namespace cnn::cuda
