// A growing array with room for N elements inside the object. It does not move: its elements keep their addresses
// until it grows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace cnn {

template <class T, size_t N>
class InlineArray {
 public:
  InlineArray() = default;
  InlineArray(const InlineArray&) = delete;
  InlineArray& operator=(const InlineArray&) = delete;
  ~InlineArray() {
    clear();
    if (on_heap()) ::operator delete(data_);
  }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

  void push_back(T value) {
    if (size_ == capacity_) grow(2 * capacity_);
    new (data_ + size_) T(std::move(value));
    ++size_;
  }
  void resize(size_t n) {
    if (n > capacity_) grow(n);
    while (size_ < n) new (data_ + size_++) T();
    while (size_ > n) data_[--size_].~T();
  }
  void clear() { resize(0); }

 private:
  bool on_heap() const { return data_ != reinterpret_cast<const T*>(inline_); }
  void grow(size_t capacity) {
    T* wider = static_cast<T*>(::operator new(capacity * sizeof(T)));
    for (size_t i = 0; i < size_; ++i) {
      new (wider + i) T(std::move(data_[i]));
      data_[i].~T();
    }
    if (on_heap()) ::operator delete(data_);
    data_ = wider;
    capacity_ = uint32_t(capacity);
  }

  T* data_ = reinterpret_cast<T*>(inline_);
  uint32_t size_ = 0, capacity_ = N;
  alignas(T) unsigned char inline_[N * sizeof(T)];
};

}  // namespace cnn
