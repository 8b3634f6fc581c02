// How large the indices of one launch grow.
#pragma once

#include <cstdint>

#include "cnn/export.h"

namespace cnn::cuda {

// Elements that a launch has at most, so that indices have 32 bits: callers cut what is more.
#ifndef CNN_MAX_OVER  // the tests cut sooner
#define CNN_MAX_OVER (int64_t(1) << 30)
#endif
inline constexpr int64_t kMaxOver = CNN_MAX_OVER;

// FastDiv of numbers below 2^63, for products of two indices.
struct WideDiv {
  __extension__ typedef unsigned __int128 Product;
  uint64_t magic = 1;
  uint32_t shift = 0;

  WideDiv() = default;
  explicit WideDiv(uint64_t d) {
    while ((Product(1) << shift) < d) ++shift;
    magic = uint64_t(((Product(1) << 64) * ((Product(1) << shift) - d)) / d + 1);
  }
  CNN_HD uint64_t divide(uint64_t n) const { return (uint64_t((Product(n) * magic) >> 64) + n) >> shift; }
};

}  // namespace cnn::cuda
