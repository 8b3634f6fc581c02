// Normalisation of channels in three kernels: moments (or sums) of parts of a channel, what belongs to a channel as a
// whole, and the elements. Parts follow from the shape alone and are joined in their order.
#pragma once

#include <cstdint>
#include <initializer_list>

#include "cuda/fast_div.h"
#include "cuda/runtime.h"
#include "cuda/sum_type.h"
#include "device/heavy_table.h"
#include "kernels/binary.h"
#include "kernels/reduce.h"

namespace cnn::cuda {

inline constexpr int kNormThreads = 256, kNormTile = 8, kNormWarps = kNormThreads / 32;

// The n elements of a channel, and how they are cut: a block has `lanes` channels side by side, each shared by several
// threads, which take tiles of kNormTile elements.
struct ChannelParts {
  uint32_t channels, lanes, groups, n, part, parts;
  uint32_t positions;  // of a plane; 0: channels lie side by side
  FastDiv by_positions;

  explicit ChannelParts(const ChannelNormArgs& a) {
    const bool planes = !a.channels_last && a.positions > 1;
    channels = uint32_t(a.channels), n = uint32_t(a.batch * a.positions);
    positions = planes ? uint32_t(a.positions) : 0;
    by_positions = FastDiv(planes ? positions : 1);
    lanes = 1;
    while (!planes && lanes < 32 && lanes < channels) lanes *= 2;
    groups = (channels + lanes - 1) / lanes;
    const uint32_t step = kNormThreads / lanes * kNormTile, most = (n + step - 1) / step;
    const uint32_t wanted = groups < 1024 ? 1024 / groups : 1;
    const uint32_t tiles = (most + wanted - 1) / wanted;
    part = tiles * step;
    parts = (most + tiles - 1) / tiles;
  }
  __device__ uint32_t place(uint32_t channel, uint32_t j) const {
    if (!positions) return j * channels + channel;
    const uint32_t image = by_positions.divide(j);
    return (image * channels + channel) * positions + (j - image * positions);
  }
};

// What one thread of a kernel over parts has before it: its channel, whose elements [begin, end) `ways` threads share.
struct PartOfChannel {
  uint32_t lane, way, ways, part, channel, begin, end;
  __device__ explicit PartOfChannel(const ChannelParts& p) {
    lane = threadIdx.x % p.lanes, way = threadIdx.x / p.lanes, ways = kNormThreads / p.lanes;
    part = blockIdx.x / p.groups;
    channel = (blockIdx.x - part * p.groups) * p.lanes + lane;
    begin = part * p.part;
    end = p.n - begin < p.part ? p.n : begin + p.part;
    if (channel >= p.channels) end = begin;
  }
};

// The values of the threads that share a channel, joined in a tree; the first of them has the result.
template <class Acc, class Join>
__device__ inline Acc join_ways(Acc acc, const PartOfChannel& at, uint32_t lanes, const Join& join) {
  alignas(16) __shared__ char memory[kNormThreads * sizeof(Acc)];
  Acc* const all = reinterpret_cast<Acc*>(memory);
  all[threadIdx.x] = acc;
  for (uint32_t half = at.ways / 2; half > 0; half /= 2) {
    __syncthreads();
    if (at.way < half) all[threadIdx.x] = join(all[threadIdx.x], all[threadIdx.x + half * lanes]);
  }
  return all[threadIdx.x];  // nobody else's, which others may be writing
}

// ---- Moments ----

// Of many values: distances from a tile's own mean, squared in S; the rest is double, as distances from a first mean.
template <class S> struct RunningMoments {
  double pivot = 0, sum = 0, squares = 0, count = 0;

  __device__ void add(const S (&v)[kNormTile], int m) {
    if (m == 0) return;
    S offset = 0;
#pragma unroll
    for (int k = 1; k < kNormTile; ++k)
      if (k < m) offset += v[k] - v[0];
    const S mean = v[0] + (m == kNormTile ? offset * S(1.0 / kNormTile) : offset / S(m));
    S first = 0, second = 0;
#pragma unroll
    for (int k = 0; k < kNormTile; ++k)
      if (k < m) first += v[k] - mean, second += (v[k] - mean) * (v[k] - mean);
    double center = double(mean), rest = double(first), square = double(second);
    if (!(square >= 1e-28 && square < 1e38)) {  // or close to the ends of float's range
      center = double(v[0]), rest = square = 0;
#pragma unroll
      for (int k = 1; k < kNormTile; ++k)
        if (k < m) rest += double(v[k]) - center, square += (double(v[k]) - center) * (double(v[k]) - center);
    }
    if (count == 0) pivot = center;
    const double away = center - pivot;
    count += m;
    sum += m * away + rest;
    squares += square + away * (2 * rest + m * away);
  }
  __device__ kernels::MeanM2 result() const {
    if (count == 0) return {0, 0, 0};
    const double m2 = squares - sum * (sum / count);
    return {pivot + sum / count, m2 < 0 ? 0 : m2, count};
  }
};

template <class E>
__global__ void __launch_bounds__(kNormThreads) channel_moments(ChannelParts p, const E* x, kernels::MeanM2* partials) {
  using S = Sum<E>;
  const PartOfChannel at(p);
  RunningMoments<S> moments;
  for (uint32_t j = at.begin + at.way; j < at.end; j += at.ways * kNormTile) {
    S v[kNormTile] = {};
    int m = 0;
#pragma unroll
    for (uint32_t k = 0; k < kNormTile; ++k)
      if (j + k * at.ways < at.end) v[k] = S(x[p.place(at.channel, j + k * at.ways)]), ++m;
    moments.add(v, m);
  }
  const kernels::Moments f;
  const kernels::MeanM2 all = join_ways(moments.result(), at, p.lanes, [&](auto a, auto b) { return f.combine(a, b); });
  if (at.way == 0 && at.channel < p.channels) partials[at.channel * p.parts + at.part] = all;
}

// Of E or of what E is summed in.
template <class E> __device__ inline Sum<E> number_of(const ChannelVector& v, uint32_t c, Sum<E> otherwise) {
  if (!v.data) return otherwise;
  if (v.wide) return static_cast<const Sum<E>*>(v.data)[c];
  return Sum<E>(static_cast<const E*>(v.data)[c]);
}
template <class E> __device__ inline void put_number(const ChannelVector& v, uint32_t c, double value) {
  if (!v.data) return;
  if (v.wide) static_cast<Sum<E>*>(v.data)[c] = Sum<E>(value);
  else static_cast<E*>(v.data)[c] = E(Sum<E>(value));
}
template <class E>
__device__ inline void move_towards(const ChannelVector& v, uint32_t c, double value, double weight) {
  if (v.data) put_number<E>(v, c, kernels::Lerp{}(double(number_of<E>(v, c, 0)), value, weight));
}

// The channel that a warp finishes.
struct WarpOfChannel {
  uint32_t channel = blockIdx.x * kNormWarps + threadIdx.x / 32, lane = threadIdx.x % 32;
};

// What the elements of a channel need.
template <class S> struct Affine {
  S *mean, *rstd, *scale, *shift;
};

template <class E>
__global__ void __launch_bounds__(kNormThreads, 4)  // or nvcc makes room for more blocks, and spills
    finish_moments(ChannelNormArgs a, const kernels::MeanM2* partials, uint32_t parts, Affine<Sum<E>> to) {
  using S = Sum<E>;
  const WarpOfChannel at;
  const uint32_t c = at.channel;
  if (c >= a.channels) return;
  S mean, rstd;
  double rest = 0;
  if (a.training) {
    const kernels::Moments f;
    kernels::MeanM2 all = {0, 0, 0};
    for (uint32_t k = at.lane; k < parts; k += 32) all = f.combine(all, partials[c * parts + k]);
    for (int step = 16; step > 0; step /= 2)
      all = f.combine(all, kernels::MeanM2{__shfl_down_sync(kAllLanes, all.mean, unsigned(step)),
                                           __shfl_down_sync(kAllLanes, all.m2, unsigned(step)),
                                           __shfl_down_sync(kAllLanes, all.count, unsigned(step))});
    if (at.lane != 0) return;
    const double variance = all.m2 / all.count;
    mean = S(all.mean), rest = all.mean - double(mean);
    rstd = S(1) / kernels::sqrt(S(variance + a.eps));
    move_towards<E>(a.running_mean, c, all.mean, a.momentum);
    move_towards<E>(a.running_var, c, variance * (all.count / (all.count - 1)), a.momentum);
  } else {
    if (at.lane != 0) return;
    mean = number_of<E>(a.running_mean, c, 0);
    rstd = S(1) / kernels::sqrt(number_of<E>(a.running_var, c, 1) + S(a.eps));
  }
  const S scale = number_of<E>(a.weight, c, 1) * rstd;
  to.mean[c] = mean, to.rstd[c] = rstd, to.scale[c] = scale;
  to.shift[c] = S(double(number_of<E>(a.bias, c, 0)) - rest * double(scale));
}

// ---- Elements ----

template <class E, int kCount> struct alignas(sizeof(E) * kCount) NormPack {
  E at[kCount];
};
template <class E> inline constexpr int kNormPack = 16 / int(sizeof(E));
inline bool aligned(std::initializer_list<const void*> operands) {
  for (const void* p : operands)
    if (reinterpret_cast<uintptr_t>(p) % 16 != 0) return false;
  return true;
}

// The channel of element i of all.
struct ChannelOf {
  FastDiv by_positions, by_channels;
  explicit ChannelOf(const ChannelNormArgs& a)
      : by_positions(uint32_t(a.channels_last ? 1 : a.positions)), by_channels(uint32_t(a.channels)) {}
  __device__ uint32_t operator()(uint32_t i) const {
    const uint32_t plane = by_positions.divide(i);
    return plane - by_channels.divide(plane) * by_channels.divisor;
  }
};

// Both passes go through this, so that a gradient stops where the result was not positive, to the last bit.
template <class S> __device__ inline S normal(S x, S mean, S scale, S shift) {
  return kernels::fma(x - mean, scale, shift);
}

template <class S> struct FinishedChannels {
  Affine<S> a;
  __device__ void of(uint32_t c, S& mean, S& scale, S& shift) const {
    mean = a.mean[c], scale = a.scale[c], shift = a.shift[c];
  }
};
// By the running statistics, which nobody else asks for.
template <class E> struct RunningChannels {
  using S = Sum<E>;
  ChannelVector weight, bias, mean_of, var_of;
  S eps;
  __device__ void of(uint32_t c, S& mean, S& scale, S& shift) const {
    mean = number_of<E>(mean_of, c, 0);
    scale = number_of<E>(weight, c, 1) * (S(1) / kernels::sqrt(number_of<E>(var_of, c, 1) + eps));
    shift = number_of<E>(bias, c, 0);
  }
};

template <class E, class Channels> struct NormalizeElements {
  using S = Sum<E>;
  ChannelOf channel_of;
  Channels channels;
  S least;
  const E* x;
  E* y;

  template <int kCount> __device__ void pack(uint32_t i) const {
    const NormPack<E, kCount> in = reinterpret_cast<const NormPack<E, kCount>*>(x)[i];
    NormPack<E, kCount> out;
    uint32_t c = ~0u;
    S mean = 0, scale = 0, shift = 0;
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      const uint32_t mine = channel_of(i * kCount + k);
      if (mine != c) channels.of(c = mine, mean, scale, shift);
      const S at = normal(S(in.at[k]), mean, scale, shift);
      out.at[k] = E(at < least ? least : at);
    }
    reinterpret_cast<NormPack<E, kCount>*>(y)[i] = out;
  }
};

