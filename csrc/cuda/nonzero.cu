// True elements are counted by chunks; the scan of the counts says where each chunk's rows go.
#include "cuda/nonzero.h"

#include "cuda/memory.h"
#include "cuda/scan.cuh"
#include "cuda/scan.h"

namespace cnn::cuda {
namespace {

constexpr int kThreads = 256, kItems = 8;
constexpr int64_t kChunk = kThreads * kItems;

__global__ void __launch_bounds__(kThreads) count_true(const uint8_t* mask, int64_t n, uint32_t* counts) {
  const int64_t first = int64_t(blockIdx.x) * kChunk;
  uint32_t count = 0, total;
  for (int k = 0; k < kItems; ++k)
    if (const int64_t i = first + k * kThreads + threadIdx.x; i < n) count += mask[i] != 0;
  block_exclusive<kThreads>(count, &total);
  if (threadIdx.x == 0) counts[blockIdx.x] = total;
}

// The mask may have changed since it was counted: only the room bounds the rows.
__global__ void __launch_bounds__(kThreads) write_true(kernels::NonZero f, int64_t n, const uint32_t* starts) {
  const int64_t first = int64_t(blockIdx.x) * kChunk + threadIdx.x * kItems;
  uint32_t count = 0, total;
  bool found[kItems];
#pragma unroll
  for (int k = 0; k < kItems; ++k) {
    found[k] = first + k < n && f.mask[first + k] != 0;
    count += found[k];
  }
  const uint32_t start = starts ? starts[blockIdx.x] : 0;
  uint32_t at = start + block_exclusive<kThreads>(count, &total);
#pragma unroll
  for (int k = 0; k < kItems; ++k)
    if (found[k]) f.write(first + k, int64_t(at++));
  if (blockIdx.x + 1 == gridDim.x && threadIdx.x == 0) *f.counter = int64_t(start) + total;
}

}  // namespace

void find_nonzero(const kernels::NonZero& f, int64_t n) {
  check_implemented(n < (int64_t(1) << 32), "nonzero", n, " elements on CUDA; call .cpu() first");
  const int64_t chunks = (n + kChunk - 1) / kChunk;
  const Scratch scratch(chunks == 1 ? 0 : size_t(chunks) * sizeof(uint32_t));
  uint32_t* const counts = static_cast<uint32_t*>(scratch.data());
  if (chunks > 1) {
    CNN_LAUNCH(count_true, unsigned(chunks), kThreads, f.mask, n, counts);
    exclusive_scan(counts, chunks);
  }
  CNN_LAUNCH(write_true, unsigned(chunks), kThreads, f, n, counts);
}

}  // namespace cnn::cuda
