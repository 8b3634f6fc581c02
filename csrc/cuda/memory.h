// Memory of the GPUs: a caching allocator, and copies.
#pragma once

#include <cstddef>

#include "cnn/cuda.h"
#include "cnn/tensor.h"

namespace cnn::cuda {

// Memory on the device, at least 512 bytes aligned; null for nothing. OutOfMemory when neither the driver nor the cache
// has it.
void* allocate(size_t nbytes, Device device);
// Back to the cache. Work under way may still use it: the next owner's work comes after it on the same stream.
void release(void* context, void* data, size_t nbytes);
void empty_cache();
CudaMemory memory(int index);
int64_t blocks_handed_out();  // on all devices, since the start

// Between host and device memory and between devices. The host's side is done on return.
void copy_bytes(void* to, const void* from, size_t nbytes);
Scalar read_element(const TensorImpl& x);

// The device that this thread's calls go to.
void select(int index);
int selected();

// Working memory of one call on the selected device.
class Scratch {
 public:
  explicit Scratch(size_t nbytes) : nbytes_(nbytes), data_(allocate(nbytes, {DeviceType::Cuda, int8_t(selected())})) {}
  ~Scratch() { release(nullptr, data_, nbytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  void* data() const { return data_; }

 private:
  size_t nbytes_;
  void* data_;
};

}  // namespace cnn::cuda
