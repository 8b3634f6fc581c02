// Elements whose dtype in memory is not the one a functor computes in: converted in registers.
#pragma once

#include "cuda/runtime.h"
#include "kernels/for_types.h"

namespace cnn::cuda {

// Any dtype's value, exactly: integers in i, floats in d. Those of uint64 have its bits in i.
struct Wide {
  double d;
  int64_t i;
  bool floating;
  bool unsigned64 = false;
};

// A flag that is true may be any byte but 0.
template <class T> __device__ inline T element(const void* p) {
  if constexpr (kernels::Same<T, bool>::value) return *static_cast<const uint8_t*>(p) != 0;
  else return *static_cast<const T*>(p);
}
template <class T> __device__ inline Wide widen(const void* p) {
  const T x = element<T>(p);
  if constexpr (T(0.5f) != T(0.0f) && !kernels::Same<T, bool>::value) return {double(x), 0, true};
  else return {0, int64_t(x), false};
}

template <class T> __device__ inline Wide widen_float8(const void* p) {
  return {double(float(*static_cast<const T*>(p))), 0, true};
}

__device__ inline Wide load_wide(const void* p, DType type) {
  switch (type) {
    case DType::UInt8:
      return widen<uint8_t>(p);
    case DType::Int8:
      return widen<int8_t>(p);
    case DType::Int16:
      return widen<int16_t>(p);
    case DType::Int32:
      return widen<int32_t>(p);
    case DType::Int64:
      return widen<int64_t>(p);
    case DType::Bool:
      return widen<bool>(p);
    case DType::Float16:
      return {double(float(*static_cast<const Half*>(p))), 0, true};
    case DType::BFloat16:
      return {double(float(*static_cast<const BFloat16*>(p))), 0, true};
    case DType::Float32:
      return widen<float>(p);
    case DType::Float64:
      return widen<double>(p);
    case DType::Float8E4M3FN:
      return widen_float8<Float8E4M3FN>(p);
    case DType::Float8E5M2:
      return widen_float8<Float8E5M2>(p);
    case DType::Float8E4M3FNUZ:
      return widen_float8<Float8E4M3FNUZ>(p);
    case DType::Float8E5M2FNUZ:
      return widen_float8<Float8E5M2FNUZ>(p);
    case DType::Float8E8M0FNU:
      return widen_float8<Float8E8M0FNU>(p);
    case DType::UInt16:
      return widen<uint16_t>(p);
    case DType::UInt32:
      return widen<uint32_t>(p);
    case DType::UInt64:
      return {0, int64_t(*static_cast<const uint64_t*>(p)), false, true};
  }
  return {};
}

// Floats to integers truncate; narrow integers wrap through int64.
template <class T> __device__ inline void narrow(void* p, Wide x) {
  *static_cast<T*>(p) = x.floating ? T(int64_t(x.d)) : T(x.i);
}
// int64 to floats of 16 and 8 bits and to float rounds once to float.
__device__ inline float to_float(Wide x) {
  return x.floating ? float(x.d) : x.unsigned64 ? float(uint64_t(x.i)) : float(x.i);
}
template <class T> __device__ inline void narrow_float8(void* p, Wide x) { *static_cast<T*>(p) = T(to_float(x)); }

__device__ inline void store_wide(void* p, DType type, Wide x) {
  switch (type) {
    case DType::UInt8:
      return narrow<uint8_t>(p, x);
    case DType::Int8:
      return narrow<int8_t>(p, x);
    case DType::Int16:
      return narrow<int16_t>(p, x);
    case DType::Int32:
      return narrow<int32_t>(p, x);
    case DType::Int64:
      return narrow<int64_t>(p, x);
    case DType::Bool:
      *static_cast<bool*>(p) = x.floating ? x.d != 0 : x.i != 0;
      return;
    case DType::Float16:
      *static_cast<Half*>(p) = Half(to_float(x));
      return;
    case DType::BFloat16:
      *static_cast<BFloat16*>(p) = BFloat16(to_float(x));
      return;
    case DType::Float32:
      *static_cast<float*>(p) = to_float(x);
      return;
    case DType::Float64:
      *static_cast<double*>(p) = x.floating ? x.d : x.unsigned64 ? double(uint64_t(x.i)) : double(x.i);
      return;
    case DType::Float8E4M3FN:
      return narrow_float8<Float8E4M3FN>(p, x);
    case DType::Float8E5M2:
      return narrow_float8<Float8E5M2>(p, x);
    case DType::Float8E4M3FNUZ:
      return narrow_float8<Float8E4M3FNUZ>(p, x);
    case DType::Float8E5M2FNUZ:
      return narrow_float8<Float8E5M2FNUZ>(p, x);
    case DType::Float8E8M0FNU:
      return narrow_float8<Float8E8M0FNU>(p, x);
    case DType::UInt16:
      return narrow<uint16_t>(p, x);
    case DType::UInt32:
      return narrow<uint32_t>(p, x);
    case DType::UInt64:
      if (x.floating && x.d >= 0x1p63) *static_cast<uint64_t*>(p) = uint64_t(x.d);
      else narrow<uint64_t>(p, x);
  }
}

// Not inlined: one copy serves all kernels of a file.
static __device__ __attribute__((noinline)) void convert_element(const void* from, DType from_type, void* to,
                                                                 DType to_type) {
  store_wide(to, to_type, load_wide(from, from_type));
}

// The element at p, of dtype `from`, as dtype `to`, whose C++ type (or unsigned type of its size) is T.
template <class T> __device__ inline T load_as(const void* p, DType from, DType to) {
  if (from == to) return element<T>(p);
  if constexpr (kernels::Same<T, float>::value) {
    if (from == DType::Float16) return *static_cast<const Half*>(p);
    if (from == DType::BFloat16) return *static_cast<const BFloat16*>(p);
  }
  T x;
  convert_element(p, from, &x, to);
  return x;
}

// The value x of dtype `from` into the element at p, of dtype `to`.
template <class T> __device__ inline void store_as(void* p, DType to, T x, DType from) {
  if (from == to) {
    *static_cast<T*>(p) = x;
    return;
  }
  if constexpr (kernels::Same<T, float>::value) {
    if (to == DType::Float16) {
      *static_cast<Half*>(p) = Half(x);
      return;
    }
    if (to == DType::BFloat16) {
      *static_cast<BFloat16*>(p) = BFloat16(x);
      return;
    }
  }
  convert_element(&x, from, p, to);
}

}  // namespace cnn::cuda
