// Sizes and strides: a small vector of int64 with room for five dimensions inline.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "cnn/export.h"

namespace cnn {

class CNN_API Dims {
 public:
  static constexpr int kInline = 5;

  Dims() = default;
  Dims(std::initializer_list<int64_t> values) : Dims(values.begin(), int(values.size())) {}
  Dims(const int64_t* values, int n) {
    resize(n);
    for (int i = 0; i < n; ++i) data()[i] = values[i];
  }
  static Dims filled(int n, int64_t value) {
    Dims d;
    d.resize(n);
    for (auto& v : d) v = value;
    return d;
  }
  Dims(const Dims& other) : Dims(other.data(), other.size_) {}
  Dims(Dims&& other) noexcept { steal(other); }
  Dims& operator=(const Dims& other) {
    if (this != &other) {
      resize(other.size_);
      for (int i = 0; i < size_; ++i) data()[i] = other.data()[i];
    }
    return *this;
  }
  Dims& operator=(Dims&& other) noexcept {
    if (this != &other) {
      release();
      steal(other);
    }
    return *this;
  }
  ~Dims() { release(); }

  int size() const { return size_; }
  bool empty() const { return size_ == 0; }
  int64_t* data() { return capacity_ > kInline ? heap_ : inline_; }
  const int64_t* data() const { return capacity_ > kInline ? heap_ : inline_; }
  int64_t& operator[](int i) { return data()[i]; }
  int64_t operator[](int i) const { return data()[i]; }
  int64_t* begin() { return data(); }
  int64_t* end() { return data() + size_; }
  const int64_t* begin() const { return data(); }
  const int64_t* end() const { return data() + size_; }
  int64_t back() const { return data()[size_ - 1]; }

  void resize(int n) {  // new elements are undefined
    if (n > capacity_) grow(n);
    size_ = n;
  }
  void push_back(int64_t v) {
    resize(size_ + 1);
    data()[size_ - 1] = v;
  }
  void insert(int at, int64_t v);
  void erase(int at);

  bool operator==(const Dims& other) const {
    if (size_ != other.size_) return false;
    for (int i = 0; i < size_; ++i)
      if (data()[i] != other.data()[i]) return false;
    return true;
  }

 private:
  void grow(int n);
  void release() {
    if (capacity_ > kInline) delete[] heap_;
    capacity_ = kInline;
    size_ = 0;
  }
  void steal(Dims& other) {
    size_ = other.size_;
    capacity_ = other.capacity_;
    if (capacity_ > kInline) {
      heap_ = other.heap_;
    } else {
      for (int i = 0; i < size_; ++i) inline_[i] = other.inline_[i];
    }
    other.capacity_ = kInline;
    other.size_ = 0;
  }

  int size_ = 0;
  int capacity_ = kInline;
  union {
    int64_t inline_[kInline];
    int64_t* heap_;
  };
};

// Product of the sizes. RuntimeError when a size is negative or the product overflows.
CNN_API int64_t numel_of(const char* op, const Dims& sizes);
CNN_API Dims contiguous_strides(const Dims& sizes);
CNN_API bool is_contiguous(const Dims& sizes, const Dims& strides);
// RuntimeError in PyTorch's words when the shapes do not broadcast.
CNN_API Dims broadcast_shapes(const char* op, const Dims& a, const Dims& b);
// -1 becomes ndim-1; IndexError outside [-ndim, ndim-1]. A 0-d tensor counts as 1-d.
CNN_API int normalize_dim(const char* op, int64_t dim, int ndim);
// The same of a dimension that is there: IndexError where there is none.
CNN_API int existing_dim(const char* op, int64_t dim, int ndim);
// A view of shape `to` over `strides`, or false when only a copy can have it (PyTorch's computeStride).
CNN_API bool view_strides(const Dims& sizes, const Dims& strides, const Dims& to, Dims* out);
// Replaces one -1 by what numel requires. RuntimeError "shape '[..]' is invalid for input of size n".
CNN_API Dims infer_size(const Dims& shape, int64_t numel);

}  // namespace cnn
