// Element types, their C++ types, and PyTorch's rules of promotion.
#pragma once

#include <cstdint>
#include <cstring>

#include "cnn/export.h"
#include "cnn/float8.h"

namespace cnn {

enum class DType : uint8_t {
  UInt8,
  Int8,
  Int16,
  Int32,
  Int64,
  Bool,
  Float16,
  BFloat16,
  Float32,
  Float64,
  // Those from here on are stored, moved and converted. No kernel computes in them, so in tables of kernels their
  // places are empty, but for those that only move.
  Float8E4M3FN,
  Float8E5M2,
  Float8E4M3FNUZ,
  Float8E5M2FNUZ,
  Float8E8M0FNU,
  UInt16,
  UInt32,
  UInt64,
};
inline constexpr int kDTypes = 18, kComputingDTypes = 10;

// IEEE binary16. Arithmetic is done in float.
struct Half {
  uint16_t bits = 0;
  Half() = default;
  CNN_HD Half(float value) : bits(from_float(value)) {}
  CNN_HD operator float() const { return to_float(bits); }

  static CNN_HD uint16_t from_float(float value) {
#ifdef __CUDA_ARCH__
    uint16_t half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
    return half;
#else
    uint32_t x;
    std::memcpy(&x, &value, 4);
    const uint32_t sign = (x >> 16) & 0x8000u;
    x &= 0x7fffffffu;
    if (x >= 0x7f800000u) return uint16_t(sign | 0x7c00u | (x > 0x7f800000u ? 0x200u : 0u));
    if (x >= 0x477ff000u) return uint16_t(sign | 0x7c00u);  // rounds to infinity
    if (x < 0x38800000u) {  // subnormal or zero: add a magic number, so the FPU rounds
      float magnitude, magic = 0.5f;
      std::memcpy(&magnitude, &x, 4);
      magnitude += magic;
      uint32_t y;
      std::memcpy(&y, &magnitude, 4);
      return uint16_t(sign | (y - 0x3f000000u));
    }
    const uint32_t odd = (x >> 13) & 1u;
    return uint16_t(sign | ((x - 0x38000000u + 0xfffu + odd) >> 13));
#endif
  }
  static CNN_HD float to_float(uint16_t h) {
#ifdef __CUDA_ARCH__
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(h));
    return value;
#else
    const uint32_t sign = uint32_t(h & 0x8000u) << 16;
    uint32_t x = uint32_t(h & 0x7fffu) << 13;
    const uint32_t exponent = x & 0x0f800000u;
    float result;
    if (exponent == 0x0f800000u) {
      x += 0x70000000u;  // infinity, nan
    } else if (exponent == 0) {
      x += 0x38800000u;  // subnormal: renormalise by subtraction
      float magic = 6.103515625e-05f, y;
      std::memcpy(&y, &x, 4);
      y -= magic;
      std::memcpy(&x, &y, 4);
    } else {
      x += 0x38000000u;
    }
    x |= sign;
    std::memcpy(&result, &x, 4);
    return result;
#endif
  }
};

// The upper half of a float. Arithmetic is done in float.
struct BFloat16 {
  uint16_t bits = 0;
  BFloat16() = default;
  CNN_HD BFloat16(float value) : bits(from_float(value)) {}
  CNN_HD operator float() const {
    const uint32_t x = uint32_t(bits) << 16;
    float result;
    std::memcpy(&result, &x, 4);
    return result;
  }
  static CNN_HD uint16_t from_float(float value) {
    uint32_t x;
    std::memcpy(&x, &value, 4);
    const uint16_t rounded = uint16_t((x + 0x7fffu + ((x >> 16) & 1u)) >> 16);
    return (x & 0x7fffffffu) > 0x7f800000u ? uint16_t(0x7fc0) : rounded;
  }
};

