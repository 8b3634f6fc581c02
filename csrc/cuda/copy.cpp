#include "cuda/memory.h"
#include "cuda/runtime.h"
#include "cuda/watch.h"

namespace cnn::cuda {
namespace {

thread_local int selected_device = -1;

// The device a pointer belongs to; -1 for the host's memory.
int device_of(const void* p) {
  cudaPointerAttributes a{};
  check_cuda(cudaPointerGetAttributes(&a, p), "cudaPointerGetAttributes");
  return a.type == cudaMemoryTypeDevice ? a.device : -1;
}

}  // namespace

void select(int index) {
  if (index == selected_device) return;
  check_cuda(cudaSetDevice(index), "cudaSetDevice");
  selected_device = index;
}
int selected() { return selected_device; }

void copy_bytes(void* to, const void* from, size_t nbytes) {
  if (nbytes == 0) return;
  const int there = device_of(to), here = device_of(from);
  if (there >= 0 && there == here) {
    check_cuda(cudaMemcpyAsync(to, from, nbytes, cudaMemcpyDeviceToDevice, kStream), "copying on the device");
  } else if (there >= 0 && here >= 0) {
    check_cuda(cudaMemcpyPeer(to, there, from, here, nbytes), "copying between devices");
  } else {
    check_cuda(cudaMemcpy(to, from, nbytes, there >= 0 ? cudaMemcpyHostToDevice : cudaMemcpyDeviceToHost),
               "copying between host and device");
    if (here >= 0) tell_notes();  // it has waited for the kernels
  }
}

Scalar read_element(const TensorImpl& x) {
  alignas(8) char bytes[8];
  const char* p = static_cast<const char*>(x.storage->data()) + x.offset * item_size(x.dtype);
  check_cuda(cudaMemcpy(bytes, p, size_t(item_size(x.dtype)), cudaMemcpyDeviceToHost), "reading an element");
  tell_notes();
  return visit_any_dtype(x.dtype, [&]<class T>() -> Scalar {
    if constexpr (std::is_same_v<T, bool>) return Scalar(bytes[0] != 0);
    T value;
    std::memcpy(&value, bytes, sizeof value);
    if constexpr (std::is_same_v<T, uint64_t>) return Scalar::of_unsigned(value);
    else if constexpr (std::is_integral_v<T>) return Scalar(int64_t(value));
    else return Scalar(double(value));
  });
}

}  // namespace cnn::cuda
