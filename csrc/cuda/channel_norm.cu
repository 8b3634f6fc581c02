#include "cuda/channel_norm.cuh"

#include <type_traits>

#include "cuda/heavy_entries.h"
#include "cuda/memory.h"

namespace cnn::cuda {
namespace {

uint32_t elements(const ChannelNormArgs& a) { return uint32_t(a.batch * a.channels * a.positions); }
unsigned warps_over(int64_t channels) { return unsigned((channels + kNormWarps - 1) / kNormWarps); }

// Sixteen bytes at a time where all operands lie so.
template <class F> void over_elements(const F& f, uint32_t n, std::initializer_list<const void*> operands) {
  constexpr int kCount = kNormPack<std::remove_pointer_t<decltype(f.x)>>;
  const bool wide = aligned(operands);
  const uint32_t packs = wide ? n / kCount : n;
  const auto kernel = wide ? over_packs<kCount, F> : over_packs<1, F>;
  CNN_LAUNCH(kernel, packs / kNormThreads + 1, kNormThreads, f, n);
}

// Of as many numbers as there are channels.
template <class S> class Vectors {
 public:
  Vectors(int64_t channels, int count) : channels_(channels), memory_(size_t(channels * count) * sizeof(S)) {}
  S* operator[](int k) const { return static_cast<S*>(memory_.data()) + k * channels_; }

 private:
  int64_t channels_;
  Scratch memory_;
};

template <class E> void normalize(const ChannelNormArgs& a) {
  using S = Sum<E>;
  const E* const x = static_cast<const E*>(a.x);
  E* const y = static_cast<E*>(a.y);
  const S least = a.relu ? S(0) : -kernels::infinity<S>();
  if (!a.training && !a.mean && !a.rstd && !a.shift) {
    const RunningChannels<E> channels = {a.weight, a.bias, a.running_mean, a.running_var, S(a.eps)};
    return over_elements(NormalizeElements<E, RunningChannels<E>>{ChannelOf(a), channels, least, x, y}, elements(a),
                         {x, y});
  }
  const Vectors<S> room(a.channels, 4);
  const auto given = [&](void* p, int k) { return p ? static_cast<S*>(p) : room[k]; };
  const Affine<S> affine = {given(a.mean, 0), given(a.rstd, 1), room[2], given(a.shift, 3)};
  const ChannelParts p(a);
  const Scratch partials(a.training ? size_t(p.parts) * p.channels * sizeof(kernels::MeanM2) : 0);
  kernels::MeanM2* const moments = static_cast<kernels::MeanM2*>(partials.data());
  if (a.training) {
    const auto partial = channel_moments<E>;
    CNN_LAUNCH(partial, p.parts * p.groups, kNormThreads, p, x, moments);
  }
  const auto finish = finish_moments<E>;
  CNN_LAUNCH(finish, warps_over(a.channels), kNormThreads, a, moments, p.parts, affine);
  over_elements(NormalizeElements<E, FinishedChannels<S>>{ChannelOf(a), {affine}, least, x, y}, elements(a), {x, y});
}

template <class E> void gradient(const ChannelNormArgs& a) {
  using S = Sum<E>;
  const E *const x = static_cast<const E*>(a.x), *const dy = static_cast<const E*>(a.dy);
  const S *const mean = static_cast<const S*>(a.mean), *const rstd = static_cast<const S*>(a.rstd),
                 *const shift = a.relu ? static_cast<const S*>(a.shift) : nullptr;
  const bool sums = a.training || a.d_weight.data || a.d_bias.data;
  const ChannelParts p(a);
  const Scratch partials(sums ? size_t(p.parts) * p.channels * sizeof(GradientSums) : 0);
  GradientSums* const at = static_cast<GradientSums*>(partials.data());
  const Vectors<S> room(a.channels, 3);
  const GradientFactors<S> factors = {room[0], room[1], room[2]};
  if (sums) {
    const auto partial = channel_sums<E>;
    CNN_LAUNCH(partial, p.parts * p.groups, kNormThreads, p, dy, x, mean, rstd, shift, a.weight, at);
  }
  const auto finish = finish_sums<E>;
  CNN_LAUNCH(finish, warps_over(a.channels), kNormThreads, a, at, sums ? p.parts : 0u, factors);
  if (!a.dx) return;
  E* const dx = static_cast<E*>(a.dx);
  over_elements(NormGradient<E>{ChannelOf(a), factors, mean, shift, a.training, dy, x, dx}, elements(a), {x, dy, dx});
}

}  // namespace

void channel_norm_forward(const ChannelNormArgs& a) {
  with_float(a.dtype, [&]<class E>() { normalize<E>(a); });
}
void channel_norm_backward(const ChannelNormArgs& a) {
  with_float(a.dtype, [&]<class E>() { gradient<E>(a); });
}

}  // namespace cnn::cuda
