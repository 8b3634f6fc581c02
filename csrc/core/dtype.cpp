#include "cnn/dtype.h"

#include <atomic>

#include "cnn/check.h"

namespace cnn {
namespace {

std::atomic<DType> default_float{DType::Float32};

}  // namespace

const char* dtype_name(DType t) {
  static const char* const names[kDTypes] = {"uint8", "int8",    "int16",    "int32",   "int64",
                                             "bool",  "float16", "bfloat16", "float32", "float64"};
  return names[int(t)];
}

const char* dtype_type_name(DType t) {
  static const char* const names[kDTypes] = {"Byte", "Char", "Short",    "Int",   "Long",
                                             "Bool", "Half", "BFloat16", "Float", "Double"};
  return names[int(t)];
}

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (is_floating(a) || is_floating(b)) {
    if (!is_floating(a)) return b;
    if (!is_floating(b)) return a;
    if (is_reduced(a) && is_reduced(b)) return DType::Float32;  // float16 with bfloat16
    return a > b ? a : b;
  }
  if (a == DType::Bool) return b;
  if (b == DType::Bool) return a;
  if (a == DType::UInt8 || b == DType::UInt8) {
    const DType other = a == DType::UInt8 ? b : a;
    return other == DType::Int8 ? DType::Int16 : other;
  }
  return a > b ? a : b;
}

bool can_cast(DType from, DType to) {
  if (is_floating(from)) return is_floating(to);
  if (is_integral(from)) return to != DType::Bool;
  return true;
}

DType default_dtype() { return default_float.load(std::memory_order_relaxed); }
void set_default_dtype(DType t) {
  check_type(is_floating(t), "", "only floating-point types are supported as the default type");
  default_float.store(t, std::memory_order_relaxed);
}

}  // namespace cnn
