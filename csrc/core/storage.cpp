#include "cnn/storage.h"

#include <cstring>
#include <utility>

#include "device/backend.h"
#include "cnn/check.h"
#include "cnn/cuda.h"

namespace cnn {

Ref<Storage> Storage::allocate(size_t nbytes, Device device) {
  if (device.is_cuda()) device = cuda_device(device);
  void* data = device.is_meta() ? nullptr : backend(device).allocate(nbytes, device);
  auto storage = make_ref<Storage>(data, nbytes, device, backend(device).free, nullptr);
  storage->resizable_ = true;
  return storage;
}

Storage::~Storage() {
  forget_layouts();
  if (deleter_) deleter_(context_, data_, nbytes_);
}

void Storage::resize(size_t nbytes) {
  check(resizable(), "resize_", "Trying to resize storage that is not resizable");
  shrunk_ |= nbytes < nbytes_;
  count_write();
  if (device_.is_meta()) {
    nbytes_ = nbytes;
    return;
  }
  const Backend& b = backend(device_);
  void* data = b.allocate(nbytes, device_);
  const size_t kept = nbytes < nbytes_ ? nbytes : nbytes_;
  if (kept) b.copy_bytes(data, data_, kept);
  if (deleter_) deleter_(context_, data_, nbytes_);
  data_ = data;
  nbytes_ = nbytes;
}

void Storage::swap_memory(Storage& other) {
  count_write(), other.count_write();
  std::swap(data_, other.data_);
  std::swap(nbytes_, other.nbytes_);
  std::swap(device_, other.device_);
  std::swap(resizable_, other.resizable_);
  std::swap(shared_, other.shared_);
  std::swap(deleter_, other.deleter_);
  std::swap(context_, other.context_);
}

}  // namespace cnn
