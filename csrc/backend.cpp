#include "backend.h"

#include "cnn/cuda.h"

namespace cnn {

const Backend& backend(Device device) {
  switch (device.type) {
    case DeviceType::Cpu:
      return cpu_backend;
    case DeviceType::Meta:
      return meta_backend;
    default:
      return cuda_backend(device);
  }
}

}  // namespace cnn
