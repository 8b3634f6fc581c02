// The kernels of attention by tiles. kWidth is that of tiles: 64 or 128, for narrower rows with zeros behind them.
#pragma once

#include "cuda/attention_tiles.cuh"

namespace cnn::cuda {

template <int kWidth> using Factors = uint32_t[kWidth / 16][4];  // [16, kWidth] as left factors

template <int kWidth> __device__ void left_factors(Factors<kWidth>& a, const Tile<kWidth>& tile) {
#pragma unroll
  for (int k = 0; k < kWidth / 16; ++k) left_factor(a[k], tile, k);
}
template <int kWidth> struct FromRegisters {
  const Factors<kWidth>& held;
  __device__ void operator()(uint32_t (&a)[4], int k) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) a[i] = held[k][i];
  }
};

// A block has 64 queries and passes over the keys that they see. Keys of the next tile come while values are
// multiplied, values while keys are. Row maxima and sums are those of the keys so far; what was added up before a new
// maximum is scaled down.
template <class E, int kWidth>
__global__ void __launch_bounds__(kTiledThreads, kWidth == 64 ? 4 : 3)
    attention_tiles(const __grid_constant__ TiledAttention<E> a) {
  constexpr int kKeys = 64;
  alignas(256) __shared__ Chunk shared[2][kKeys * kWidth / 8];
  const Tile<kWidth> keys{shared[0]}, values{shared[1]};
  // Of causal ones, the longest first.
  const int first = (a.tiles - 1 - int(blockIdx.x % unsigned(a.tiles))) * kTileRows;
  const int64_t plane = blockIdx.x / unsigned(a.tiles), b = plane / a.heads, h = plane % a.heads;
  const E *const k = a.k.plane(b, h / a.group), *const v = a.v.plane(b, h / a.group);
  const HeadScores<E> scores(a, b, h);
  const int row = first + warp_row();
  const int seen = a.causal && first + kTileRows < a.cols ? first + kTileRows : a.cols;

  Factors<kWidth> q;
  load_tile<kTileRows>(values, a.q, a.q.plane(b, h), first, a.rows, a.width);
  load_tile<kKeys>(keys, a.k, k, 0, a.cols, a.width);
  ptx::await_copies();
  __syncthreads();
  left_factors<kWidth>(q, values);

  float out[kWidth / 8][4], top[2] = {-kernels::infinity<float>(), -kernels::infinity<float>()}, total[2] = {0, 0};
  clear(out);
  for (int at = 0; at < seen; at += kKeys) {
    ptx::await_copies();
    __syncthreads();  // the keys are there, and nobody reads the values before
    load_tile<kKeys>(values, a.v, v, at, a.cols, a.value_width);
    float s[kKeys / 8][4];
    clear(s);
    add_turned<E, kKeys>(s, FromRegisters<kWidth>{q}, keys);
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

    ptx::await_copies();
    __syncthreads();  // the values are there, and nobody reads the keys any more
    if (at + kKeys < seen) load_tile<kKeys>(keys, a.k, k, at + kKeys, a.cols, a.width);
    add_product<E, kKeys>(out, s, values);
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
  constexpr int kKeys = kWidth == 64 ? 64 : 32, kTile = kKeys * kWidth / 8;
  alignas(256) __shared__ Chunk shared[2][2 * kTile];  // keys and values of this step and the next
  const int first = (a.tiles - 1 - int(blockIdx.x % unsigned(a.tiles))) * kTileRows;
  const int64_t plane = blockIdx.x / unsigned(a.tiles), b = plane / a.heads, h = plane % a.heads;
  const E *const k = a.k.plane(b, h / a.group), *const v = a.v.plane(b, h / a.group);
  const HeadScores<E> scores(a, b, h);
  const int row = first + warp_row();
  const int seen = a.causal && first + kTileRows < a.cols ? first + kTileRows : a.cols;

  Factors<kWidth> q, d_out;
  {
    const Tile<kWidth> rows{shared[0]}, gradients{shared[1]};
    load_tile<kTileRows>(rows, a.q, a.q.plane(b, h), first, a.rows, a.width);
    load_tile<kTileRows>(gradients, a.d_out, a.d_out.plane(b, h), first, a.rows, a.value_width);
    ptx::await_copies();
    __syncthreads();
    left_factors<kWidth>(q, rows);
    left_factors<kWidth>(d_out, gradients);
    __syncthreads();
  }
  const auto load = [&](int at) {
    Chunk* const to = shared[at / kKeys % 2];
    load_tile<kKeys>(Tile<kWidth>{to}, a.k, k, at, a.cols, a.width);
    load_tile<kKeys>(Tile<kWidth>{to + kTile}, a.v, v, at, a.cols, a.value_width);
  };
  if (seen > 0) load(0);

  float inner[2], largest[2], rest[2];
#pragma unroll 1
  for (int r = 0; r < 16; ++r) {
    const E* const x = a.out.plane(b, h) + (row + r) * a.out.row;
    const E* const y = a.d_out.plane(b, h) + (row + r) * a.d_out.row;
    float sum = 0, top = kernels::infinity<float>(), more = 0;
    if (row + r < a.rows) {
      for (int c = lane(); c < a.value_width; c += 32) sum += float(x[c]) * float(y[c]);
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
    ptx::await_copies();
    __syncthreads();  // this step's are there, and nobody reads those of the step before
    if (at + kKeys < seen) load(at + kKeys);
    const Tile<kWidth> keys{shared[at / kKeys % 2]}, values{shared[at / kKeys % 2] + kTile};
    const auto place = [&](int half, int c) { return ScorePlace{row + lane_row() + 8 * half, at + c}; };
    float s[kKeys / 8][4], d[kKeys / 8][4];
    clear(s);
    add_turned<E, kKeys>(s, FromRegisters<kWidth>{q}, keys);
    scores.finish(s, row, 16, at, kKeys, place);
    each_number(s, [&](float& x, int half, int) { x = ptx::exp2(x - largest[half] - rest[half]); });
    clear(d);
    add_turned<E, kKeys>(d, FromRegisters<kWidth>{d_out}, values);
    scores.times_noise(d, place);
#pragma unroll
    for (int i = 0; i < kKeys / 8; ++i)
#pragma unroll
      for (int e = 0; e < 4; ++e) s[i][e] *= d[i][e] - inner[e / 2];
    add_product<E, kKeys>(dq, s, keys);
  }
  store_rows(dq, a.dq, a.dq.plane(b, h), first, a.rows, a.width, {a.scale, a.scale});
}

// The gradients of 64 keys and their values: over the heads that share them, and their queries, in order. Scores are
// turned, [keys, queries], so that the weights are left factors as they are.
template <class E, int kWidth>
__global__ void __launch_bounds__(kTiledThreads, 2) attention_tiles_dkv(const __grid_constant__ TiledAttention<E> a) {
  constexpr int kQueries = kWidth == 64 ? 64 : 32, kTile = kQueries * kWidth / 8;
  constexpr int kPart = kQueries / 2;  // whose scores are in registers
  alignas(256) __shared__ Chunk value_rows[kTileRows * kWidth / 8];
  alignas(256) __shared__ Chunk shared[2][2 * kTile];  // queries and gradients of this step and the next
  const Tile<kWidth> values{value_rows};
  const int first = int(blockIdx.x % unsigned(a.tiles)) * kTileRows, key = first + warp_row() + lane_row();
  const int64_t plane = blockIdx.x / unsigned(a.tiles), kv_heads = a.heads / a.group;
  const int64_t b = plane / kv_heads, kv = plane % kv_heads;

  Factors<kWidth> k;
  load_tile<kTileRows>(Tile<kWidth>{shared[0]}, a.k, a.k.plane(b, kv), first, a.cols, a.width);
  load_tile<kTileRows>(values, a.v, a.v.plane(b, kv), first, a.cols, a.value_width);
  ptx::await_copies();
  __syncthreads();
  left_factors<kWidth>(k, Tile<kWidth>{shared[0]});
  __syncthreads();

  const int from = a.causal ? first : 0;  // the first query that sees one of the keys
  const int steps = from < a.rows ? (a.rows - from + kQueries - 1) / kQueries : 0;
  const auto load = [&](int n) {
    const int64_t h = kv * a.group + n / steps;
    const int at = from + n % steps * kQueries;
    Chunk* const to = shared[n % 2];
    load_tile<kQueries>(Tile<kWidth>{to}, a.q, a.q.plane(b, h), at, a.rows, a.width);
    load_tile<kQueries>(Tile<kWidth>{to + kTile}, a.d_out, a.d_out.plane(b, h), at, a.rows, a.value_width);
  };
  float dk[kWidth / 8][4], dv[kWidth / 8][4];
  clear(dk);
  clear(dv);
  if (steps > 0) load(0);
  for (int n = 0; n < steps * a.group; ++n) {
    ptx::await_copies();
    __syncthreads();
    if (n + 1 < steps * a.group) load(n + 1);
    const int64_t h = kv * a.group + n / steps;
    const HeadScores<E> scores(a, b, h);
#pragma unroll 1
    for (int part = 0; part < kQueries; part += kPart) {
      const Tile<kWidth> queries = Tile<kWidth>(shared[n % 2]).from(part);
      const Tile<kWidth> gradients = Tile<kWidth>(shared[n % 2] + kTile).from(part);
      const int at = from + n % steps * kQueries + part;
      const int64_t stats = (b * a.heads + h) * a.padded + at + lane_column();
      float s[kPart / 8][4], d[kPart / 8][4];
      clear(s);
      add_turned<E, kPart>(s, FromRegisters<kWidth>{k}, queries);
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
      add_turned<E, kPart>(d, [&](uint32_t (&x)[4], int i) { left_factor(x, values, i); }, gradients);
      scores.times_noise(d, place);
#pragma unroll
      for (int i = 0; i < kPart / 8; ++i) {
        const Pair inner = *reinterpret_cast<const Pair*>(a.inner + stats + 8 * i);
#pragma unroll
        for (int e = 0; e < 4; ++e) d[i][e] = s[i][e] * (d[i][e] - inner.of[e % 2]);
      }
      scores.times_noise(s, place);
      add_product<E, kPart>(dv, s, gradients);
      add_product<E, kPart>(dk, d, queries);
    }
  }
  store_rows(dk, a.dk, a.dk.plane(b, kv), first, a.cols, a.width, {a.scale, a.scale});
  store_rows(dv, a.dv, a.dv.plane(b, kv), first, a.cols, a.value_width, {1.0f, 1.0f});
}

}  // namespace cnn::cuda
