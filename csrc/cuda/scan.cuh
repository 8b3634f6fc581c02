// What the threads of a block scan together.
#pragma once

#include "cuda/runtime.h"

namespace cnn::cuda {

// The sum of the values of the threads before this one, and of all. kThreads is the size of the block.
template <int kThreads> __device__ inline uint32_t block_exclusive(uint32_t value, uint32_t* total) {
  __shared__ uint32_t warps[kThreads / 32];
  const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
  uint32_t sum = value;
  for (int step = 1; step < 32; step *= 2) {
    const uint32_t before = __shfl_up_sync(kAllLanes, sum, unsigned(step));
    if (lane >= step) sum += before;
  }
  __syncthreads();  // until all have read the warps of the scan before
  if (lane == 31) warps[warp] = sum;
  __syncthreads();
  uint32_t start = 0, all = 0;
  for (int w = 0; w < kThreads / 32; ++w) {
    if (w < warp) start += warps[w];
    all += warps[w];
  }
  *total = all;
  return start + sum - value;
}

}  // namespace cnn::cuda
