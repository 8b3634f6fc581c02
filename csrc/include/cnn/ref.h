// Intrusive reference counting: Ref<T> is one pointer wide, T derives from RefCounted.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "cnn/export.h"

namespace cnn {

class CNN_API RefCounted {
 public:
  RefCounted() = default;
  RefCounted(const RefCounted&) = delete;
  RefCounted& operator=(const RefCounted&) = delete;

  void add_ref() const { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_ref() const {
    if (references_.load(std::memory_order_acquire) == 1 || references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      const_cast<RefCounted*>(this)->last_ref_dropped();
    }
  }
  // For those who hold a pointer without a reference, and a lock against its deletion: false if nobody refers to it.
  bool try_add_ref() const {
    uint32_t n = references_.load(std::memory_order_relaxed);
    while (n != 0)
      if (references_.compare_exchange_weak(n, n + 1, std::memory_order_acq_rel)) return true;
    return false;
  }
  void first_ref() const { references_.store(1, std::memory_order_relaxed); }  // of an object that nobody knows yet
  uint32_t use_count() const { return references_.load(std::memory_order_acquire); }

 protected:
  virtual ~RefCounted() = default;
  // Runs when nobody refers to the object any more; classes with deep structures free them iteratively here.
  virtual void last_ref_dropped() { delete this; }

 private:
  mutable std::atomic<uint32_t> references_{0};
};

template <class T>
class Ref {
 public:
  Ref() = default;
  Ref(std::nullptr_t) {}
  explicit Ref(T* p) : pointer_(p) {
    if (p) p->add_ref();
  }
  Ref(const Ref& other) : Ref(other.pointer_) {}
  Ref(Ref&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  template <class U>
    requires std::is_convertible_v<U*, T*>
  Ref(const Ref<U>& other) : Ref(static_cast<T*>(other.get())) {}
  template <class U>
    requires std::is_convertible_v<U*, T*>
  Ref(Ref<U>&& other) noexcept : pointer_(other.release()) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(pointer_, other.pointer_);
    return *this;
  }
  ~Ref() {
    if (pointer_) pointer_->drop_ref();
  }

  T* get() const { return pointer_; }
  T* operator->() const { return pointer_; }
  T& operator*() const { return *pointer_; }
  explicit operator bool() const { return pointer_ != nullptr; }
  bool operator==(const Ref& other) const { return pointer_ == other.pointer_; }
  // Gives the reference away without counting it down.
  T* release() { return std::exchange(pointer_, nullptr); }
  static Ref adopt(T* p) {
    Ref r;
    r.pointer_ = p;
    return r;
  }

 private:
  T* pointer_ = nullptr;
};

template <class T, class... Args>
Ref<T> make_ref(Args&&... args) {
  T* made = new T(std::forward<Args>(args)...);
  made->first_ref();
  return Ref<T>::adopt(made);
}

}  // namespace cnn
