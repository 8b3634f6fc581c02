// The kernels of attention by tiles. kWidth is that of tiles: 64 or 128, for narrower rows with zeros behind them. E is
// Half, BFloat16 or, for TF32, float.
#pragma once

#include "cuda/attention_tiles.cuh"

namespace cnn::cuda {

template <class E, int kWidth> using Factors = uint32_t[Tile<E, kWidth>::kSteps][4];  // [16, kWidth] as left factors

template <class E, int kWidth>
__device__ void left_factors(uint32_t (&a)[Tile<E, kWidth>::kSteps][4], const Tile<E, kWidth>& tile) {
#pragma unroll
  for (int k = 0; k < tile.kSteps; ++k) left_factor(a[k], tile, k);
}
template <int n> struct FromRegisters {
  const uint32_t (&held)[n][4];
  __device__ void operator()(uint32_t (&a)[4], int k) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) a[i] = held[k][i];
  }
};
template <class E, int kWidth> struct FromTile {
  Tile<E, kWidth> tile;
  __device__ void operator()(uint32_t (&a)[4], int k) const { left_factor(a, tile, k); }
};

// A block has 64 queries and passes over the keys that they see. Keys of the next tile come while values are
// multiplied, values while keys are. Row maxima and sums are those of the keys so far; what was added up before a new
// maximum is scaled down.
template <class E, int kWidth>
__global__ void __launch_bounds__(kTiledThreads, (TileSizes<E, kWidth>::kForwardBlocks))
    attention_tiles(const __grid_constant__ TiledAttention<E> a) {
  using Rows = Tile<E, kWidth>;
  using Sizes = TileSizes<E, kWidth>;
  constexpr int kKeys = Sizes::kKeys;
  constexpr bool kTogether = kKeys == kTileRows;  // queries lie where values will, else where keys will, too
  Chunk* const shared = shared_chunks<Sizes::kForward, Rows::kRowBytes>();
  const Rows keys{shared}, values{shared + kKeys * Rows::kChunks};
  // Of causal ones, the longest first.
  const int first = (a.tiles - 1 - int(blockIdx.x % unsigned(a.tiles))) * kTileRows;
  const int64_t plane = blockIdx.x / unsigned(a.tiles), b = plane / a.heads, h = plane % a.heads;
  const E *const k = a.k.plane(b, h / a.group), *const v = a.v.plane(b, h / a.group);
  const HeadScores<E> scores(a, b, h);
  const int row = first + warp_row();
  const int seen = a.causal && first + kTileRows < a.cols ? first + kTileRows : a.cols;

  Factors<E, kWidth> q;
  {
    const Rows queries = kTogether ? values : keys;
    load_tile<kTileRows>(queries, a.q, a.q.plane(b, h), first, a.rows, a.width);
    if (kTogether) load_tile<kKeys>(keys, a.k, k, 0, a.cols, a.width);
    arrive<kTileRows>(queries);
    left_factors(q, queries);
    if (!kTogether) {
      __syncthreads();
      load_tile<kKeys>(keys, a.k, k, 0, a.cols, a.width);
    }
  }

  float out[kWidth / 8][4], top[2] = {-kernels::infinity<float>(), -kernels::infinity<float>()}, total[2] = {0, 0};
  clear(out);
  for (int at = 0; at < seen; at += kKeys) {
    arrive<kKeys>(keys);  // and nobody reads the values before
    load_tile<kKeys>(values, a.v, v, at, a.cols, a.value_width);
    float s[kKeys / 8][4];
    clear(s);
    add_turned<kKeys>(s, FromRegisters{q}, keys);
    const auto place = [&](int half, int c) { return ScorePlace{row + lane_row() + 8 * half, at + c}; };
    scores.finish(s, row, 16, at, kKeys, place);

    float larger[2] = {top[0], top[1]};
    each_number(s, [&](float x, int half, int) { larger[half] = x > larger[half] ? x : larger[half]; });
    float base[2], shrink[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int step = 1; step < 4; step *= 2) {
        const float other = __shfl_xor_sync(kAllLanes, larger[half], step);
        larger[half] = other > larger[half] ? other : larger[half];
      }
      base[half] = larger[half] == -kernels::infinity<float>() ? 0.0f : larger[half];
      shrink[half] = ptx::exp2(top[half] - base[half]);
      top[half] = larger[half];
      total[half] *= shrink[half];
    }
    each_number(s, [&](float& x, int half, int) {
      x = ptx::exp2(x - base[half]);
      total[half] += x;
    });
    each_number(out, [&](float& x, int half, int) { x *= shrink[half]; });
    scores.times_noise(s, place);

    arrive<kKeys>(values);  // and nobody reads the keys any more
    if (at + kKeys < seen) load_tile<kKeys>(keys, a.k, k, at + kKeys, a.cols, a.width);
    add_product<kKeys>(out, s, values);
  }

  float factor[2];
