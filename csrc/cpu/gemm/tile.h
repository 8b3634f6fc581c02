// The register tile of the matrix product: elements of A broadcast against vectors of B, the sums in registers until
// they have gone through the epilogue.
#pragma once

#include "cpu/gemm/epilogue.h"

namespace cnn::cpu::inline CNN_ISA {

inline constexpr int64_t kDeepTile = 100;  // depth from which C is fetched before it is written, a row at a time
inline constexpr int64_t kTileChain = 128;  // products of a chain of additions; the chains' sums are added up in memory
inline constexpr int64_t kAhead = 8;  // rows of B that the second cache is asked for in advance

// acc[i][v] = sum over p of a[i, p] * b[p, v].  kVecs is ceil(cols / lanes). B is read in place where the instruction
// set masks the last vector for free (kMaskedLoads), or cols is a multiple of the lanes, or it is packed.
template <class T, int kRows, int kVecs>
void run_tile(const Tile<T>& t) {
  using V = Vec<T>;
  constexpr int kWidth = kLanes<T>;
  V acc[kRows][kVecs];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) acc[i][v] = V{};
  alignas(64) T sums[kRows * kVecs * kWidth];
  const Lanes<T> last = lanes_of<T>(t.cols - (kVecs - 1) * kWidth);

  // Three rows to a pointer: base, base + stride and base + 2 strides are what one address can say.
  constexpr int kBases = (kRows + 2) / 3;
  const int64_t a_row = t.a_row * int64_t(sizeof(T)), a_col = t.a_col * int64_t(sizeof(T));
  const char* a[kBases];
#pragma GCC unroll 8
  for (int i = 0; i < kBases; ++i) {
    a[i] = reinterpret_cast<const char*>(t.a) + 3 * i * a_row;
    asm("" : "+r"(a[i]));  // or the compiler would derive all from one, with more strides than registers
  }
  const T* b = t.b;
  const int64_t b_row = t.b_row, b_panel = t.b_panel, k = t.k;
  const bool fetches_c = k >= kDeepTile && t.c_col == 1;
  const int64_t at_once = fetches_c ? min_of(k / kRows, kTileChain) : kTileChain;
  const T* c = t.c;
  int64_t chain = 0;  // where the one in the registers began; `sums` has those before
  for (int64_t p = 0; p < k;) {
    if (fetches_c) {
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) __builtin_prefetch(c + v * kWidth, 1);
      c += t.c_row;
    }
    if (p - chain >= kTileChain) {
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
        for (int v = 0; v < kVecs; ++v) {
          T* const sum = sums + (i * kVecs + v) * kWidth;
          vec_store(sum, chain ? acc[i][v] + vec_load(sum) : acc[i][v]);
          acc[i][v] = V{};
        }
      chain = p;
    }
    for (const int64_t end = min_of(p + at_once, k); p < end; ++p) {
      __builtin_prefetch(b + kAhead * b_row);
      if (kVecs > 1) __builtin_prefetch(b + kAhead * b_row + kWidth);
      V bv[kVecs];
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) {
        const T* from = kVecs > kTileVecs ? b + v / kTileVecs * b_panel + v % kTileVecs * kWidth : b + v * kWidth;
        bv[v] = kMaskedLoads && v == kVecs - 1 ? vec_load_lanes(from, last) : vec_load(from);
      }
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const V av = vec_splat(*reinterpret_cast<const T*>(a[i / 3] + i % 3 * a_row));
#pragma GCC unroll 8
        for (int v = 0; v < kVecs; ++v) acc[i][v] = vec_fma(av, bv[v], acc[i][v]);
      }
#pragma GCC unroll 8
      for (int i = 0; i < kBases; ++i) a[i] += a_col;
      b += b_row;
    }
  }

  if (chain) {
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) acc[i][v] = acc[i][v] + vec_load(sums + (i * kVecs + v) * kWidth);
  }
  if (t.c_col == 1) return finish_in_registers<T, kRows, kVecs>(t, acc, last);
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) vec_store(sums + (i * kVecs + v) * kWidth, acc[i][v]);
  finish_tile(t, sums, kRows, kVecs * kWidth);
}

template <class T> using TileFn = void (*)(const Tile<T>&);

// The tile of 1 to kRows rows and 1 to kVecs vectors.
template <class T, int kRows, int kVecs>
TileFn<T> tile_of(int64_t rows, int64_t vecs) {
  if constexpr (kRows > 1)
    if (rows < kRows) return tile_of<T, kRows - 1, kVecs>(rows, vecs);
  if constexpr (kVecs > 1)
    if (vecs < kVecs) return tile_of<T, kRows, kVecs - 1>(rows, vecs);
  return run_tile<T, kRows, kVecs>;
}

}  // namespace cnn::cpu::CNN_ISA
