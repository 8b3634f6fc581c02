// A Python number: bool, int or float, with the category kept.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cnn/dtype.h"

namespace cnn {

class Scalar {
 public:
  enum class Kind : uint8_t { Bool, Int, Float, Unsigned };  // Unsigned: an integer beyond int64's
  Scalar() : Scalar(int64_t(0)) {}
  Scalar(bool v) : kind_(Kind::Bool) { value_.i = v; }
  Scalar(int v) : Scalar(int64_t(v)) {}
  Scalar(long v) : kind_(Kind::Int) { value_.i = v; }
  Scalar(long long v) : Scalar(long(v)) {}
  // An integer of uint64: one of int64 where that holds it.
  static Scalar of_unsigned(uint64_t v) {
    Scalar s{int64_t(v)};
    if (s.value_.i < 0) s.kind_ = Kind::Unsigned;
    return s;
  }
  Scalar(float v) : Scalar(double(v)) {}
  Scalar(double v) : kind_(Kind::Float) { value_.d = v; }

  Kind kind() const { return kind_; }
  bool is_float() const { return kind_ == Kind::Float; }
  bool is_int() const { return kind_ == Kind::Int || kind_ == Kind::Unsigned; }
  bool is_unsigned() const { return kind_ == Kind::Unsigned; }
  bool is_bool() const { return kind_ == Kind::Bool; }
  double to_double() const {
    return is_float() ? value_.d : is_unsigned() ? double(uint64_t(value_.i)) : double(value_.i);
  }
  // A float is cut; one beyond all integers, or nan, is the least of them, as processors have it.
  int64_t to_int() const {
    if (is_unsigned()) [[unlikely]]
      fail_unsigned();
    if (!is_float()) return value_.i;
    return value_.d >= -0x1p63 && value_.d < 0x1p63 ? int64_t(value_.d) : INT64_MIN;
  }
  // The bits of an integer as uint64 has it, whatever its sign; of a float those of to_int().
  uint64_t to_bits() const { return is_float() ? uint64_t(to_int()) : uint64_t(value_.i); }
  bool to_bool() const { return is_float() ? value_.d != 0 : value_.i != 0; }
  template <class T>
  T to() const {
    if constexpr (std::is_same_v<T, bool>) return to_bool();
    else if constexpr (std::is_same_v<T, uint64_t>) return is_float() ? unsigned_part() : uint64_t(value_.i);
    else if constexpr (std::is_integral_v<T>) return T(to_int());
    else return T(to_double());
  }
  // The dtype of a tensor made of this number alone.
  DType dtype() const { return is_float() ? default_dtype() : is_int() ? DType::Int64 : DType::Bool; }

 private:
  // value cannot be converted to type int64_t without overflow
  [[noreturn]] CNN_API static void fail_unsigned();
  uint64_t unsigned_part() const {
    return value_.d >= 0x1p63 && value_.d < 0x1p64 ? uint64_t(value_.d) : uint64_t(to_int());
  }

  Kind kind_;
  union {
    int64_t i;
    double d;
  } value_;
};

}  // namespace cnn
