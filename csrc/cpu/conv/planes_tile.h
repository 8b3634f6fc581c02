// The register tile of direct convolution: some output channels times some vectors of flat positions.
#pragma once

#include "cpu/vec/vec.h"

namespace cnn::cpu::inline CNN_ISA {

// Output channels of the largest tile, and vectors of a tile by its channels: sums, sources and one weight fit the
// registers.
inline constexpr int kConvRows = kRegisters == 32 ? 14 : (kVecBytes == 32 ? 6 : 4);
inline constexpr int conv_vecs(int rows) {
  const int vecs = (kRegisters - 2) / (rows + 1);
  return vecs < 1 ? 1 : vecs > 8 ? 8 : vecs;
}

// sums[o * pitch + p] (+)= sum over c, t of w[(c * taps + t) * kRows + o] * source[c * plane + offsets[t] + p],
// for as many positions p as the tile has lanes. What is accumulated is added at the end, as in panel_tile.h.
inline constexpr int64_t kConvChain = 128;  // products of a chain, where there are several channels
template <class T> struct ConvTile {
  const T* source;
  int64_t plane, channels;
  const int64_t* offsets;
  int64_t taps;
  const T* w;
  T* sums;
  int64_t pitch;
  bool accumulate;
};

template <class T, int kRows, int kVecs>
void run_conv_tile(const ConvTile<T>& t) {
  using V = Vec<T>;
  constexpr int kWidth = kLanes<T>;
  V acc[kRows][kVecs];
#pragma GCC unroll 16
  for (int o = 0; o < kRows; ++o)
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) acc[o][v] = V{};

  const T* w = t.w;
  const T* source = t.source;
  const int64_t* const offsets = t.offsets;
  const int64_t taps = t.taps;
  for (int64_t c = t.channels; c > 0; --c, source += t.plane)
    for (int64_t tap = 0; tap < taps; ++tap, w += kRows) {
      const T* x = source + offsets[tap];
      V xv[kVecs];
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) xv[v] = vec_load(x + v * kWidth);
#pragma GCC unroll 16
      for (int o = 0; o < kRows; ++o) {
        const V wv = vec_splat(w[o]);
#pragma GCC unroll 8
        for (int v = 0; v < kVecs; ++v) acc[o][v] = vec_fma(wv, xv[v], acc[o][v]);
      }
    }
  if (t.accumulate) {
#pragma GCC unroll 16
    for (int o = 0; o < kRows; ++o)
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[o][v] = acc[o][v] + vec_load(t.sums + o * t.pitch + v * kWidth);
  }
#pragma GCC unroll 16
  for (int o = 0; o < kRows; ++o)
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) vec_store(t.sums + o * t.pitch + v * kWidth, acc[o][v]);
}

template <class T> using ConvTileFn = void (*)(const ConvTile<T>&);

// The tile of 1 to kRows output channels and 1 to conv_vecs(rows) vectors.
template <class T, int kRows, int kVecs = conv_vecs(kRows)>
ConvTileFn<T> conv_tile_of(int64_t rows, int64_t vecs) {
  if constexpr (kRows > 1 && kVecs == conv_vecs(kRows))
    if (rows < kRows) return conv_tile_of<T, kRows - 1>(rows, vecs);
  if constexpr (kVecs > 1)
    if (vecs < kVecs) return conv_tile_of<T, kRows, kVecs - 1>(rows, vecs);
  return run_conv_tile<T, kRows, kVecs>;
}

}  // namespace cnn::cpu::CNN_ISA
