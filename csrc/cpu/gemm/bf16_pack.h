// bfloat16 operands in the order in which matrix tiles read them. AVX-512 only: no other build has such tiles.
#pragma once

#include "cpu/gemm/pack.h"

namespace cnn::cpu::inline CNN_ISA {

// A tile holds 16 rows of 64 bytes: for A 16 rows of 32 elements, for B 16 pairs of rows with the elements of a pair
// next to each other: b[k, j] and b[k + 1, j] make one word.
inline constexpr int kLines = 16, kDepth = 32, kTileElements = kLines * kDepth;

// `lines` rows of A or columns of B, `depth` elements deep.
struct Strip {
  const uint16_t* at;
  int64_t k_stride, stride;  // along the depth, from line to line
};

// Dense along the depth: rows of words.
struct WordRows {
  Strip s;
  CNN_HD const float* operator()(int64_t j) const { return reinterpret_cast<const float*>(s.at + j * s.stride); }
};

typedef uint16_t Half16 __attribute__((vector_size(32)));
typedef uint32_t Words __attribute__((vector_size(64)));

// words[pair * 16 + line] of a whole tile that is dense from line to line.
inline void interleave_pairs(const Strip& s, float* words) {
  for (int pair = 0; pair < kLines; ++pair) {
    Half16 low, high;
    __builtin_memcpy(&low, s.at + 2 * pair * s.k_stride, sizeof low);
    __builtin_memcpy(&high, s.at + (2 * pair + 1) * s.k_stride, sizeof high);
    const Words both = __builtin_convertvector(low, Words) | __builtin_convertvector(high, Words) << 16;
    __builtin_memcpy(words + pair * kLines, &both, sizeof both);
  }
}

// One tile: for B to[pair][line][2], else to[line][depth]; zeros past `lines` and `depth`.
template <bool kForB> void pack_tile(Strip s, int64_t lines, int64_t depth, uint16_t* to) {
  if (lines == 0) {
    __builtin_memset(to, 0, kTileElements * sizeof *to);
    return;
  }
  float* const words = reinterpret_cast<float*>(to);
  alignas(64) uint16_t copy[kTileElements];
  if (lines < kLines || depth < kDepth || (s.k_stride != 1 && s.stride != 1)) {
    __builtin_memset(copy, 0, sizeof copy);
    for (int64_t j = 0; j < lines; ++j)
      if (s.k_stride == 1) __builtin_memcpy(copy + j * kDepth, s.at + j * s.stride, size_t(depth) * 2);
      else
        for (int64_t p = 0; p < depth; ++p) copy[j * kDepth + p] = s.at[j * s.stride + p * s.k_stride];
    s = {copy, 1, kDepth};
  }
  alignas(64) float turned[kTileElements / 2];
  if (s.k_stride != 1) {
    interleave_pairs(s, kForB ? words : turned);
    if (kForB) return;
    for (int p = 0; p < kLines; p += 4) transpose_pieces(Rows<float>{turned, kLines}, p, words + p * kLines, kLines);
  } else if (kForB) {
    for (int p = 0; p < kLines; p += 4) transpose_pieces(WordRows{s}, p, words + p * kLines, kLines);
  } else {
    for (int j = 0; j < kLines; ++j) __builtin_memcpy(to + j * kDepth, s.at + j * s.stride, 64);
  }
}

// A panel of 32 lines: for each 32 of depth two tiles, one after the other.
template <bool kForB> void pack_strip(const Strip& s, int64_t lines, int64_t depth, uint16_t* to) {
  for (int64_t p = 0; p < depth; p += kDepth)
    for (int64_t j = 0; j < 2 * kLines; j += kLines, to += kTileElements)
      pack_tile<kForB>({s.at + j * s.stride + p * s.k_stride, s.k_stride, s.stride},
                       min_of(kLines, max_of(lines - j, 0)), min_of(kDepth, depth - p), to);
}

}  // namespace cnn::cpu::CNN_ISA
