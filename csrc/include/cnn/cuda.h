// CUDA devices: a plug-in, opened at first use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "cnn/device.h"
#include "cnn/export.h"
#include "cnn/storage.h"

namespace cnn {

struct Backend;

CNN_API bool cuda_is_available();
// Why not, in a sentence; empty when it is available.
CNN_API std::string cuda_unavailable_reason();
CNN_API int cuda_device_count();
CNN_API bool cuda_is_initialized();  // has a GPU been found and opened? Does not open one

// The calls below raise RuntimeError with the reason when there is no usable GPU, or none of that number.

// The backend, with this thread's calls going to `device` from here on.
CNN_API const Backend& cuda_backend(Device device);
// The device with its number filled in: "cuda" is the current one.
CNN_API Device cuda_device(Device device);

// The device that "cuda" means to this thread; at first cuda:0.
CNN_API int cuda_current_device();
CNN_API void cuda_set_device(int index);
CNN_API std::string cuda_device_name(int index);
// Waits until everything asked of the device is done; raises what went wrong there.
CNN_API void cuda_synchronize(int index);
// Gives cached memory that no tensor uses back to the driver.
CNN_API void cuda_empty_cache();

// What is counted of one thing: how much there is, the most there has been, and all that came and went.
struct CudaCount {
  int64_t current = 0, peak = 0, allocated = 0, freed = 0;

  void add(int64_t n) {
    current += n;
    if (current > peak) peak = current;
    (n > 0 ? allocated : freed) += n > 0 ? n : -n;
  }
};
// Of blocks up to 1 MiB, or of larger ones, or of all. A block is active until the last stream that uses it is done.
struct CudaPoolCounts {
  CudaCount allocations, allocated_bytes, requested_bytes;  // blocks of tensors; what tensors have asked for
  CudaCount segments, reserved_bytes;                        // taken from the driver
  CudaCount active, active_bytes;
  CudaCount inactive_split, inactive_split_bytes;  // free parts of segments that tensors use in part
};
struct CudaMemory {
  CudaPoolCounts all, small, large;
  int64_t retries = 0;        // how often memory had run out, and cached segments were given back
  int64_t out_of_memory = 0;  // how often OutOfMemory was raised
  int64_t waits = 0;          // for streams that still used freed blocks, because memory had run out
  int64_t device_allocations = 0, device_frees = 0;
};
CNN_API CudaMemory cuda_memory(int index);

// Copies between a GPU and the host, or another GPU. The host's side is done on return, unless `non_blocking` and in
// pinned memory: then it is done when the GPU comes to it.
CNN_API void cuda_copy(void* to, Device there, const void* from, Device here, size_t nbytes, bool non_blocking);

// Pinned memory: of the host, but GPUs copy from and to it by themselves, while the program goes on. It is kept when it
// is freed, and handed on when the GPUs are done with it.
CNN_API Ref<Storage> cuda_pinned_storage(size_t nbytes);
// Is this address in such memory? False without a GPU.
CNN_API bool cuda_is_pinned(const void* data);

}  // namespace cnn
