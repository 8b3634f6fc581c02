// Division of numbers below 2^31 by a divisor known in advance (Granlund & Montgomery 1994).
#pragma once

#include <cstdint>

#include "cnn/export.h"

namespace cnn::cuda {

struct FastDiv {
  uint32_t divisor = 1, magic = 1, shift = 0;

  FastDiv() = default;
  explicit FastDiv(uint32_t d) : divisor(d) {
    while ((uint64_t(1) << shift) < d) ++shift;
    magic = uint32_t(((uint64_t(1) << 32) * ((uint64_t(1) << shift) - d)) / d + 1);
  }
  CNN_HD uint32_t divide(uint32_t n) const { return (uint32_t((uint64_t(n) * magic) >> 32) + n) >> shift; }
};

}  // namespace cnn::cuda
