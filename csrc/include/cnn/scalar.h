// A Python number: bool, int or float, with the category kept.
#pragma once

#include <cstdint>
#include <type_traits>

#include "cnn/dtype.h"

namespace cnn {

class Scalar {
 public:
  enum class Kind : uint8_t { Bool, Int, Float };
  Scalar() : Scalar(int64_t(0)) {}
  Scalar(bool v) : kind_(Kind::Bool) { value_.i = v; }
  Scalar(int v) : Scalar(int64_t(v)) {}
  Scalar(long v) : kind_(Kind::Int) { value_.i = v; }
  Scalar(long long v) : Scalar(long(v)) {}
  Scalar(float v) : Scalar(double(v)) {}
  Scalar(double v) : kind_(Kind::Float) { value_.d = v; }

  Kind kind() const { return kind_; }
  bool is_float() const { return kind_ == Kind::Float; }
  bool is_int() const { return kind_ == Kind::Int; }
  bool is_bool() const { return kind_ == Kind::Bool; }
  double to_double() const { return is_float() ? value_.d : double(value_.i); }
  // A float is cut; one beyond all integers, or nan, is the least of them, as processors have it.
  int64_t to_int() const {
    if (!is_float()) return value_.i;
    return value_.d >= -0x1p63 && value_.d < 0x1p63 ? int64_t(value_.d) : INT64_MIN;
  }
  bool to_bool() const { return is_float() ? value_.d != 0 : value_.i != 0; }
  template <class T>
  T to() const {
    if constexpr (std::is_same_v<T, bool>) return to_bool();
    else if constexpr (std::is_integral_v<T>) return T(to_int());
    else return T(to_double());
  }
  // The dtype of a tensor made of this number alone.
  DType dtype() const { return is_float() ? default_dtype() : is_int() ? DType::Int64 : DType::Bool; }

 private:
  Kind kind_;
  union {
    int64_t i;
    double d;
  } value_;
};

}  // namespace cnn