template <class S> struct GradientFactors {
  S *g, *x, *all;  // dx = dy g + (x - mean) x + all
};

template <class E> struct NormGradient {
  using S = Sum<E>;
  ChannelOf channel_of;
  GradientFactors<S> f;
  const S *mean, *shift;  // a shift: dy is a gradient behind a ReLU
  bool by_factor;  // are there factors beside g's?
  const E *dy, *x;
  E* dx;

  template <int kCount> __device__ void pack(uint32_t i) const {
    const NormPack<E, kCount> g = reinterpret_cast<const NormPack<E, kCount>*>(dy)[i];
    NormPack<E, kCount> in{}, out;
    if (by_factor || shift) in = reinterpret_cast<const NormPack<E, kCount>*>(x)[i];
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      const uint32_t c = channel_of(i * kCount + k);
      S d = S(g.at[k]);
      const S factor = f.g[c], v = S(in.at[k]);
      if (shift && normal(v, mean[c], factor, shift[c]) <= S(0)) d = 0;
      out.at[k] = E(by_factor ? d * factor + (v - mean[c]) * f.x[c] + f.all[c] : d * factor);
    }
    reinterpret_cast<NormPack<E, kCount>*>(dx)[i] = out;
  }
};

template <int kCount, class F> __global__ void __launch_bounds__(kNormThreads) over_packs(F f, uint32_t n) {
  const uint32_t packs = n / kCount, first = blockIdx.x * kNormThreads + threadIdx.x;
  for (uint32_t i = first; i < packs; i += gridDim.x * kNormThreads) f.template pack<kCount>(i);
  if constexpr (kCount > 1)
    if (packs * kCount + first < n) f.template pack<1>(packs * kCount + first);
}

