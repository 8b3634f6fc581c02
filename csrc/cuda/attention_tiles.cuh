// Attention of 16-bit floats by products of tiles in registers, in the manner of FlashAttention-2 (Dao 2023): a block
// has a tile of rows and passes over the other side's; scores exist for one pair of tiles at a time. Here is what the
// kernels share: operands, tiles in shared memory, products with them, scores.
#pragma once

#include "cuda/mma.cuh"
#include "device/heavy_table.h"

namespace cnn::cuda {

inline constexpr int kTiledThreads = 128;           // four warps
inline constexpr int kTileRows = 64;                // a block's own: 16 of a warp
inline constexpr int64_t kMostTiledWidth = 128;     // of keys and of values
inline constexpr float kLog2E = 1.44269504088896f;  // exp(x) = 2^(x kLog2E)

template <class E> struct TiledRows {
  E* data;
  int64_t batch, head, row;  // strides
  bool chunks;  // rows can be read by chunks
  bool pairs;   // and written by pairs
  __device__ E* plane(int64_t b, int64_t h) const { return data + b * batch + h * head; }
};

// AttentionArgs for kernels. Scores are in units of log 2.
template <class E> struct TiledAttention {
  TiledRows<E> q, k, v, out, d_out, dq, dk, dv;
  int heads, group, rows, cols, width, value_width;  // group: heads that share their keys
  int tiles;  // blocks of a head, or of a head of keys
  bool causal;
  float scale, log2_scale;
  const uint8_t* flags;  // the mask, if it is bool
  const float* bias;     // or if it is added
  int64_t mask_batch, mask_head, mask_row, mask_col;
  const float* noise;
  // The parts of lse in units of log 2: the largest score, and the rest. [batch, heads, rows]
  float *largest, *rest;
  // backward: [batch, heads, padded]; inner: the sum of out d_out
  float *padded_largest, *padded_rest, *inner;
  int64_t padded;  // rows of whole tiles; those past the last see nothing
};

// Where a lane's numbers of a product [16, 8] are: rows g and g + 8, columns 2t and 2t + 1.
__device__ inline int lane() { return int(threadIdx.x) % 32; }
__device__ inline int lane_row() { return lane() / 4; }
__device__ inline int lane_column() { return lane() % 4 * 2; }
__device__ inline int warp_row() { return int(threadIdx.x) / 32 * 16; }  // of the block's tile

// x log2(e), which stays finite where x is: programs hide keys by the lowest float.
__device__ inline float to_log2(float x) {
  const float y = x * kLog2E, most = 3.40282347e38f;
  const bool overflows = (y > most) & (x <= most), underflows = (y < -most) & (x >= -most);
  return overflows ? most : underflows ? -most : y;
}

// Rows of kWidth numbers in shared memory. Chunk c of row r lies at c ^ (r % 8): the rows of a matrix, which a warp
// reads at once, are in different banks.
template <int kWidth> struct Tile {
  static constexpr int kRowBytes = 2 * kWidth;
  ptx::SharedAddress data;  // a multiple of kRowBytes
  __device__ explicit Tile(const Chunk* p) : data(ptx::shared_address(p)) {}
  __device__ ptx::SharedAddress at(int row, int chunk) const {
    return data + unsigned(row * kRowBytes + (chunk ^ (row & 7)) * 16);
  }
  // The tile from row 8 n on.
  __device__ Tile from(int row) const {
    Tile part = *this;
    part.data += unsigned(row * kRowBytes);
    return part;
  }
  // From a place in chunk 0 or 1, an even number of chunks on.
  static __device__ ptx::SharedAddress ahead(ptx::SharedAddress place, int n) { return place ^ unsigned(16 * n); }
};

// kRows rows from `first` on; zeros past the last of `rows` and past the width. They are there after await_copies and a
// barrier.
template <int kRows, int kWidth, class E>
__device__ void load_tile(const Tile<kWidth>& tile, const TiledRows<E>& x, const E* plane, int first, int rows,
                          int width) {
  constexpr int kChunks = kWidth / 8, kStep = kTiledThreads / kChunks;
  const int chunk = int(threadIdx.x) % kChunks, column = chunk * 8, row = int(threadIdx.x) / kChunks;
  const ptx::SharedAddress to = tile.at(row, chunk);
  const E* from = plane + (first + row) * x.row + column;
  if (x.chunks) {
#pragma unroll
    for (int r = 0; r < kRows; r += kStep, from += kStep * x.row) {
      const bool there = first + row + r < rows && column < width;
      ptx::copy_later(to + unsigned(r * 2 * kWidth), reinterpret_cast<const Chunk*>(there ? from : x.data), there);
    }
    return;
  }
#pragma unroll 1
  for (int r = 0; r < kRows; r += kStep, from += kStep * x.row) {
    Chunk read = {};
#pragma unroll
    for (int i = 0; i < 8; ++i)
      if (first + row + r < rows && column + i < width) read.words[i / 2] |= uint32_t(from[i].bits) << (16 * (i % 2));
    ptx::store_chunk(to + unsigned(r * 2 * kWidth), read);
  }
}

// The k-th matrix [16, 16] of the warp's rows, as left factor.
template <int kWidth> __device__ void left_factor(uint32_t (&a)[4], const Tile<kWidth>& tile, int k) {
  ptx::load_matrices(a, tile.ahead(tile.at(warp_row() + lane() % 16, lane() / 16), 2 * k));
}

// c [16, kCols] += a y^T for rows y [kCols, kWidth] of a tile; left(a, k) gives the k-th [16, 16] of a.
template <class E, int kCols, int kWidth, class Left>
__device__ void add_turned(float (&c)[kCols / 8][4], const Left& left, const Tile<kWidth>& y) {
  const ptx::SharedAddress place = y.at(lane() % 8 + lane() / 16 * 8, lane() / 8 % 2);
#pragma unroll
  for (int k = 0; k < kWidth / 16; ++k) {
    uint32_t a[4];
    left(a, k);
#pragma unroll
    for (int j = 0; j < kCols / 16; ++j) {
      uint32_t b[4];
      ptx::load_matrices(b, y.ahead(place, 2 * k) + unsigned(16 * j * y.kRowBytes));
      ptx::multiply<E>(c[2 * j], a, b[0], b[1]);
      ptx::multiply<E>(c[2 * j + 1], a, b[2], b[3]);
    }
  }
}

// c [16, kWidth] += p y for p [16, kCols], rounded to E, and rows y [kCols, kWidth] of a tile
template <class E, int kCols, int kWidth>
__device__ void add_product(float (&c)[kWidth / 8][4], const float (&p)[kCols / 8][4], const Tile<kWidth>& y) {
  const ptx::SharedAddress place = y.at(lane() % 16, lane() / 16);
#pragma unroll
  for (int k = 0; k < kCols / 16; ++k) {
    const float (&left)[4] = p[2 * k], (&right)[4] = p[2 * k + 1];
    const uint32_t a[4] = {ptx::pack<E>(left[0], left[1]), ptx::pack<E>(left[2], left[3]),
                           ptx::pack<E>(right[0], right[1]), ptx::pack<E>(right[2], right[3])};
#pragma unroll
    for (int j = 0; j < kWidth / 16; ++j) {
      uint32_t b[4];
      ptx::load_turned(b, y.ahead(place, 2 * j) + unsigned(16 * k * y.kRowBytes));
      ptx::multiply<E>(c[2 * j], a, b[0], b[1]);
      ptx::multiply<E>(c[2 * j + 1], a, b[2], b[3]);
    }
  }
}

// Two neighbours of an array.
struct alignas(8) Pair {
  float of[2];
};

template <int n> __device__ void clear(float (&c)[n][4]) {
#pragma unroll
  for (int i = 0; i < n; ++i)
#pragma unroll
    for (int e = 0; e < 4; ++e) c[i][e] = 0;
}

// f(value, row, column) for all of a product, in the tile's rows and columns.
template <int n, class F> __device__ void each_number(float (&c)[n][4], const F& f) {
#pragma unroll
  for (int i = 0; i < n; ++i)
#pragma unroll
    for (int e = 0; e < 4; ++e) f(c[i][e], e / 2, 8 * i + lane_column() + e % 2);
}

// The block's rows from `first` on, times a factor for each of a lane's two.
template <class E, int n>
__device__ void store_rows(const float (&c)[n][4], const TiledRows<E>& x, E* plane, int first, int rows, int width,
                           const float (&factor)[2]) {
#pragma unroll
  for (int half = 0; half < 2; ++half) {
    const int row = first + warp_row() + lane_row() + 8 * half;
    if (row >= rows) continue;
    E* const to = plane + row * x.row;
#pragma unroll
    for (int i = 0; i < n; ++i) {
      const int column = 8 * i + lane_column();
      const float low = c[i][2 * half] * factor[half], high = c[i][2 * half + 1] * factor[half];
      if (x.pairs && column + 1 < width) {
        *reinterpret_cast<uint32_t*>(to + column) = ptx::pack<E>(low, high);
      } else {
        if (column < width) to[column] = E(low);
        if (column + 1 < width) to[column + 1] = E(high);
      }
    }
  }
}

struct ScorePlace {
  int row, col;  // the query and the key
};

// The scores of one head.
template <class E> class HeadScores {
  using Place = ScorePlace;
  const TiledAttention<E>& a;
  const uint8_t* flags;
  const float *bias, *noise;

 public:
  __device__ HeadScores(const TiledAttention<E>& a, int64_t b, int64_t h) : a(a) {
    const int64_t at = b * a.mask_batch + h * a.mask_head;
    flags = a.flags ? a.flags + at : nullptr;
    bias = a.bias ? a.bias + at : nullptr;
    noise = a.noise ? a.noise + (b * a.heads + h) * a.rows * a.cols : nullptr;
  }
  // Products of `rows` queries from `row` on and `cols` keys from `col` on become scores: place(half, column) is where
  // a number is.
  template <int n, class F>
  __device__ void finish(float (&products)[n][4], int row, int rows, int col, int cols, const F& place) const {
    const bool whole = row + rows <= a.rows && col + cols <= a.cols && !(a.causal && col + cols - 1 > row);
    if (whole && !flags && !bias) each_number(products, [&](float& x, int, int) { x *= a.log2_scale; });
    else each_number(products, [&](float& x, int half, int column) { x = masked(x, place(half, column)); });
  }
  template <int n, class F> __device__ void times_noise(float (&x)[n][4], const F& place) const {
    if (!noise) return;
    each_number(x, [&](float& x, int half, int column) {
      const Place at = place(half, column);
      x *= there(at) ? noise[int64_t(at.row) * a.cols + at.col] : 0.0f;
    });
  }

 private:
  __device__ bool there(Place at) const { return at.row < a.rows && at.col < a.cols; }
  __device__ float masked(float product, Place at) const {
    constexpr float hidden = -__builtin_inff();
    if (!there(at) || (a.causal && at.col > at.row)) return hidden;
    const int64_t i = at.row * a.mask_row + at.col * a.mask_col;
    if (flags && !flags[i]) return hidden;
    const float x = product * a.log2_scale;
    return bias ? x + to_log2(bias[i]) : x;
  }
};

}  // namespace cnn::cuda
