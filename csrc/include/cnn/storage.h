// A block of memory on one device, shared by the tensors that view it.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include "cnn/device.h"
#include "cnn/ref.h"

namespace cnn {

class Storage;
struct Layouts;  // what kernels keep of a storage's values: core/layouts.h
CNN_API void drop_layouts(Storage& keeper);

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
  bool resizable() const { return resizable_ && exports_.load(std::memory_order_acquire) == 0; }
  // Between the two somebody else looks at the memory, which must stay where it is.
  void begin_export() {
    exports_.fetch_add(1, std::memory_order_acq_rel);
    forget_layouts();
  }
  void end_export() { exports_.fetch_sub(1, std::memory_order_acq_rel); }
  bool was_shrunk() const { return shrunk_; }  // tensors may reach beyond its end
  bool is_shared() const { return shared_; }
  void set_shared() {
    shared_ = true;
    forget_layouts();
  }
  // From now on somebody may write to the memory whenever they like: its address is known.
  void expose() {
    if (exposed_.load(std::memory_order_relaxed)) return;
    exposed_.store(true);
    forget_layouts();
  }
  // Grows or shrinks, keeping the common prefix. RuntimeError for foreign or exported memory.
  void resize(size_t nbytes);
  // Takes over the other's memory (both stay valid): share_memory_, set_.
  void swap_memory(Storage& other);

  uint32_t version() const { return version_.load(std::memory_order_acquire); }
  void bump_version() {
    version_.fetch_add(1, std::memory_order_acq_rel);
    forget_layouts();
  }
  // A write that is none for autograd.
  void count_write() {
    unversioned_.fetch_add(1, std::memory_order_acq_rel);
    forget_layouts();
  }
  // Layouts of the values (core/layouts.h) are good for a stamp, which every write changes; it is never 0.
  uint64_t stamp() const { return uint64_t(unversioned_.load(std::memory_order_acquire)) << 32 | version(); }
  bool keeps_layouts() const { return resizable() && !shared_ && !exposed_.load() && device_.is_cpu(); }
  std::atomic<Layouts*>& layouts() { return layouts_; }
  std::atomic<void*>& wrapper() { return wrapper_; }  // the Python object, if one lives

 private:
  void forget_layouts() {
    if (layouts_.load()) [[unlikely]]
      drop_layouts(*this);
  }

  void* data_;
  size_t nbytes_;
  Device device_;
  bool resizable_ = false;
  bool shared_ = false;
  bool shrunk_ = false;
  Deleter deleter_;
  void* context_;
  std::atomic<int> exports_{0};
  std::atomic<bool> exposed_{false};
  std::atomic<uint32_t> version_{0}, unversioned_{1};
  std::atomic<Layouts*> layouts_{nullptr};
  std::atomic<void*> wrapper_{nullptr};
};

// Somebody else's view of the memory: keeps it alive and where it is.
class StorageExport {
 public:
  explicit StorageExport(Ref<Storage> storage) : storage_(std::move(storage)) { storage_->begin_export(); }
  ~StorageExport() { storage_->end_export(); }
  StorageExport(const StorageExport&) = delete;
  StorageExport& operator=(const StorageExport&) = delete;

 private:
  Ref<Storage> storage_;
};

}  // namespace cnn
