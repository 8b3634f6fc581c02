// What elements are added up in: 16-bit floats as float32.
#pragma once

#include "cnn/dtype.h"

namespace cnn::cuda {

template <class T> struct SumOf {
  using Type = T;
};
template <> struct SumOf<Half> {
  using Type = float;
};
template <> struct SumOf<BFloat16> {
  using Type = float;
};
template <class T> using Sum = typename SumOf<T>::Type;

constexpr DType sum_type(DType t) { return is_reduced(t) ? DType::Float32 : t; }

// f<T>() with the type of a floating-point dtype.
template <class F>
void with_float(DType t, const F& f) {
  switch (t) {
    case DType::Float16:
      return f.template operator()<Half>();
    case DType::BFloat16:
      return f.template operator()<BFloat16>();
    case DType::Float64:
      return f.template operator()<double>();
    default:
      return f.template operator()<float>();
  }
}

}  // namespace cnn::cuda
