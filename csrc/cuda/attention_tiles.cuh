// Attention of 16-bit floats, and of float32 rounded to TF32, by products of tiles in registers, in the manner of
// FlashAttention-2 (Dao 2023): a block has a tile of rows and passes over the other side's; scores exist for one pair
// of tiles at a time. Here is what the kernels share: operands, tiles in shared memory, products with them, scores.
#pragma once

#include "cuda/mma.cuh"
#include "device/heavy_table.h"

namespace cnn::cuda {

inline constexpr int kTiledThreads = 128;           // four warps
inline constexpr int kTileRows = 64;                // a block's own: 16 of a warp
inline constexpr int64_t kMostTiledWidth = 128;     // of keys and of values
inline constexpr float kLog2E = 1.44269504088896f;  // exp(x) = 2^(x kLog2E)

template <class E> inline constexpr bool kTf32 = sizeof(E) == 4;
template <class E> inline constexpr int kChunk = 16 / int(sizeof(E));  // numbers
// Numbers that are written at once, as add_product leaves them to a lane.
template <class E> inline constexpr int kWritten = kTf32<E> ? 4 : 2;

template <class E> struct TiledRows {
  E* data;
  int64_t batch, head, row;  // strides
  bool chunks;   // rows can be read by chunks
  bool vectors;  // and written by kWritten numbers
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

// How much of the other side a block reads at a time, and the bytes of shared memory that this takes. Rows of 512 bytes
// are too many registers for a backward pass to hold two tiles of its own as factors: those stay in shared memory.
template <class E, int kWidth> struct TileSizes {
  static constexpr int kRowBytes = int(sizeof(E)) * kWidth;
  static constexpr bool kHeld = kRowBytes <= 256;
  static constexpr int kOwn = kTileRows * kRowBytes;
  static constexpr int kKeys = kRowBytes <= 256 ? 64 : 32;  // forward: keys and values
  static constexpr int kForward = 2 * kKeys * kRowBytes;
  static constexpr int kForwardBlocks = kRowBytes == 128 ? 4 : kRowBytes == 256 ? 3 : 2;  // of an SM, by registers
  static constexpr int kDqKeys = kRowBytes == 128 ? 64 : 32;  // keys and values, of this step and the next
  static constexpr int kDq = 4 * kDqKeys * kRowBytes + (kHeld ? 0 : kOwn);
  static constexpr int kQueries = 8192 / kRowBytes;  // queries and gradients, of this step and the next
  static constexpr int kPart = kWidth == 64 ? 32 : 16;  // of the queries, whose scores are in registers
  static constexpr int kDkv = 4 * kQueries * kRowBytes + (kHeld ? 1 : 2) * kOwn;
  static_assert(kForward <= 99 << 10 && kDq <= 99 << 10 && kDkv <= 99 << 10);  // what every GPU since 8.0 has
};

inline constexpr int kStaticShared = 48 << 10;  // bytes that a kernel may declare; more are asked for at its launch
template <int kBytes, int kRowBytes> __device__ Chunk* shared_chunks() {
  if constexpr (kBytes <= kStaticShared) {
    alignas(kRowBytes) __shared__ Chunk chunks[kBytes / 16];
    return chunks;
  } else {
    return ptx::launched_shared();
  }
}

// Rows of kWidth numbers in shared memory. Chunk c of row r lies at c ^ (r % 8): the rows of a matrix, which a warp
// reads at once, are in different banks.
template <class E, int kWidth> struct Tile {
  static constexpr int kRowBytes = int(sizeof(E)) * kWidth;
  static constexpr int kChunks = kRowBytes / 16, kSteps = kRowBytes / 32;  // of a row; of a sum along it
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

  // Each thread brings a chunk of every kStep-th row.
  static constexpr int kStep = kTiledThreads / kChunks;
  static __device__ int own_row() { return int(threadIdx.x) / kChunks; }
  static __device__ int own_chunk() { return int(threadIdx.x) % kChunks; }
  __device__ ptx::SharedAddress own() const { return at(own_row(), own_chunk()); }
  // From there on by r rows, a multiple of kStep.
  static __device__ ptx::SharedAddress below(ptx::SharedAddress own, int r) {
    return (own ^ unsigned(r % 8 * 16)) + unsigned(r * kRowBytes);
  }
};

// What a product makes of a number.
template <class E> __device__ float as_factor(E x) {
  if constexpr (kTf32<E>) return __builtin_bit_cast(float, ptx::to_tf32(x));
  else return float(x);
}

__device__ inline void put(Chunk& chunk, int i, float x) { chunk.words[i] = __builtin_bit_cast(uint32_t, x); }
template <class E> __device__ void put(Chunk& chunk, int i, E x) {
  chunk.words[i / 2] |= uint32_t(x.bits) << (16 * (i % 2));
}

// kRows rows from `first` on; zeros past the last of `rows` and past the width. They are there after `arrive`.
template <int kRows, class E, int kWidth>
__device__ void load_tile(const Tile<E, kWidth>& tile, const TiledRows<E>& x, const E* plane, int first, int rows,
                          int width) {
  constexpr int kStep = Tile<E, kWidth>::kStep;
  const int row = first + tile.own_row(), column = tile.own_chunk() * kChunk<E>;
  const ptx::SharedAddress to = tile.own();
  const E* from = plane + row * x.row + column;
  if (x.chunks) {
#pragma unroll
    for (int r = 0; r < kRows; r += kStep, from += kStep * x.row) {
      const bool there = row + r < rows && column < width;
      ptx::copy_later(tile.below(to, r), reinterpret_cast<const Chunk*>(there ? from : x.data), there);
    }
    return;
  }
#pragma unroll 1
  for (int r = 0; r < kRows; r += kStep, from += kStep * x.row) {
    Chunk read = {};
#pragma unroll
    for (int i = 0; i < kChunk<E>; ++i)
      if (row + r < rows && column + i < width) put(read, i, from[i]);
    ptx::store_chunk(tile.below(to, r), read);
  }
}

// What this thread brought to kRows rows of a tile becomes factors: float32 is rounded.
template <int kRows, class E, int kWidth> __device__ void make_factors(const Tile<E, kWidth>& tile) {
  if constexpr (kTf32<E>) {
    constexpr int kAtOnce = 4, kStep = Tile<E, kWidth>::kStep;
    static_assert(kRows % (kAtOnce * kStep) == 0 && kAtOnce * kStep % 8 == 0);
    ptx::SharedAddress own = tile.own();
#pragma unroll 1
    for (int r = 0; r < kRows; r += kAtOnce * kStep, own += unsigned(kAtOnce * kStep * tile.kRowBytes)) {
      Chunk x[kAtOnce];
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i) x[i] = ptx::load_chunk(tile.below(own, i * kStep));
#pragma unroll
      for (int i = 0; i < kAtOnce; ++i) {
#pragma unroll
        for (uint32_t& word : x[i].words) word = ptx::to_tf32(__builtin_bit_cast(float, word));
        ptx::store_chunk(tile.below(own, i * kStep), x[i]);
      }
    }
  }
}

// All copies of the block are there, and those to kRows rows of these tiles are factors. What the block has read before
// may be written.
template <int kRows, class... Tiles> __device__ void arrive(const Tiles&... tiles) {
  ptx::await_copies();
  (make_factors<kRows>(tiles), ...);
  __syncthreads();
}

// The k-th matrix [16, 32 bytes] of the warp's rows, as left factor.
template <class E, int kWidth> __device__ void left_factor(uint32_t (&a)[4], const Tile<E, kWidth>& tile, int k) {
  ptx::load_matrices(a, tile.ahead(tile.at(warp_row() + lane() % 16, lane() / 16), 2 * k));
}

// c [16, kCols] += a y^T for rows y [kCols, kWidth] of a tile; left(a, k) gives the k-th left factor of a.
template <int kCols, class E, int kWidth, class Left>
__device__ void add_turned(float (&c)[kCols / 8][4], const Left& left, const Tile<E, kWidth>& y) {
  const ptx::SharedAddress place = y.at(lane() % 8 + lane() / 16 * 8, lane() / 8 % 2);
#pragma unroll
  for (int k = 0; k < y.kSteps; ++k) {
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
template <int kCols, class E, int kWidth>
__device__ void add_product(float (&c)[kWidth / 8][4], const float (&p)[kCols / 8][4], const Tile<E, kWidth>& y)
  requires(!kTf32<E>)
{
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

// The same of TF32. In its sums rows 2t and 2t + 1 of y stand where t and t + 4 would, so p is a left factor as it is.
// A lane reads y by chunks, so column c of four blocks is at c / 4 of block c % 4, where store_rows finds it.
template <int kCols, int kWidth>
__device__ void add_product(float (&c)[kWidth / 8][4], const float (&p)[kCols / 8][4], const Tile<float, kWidth>& y) {
  const ptx::SharedAddress even = y.at(lane_column(), lane_row()), odd = y.at(lane_column() + 1, lane_row());
#pragma unroll
  for (int k = 0; k < kCols / 8; ++k) {
    const uint32_t a[4] = {ptx::to_tf32(p[k][0]), ptx::to_tf32(p[k][2]), ptx::to_tf32(p[k][1]), ptx::to_tf32(p[k][3])};
#pragma unroll
    for (int j = 0; j < kWidth / 32; ++j) {
      const unsigned there = unsigned(8 * k * y.kRowBytes + 128 * j);
      const Chunk b0 = ptx::load_chunk(even + there), b1 = ptx::load_chunk(odd + there);
#pragma unroll
      for (int i = 0; i < 4; ++i) ptx::multiply<float>(c[4 * j + i], a, b0.words[i], b1.words[i]);
    }
  }
}

// Two neighbours of an array, and four.
struct alignas(8) Pair {
  float of[2];
};
struct alignas(16) Four {
  float of[4];
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
    if constexpr (kTf32<E>) {
#pragma unroll
      for (int i = 0; i < n; i += 4)
#pragma unroll
        for (int e = 0; e < 2; ++e) {
          const int column = 8 * i + 4 * (lane_column() + e);
          Four four;
#pragma unroll
          for (int j = 0; j < 4; ++j) four.of[j] = c[i + j][2 * half + e] * factor[half];
          if (x.vectors && column + 3 < width) {
            *reinterpret_cast<Four*>(to + column) = four;
          } else {
#pragma unroll
            for (int j = 0; j < 4; ++j)
              if (column + j < width) to[column + j] = four.of[j];
          }
        }
    } else {
#pragma unroll
      for (int i = 0; i < n; ++i) {
        const int column = 8 * i + lane_column();
        const float low = c[i][2 * half] * factor[half], high = c[i][2 * half + 1] * factor[half];
        if (x.vectors && column + 1 < width) {
          *reinterpret_cast<uint32_t*>(to + column) = ptx::pack<E>(low, high);
        } else {
          if (column < width) to[column] = E(low);
          if (column + 1 < width) to[column + 1] = E(high);
        }
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
