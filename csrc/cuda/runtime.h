// The CUDA runtime; launches and their errors.
#pragma once

#include <cuda_runtime.h>

#include <vector>

#include "cnn/check.h"

namespace cnn::cuda {

inline constexpr int kMaxDevices = 128;
inline constexpr unsigned kAllLanes = 0xffffffffu;  // of a warp

// This thread's stream on the selected device: the legacy default stream, unless the program has chosen another. Calls
// follow each other on it in the order in which they were made.
cudaStream_t stream();
inline constexpr struct ThisStream {
  operator cudaStream_t() const { return stream(); }
} kStream;

std::vector<int> architectures();  // that this library was compiled for

inline void check_cuda(cudaError_t error, const char* what) {
  if (error == cudaSuccess) [[likely]]
    return;
  cudaGetLastError();  // an error that can be forgotten is not reported twice
  fail(
      ErrorKind::Runtime, "", "CUDA error: ", cudaGetErrorString(error), " (", what,
      "). Kernels run asynchronously, so it may have happened in an earlier call; CUDA_LAUNCH_BLOCKING=1 tells where.");
}

}  // namespace cnn::cuda

// CNN_LAUNCH(kernel, blocks, threads, arguments...); a kernel's name with commas in it needs a variable first.
// CNN_LAUNCH_SHARED(kernel, blocks, threads, bytes, arguments...) gives each block shared memory beside what the kernel
// declares.
#ifndef CNN_LAUNCH_SHARED  // the tests have one that runs kernels on the host
#define CNN_LAUNCH_SHARED(kernel, blocks, threads, bytes, ...)                         \
  do {                                                                                 \
    kernel<<<dim3(blocks), dim3(threads), bytes, ::cnn::cuda::kStream>>>(__VA_ARGS__); \
    ::cnn::cuda::check_cuda(cudaGetLastError(), "launching a kernel");                 \
  } while (false)
#endif
#define CNN_LAUNCH(kernel, blocks, threads, ...) \
  CNN_LAUNCH_SHARED(kernel, blocks, threads, 0 __VA_OPT__(, ) __VA_ARGS__)
