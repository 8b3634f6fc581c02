// Functors that fill memory by position.
#pragma once

#include "kernels/functor.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types)
#define CNN_EACH_CREATE(X) X(Range, Numbers) X(AddStrided, Numbers)

// y[i] = start + i step
struct Range {
  void* y;
  Number start, step;
  template <class T>
  CNN_HD void operator()(int64_t i) const {
    if constexpr (T(0.5) == T(0)) static_cast<T*>(y)[i] = T(start.i + i * step.i);
    else static_cast<T*>(y)[i] = T(start.d + double(i) * step.d);
  }
};

// y[offset of i in (sizes, strides)] += x[i]; offsets may coincide, so i ascends on one thread.
struct AddStrided {
  void* y;
  const void* x;
  int ndim;
  int64_t sizes[12], strides[12];
  template <class T>
  CNN_HD void operator()(int64_t i) const {
    int64_t rest = i, at = 0;
    for (int d = ndim - 1; d >= 0; --d) {
      at += rest % sizes[d] * strides[d];
      rest /= sizes[d];
    }
    T* p = static_cast<T*>(y) + at;
    *p = T(*p + static_cast<const T*>(x)[i]);
  }
};

}  // namespace cnn::kernels::CNN_ISA
