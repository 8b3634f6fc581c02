// By fixed chunks: the sums of the chunks, their scan, and the scan of each chunk from there on.
#include "cuda/scan.cuh"

#include "cuda/memory.h"
#include "cuda/scan.h"

namespace cnn::cuda {
namespace {

constexpr int kThreads = 256, kItems = 8;
constexpr int64_t kChunk = kThreads * kItems;

__global__ void __launch_bounds__(kThreads) sum_chunks(const uint32_t* counts, int64_t n, uint32_t* sums) {
  const int64_t first = int64_t(blockIdx.x) * kChunk;
  uint32_t sum = 0, total;
  for (int k = 0; k < kItems; ++k)
    if (const int64_t i = first + k * kThreads + threadIdx.x; i < n) sum += counts[i];
  block_exclusive<kThreads>(sum, &total);
  if (threadIdx.x == 0) sums[blockIdx.x] = total;
}

// `starts`: what comes before each chunk; null: nothing.
__global__ void __launch_bounds__(kThreads) scan_chunks(uint32_t* counts, int64_t n, const uint32_t* starts) {
  const int64_t first = int64_t(blockIdx.x) * kChunk + threadIdx.x * kItems;
  uint32_t values[kItems], sum = 0, total;
#pragma unroll
  for (int k = 0; k < kItems; ++k) {
    values[k] = first + k < n ? counts[first + k] : 0;
    sum += values[k];
  }
  uint32_t at = block_exclusive<kThreads>(sum, &total) + (starts ? starts[blockIdx.x] : 0);
#pragma unroll
  for (int k = 0; k < kItems; ++k) {
    if (first + k < n) counts[first + k] = at;
    at += values[k];
  }
}

}  // namespace

void exclusive_scan(uint32_t* counts, int64_t n) {
  const int64_t chunks = (n + kChunk - 1) / kChunk;
  if (chunks == 0) return;
  const uint32_t* const none = nullptr;
  if (chunks == 1) {
    CNN_LAUNCH(scan_chunks, 1u, kThreads, counts, n, none);
    return;
  }
  const Scratch scratch(size_t(chunks) * sizeof(uint32_t));
  uint32_t* const sums = static_cast<uint32_t*>(scratch.data());
  CNN_LAUNCH(sum_chunks, unsigned(chunks), kThreads, counts, n, sums);
  exclusive_scan(sums, chunks);
  CNN_LAUNCH(scan_chunks, unsigned(chunks), kThreads, counts, n, sums);
}

}  // namespace cnn::cuda
