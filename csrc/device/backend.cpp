#include "device/backend.h"

#include "cnn/check.h"
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

void not_implemented(const char* op, DType t) {
  fail(ErrorKind::NotImplemented, "", "\"", op, "\" not implemented for '", dtype_type_name(t), "'");
}

}  // namespace cnn
