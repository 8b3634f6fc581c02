// Normalisation of groups: a launch where groups are short or many, whose blocks have the sums of whole groups; else
// one for the sums of parts, which follow from the shape alone, and one that joins them in their order in each block.
// The sums over images that weight and bias get are two more at most.
#pragma once

#include "cuda/channel_norm.cuh"

namespace cnn::cuda {

inline constexpr uint32_t kGroupBlocks = 1024;  // that long groups are cut for
inline constexpr uint32_t kMinTiles = 4, kMaxTiles = 8;  // of all threads: of a part, and of a group that is not cut

// The elements of a group, and how they are cut: `ways` threads share a group, of which a block has several, or a part
// of one. Channels lie `along` each other, or have planes of their own.
struct GroupParts {
  uint32_t all, n;  // groups of all images, elements of each
  uint32_t own, image, skip;  // channels of a group; elements of an image; what lies between two runs of a group
  uint32_t ways = 1, part, parts = 1;
  bool along;
  FastDiv by_groups, by_parts, by_run;  // a run: the group's channels at one position, or the positions of a channel

  explicit GroupParts(const GroupNormArgs& a) {
    all = uint32_t(a.batch * a.groups), own = uint32_t(a.channels / a.groups);
    n = uint32_t(own * a.positions), image = uint32_t(a.channels * a.positions);
    along = a.channels_last || a.positions == 1;
    skip = along ? uint32_t(a.channels) - own : 0;
    while (ways < kNormThreads && ways * kNormTile < n) ways *= 2;
    part = n;
    const uint32_t step = kNormThreads * kNormTile, tiles = (n + step - 1) / step;
    if (tiles > kMaxTiles && 2 * all <= kGroupBlocks) {
      const uint32_t wanted = kGroupBlocks / all, least = (tiles + wanted - 1) / wanted;
      part = step * (least > kMinTiles ? least : kMinTiles);
      parts = (n + part - 1) / part;
    }
    by_groups = FastDiv(uint32_t(a.groups)), by_parts = FastDiv(parts);
    by_run = FastDiv(along ? own : uint32_t(a.positions));
  }
  unsigned blocks() const {
    const uint32_t side_by_side = kNormThreads / ways;
    return unsigned((all * parts + side_by_side - 1) / side_by_side);
  }
};

// What one thread has before it: a group, whose elements [begin, end) it shares with those of its ways.
struct PartOfGroup {
  uint32_t way, ways, group, part, channel, base, begin, end;
  bool there;
  __device__ explicit PartOfGroup(const GroupParts& p) {
    way = threadIdx.x % p.ways, ways = p.ways;
    const uint32_t unit = blockIdx.x * (kNormThreads / ways) + threadIdx.x / ways;
    group = p.by_parts.divide(unit), part = unit - group * p.parts;
    there = group < p.all;
    const uint32_t of = p.by_groups.divide(group);
    channel = (group - of * p.by_groups.divisor) * p.own;
    base = p.along ? of * p.image + channel : group * p.n;
    begin = part * p.part;
    end = !there ? begin : p.n - begin < p.part ? p.n : begin + p.part;
  }
};

// The values of the threads that share a part, joined in a tree. All get the result.
template <class Acc, class Join> __device__ inline Acc join_group(Acc acc, const PartOfGroup& at, const Join& join) {
  alignas(16) __shared__ char memory[kNormThreads * sizeof(Acc)];
  Acc* const all = reinterpret_cast<Acc*>(memory);
  all[threadIdx.x] = acc;
  for (uint32_t half = at.ways / 2; half > 0; half /= 2) {
    __syncthreads();
    if (at.way < half) all[threadIdx.x] = join(all[threadIdx.x], all[threadIdx.x + half]);
  }
  __syncthreads();
  return all[threadIdx.x - at.way];
}

// ---- Packs of a group's elements ----

template <class E, int kCount> struct GroupPack {
  uint32_t first, place;  // of the group's elements, and of x's
  uint32_t run;
  __device__ GroupPack(const GroupParts& p, const PartOfGroup& at, uint32_t j) : first(j), run(p.by_run.divide(j)) {
    place = at.base + j + run * p.skip;
  }
  __device__ NormPack<E, kCount> of(const void* x) const {
    return *reinterpret_cast<const NormPack<E, kCount>*>(static_cast<const E*>(x) + place);
  }
  __device__ void put(void* y, const NormPack<E, kCount>& pack) const {
    *reinterpret_cast<NormPack<E, kCount>*>(static_cast<E*>(y) + place) = pack;
  }
};

// Numbers of channels that follow each other.
template <class E, int kCount>
__device__ inline void numbers_from(const ChannelVector& v, uint32_t c, Sum<E> otherwise, Sum<E> (&to)[kCount]) {
  using S = Sum<E>;
  if (v.data && v.wide) {
    constexpr int kWide = kCount < kNormPack<S> ? kCount : kNormPack<S>;
#pragma unroll
    for (int k = 0; k < kCount; k += kWide) {
      const NormPack<S, kWide> in = *reinterpret_cast<const NormPack<S, kWide>*>(static_cast<const S*>(v.data) + c + k);
#pragma unroll
      for (int i = 0; i < kWide; ++i) to[k + i] = in.at[i];
    }
  } else if (v.data) {
    const NormPack<E, kCount> in = *reinterpret_cast<const NormPack<E, kCount>*>(static_cast<const E*>(v.data) + c);
#pragma unroll
    for (int k = 0; k < kCount; ++k) to[k] = S(in.at[k]);
  } else {
#pragma unroll
    for (int k = 0; k < kCount; ++k) to[k] = otherwise;
  }
}

// The weight and the bias of a pack's elements.
template <class E, int kCount> struct PackAffine {
  using S = Sum<E>;
  S weight[kCount], bias[kCount];
  __device__ PackAffine(const GroupParts& p, const PartOfGroup& at, const GroupPack<E, kCount>& pack,
                        const ChannelVector& weight_of, const ChannelVector& bias_of) {
    if (p.along) {
      const uint32_t c = at.channel + pack.first - pack.run * p.own;
      numbers_from<E, kCount>(weight_of, c, S(1), weight);
      numbers_from<E, kCount>(bias_of, c, S(0), bias);
      return;
    }
    uint32_t before = ~0u;
    S w = 1, b = 0;
#pragma unroll
    for (int k = 0; k < kCount; ++k) {
      const uint32_t c = at.channel + p.by_run.divide(pack.first + k);
      if (c != before) before = c, w = number_of<E>(weight_of, c, S(1)), b = number_of<E>(bias_of, c, S(0));
      weight[k] = w, bias[k] = b;
    }
  }
};

enum class GroupPass { Whole, Sums, Rest };  // all of it; a part's sums; the part's elements, by all parts' sums

// ---- Forward ----

// Sums of squares, as moments around 0.
template <class S> struct RunningSquares {
  double squares = 0, count = 0;
  __device__ void add(const S (&v)[kNormTile], int m) {
    S sum = 0;
#pragma unroll
    for (int k = 0; k < kNormTile; ++k) sum += v[k] * v[k];  // there are zeros behind the first m
    squares += double(sum), count += m;
  }
  __device__ kernels::MeanM2 result() const { return {0, squares, count}; }
};

template <class E, int kCount, class Running>
__device__ inline kernels::MeanM2 moments_of(const GroupParts& p, const PartOfGroup& at, const void* x) {
  Running moments;
  for (uint32_t j = at.begin + at.way * kCount; j < at.end; j += at.ways * kNormTile) {
    Sum<E> v[kNormTile] = {};
    int m = 0;
#pragma unroll
    for (int k = 0; k < kNormTile; k += kCount) {
      const uint32_t here = j + uint32_t(k) * at.ways;
      if (here >= at.end) continue;
      const NormPack<E, kCount> in = GroupPack<E, kCount>(p, at, here).of(x);
      m += kCount;
#pragma unroll
      for (int i = 0; i < kCount; ++i) v[k + i] = Sum<E>(in.at[i]);
    }
    moments.add(v, m);
  }
  return moments.result();
}

// `found`: null, or the moments of each group.
template <class E, int kCount, GroupPass kPass>
__global__ void __launch_bounds__(kNormThreads)
    normalize_groups(GroupParts p, GroupNormArgs a, kernels::MeanM2* partials, kernels::MeanM2* found) {
  using S = Sum<E>;
  const PartOfGroup at(p);
  const kernels::Moments f;
  kernels::MeanM2 all = {0, 0, 0};
  if constexpr (kPass == GroupPass::Rest) {
    for (uint32_t k = at.way; k < p.parts && at.there; k += at.ways)
      all = f.combine(all, partials[at.group * p.parts + k]);
  } else {
    all = a.centered ? moments_of<E, kCount, RunningMoments<S>>(p, at, a.x)
                     : moments_of<E, kCount, RunningSquares<S>>(p, at, a.x);
  }
  all = join_group(all, at, [&](auto one, auto other) { return f.combine(one, other); });
  if (!at.there) return;
  if constexpr (kPass == GroupPass::Sums) {
    if (at.way == 0) partials[at.group * p.parts + at.part] = all;
    return;
  }
  const S mean = S(all.mean), rest = S(all.mean - double(mean));  // of a mean that S cannot hold
  const S rstd = S(1) / kernels::sqrt(S(all.m2 / all.count + a.eps));
  if (at.way == 0 && at.part == 0) {
    if (a.mean) static_cast<S*>(a.mean)[at.group] = mean;
    if (a.rstd) static_cast<S*>(a.rstd)[at.group] = rstd;
    if (found) found[at.group] = all;
  }
  for (uint32_t j = at.begin + at.way * kCount; j < at.end; j += at.ways * kCount) {
    const GroupPack<E, kCount> pack(p, at, j);
    const NormPack<E, kCount> in = pack.of(a.x);
    const PackAffine<E, kCount> affine(p, at, pack, a.weight, a.bias);
    NormPack<E, kCount> out;
#pragma unroll
    for (int k = 0; k < kCount; ++k)
      out.at[k] = E(kernels::fma((S(in.at[k]) - mean - rest) * rstd, affine.weight[k], affine.bias[k]));
    pack.put(a.y, out);
  }
}

// Of groups of one channel: the running statistics move towards the average of the images' own.
template <class E>
__global__ void __launch_bounds__(kNormThreads) move_running(GroupNormArgs a, const kernels::MeanM2* found) {
  const uint32_t c = blockIdx.x * kNormThreads + threadIdx.x, channels = uint32_t(a.channels),
                 images = uint32_t(a.batch);
  if (c >= channels) return;
  double mean = 0, variance = 0;
  for (uint32_t image = 0; image < images; ++image) {
    const kernels::MeanM2 own = found[image * channels + c];
    mean += own.mean, variance += own.m2 / own.count * (own.count / (own.count - 1));
  }
  move_towards<E>(a.running_mean, c, mean / images, a.momentum);
  move_towards<E>(a.running_var, c, variance / images, a.momentum);
}

// ---- Backward ----

// dx = rstd (gw - mean(gw) - (x - mean) rstd^2 mean(gw (x - mean))), gw = dy weight. For four blocks of an SM: left to
// itself, nvcc makes room for eight, and spills.
template <class E, int kCount, GroupPass kPass>
__global__ void __launch_bounds__(kNormThreads, 4)
    group_gradients(GroupParts p, GroupNormArgs a, GradientSums* partials) {
  using S = Sum<E>;
  const PartOfGroup at(p);
  const S mean = at.there && a.mean ? static_cast<const S*>(a.mean)[at.group] : S(0);
  GradientSums sums = {0, 0};
  if constexpr (kPass == GroupPass::Rest) {
    for (uint32_t k = at.way; k < p.parts && at.there; k += at.ways)
      sums = AddSums()(sums, partials[at.group * p.parts + k]);
  } else {
    for (uint32_t j = at.begin + at.way * kCount; j < at.end; j += at.ways * kNormTile) {
      S g = 0, gx = 0;
#pragma unroll
      for (int k = 0; k < kNormTile; k += kCount) {
        const uint32_t here = j + uint32_t(k) * at.ways;
        if (here >= at.end) continue;
        const GroupPack<E, kCount> pack(p, at, here);
        const NormPack<E, kCount> dy = pack.of(a.dy), in = pack.of(a.x);
        const PackAffine<E, kCount> affine(p, at, pack, a.weight, {});
#pragma unroll
        for (int i = 0; i < kCount; ++i) {
          const S d = S(dy.at[i]) * affine.weight[i];
          g += d, gx += d * (S(in.at[i]) - mean);
        }
      }
      sums.g += double(g), sums.gx += double(gx);
    }
  }
  sums = join_group(sums, at, AddSums());
  if (!at.there) return;
  if constexpr (kPass == GroupPass::Sums) {
    if (at.way == 0) partials[at.group * p.parts + at.part] = sums;
    return;
  }
  const S rstd = static_cast<const S*>(a.rstd)[at.group];
  const S middle = a.centered ? S(sums.g / p.n) : S(0), slope = S(sums.gx / p.n * double(rstd) * double(rstd));
  for (uint32_t j = at.begin + at.way * kCount; j < at.end; j += at.ways * kCount) {
    const GroupPack<E, kCount> pack(p, at, j);
    const NormPack<E, kCount> dy = pack.of(a.dy), in = pack.of(a.x);
    const PackAffine<E, kCount> affine(p, at, pack, a.weight, {});
    NormPack<E, kCount> out;
#pragma unroll
    for (int k = 0; k < kCount; ++k)
      out.at[k] = E(rstd * (S(dy.at[k]) * affine.weight[k] - middle - (S(in.at[k]) - mean) * slope));
    pack.put(a.dx, out);
  }
}

// sum dy (x - mean) rstd and sum dy over a channel of all images. Of channels that lie along each other kCount are one
// to `p`. The sums of a channel's only part are its results.
template <class E, int kCount>
__global__ void __launch_bounds__(kNormThreads)
    weight_sums(ChannelParts p, GroupNormArgs a, FastDiv by_positions, GradientSums* partials) {
  using S = Sum<E>;
  using Pack = NormPack<E, kCount>;
  constexpr uint32_t kRows = kCount > 1 ? kNormTile / 2 : kNormTile;
  const PartOfChannel at(p);
  const Pack *const dy = static_cast<const Pack*>(a.dy), *const x = static_cast<const Pack*>(a.x);
  const uint32_t groups = uint32_t(a.groups), group = at.channel * kCount / uint32_t(a.channels / a.groups);
  double sum_g[kCount] = {}, sum_gx[kCount] = {};
  for (uint32_t j = at.begin + at.way; j < at.end; j += at.ways * kRows) {
    S g[kCount] = {}, gx[kCount] = {};
#pragma unroll
    for (uint32_t k = 0; k < kRows; ++k) {
      const uint32_t row = j + k * at.ways;
      if (row >= at.end) break;
      const uint32_t place = p.place(at.channel, row), own = by_positions.divide(row) * groups + group;
      const S mean = a.mean ? static_cast<const S*>(a.mean)[own] : S(0), rstd = static_cast<const S*>(a.rstd)[own];
      const Pack d = dy[place], in = x[place];
#pragma unroll
      for (int i = 0; i < kCount; ++i) g[i] += S(d.at[i]), gx[i] += S(d.at[i]) * ((S(in.at[i]) - mean) * rstd);
    }
#pragma unroll
    for (int i = 0; i < kCount; ++i) sum_g[i] += double(g[i]), sum_gx[i] += double(gx[i]);
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    if (i > 0) __syncthreads();  // until the sums before have been read
    const GradientSums sums = join_ways(GradientSums{sum_g[i], sum_gx[i]}, at, p.lanes, AddSums());
    if (at.way != 0 || at.channel >= p.channels) continue;
    const uint32_t c = at.channel * kCount + i;
    if (p.parts > 1) partials[c * p.parts + at.part] = sums;
    else put_number<E>(a.d_weight, c, sums.gx), put_number<E>(a.d_bias, c, sums.g);
  }
}

template <class E>
__global__ void __launch_bounds__(kNormThreads)
    join_weight_sums(GroupNormArgs a, const GradientSums* partials, uint32_t parts) {
  const WarpOfChannel at;
  if (at.channel >= a.channels) return;
  const GradientSums sums = sums_of(partials, parts, at.channel, at.lane);
  if (at.lane != 0) return;
  put_number<E>(a.d_weight, at.channel, sums.gx), put_number<E>(a.d_bias, at.channel, sums.g);
}

}  // namespace cnn::cuda