template <class T> struct DTypeOf;
template <> struct DTypeOf<uint8_t> {
  static constexpr DType value = DType::UInt8;
};
template <> struct DTypeOf<int8_t> {
  static constexpr DType value = DType::Int8;
};
template <> struct DTypeOf<int16_t> {
  static constexpr DType value = DType::Int16;
};
template <> struct DTypeOf<int32_t> {
  static constexpr DType value = DType::Int32;
};
template <> struct DTypeOf<int64_t> {
  static constexpr DType value = DType::Int64;
};
template <> struct DTypeOf<bool> {
  static constexpr DType value = DType::Bool;
};
template <> struct DTypeOf<Half> {
  static constexpr DType value = DType::Float16;
};
template <> struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::BFloat16;
};
template <> struct DTypeOf<float> {
  static constexpr DType value = DType::Float32;
};
template <> struct DTypeOf<double> {
  static constexpr DType value = DType::Float64;
};
template <> struct DTypeOf<Float8E4M3FN> {
  static constexpr DType value = DType::Float8E4M3FN;
};
template <> struct DTypeOf<Float8E5M2> {
  static constexpr DType value = DType::Float8E5M2;
};
template <> struct DTypeOf<Float8E4M3FNUZ> {
  static constexpr DType value = DType::Float8E4M3FNUZ;
};
template <> struct DTypeOf<Float8E5M2FNUZ> {
  static constexpr DType value = DType::Float8E5M2FNUZ;
};
template <> struct DTypeOf<Float8E8M0FNU> {
  static constexpr DType value = DType::Float8E8M0FNU;
};
template <> struct DTypeOf<uint16_t> {
  static constexpr DType value = DType::UInt16;
};
template <> struct DTypeOf<uint32_t> {
  static constexpr DType value = DType::UInt32;
};
template <> struct DTypeOf<uint64_t> {
  static constexpr DType value = DType::UInt64;
};
template <class T> inline constexpr DType dtype_of = DTypeOf<T>::value;

constexpr int item_size(DType t) {
  constexpr int sizes[kDTypes] = {1, 1, 2, 4, 8, 1, 2, 2, 4, 8, 1, 1, 1, 1, 1, 2, 4, 8};
  return sizes[int(t)];
}
constexpr bool is_floating(DType t) { return t >= DType::Float16 && t < DType::UInt16; }
constexpr bool is_integral(DType t) { return t < DType::Bool || t >= DType::UInt16; }  // without bool
constexpr bool is_stored(DType t) { return t > DType::Float64; }  // only stored: not computed with
constexpr bool is_float8(DType t) { return is_stored(t) && t < DType::UInt16; }
constexpr bool is_reduced(DType t) { return t == DType::Float16 || t == DType::BFloat16; }

CNN_API const char* dtype_name(DType t);  // "float32"
CNN_API const char* dtype_type_name(DType t);  // "Float", as PyTorch's error texts say it

// The dtype that holds both: PyTorch's table.
CNN_API DType promote(DType a, DType b);
CNN_API bool can_cast(DType from, DType to);  // may a result of dtype `from` be written into `to`?

CNN_API DType default_dtype();
CNN_API void set_default_dtype(DType t);

// not implemented for 'UInt16'
[[noreturn]] CNN_API void fail_stored(DType t);

// Calls f.template operator()<T>() with the C++ type of `t`; NotImplementedError for those that are only stored.
template <class F>
auto visit_dtype(DType t, F&& f) {
  switch (t) {
    case DType::UInt8:
      return f.template operator()<uint8_t>();
    case DType::Int8:
      return f.template operator()<int8_t>();
    case DType::Int16:
      return f.template operator()<int16_t>();
    case DType::Int32:
      return f.template operator()<int32_t>();
    case DType::Int64:
      return f.template operator()<int64_t>();
    case DType::Bool:
      return f.template operator()<bool>();
    case DType::Float16:
      return f.template operator()<Half>();
    case DType::BFloat16:
      return f.template operator()<BFloat16>();
    case DType::Float32:
      return f.template operator()<float>();
    case DType::Float64:
      return f.template operator()<double>();
    default:
      fail_stored(t);
  }
}
// The same for every dtype.
template <class F>
auto visit_any_dtype(DType t, F&& f) {
  switch (t) {
    case DType::Float8E4M3FN:
      return f.template operator()<Float8E4M3FN>();
    case DType::Float8E5M2:
      return f.template operator()<Float8E5M2>();
    case DType::Float8E4M3FNUZ:
      return f.template operator()<Float8E4M3FNUZ>();
    case DType::Float8E5M2FNUZ:
      return f.template operator()<Float8E5M2FNUZ>();
    case DType::Float8E8M0FNU:
      return f.template operator()<Float8E8M0FNU>();
    case DType::UInt16:
      return f.template operator()<uint16_t>();
    case DType::UInt32:
      return f.template operator()<uint32_t>();
    case DType::UInt64:
      return f.template operator()<uint64_t>();
    default:
      return visit_dtype(t, f);
  }
}

}  // namespace cnn
