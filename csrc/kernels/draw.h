// What kernels that draw random numbers share: where elements lie, and how numbers are stored and parameters read.
#pragma once

#include "kernels/math.h"
#include "kernels/philox.h"

namespace cnn::kernels::inline CNN_ISA {

inline constexpr int kDrawDims = 12;

// Where element i lies in two tensors of one shape; the last dimension steps fastest.
struct DrawPlaces {
  int ndim = 0;  // 0: both are dense, in the order in which they are drawn
  int64_t sizes[kDrawDims], strides[kDrawDims], other_strides[kDrawDims];
  struct Two {
    int64_t one, other;
  };
  CNN_HD Two of(int64_t i) const {
    if (ndim == 0) return {i, i};
    Two at = {0, 0};
    for (int d = ndim - 1; d >= 0; --d) {
      const int64_t q = i % sizes[d];
      i /= sizes[d];
      at.one += q * strides[d];
      at.other += q * other_strides[d];
    }
    return at;
  }
};

// Numbers in the type in which they are drawn, as a dtype has them.
template <class T> CNN_HD int64_t to_integer(T x) {
  if constexpr (kIsFloating<T>) return x < T(0x1p63) ? int64_t(x) : INT64_MAX;
  else return int64_t(x);
}
template <class T> CNN_HD void store_drawn(void* y, DType dtype, int64_t at, T x) {
  switch (dtype) {
    case DType::Float32:
      static_cast<float*>(y)[at] = float(x);
      return;
    case DType::Float64:
      static_cast<double*>(y)[at] = double(x);
      return;
    case DType::Float16:
      static_cast<Half*>(y)[at] = Half(float(x));
      return;
    case DType::BFloat16:
      static_cast<BFloat16*>(y)[at] = BFloat16(float(x));
      return;
    case DType::Int64:
      static_cast<int64_t*>(y)[at] = to_integer(x);
      return;
    case DType::Int32:
      static_cast<int32_t*>(y)[at] = int32_t(to_integer(x));
      return;
    case DType::Int16:
      static_cast<int16_t*>(y)[at] = int16_t(to_integer(x));
      return;
    case DType::Int8:
      static_cast<int8_t*>(y)[at] = int8_t(to_integer(x));
      return;
    case DType::UInt8:
      static_cast<uint8_t*>(y)[at] = uint8_t(to_integer(x));
      return;
    case DType::Bool:
      static_cast<bool*>(y)[at] = x != T(0);
      return;
    default:
      return;
  }
}
template <class T> CNN_HD T rounded_to(DType dtype, T x) {
  if (dtype == DType::Float16) return T(float(Half(float(x))));
  if (dtype == DType::BFloat16) return T(float(BFloat16(float(x))));
  return x;
}

template <class T> CNN_HD T load_number(const void* x, DType dtype, int64_t at) {
  switch (dtype) {
    case DType::Float64:
      return T(static_cast<const double*>(x)[at]);
    case DType::Float16:
      return T(float(static_cast<const Half*>(x)[at]));
    case DType::BFloat16:
      return T(float(static_cast<const BFloat16*>(x)[at]));
    default:
      return T(static_cast<const float*>(x)[at]);
  }
}

// Box and Muller's transform of two words, the sine first.
CNN_HD void normals(uint32_t radius, uint32_t angle, float* z) {
  constexpr float kTurn = 0x1p-32f * 6.2831855f;
  const float s = sqrt(-2.0f * log(unit(radius))), v = fma(float(angle), kTurn, kTurn / 2);
#ifdef __CUDA_ARCH__
  __sincosf(v, &z[0], &z[1]);  // as the library has it whose numbers these are
  z[0] *= s;
  z[1] *= s;
#else
  z[0] = s * sin(v);
  z[1] = s * cos(v);
#endif
}
CNN_HD void normals(const Words& w, double* z) {
  const double s = sqrt(-2.0 * log(unit(w.at[0], w.at[1]))), half_turns = 2.0 * unit(w.at[2], w.at[3]);
#ifdef __CUDA_ARCH__
  sincospi(half_turns, &z[0], &z[1]);
  z[0] *= s;
  z[1] *= s;
#else
  z[0] = s * sin(half_turns * 3.14159265358979323846);
  z[1] = s * cos(half_turns * 3.14159265358979323846);
#endif
}

}  // namespace cnn::kernels::CNN_ISA
