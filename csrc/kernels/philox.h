// Philox 4x32-10 (Salmon, Moraes, Dror and Shaw 2011): four random words for each counter, so that any thread can draw
// any number without having drawn those before.
#pragma once

#include "kernels/hd.h"

namespace cnn::kernels::inline CNN_ISA {

struct Words {
  uint32_t at[4];
};

CNN_HD Words philox(Words counter, uint64_t key) {
  uint32_t low = uint32_t(key), high = uint32_t(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const uint64_t a = uint64_t(0xD2511F53u) * counter.at[0], b = uint64_t(0xCD9E8D57u) * counter.at[2];
    counter = {
        {uint32_t(b >> 32) ^ counter.at[1] ^ low, uint32_t(b), uint32_t(a >> 32) ^ counter.at[3] ^ high, uint32_t(a)}};
    low += 0x9E3779B9u;
    high += 0xBB67AE85u;
  }
  return counter;
}

// A generator's state as kernels are given it: sequences are kept apart by their number, and each goes on from `first`,
// which counts blocks of four words. Kernels of a graph find the seed and the block to count from in memory of the GPU,
// where they are set before each run.
struct Philox {
  uint64_t seed = 0, first = 0;
  const uint64_t* of_run = nullptr;
  CNN_HD Words block(uint64_t sequence, uint64_t number) const {
    const uint64_t at = first + number + (of_run ? of_run[1] : 0);
    return philox({{uint32_t(at), uint32_t(at >> 32), uint32_t(sequence), uint32_t(sequence >> 32)}},
                  of_run ? of_run[0] : seed);
  }
};

// Uniform in (0, 1], of 32 and of 53 bits.
CNN_HD float unit(uint32_t word) { return float(word) * 0x1p-32f + 0x1p-33f; }
CNN_HD double unit(uint32_t word, uint32_t above) {
  return double(int64_t(uint64_t(word) ^ uint64_t(above) << 21)) * 0x1p-53 + 0x1p-54;
}

}  // namespace cnn::kernels::CNN_ISA
