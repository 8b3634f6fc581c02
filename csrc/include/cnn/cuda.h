// CUDA devices: a plug-in, opened at first use.
#pragma once

#include <cstddef>
#include <string>

#include "cnn/device.h"
#include "cnn/export.h"

namespace cnn {

struct Backend;

CNN_API bool cuda_is_available();
// Why not, in a sentence; empty when it is available.
CNN_API std::string cuda_unavailable_reason();
CNN_API int cuda_device_count();

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

// Bytes: in tensors, the most there has been, and taken from the driver.
struct CudaMemory {
  size_t allocated = 0, peak = 0, reserved = 0;
};
CNN_API CudaMemory cuda_memory(int index);

}  // namespace cnn
