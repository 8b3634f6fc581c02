// Working memory of one kernel call, from the caching allocator: no page faults in a steady loop.
#pragma once

#include "core/allocator.h"
#include "kernels/hd.h"

namespace cnn::cpu::inline CNN_ISA {

template <class T> class Scratch {
 public:
  explicit Scratch(int64_t n) : nbytes_(size_t(n > 0 ? n : 0) * sizeof(T)) {
    if (nbytes_) data_ = static_cast<T*>(cpu_allocate(nbytes_));
  }
  ~Scratch() {
    if (data_) cpu_free(data_, nbytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  operator T*() const { return data_; }

 private:
  T* data_ = nullptr;
  size_t nbytes_;
};

}  // namespace cnn::cpu::CNN_ISA
