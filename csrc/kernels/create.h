// Functors that fill memory by position.
#pragma once

#include "kernels/functor.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types)
#define CNN_EACH_CREATE(X) X(Range, Numbers) X(Linspace, Numbers) X(AddStrided, Numbers)

// y[i] = start + i step
struct Range {
  void* y;
  Number start, step;
  template <class T>
  CNN_HD void operator()(int64_t i) const {
    if constexpr (T(0.5) == T(0))
      static_cast<T*>(y)[i] = T(uint64_t(start.i) + uint64_t(i) * uint64_t(step.i));  // wraps
    else static_cast<T*>(y)[i] = T(start.d + double(i) * step.d);
  }
};

// Evenly spaced, counted from the nearer end, so that both ends are exact. Between integers the points are those of
// double, rounded once as PyTorch does, and cut.
struct Linspace {
  void* y;
  Number start, end;
  int64_t n;
  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T* out = static_cast<T*>(y);
    if (n == 1) {
      out[i] = start.as<T>();
    } else if constexpr (T(0.5) == T(0)) {
      out[i] = i == n - 1 ? T(end.i) : T(between_integers(i));
    } else {
      const T step = (end.as<T>() - start.as<T>()) / T(n - 1);
      out[i] = i < n / 2 ? start.as<T>() + step * T(i) : end.as<T>() - step * T(n - i - 1);
    }
  }

 private:
  CNN_HD int64_t between_integers(int64_t i) const {
    const double step = (double(end.i) - double(start.i)) / double(n - 1);
    const double x = i < n / 2 ? fma(step, double(i), double(start.i)) : fma(-step, double(n - i - 1), double(end.i));
    return x < 9223372036854775808.0 ? int64_t(x) : INT64_MAX;
  }
};

// y[offset of i in (sizes, strides)] += x[i]; offsets may coincide, so i ascends on one thread.
struct AddStrided {
  void* y;
  const void* x;
  int ndim;
  int64_t sizes[12], strides[12];
  static constexpr bool kReplaces = false;
  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T* p = static_cast<T*>(y) + place_of(i);
    *p = join(*p, static_cast<const T*>(x)[i]);
  }
  CNN_HD int64_t place_of(int64_t i) const {
    int64_t at = 0;
    for (int d = ndim - 1; d >= 0; --d) {
      at += i % sizes[d] * strides[d];
      i /= sizes[d];
    }
    return at;
  }
  template <class T>
  CNN_HD static T join(T held, T x) {
    return T(held + x);
  }
};

CNN_NUMBER(kEachCreate, CNN_EACH_CREATE)

}  // namespace cnn::kernels::CNN_ISA