#pragma unroll
  for (int half = 0; half < 2; ++half) {
#pragma unroll
    for (int step = 1; step < 4; step *= 2) total[half] += __shfl_xor_sync(kAllLanes, total[half], step);
    const bool hidden = total[half] == 0;
    factor[half] = hidden ? 0.0f : 1.0f / total[half];
    const int r = row + lane_row() + 8 * half;
    if (lane_column() == 0 && r < a.rows) {
      a.largest[plane * a.rows + r] = hidden ? kernels::infinity<float>() : top[half];
      a.rest[plane * a.rows + r] = hidden ? 0.0f : kernels::log(total[half]) * kLog2E;
    }
  }
  store_rows(out, a.out, a.out.plane(b, h), first, a.rows, a.value_width, factor);
}

// The gradients of 64 queries, and the inner products of out and d_out.
template <class E, int kWidth>
__global__ void __launch_bounds__(kTiledThreads, 2) attention_tiles_dq(const __grid_constant__ TiledAttention<E> a) {
  using Rows = Tile<E, kWidth>;
  using Sizes = TileSizes<E, kWidth>;
  constexpr int kKeys = Sizes::kDqKeys, kTile = kKeys * Rows::kChunks;
  // Keys and values of this step, of the next, and what is the block's own.
  Chunk* const shared = shared_chunks<Sizes::kDq, Rows::kRowBytes>();
  const int first = (a.tiles - 1 - int(blockIdx.x % unsigned(a.tiles))) * kTileRows;
  const int64_t plane = blockIdx.x / unsigned(a.tiles), b = plane / a.heads, h = plane % a.heads;
  const E *const k = a.k.plane(b, h / a.group), *const v = a.v.plane(b, h / a.group);
  const HeadScores<E> scores(a, b, h);
  const int row = first + warp_row();
  const int seen = a.causal && first + kTileRows < a.cols ? first + kTileRows : a.cols;

  const Rows gradients{shared + (Sizes::kHeld ? 2 : 4) * kTile};
  Factors<E, kWidth> q, d_out;
  {
    const Rows queries{shared};
    load_tile<kTileRows>(queries, a.q, a.q.plane(b, h), first, a.rows, a.width);
    load_tile<kTileRows>(gradients, a.d_out, a.d_out.plane(b, h), first, a.rows, a.value_width);
    arrive<kTileRows>(queries, gradients);
    left_factors(q, queries);
    if constexpr (Sizes::kHeld) left_factors(d_out, gradients);
    __syncthreads();
  }
  const auto step = [&](int at) { return shared + at / kKeys % 2 * (2 * kTile); };
  const auto load = [&](int at) {
    load_tile<kKeys>(Rows{step(at)}, a.k, k, at, a.cols, a.width);
    load_tile<kKeys>(Rows{step(at) + kTile}, a.v, v, at, a.cols, a.value_width);
  };
  if (seen > 0) load(0);

  float inner[2], largest[2], rest[2];
#pragma unroll 1
  for (int r = 0; r < 16; ++r) {
    const E* const x = a.out.plane(b, h) + (row + r) * a.out.row;
    const E* const y = a.d_out.plane(b, h) + (row + r) * a.d_out.row;
    float sum = 0, top = kernels::infinity<float>(), more = 0;
    if (row + r < a.rows) {
      for (int c = lane(); c < a.value_width; c += 32) sum += float(x[c]) * as_factor(y[c]);
      for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(kAllLanes, sum, step);
      top = a.largest[plane * a.rows + row + r], more = a.rest[plane * a.rows + row + r];
    }
    if (r == lane_row()) inner[0] = sum, largest[0] = top, rest[0] = more;
    if (r == lane_row() + 8) inner[1] = sum, largest[1] = top, rest[1] = more;
    if (lane() == 0) {
      const int64_t to = plane * a.padded + row + r;
      a.inner[to] = sum, a.padded_largest[to] = top, a.padded_rest[to] = more;
    }
  }

  float dq[kWidth / 8][4];
  clear(dq);
  for (int at = 0; at < seen; at += kKeys) {
    const Rows keys{step(at)}, values{step(at) + kTile};
    arrive<kKeys>(keys, values);  // and nobody reads those of the step before
    if (at + kKeys < seen) load(at + kKeys);
    const auto place = [&](int half, int c) { return ScorePlace{row + lane_row() + 8 * half, at + c}; };
    float s[kKeys / 8][4], d[kKeys / 8][4];
    clear(s);
    add_turned<kKeys>(s, FromRegisters{q}, keys);
    scores.finish(s, row, 16, at, kKeys, place);
    each_number(s, [&](float& x, int half, int) { x = ptx::exp2(x - largest[half] - rest[half]); });
    clear(d);
    if constexpr (Sizes::kHeld) add_turned<kKeys>(d, FromRegisters{d_out}, values);
    else add_turned<kKeys>(d, FromTile{gradients}, values);
    scores.times_noise(d, place);
#pragma unroll
    for (int i = 0; i < kKeys / 8; ++i)
#pragma unroll
      for (int e = 0; e < 4; ++e) s[i][e] *= d[i][e] - inner[e / 2];
    add_product<kKeys>(dq, s, keys);
  }
  store_rows(dq, a.dq, a.dq.plane(b, h), first, a.rows, a.width, {a.scale, a.scale});
}

