// Numbers as the emulated libraries read and write them, and what they say when they refuse a call.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "cnn/dtype.h"

namespace cnn::emulation {

// To TF32's 10 bits of fraction, halves away from zero.
inline float to_tf32(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits >> 23 & 0xff) != 0xff) bits = (bits + 0x1000) & ~0x1fffu;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

inline double load(const void* p, int64_t i, DType t) {
  switch (t) {
    case DType::Float64:
      return static_cast<const double*>(p)[i];
    case DType::Float32:
      return static_cast<const float*>(p)[i];
    case DType::Float16:
      return float(static_cast<const Half*>(p)[i]);
    default:
      return float(static_cast<const BFloat16*>(p)[i]);
  }
}
inline void store(void* p, int64_t i, DType t, double value) {
  switch (t) {
    case DType::Float64:
      static_cast<double*>(p)[i] = value;
      return;
    case DType::Float32:
      static_cast<float*>(p)[i] = float(value);
      return;
    case DType::Float16:
      static_cast<Half*>(p)[i] = Half(float(value));
      return;
    default:
      static_cast<BFloat16*>(p)[i] = BFloat16(float(value));
  }
}

__attribute__((format(printf, 2, 3))) inline void say_refused(const char* library, const char* format, ...) {
  va_list parts;
  va_start(parts, format);
  std::fprintf(stderr, "%s, emulated: ", library);
  std::vfprintf(stderr, format, parts);
  std::fprintf(stderr, "\n");
  va_end(parts);
}

}  // namespace cnn::emulation
