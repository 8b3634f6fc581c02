// CUDA devices: a plug-in, opened at first use.
#pragma once

#include <string>

#include "cnn/export.h"

namespace cnn {

struct Backend;

// RuntimeError with the reason when there is no usable GPU.
CNN_API const Backend& cuda_backend();
CNN_API bool cuda_is_available();
// Why not, in a sentence; empty when it is available.
CNN_API std::string cuda_unavailable_reason();
CNN_API int cuda_device_count();

}  // namespace cnn
