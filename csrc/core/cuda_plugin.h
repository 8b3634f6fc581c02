// What libcnn asks of the CUDA plug-in, libcnn_cuda.
#pragma once

#include "device/backend.h"
#include "cnn/cuda.h"

namespace cnn {

inline constexpr int kCudaPluginAbi = 5;  // raised whenever this, Backend, HeavyTable or a list of functors changes

struct CudaPlugin {
  const Backend* backend;
  int devices;
  void (*enter)(int index);  // the device of this thread's next calls; raises what kernels have noted there (Watch)
  std::string (*device_name)(int index);
  void (*synchronize)();  // the selected device
  void (*empty_cache)();
  CudaMemory (*memory)(int index);
};

}  // namespace cnn