// The gradients of 64 keys and their values: over the heads that share them, and their queries, in order. Scores are
// turned, [keys, queries], so that the weights are left factors as they are.
template <class E, int kWidth>
__global__ void __launch_bounds__(kTiledThreads, 2) attention_tiles_dkv(const __grid_constant__ TiledAttention<E> a) {
  using Rows = Tile<E, kWidth>;
  using Sizes = TileSizes<E, kWidth>;
  constexpr int kQueries = Sizes::kQueries, kPart = Sizes::kPart, kTile = kQueries * Rows::kChunks;
  // Queries and gradients of this step, of the next, and what is the block's own.
  Chunk* const shared = shared_chunks<Sizes::kDkv, Rows::kRowBytes>();
  const Rows values{shared + 4 * kTile}, keys{Sizes::kHeld ? shared : shared + 4 * kTile + kTileRows * Rows::kChunks};
  const int first = int(blockIdx.x % unsigned(a.tiles)) * kTileRows, key = first + warp_row() + lane_row();
  const int64_t plane = blockIdx.x / unsigned(a.tiles), kv_heads = a.heads / a.group;
  const int64_t b = plane / kv_heads, kv = plane % kv_heads;

  Factors<E, kWidth> k;
  load_tile<kTileRows>(keys, a.k, a.k.plane(b, kv), first, a.cols, a.width);
  load_tile<kTileRows>(values, a.v, a.v.plane(b, kv), first, a.cols, a.value_width);
  arrive<kTileRows>(keys, values);
  if constexpr (Sizes::kHeld) left_factors(k, keys);
  __syncthreads();

  const int from = a.causal ? first : 0;  // the first query that sees one of the keys
  const int steps = from < a.rows ? (a.rows - from + kQueries - 1) / kQueries : 0;
  const auto step = [&](int n) { return shared + n % 2 * (2 * kTile); };
  const auto load = [&](int n) {
    const int64_t h = kv * a.group + n / steps;
    const int at = from + n % steps * kQueries;
    load_tile<kQueries>(Rows{step(n)}, a.q, a.q.plane(b, h), at, a.rows, a.width);
    load_tile<kQueries>(Rows{step(n) + kTile}, a.d_out, a.d_out.plane(b, h), at, a.rows, a.value_width);
  };
  float dk[kWidth / 8][4], dv[kWidth / 8][4];
  clear(dk);
  clear(dv);
  if (steps > 0) load(0);
  for (int n = 0; n < steps * a.group; ++n) {
    arrive<kQueries>(Rows{step(n)}, Rows{step(n) + kTile});
    if (n + 1 < steps * a.group) load(n + 1);
    const int64_t h = kv * a.group + n / steps;
    const HeadScores<E> scores(a, b, h);
#pragma unroll 1
    for (int part = 0; part < kQueries; part += kPart) {
      const Rows queries = Rows{step(n)}.from(part), gradients = Rows{step(n) + kTile}.from(part);
      const int at = from + n % steps * kQueries + part;
      const int64_t stats = (b * a.heads + h) * a.padded + at + lane_column();
      float s[kPart / 8][4], d[kPart / 8][4];
      clear(s);
      if constexpr (Sizes::kHeld) add_turned<kPart>(s, FromRegisters{k}, queries);
      else add_turned<kPart>(s, FromTile{keys}, queries);
      const auto place = [&](int half, int c) { return ScorePlace{at + c, key + 8 * half}; };
      scores.finish(s, at, kPart, first + warp_row(), 16, place);
#pragma unroll
      for (int i = 0; i < kPart / 8; ++i) {
        const Pair largest = *reinterpret_cast<const Pair*>(a.padded_largest + stats + 8 * i);
        const Pair rest = *reinterpret_cast<const Pair*>(a.padded_rest + stats + 8 * i);
#pragma unroll
        for (int e = 0; e < 4; ++e) s[i][e] = ptx::exp2(s[i][e] - largest.of[e % 2] - rest.of[e % 2]);
      }
      clear(d);
      add_turned<kPart>(d, FromTile{values}, gradients);
      scores.times_noise(d, place);
#pragma unroll
      for (int i = 0; i < kPart / 8; ++i) {
        const Pair inner = *reinterpret_cast<const Pair*>(a.inner + stats + 8 * i);
#pragma unroll
        for (int e = 0; e < 4; ++e) d[i][e] = s[i][e] * (d[i][e] - inner.of[e % 2]);
      }
      scores.times_noise(s, place);
      add_product<kPart>(dv, s, gradients);
      add_product<kPart>(dk, d, queries);
    }
  }
  store_rows(dk, a.dk, a.dk.plane(b, kv), first, a.cols, a.width, {a.scale, a.scale});
  store_rows(dv, a.dv, a.dv.plane(b, kv), first, a.cols, a.value_width, {1.0f, 1.0f});
}

}  // namespace cnn::cuda
