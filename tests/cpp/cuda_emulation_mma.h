// Products of matrices by a warp, and copies to shared memory that happen later (csrc/cuda/mma.cuh), for the emulation.
// Lanes exchange what PTX says that they hold, so a kernel's own places in matrices are what is tested.
#pragma once

#include <bit>

#include "cuda_emulation_warp.h"
#include "emulation/numbers.h"

namespace cnn::emulation {

// What a lane gives to a load of matrices, and the unit of copies.
struct alignas(16) [[gnu::may_alias]] Sixteen {
  uint32_t words[4];
};

struct LaterCopy {
  Sixteen* to;
  const Sixteen* from;  // null: zeros
};
inline constexpr int kLaterCopies = 64;  // of a thread
CNN_UNCHECKED inline LaterCopy* later_copies_of(unsigned thread) {
  static auto* const all = new LaterCopy[kMaxThreads * kLaterCopies];
  return all + thread * kLaterCopies;
}

// Whether the copy is put off, which is left to chance.
CNN_UNCHECKED inline bool put_off(const LaterCopy& copy) {
  Machine& m = machine();
  const unsigned me = m.current;
  checks::leave();
  const bool later = draw() % 2 && m.later_copies[me] < kLaterCopies;
  if (later) later_copies_of(me)[m.later_copies[me]++] = copy;
  checks::enter(me);
  return later;
}
CNN_UNCHECKED inline bool next_copy(LaterCopy* copy) {
  Machine& m = machine();
  if (m.later_copies[m.current] == 0) return false;
  *copy = later_copies_of(m.current)[--m.later_copies[m.current]];
  return true;
}

namespace warp {

inline uint32_t to_tf32(float x) { return std::bit_cast<uint32_t>(emulation::to_tf32(x)); }

// A number of a factor. What has not been rounded to TF32 is none that a product is documented for, so it is NaN.
template <class E>
float factor(uint32_t word, unsigned half) {
  if constexpr (sizeof(E) == 4) return word & 0x1fffu ? __builtin_nanf("") : std::bit_cast<float>(word);
  else return float(std::bit_cast<E>(uint16_t(word >> (16 * half))));
}

// c += a b, sums in float and in the order of k; the order of a GPU's is not documented. float is TF32.
template <class E>
void multiply(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
  struct Words {
    uint32_t a[4], b[2];
  };
  const Words mine = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
  const unsigned lane = threadIdx.x % 32, g = lane / 4, t = lane % 4;
  exchanged(&mine, [&](const auto& of) {
    constexpr unsigned kPacked = 4 / sizeof(E), kTerms = 8 * kPacked;  // of a word, of a sum
    float rows[2][kTerms], columns[2][kTerms];
    for (unsigned k = 0; k < kTerms; ++k)
      for (unsigned i = 0; i < 2; ++i) {
        const unsigned owner = k % (kTerms / 2) / kPacked, half = k / (kTerms / 2);
        rows[i][k] = factor<E>(of(4 * g + owner)->a[i + 2 * half], k % kPacked);
        columns[i][k] = factor<E>(of(4 * (2 * t + i) + owner)->b[half], k % kPacked);
      }
    for (unsigned i = 0; i < 4; ++i) {
      float sum = 0;
      for (unsigned k = 0; k < kTerms; ++k) sum += rows[i / 2][k] * columns[i % 2][k];
      c[i] += sum;
    }
    return 0;
  });
}

inline void load_matrices(uint32_t (&x)[4], uintptr_t row) {
  const Sixteen mine = *reinterpret_cast<const Sixteen*>(row);
  const unsigned lane = threadIdx.x % 32;
  exchanged(&mine, [&](const auto& of) {
    for (unsigned m = 0; m < 4; ++m) x[m] = of(8 * m + lane / 4)->words[lane % 4];
    return 0;
  });
}
inline void load_turned(uint32_t (&x)[4], uintptr_t row) {
  const Sixteen mine = *reinterpret_cast<const Sixteen*>(row);
  const unsigned lane = threadIdx.x % 32, column = lane / 4;
  exchanged(&mine, [&](const auto& of) {
    const auto number = [&](unsigned giver) { return of(giver)->words[column / 2] >> (16 * (column % 2)) & 0xffffu; };
    for (unsigned m = 0; m < 4; ++m) {
      const unsigned first = 8 * m + 2 * (lane % 4);
      x[m] = number(first) | number(first + 1) << 16;
    }
    return 0;
  });
}

// At once or when it is awaited, so that whoever does not wait, or still reads what is overwritten, is found.
inline void copy_later(uintptr_t to, const void* from, bool there) {
  const LaterCopy copy{reinterpret_cast<Sixteen*>(to), there ? static_cast<const Sixteen*>(from) : nullptr};
  if (!put_off(copy)) *copy.to = copy.from ? *copy.from : Sixteen{};
}
inline void await_copies() {
  LaterCopy copy;
  while (next_copy(&copy)) *copy.to = copy.from ? *copy.from : Sixteen{};
}

}  // namespace warp
}  // namespace cnn::emulation
