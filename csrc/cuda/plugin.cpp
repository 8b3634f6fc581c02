// What libcnn finds when it opens this library.
#include "core/cuda_plugin.h"
#include "cuda/heavy_entries.h"
#include "cuda/memory.h"
#include "cuda/runtime.h"
#include "cuda/skeletons.h"
#include "cuda/watch.h"

namespace cnn::cuda {
namespace {

const Backend cuda_table = {
    .allocate = allocate,
    .free = release,
    .copy_bytes = copy_bytes,
    .read_element = read_element,
    .map = map,
    .reduce = reduce,
    .rows = rows,
    .each = each,
    .has_map = has_map,
    .has_reduce = has_reduce,
    .has_rows = has_rows,
    .has_each = has_each,
    .each_many = each_many,
    .watch = watch,
    .heavy = &heavy_table,
};

std::string device_name(int index) {
  cudaDeviceProp properties;
  check_cuda(cudaGetDeviceProperties(&properties, index), "cudaGetDeviceProperties");
  return properties.name;
}
// Every call from outside begins here: what kernels have noted meanwhile is told first.
void enter(int index) {
  select(index);
  tell_notes();
}
void synchronize() {
  check_cuda(cudaDeviceSynchronize(), "waiting for the device");
  tell_notes();
}

const char* reason_of(cudaError_t error) {
  switch (error) {
    case cudaErrorNoDevice:
      return "there is no NVIDIA GPU, or CUDA_VISIBLE_DEVICES hides it";
    case cudaErrorInsufficientDriver:
      return "no NVIDIA driver for CUDA 13 is installed on this machine (none at all, or an older one)";
    default:
      return cudaGetErrorString(error);
  }
}

}  // namespace
}  // namespace cnn::cuda

extern "C" CNN_API int cnn_cuda_abi() { return cnn::kCudaPluginAbi; }

// Null, and why, where no GPU can be used.
extern "C" CNN_API const cnn::CudaPlugin* cnn_cuda_start(const char** why) {
  using namespace cnn::cuda;
  static cnn::CudaPlugin plugin = {&cuda_table, 0, enter, device_name, synchronize, empty_cache, memory};
  const cudaError_t error = cudaGetDeviceCount(&plugin.devices);
  if (error != cudaSuccess || plugin.devices == 0) {
    *why = reason_of(error != cudaSuccess ? error : cudaErrorNoDevice);
    return nullptr;
  }
  return &plugin;
}
