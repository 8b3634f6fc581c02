// The inner loop of products of bfloat16 in panels, on matrix tiles (AMX) or on pairs of elements in vectors
// (AVX512_BF16). Both add products of two elements at a time to a float; both read subnormal elements as zero and make
// subnormal sums zero, and keep infinities and NaN. They group the additions differently, so last digits may differ.
#pragma once

#include "cnn/dtype.h"
#include "core/cpu_info.h"
#include "cpu/gemm/bf16_pack.h"
#include "cpu/gemm/finish.h"

namespace cnn::cpu::inline CNN_ISA {

#define CNN_WITH_TILES __attribute__((target("amx-tile,amx-bf16")))
#define CNN_WITH_PAIRS __attribute__((target("avx512bf16")))

inline constexpr int64_t kPanelLines = 32;  // lines of a panel: two tiles
inline constexpr int64_t kBlock = 2 * kTileElements;  // a panel's two tiles
inline constexpr int64_t kPage = 2048;  // elements; rows that far apart share few lines of the cache
inline int64_t whole_blocks(int64_t depth) { return ceil_div(depth, kDepth) * kDepth; }

struct alignas(64) TileShapes {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

CNN_WITH_TILES inline void open_tiles() {
  static const TileShapes shapes;
  _tile_loadconfig(&shapes);
}
CNN_WITH_TILES inline void close_tiles() { _tile_release(); }

// A panel of 32 rows of A, packed or where it lies. Counts elements.
struct RowsPanel {
  const uint16_t* at;
  int64_t row, lower, step;  // from row to row, to the lower tile, to the next 32 of depth
};

// sums[32][32] (+)= panel of A @ packed panel of B, `blocks` of 32 deep; rows of sums begin sums_row apart. Sums of
// rows and columns that do not count are left out by halves, or by less.
struct PanelsArgs {
  RowsPanel a;
  const uint16_t* b;
  int64_t blocks, rows, cols;
  bool first;
  float* sums;
  int64_t sums_row = kPanelLines;
};

// A passes by and leaves B in the first cache.
template <bool kLower, bool kRight> CNN_WITH_TILES void multiply_in_tiles(const PanelsArgs& g) {
  const uint16_t *upper = g.a.at, *lower = g.a.at + g.a.lower, *b = g.b;
  const int64_t row = g.a.row * 2, sums_row = g.sums_row * 4;
  float *const sums = g.sums, *const below = sums + kLines * g.sums_row;
  if (g.first) {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  } else {
    _tile_loadd(0, sums, sums_row);
    if (kRight) _tile_loadd(1, sums + 16, sums_row);
    if (kLower) _tile_loadd(2, below, sums_row);
    if (kLower && kRight) _tile_loadd(3, below + 16, sums_row);
  }
  for (int64_t p = 0; p < g.blocks; ++p) {
    _tile_stream_loadd(4, upper, row);
    _tile_loadd(6, b, 64);
    if (kRight) _tile_loadd(7, b + kTileElements, 64);
    _tile_dpbf16ps(0, 4, 6);
    if (kRight) _tile_dpbf16ps(1, 4, 7);
    if (kLower) _tile_stream_loadd(5, lower, row);
    if (kLower) _tile_dpbf16ps(2, 5, 6);
    if (kLower && kRight) _tile_dpbf16ps(3, 5, 7);
    upper += g.a.step, lower += g.a.step, b += kBlock;
  }
  _tile_stored(0, sums, sums_row);
  if (kRight) _tile_stored(1, sums + 16, sums_row);
  if (kLower) _tile_stored(2, below, sums_row);
  if (kLower && kRight) _tile_stored(3, below + 16, sums_row);
}

inline void multiply_tiles(const PanelsArgs& g) {
  if (g.rows > kLines) return g.cols > kLines ? multiply_in_tiles<true, true>(g) : multiply_in_tiles<true, false>(g);
  g.cols > kLines ? multiply_in_tiles<false, true>(g) : multiply_in_tiles<false, false>(g);
}

// Pairs of A's elements are broadcast against vectors of B: kPairRows x kVecs vectors of sums.
inline constexpr int kPairRows = 8;
template <int kVecs> CNN_WITH_PAIRS void multiply_in_pairs(const PanelsArgs& g) {
  float* sums = g.sums;
  const int64_t sums_row = g.sums_row;
  for (int64_t i = 0; i < g.rows; i += kPairRows, sums += kPairRows * sums_row) {
    __m512 acc[kPairRows][kVecs];
#pragma GCC unroll 8
    for (int r = 0; r < kPairRows; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < kVecs; ++v)
        acc[r][v] = g.first ? _mm512_setzero_ps() : _mm512_loadu_ps(sums + r * sums_row + v * kLines);
    const uint16_t *a = g.a.at + i / kLines * g.a.lower + i % kLines * g.a.row, *b = g.b;
    const int64_t row = g.a.row;
    for (int64_t p = 0; p < g.blocks; ++p, a += g.a.step, b += kBlock) {
      // Three rows to a pointer: base, base + row and base + 2 rows are what one address can say.
      const uint16_t* bases[(kPairRows + 2) / 3];
#pragma GCC unroll 3
      for (int r = 0; r < kPairRows; r += 3) {
        bases[r / 3] = a + r * row;
        asm("" : "+r"(bases[r / 3]));  // or the compiler would derive all from one, with more strides than registers
      }
#pragma GCC unroll 8
      for (int r = 0; r < kPairRows; ++r) __builtin_prefetch(bases[r / 3] + r % 3 * row + g.a.step);
      for (int pair = 0; pair < kLines; ++pair) {
        __m512bh y[kVecs];
#pragma GCC unroll 2
        for (int v = 0; v < kVecs; ++v) y[v] = (__m512bh)_mm512_loadu_si512(b + v * kTileElements + pair * 2 * kLines);
#pragma GCC unroll 8
        for (int r = 0; r < kPairRows; ++r) {
          int both;
          __builtin_memcpy(&both, bases[r / 3] + r % 3 * row + 2 * pair, sizeof both);
          const __m512bh x = (__m512bh)_mm512_set1_epi32(both);
#pragma GCC unroll 2
          for (int v = 0; v < kVecs; ++v) acc[r][v] = _mm512_dpbf16_ps(acc[r][v], x, y[v]);
        }
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kPairRows; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < kVecs; ++v) _mm512_storeu_ps(sums + r * sums_row + v * kLines, acc[r][v]);
  }
}

inline void multiply_pairs(const PanelsArgs& g) { g.cols > kLines ? multiply_in_pairs<2>(g) : multiply_in_pairs<1>(g); }

// What differs between the processors.
struct Engine {
  void (*multiply)(const PanelsArgs&);
  void (*open)();
  void (*close)();
  int64_t blocks_in_l1;  // of a panel of B, that stay there while panels of A pass
};
inline const Engine& engine() {
  static constexpr auto nothing = +[] {};
  static constexpr Engine kTiles{multiply_tiles, open_tiles, close_tiles, 16},
      kPairs{multiply_pairs, nothing, nothing, 8};
  return cpu_bf16() == Bf16::Tiles ? kTiles : kPairs;
}

// Whole rows of 32 sums, with a bias of columns and bounds or without, rounded. Past the cache the rows are aligned,
// and need a fence.
CNN_WITH_PAIRS inline void store_rounded(const float* sums, int64_t rows, const float* bias,
                                         const Bounds<float>& bounds, BFloat16* c, int64_t c_row, bool past_cache) {
  const Vec<float> left = bias ? vec_load(bias) : Vec<float>{}, right = bias ? vec_load(bias + 16) : Vec<float>{};
  for (int64_t r = 0; r < rows; ++r, sums += kPanelLines, c += c_row) {
    Vec<float> low = vec_load(sums), high = vec_load(sums + 16);
    if (bias) low = low + left, high = high + right;
    if (bounds.any()) {
      const Vec<float> least = vec_splat(bounds.low), most = vec_splat(bounds.high);
      low = bounded<float>(low, least, most), high = bounded<float>(high, least, most);
    }
    const __m512bh v = _mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
    if (past_cache) _mm512_stream_si512(reinterpret_cast<__m512i*>(c), (__m512i)v);
    else __builtin_memcpy(static_cast<void*>(c), &v, sizeof v);
  }
}

// to[j][i] = from[i][j] for a tile of 32 x 32 sums.
inline void turn_sums(const float* from, float* to) {
  for (int64_t p = 0; p < kPanelLines; p += 4)
    for (int64_t i = 0; i < kPanelLines; i += kLines)
      transpose_pieces(Rows<float>{from + i * kPanelLines, kPanelLines}, p, to + p * kPanelLines + i, kPanelLines);
}

}  // namespace cnn::cpu::CNN_ISA
