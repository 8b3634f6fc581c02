#include "cuda/group_norm.cuh"

#include "cuda/heavy_entries.h"
#include "cuda/memory.h"

namespace cnn::cuda {
namespace {

// f<kCount>() with sixteen bytes at a time where runs of all operands begin and end so, else one element.
template <class E, class F>
void over_packs_of(const GroupParts& p, std::initializer_list<const void*> operands, const F& f) {
  constexpr int kCount = kNormPack<E>;
  const bool fits = (p.along ? p.own : p.n) % kCount == 0;
  if (fits && aligned(operands)) f.template operator()<kCount>();
  else f.template operator()<1>();
}

template <class E> void normalize(const GroupNormArgs& a) {
  const GroupParts p(a);
  const bool moves = a.running_mean.data || a.running_var.data;
  const Scratch room(p.parts > 1 ? size_t(p.all) * p.parts * sizeof(kernels::MeanM2) : 0);
  const Scratch kept(moves ? size_t(p.all) * sizeof(kernels::MeanM2) : 0);
  const auto partials = static_cast<kernels::MeanM2*>(room.data()), found = static_cast<kernels::MeanM2*>(kept.data());
  over_packs_of<E>(p, {a.x, a.y, a.weight.data, a.bias.data}, [&]<int kCount>() {
    const auto whole = normalize_groups<E, kCount, GroupPass::Whole>,
               sums = normalize_groups<E, kCount, GroupPass::Sums>, rest = normalize_groups<E, kCount, GroupPass::Rest>;
    if (p.parts > 1) CNN_LAUNCH(sums, p.blocks(), kNormThreads, p, a, partials, found);
    const auto last = p.parts > 1 ? rest : whole;
    CNN_LAUNCH(last, p.blocks(), kNormThreads, p, a, partials, found);
  });
  const auto move = move_running<E>;
  if (moves) CNN_LAUNCH(move, unsigned(a.channels - 1) / kNormThreads + 1, kNormThreads, a, found);
}

template <class E> void differentiate(const GroupNormArgs& a, const GroupParts& p) {
  const Scratch room(p.parts > 1 ? size_t(p.all) * p.parts * sizeof(GradientSums) : 0);
  GradientSums* const partials = static_cast<GradientSums*>(room.data());
  over_packs_of<E>(p, {a.x, a.dy, a.dx, a.weight.data}, [&]<int kCount>() {
    const auto whole = group_gradients<E, kCount, GroupPass::Whole>, sums = group_gradients<E, kCount, GroupPass::Sums>,
               rest = group_gradients<E, kCount, GroupPass::Rest>;
    if (p.parts > 1) CNN_LAUNCH(sums, p.blocks(), kNormThreads, p, a, partials);
    const auto last = p.parts > 1 ? rest : whole;
    CNN_LAUNCH(last, p.blocks(), kNormThreads, p, a, partials);
  });
}

template <class E, int kCount> void sum_weights(const GroupNormArgs& a) {
  ChannelNormArgs of;
  of.batch = a.batch, of.channels = a.channels / kCount, of.positions = a.positions, of.channels_last = a.channels_last;
  const ChannelParts p(of);
  const Scratch room(p.parts > 1 ? size_t(p.parts) * size_t(a.channels) * sizeof(GradientSums) : 0);
  GradientSums* const partials = static_cast<GradientSums*>(room.data());
  const auto sum = weight_sums<E, kCount>;
  CNN_LAUNCH(sum, p.parts * p.groups, kNormThreads, p, a, FastDiv(uint32_t(a.positions)), partials);
  const auto join = join_weight_sums<E>;
  if (p.parts > 1) CNN_LAUNCH(join, unsigned(a.channels - 1) / kNormWarps + 1, kNormThreads, a, partials, p.parts);
}

}  // namespace

void group_norm_forward(const GroupNormArgs& a) {
  with_float(a.dtype, [&]<class E>() { normalize<E>(a); });
}
void group_norm_backward(const GroupNormArgs& a) {
  with_float(a.dtype, [&]<class E>() {
    const GroupParts p(a);
    if (a.dx) differentiate<E>(a, p);
    if (!a.d_weight.data && !a.d_bias.data) return;
    if (p.along && p.own % kNormPack<E> == 0 && aligned({a.x, a.dy})) sum_weights<E, kNormPack<E>>(a);
    else sum_weights<E, 1>(a);
  });
}

}  // namespace cnn::cuda