// ---- Sums of a gradient ----

struct GradientSums {
  double g, gx;  // of g, and of g (x - mean)
};
struct AddSums {
  __device__ GradientSums operator()(GradientSums a, GradientSums b) const { return {a.g + b.g, a.gx + b.gx}; }
};

template <class E>
__global__ void __launch_bounds__(kNormThreads)
    channel_sums(ChannelParts p, const E* dy, const E* x, const Sum<E>* mean, const Sum<E>* rstd, const Sum<E>* shift,
                 ChannelVector weight, GradientSums* partials) {
  using S = Sum<E>;
  const PartOfChannel at(p);
  GradientSums sums = {0, 0};
  const bool there = at.channel < p.channels;
  const S center = there ? mean[at.channel] : S(0), bias = there && shift ? shift[at.channel] : S(0);
  const S scale = there && shift ? number_of<E>(weight, at.channel, 1) * rstd[at.channel] : S(0);
  for (uint32_t j = at.begin + at.way; j < at.end; j += at.ways * kNormTile) {
    S g = 0, gx = 0;
#pragma unroll
    for (uint32_t k = 0; k < kNormTile; ++k) {
      if (j + k * at.ways >= at.end) break;
      const uint32_t place = p.place(at.channel, j + k * at.ways);
      const S v = S(x[place]);
      S d = S(dy[place]);
      if (shift && normal(v, center, scale, bias) <= S(0)) d = 0;
      g += d, gx += d * (v - center);
    }
    sums.g += double(g), sums.gx += double(gx);
  }
  sums = join_ways(sums, at, p.lanes, AddSums());
  if (at.way == 0 && there) partials[at.channel * p.parts + at.part] = sums;
}

