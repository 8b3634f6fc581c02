// A block of memory on one device, shared by the tensors that view it.
#pragma once

#include <atomic>
#include <cstddef>

#include "cnn/device.h"
#include "cnn/ref.h"

namespace cnn {

class CNN_API Storage final : public RefCounted {
 public:
  // Frees `data`; `context` is whatever keeps foreign memory alive (a NumPy array, a DLPack capsule, a mapping).
  using Deleter = void (*)(void* context, void* data, size_t nbytes);

  // Owned memory from the device's allocator, uninitialised. Meta storage has size but no memory.
  static Ref<Storage> allocate(size_t nbytes, Device device);
  // Foreign memory.
  Storage(void* data, size_t nbytes, Device device, Deleter deleter, void* context)
      : data_(data), nbytes_(nbytes), device_(device), deleter_(deleter), context_(context) {}
  ~Storage() override;

  void* data() const { return data_; }
  size_t nbytes() const { return nbytes_; }
  Device device() const { return device_; }
  bool resizable() const { return resizable_; }
  void set_resizable(bool value) { resizable_ = value; }  // false once foreign views of the memory are given out
  bool is_shared() const { return shared_; }
  void set_shared() { shared_ = true; }
  // Grows or shrinks, keeping the common prefix. RuntimeError for foreign memory.
  void resize(size_t nbytes);
  // Takes over the other's memory (both stay valid): share_memory_, set_.
  void swap_memory(Storage& other);

  uint32_t version() const { return version_.load(std::memory_order_acquire); }
  void bump_version() { version_.fetch_add(1, std::memory_order_acq_rel); }
  std::atomic<void*>& wrapper() { return wrapper_; }  // the Python object, if one lives

 private:
  void* data_;
  size_t nbytes_;
  Device device_;
  bool resizable_ = false;
  bool shared_ = false;
  Deleter deleter_;
  void* context_;
  std::atomic<uint32_t> version_{0};
  std::atomic<void*> wrapper_{nullptr};
};

}  // namespace cnn
