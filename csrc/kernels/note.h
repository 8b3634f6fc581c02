// What a kernel notes of values that it must not use.
#pragma once

#include "kernels/hd.h"

namespace cnn::kernels {

// The first such value. Notes that many threads make at once end as the same word, whoever comes first: its position
// stands above it, and the least word stays. Positions from 2^24 - 1 on count as one, and values beyond 39 bits as the
// largest.
struct Note {
  static constexpr uint64_t kNothing = ~uint64_t(0);
  static constexpr int64_t kMost = (int64_t(1) << 39) - 1;

  uint64_t word = kNothing;
  uint32_t* alarm = nullptr;  // set to 1 when there is something to read here

  CNN_HD void add(int64_t position, int64_t value) {
    const uint64_t place = position < 0xffffff ? uint64_t(position) : 0xfffffe;
    const int64_t held = value > kMost ? kMost : value < -kMost ? -kMost : value;
    const uint64_t mine = place << 40 | uint64_t(held + kMost);
#ifdef __CUDA_ARCH__
    atomicMin(reinterpret_cast<unsigned long long*>(&word), static_cast<unsigned long long>(mine));
    if (alarm) *static_cast<volatile uint32_t*>(alarm) = 1;
#else
    uint64_t least = __atomic_load_n(&word, __ATOMIC_RELAXED);
    while (mine < least)
      if (__atomic_compare_exchange_n(&word, &least, mine, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) break;
    if (alarm) __atomic_store_n(alarm, 1, __ATOMIC_RELAXED);
#endif
  }
  bool empty() const { return word == kNothing; }
  int64_t value() const { return int64_t(word & 0xffffffffff) - kMost; }
};

}  // namespace cnn::kernels
