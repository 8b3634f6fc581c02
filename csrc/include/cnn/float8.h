// The floats of 8 bits: numbers to store and to convert, by way of float. Rounding is to the nearest, ties to even;
// what does not fit becomes what PyTorch makes of it.
#pragma once

#include <cstdint>
#include <cstring>

#include "cnn/export.h"

namespace cnn {

enum class Float8Kind : uint8_t {
  Finite,        // no infinity: too large is the largest number; nan is all bits set
  Infinite,      // as IEEE's, with infinities and nans
  UnsignedZero,  // no infinity and no -0, whose bits are nan: too large is nan
};

// A sign, 7 - kMantissa bits of exponent, and kMantissa bits.
template <int kMantissa, int kBias, Float8Kind kKind>
struct Float8 {
  uint8_t bits = 0;
  Float8() = default;
  CNN_HD Float8(float value) : bits(from_float(value)) {}
  CNN_HD operator float() const { return to_float(bits); }

  // Without branches, so that loops over it are vectors. A subnormal is rounded by the addition of a number whose last
  // bit is the subnormals' step.
  static CNN_HD uint8_t from_float(float value) {
    constexpr int kCut = 23 - kMantissa;
    constexpr uint32_t kMagic = uint32_t(151 - kBias - kMantissa) << 23;
    const uint32_t x = word_of(value), sign = x >> 24 & 0x80u, a = x & 0x7fffffffu;
    const uint32_t small = word_of(number_of(a) + number_of(kMagic)) - kMagic;
    const uint32_t normal = (a - (uint32_t(127 - kBias) << 23) + ((1u << (kCut - 1)) - 1) + (a >> kCut & 1u)) >> kCut;
    const uint32_t y = a < uint32_t(128 - kBias) << 23 ? small : normal;
    const bool is_nan = a > 0x7f800000u;
    if constexpr (kKind == Float8Kind::UnsignedZero) {
      const uint32_t cut = y < 0x80u ? y : 0x80u;
      return uint8_t(is_nan ? 0x80u : cut == 0 ? 0u : cut | sign);
    } else {
      constexpr uint32_t kMost = kKind == Float8Kind::Finite ? 0x7eu : 0x7cu;
      return uint8_t((is_nan ? 0x7fu : y < kMost ? y : kMost) | sign);
    }
  }
  static CNN_HD float to_float(uint8_t b) {
    const uint32_t sign = uint32_t(b & 0x80u) << 24, a = b & 0x7fu;
    const uint32_t small = word_of(float(int32_t(a)) * number_of(uint32_t(128 - kBias - kMantissa) << 23));
    const uint32_t normal = (a << (23 - kMantissa)) + (uint32_t(127 - kBias) << 23);
    uint32_t y = a >> kMantissa ? normal : small;
    if constexpr (kKind == Float8Kind::UnsignedZero) return number_of(b == 0x80u ? 0x7f800001u : y | sign);
    if constexpr (kKind == Float8Kind::Finite) y = a == 0x7fu ? 0x7ff00000u : y;
    else if (a >= 0x7cu) y = 0x7f800000u | (a == 0x7cu ? 0u : 0x400000u | (a & 3u) << 21);
    return number_of(y | sign);
  }

 private:
  static CNN_HD uint32_t word_of(float value) {
    uint32_t x;
    std::memcpy(&x, &value, 4);
    return x;
  }
  static CNN_HD float number_of(uint32_t x) {
    float value;
    std::memcpy(&value, &x, 4);
    return value;
  }
};

using Float8E4M3FN = Float8<3, 7, Float8Kind::Finite>;
using Float8E5M2 = Float8<2, 15, Float8Kind::Infinite>;
using Float8E4M3FNUZ = Float8<3, 8, Float8Kind::UnsignedZero>;
using Float8E5M2FNUZ = Float8<2, 16, Float8Kind::UnsignedZero>;

// The exponent of a float alone: powers of two from 2^-127 to 2^127, and nan. The sign goes; 0 becomes the least one.
struct Float8E8M0FNU {
  uint8_t bits = 0;
  Float8E8M0FNU() = default;
  CNN_HD Float8E8M0FNU(float value) : bits(from_float(value)) {}
  CNN_HD operator float() const { return to_float(bits); }

  static CNN_HD uint8_t from_float(float value) {
    uint32_t x;
    std::memcpy(&x, &value, 4);
    const uint32_t exponent = x >> 23 & 0xffu, up = (x & 0x7fffffu) + (exponent ? 1u : 0u) > 0x400000u ? 1u : 0u;
    return uint8_t(exponent == 0xffu ? exponent : exponent + up);
  }
  static CNN_HD float to_float(uint8_t b) {
    const uint32_t x = b == 0 ? 0x00400000u : b == 0xffu ? 0x7f800001u : uint32_t(b) << 23;
    float value;
    std::memcpy(&value, &x, 4);
    return value;
  }
};

}  // namespace cnn