// This warp's share of the sums of channel c; the first lane has them all.
__device__ inline GradientSums sums_of(const GradientSums* partials, uint32_t parts, uint32_t c, uint32_t lane) {
  const AddSums add;
  GradientSums sums = {0, 0};
  for (uint32_t k = lane; k < parts; k += 32) sums = add(sums, partials[c * parts + k]);
  for (int step = 16; step > 0; step /= 2)
    sums = add(sums, {__shfl_down_sync(kAllLanes, sums.g, unsigned(step)),
                      __shfl_down_sync(kAllLanes, sums.gx, unsigned(step))});
  return sums;
}

// Without partial sums, the factor of dy alone.
template <class E>
__global__ void __launch_bounds__(kNormThreads)
    finish_sums(ChannelNormArgs a, const GradientSums* partials, uint32_t parts, GradientFactors<Sum<E>> to) {
  using S = Sum<E>;
  const WarpOfChannel at;
  const uint32_t c = at.channel;
  if (c >= a.channels) return;
  const GradientSums sums = sums_of(partials, parts, c, at.lane);
  if (at.lane != 0) return;
  const S rstd = static_cast<const S*>(a.rstd)[c], scale = number_of<E>(a.weight, c, 1) * rstd;
  put_number<E>(a.d_weight, c, sums.gx * double(rstd)), put_number<E>(a.d_bias, c, sums.g);
  const double n = double(a.batch) * double(a.positions);
  to.g[c] = scale;
  if (!a.training) return;
  to.x[c] = S(-double(scale) * double(rstd) * double(rstd) * sums.gx / n);
  to.all[c] = S(-double(scale) * sums.g / n);
}

}  // namespace cnn::cuda
