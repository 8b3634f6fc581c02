#include "cnn/dtype.h"

#include <atomic>

#include "cnn/check.h"
#include "cnn/scalar.h"

namespace cnn {
namespace {

std::atomic<DType> default_float{DType::Float32};

}  // namespace

const char* dtype_name(DType t) {
  static const char* const names[kDTypes] = {
      "uint8",         "int8",        "int16",           "int32",           "int64",
      "bool",          "float16",     "bfloat16",        "float32",         "float64",
      "float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu",
      "uint16",        "uint32",      "uint64"};
  return names[int(t)];
}

const char* dtype_type_name(DType t) {
  static const char* const names[kDTypes] = {"Byte",
                                             "Char",
                                             "Short",
                                             "Int",
                                             "Long",
                                             "Bool",
                                             "Half",
                                             "BFloat16",
                                             "Float",
                                             "Double",
                                             "Float8_e4m3fn",
                                             "Float8_e5m2",
                                             "Float8_e4m3fnuz",
                                             "Float8_e5m2fnuz",
                                             "Float8_e8m0fnu",
                                             "UInt16",
                                             "UInt32",
                                             "UInt64"};
  return names[int(t)];
}

void fail_stored(DType t) { fail(ErrorKind::NotImplemented, "", "not implemented for '", dtype_type_name(t), "'"); }

namespace {
// They go together with their own kind only, but for unsigned integers beside floats.
DType promote_stored(DType a, DType b) {
  const char* kinds = "Float8 Types";
  if (!is_float8(a) && !is_float8(b)) {
    if (is_floating(a)) return a;
    if (is_floating(b)) return b;
    kinds = "uint16, uint32, uint64 types";
  }
  fail(ErrorKind::Runtime, "", "Promotion for ", kinds, " is not supported, attempted to promote ", dtype_type_name(a),
       " and ", dtype_type_name(b));
}
}  // namespace

DType promote(DType a, DType b) {
  if (a == b) return a;
  if (is_stored(a) || is_stored(b)) return promote_stored(a, b);
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

void Scalar::fail_unsigned() {
  fail(ErrorKind::Runtime, "", "value cannot be converted to type int64_t without overflow");
}

DType default_dtype() { return default_float.load(std::memory_order_relaxed); }
void set_default_dtype(DType t) {
  check_type(is_floating(t), "", "only floating-point types are supported as the default type");
  check_type(!is_stored(t), "", "couldn't find storage object ", dtype_type_name(t), "Storage");
  default_float.store(t, std::memory_order_relaxed);
}

}  // namespace cnn
