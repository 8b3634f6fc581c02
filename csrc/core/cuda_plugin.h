// What libcnn asks of the CUDA plug-in, libcnn_cuda.
#pragma once

#include "device/backend.h"
#include "cnn/cuda.h"

namespace cnn {

inline constexpr int kCudaPluginAbi = 4;  // raised whenever this, Backend, HeavyTable or a list of functors changes

struct CudaPlugin {
  const Backend* backend;
  int devices;
  void (*select)(int index);  // the device of this thread's next calls
  std::string (*device_name)(int index);
  void (*synchronize)();  // the selected device
  void (*empty_cache)();
  CudaMemory (*memory)(int index);
};

}  // namespace cnn
