// Marks for NVIDIA's profilers. Without one that listens they do nothing.
#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define CNN_NVTX(call, nothing) call
#else  // the emulation
#define CNN_NVTX(call, nothing) nothing
#endif
#include <cuda_profiler_api.h>

#include "cuda/marks.h"
#include "cuda/runtime.h"

namespace cnn::cuda {

void mark(const char* text) { CNN_NVTX(nvtxMarkA(text), (void)text); }
int push_range(const char* text) { return CNN_NVTX(nvtxRangePushA(text), ((void)text, -2)); }
int pop_range() { return CNN_NVTX(nvtxRangePop(), -2); }
uint64_t start_range(const char* text) { return CNN_NVTX(nvtxRangeStartA(text), ((void)text, 0)); }
void end_range(uint64_t range) { CNN_NVTX(nvtxRangeEnd(range), (void)range); }

void profile(bool on) { check_cuda(on ? cudaProfilerStart() : cudaProfilerStop(), "switching the profiler"); }

}  // namespace cnn::cuda
