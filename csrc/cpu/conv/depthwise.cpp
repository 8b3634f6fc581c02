// Depthwise convolution over pixels (pixels.h), a slice of channels in the lanes: no sum over channels, so that every
// tap is one product of vectors, whatever the stride.
#include "core/parallel.h"
#include "cpu/conv/pixels.h"
#include "cpu/gemm/gemm.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

using V = Vec<float>;

constexpr int kOutputs = kRegisters == 32 ? 14 : 8;  // of a register tile
constexpr int kTaps = kRegisters == 32 ? 12 : 6;  // whose gradients are summed at a time
constexpr int64_t kMinChannels = kSlice / 2;
constexpr int64_t kGradientTasks = 16;  // of a weight gradient, for the pool

// to[i * to_step] = sum over t of x[i * step + offsets[t]] * w[t], vectors of channels.
struct DepthwiseTile {
  const float* x;
  int64_t step;
  const int64_t* offsets;
  const float* w;
  int64_t taps;
  float* to;
  int64_t to_step;
};
template <int kN> void run_depthwise_tile(const DepthwiseTile& t) {
  V acc[kN] = {};
  for (int64_t tap = 0; tap < t.taps; ++tap) {
    const float* x = t.x + t.offsets[tap];
    const V w = vec_load(t.w + tap * kSlice);
#pragma GCC unroll 16
    for (int i = 0; i < kN; ++i) acc[i] = vec_fma(w, vec_load(x + i * t.step), acc[i]);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kN; ++i) vec_store(t.to + i * t.to_step, acc[i]);
}
using DepthwiseTileFn = void (*)(const DepthwiseTile&);
template <int kN = kOutputs> DepthwiseTileFn depthwise_tile_of(int64_t outputs) {
  if constexpr (kN > 1)
    if (outputs < kN) return depthwise_tile_of<kN - 1>(outputs);
  return run_depthwise_tile<kN>;
}

// sums[t] += sum over p < n of x[p * step + offsets[t]] * dy[p], vectors of channels.
template <int kN>
void run_depthwise_sums(const float* x, int64_t step, const int64_t* offsets, const float* dy, int64_t n, float* sums) {
  V acc[kN];
  const float* from[kN];
#pragma GCC unroll 16
  for (int t = 0; t < kN; ++t) acc[t] = vec_load(sums + t * kSlice), from[t] = x + offsets[t];
  for (int64_t p = 0, at = 0; p < n; ++p, at += step) {
    const V d = vec_load(dy + p * kSlice);
#pragma GCC unroll 16
    for (int t = 0; t < kN; ++t) acc[t] = vec_fma(d, vec_load(from[t] + at), acc[t]);
  }
#pragma GCC unroll 16
  for (int t = 0; t < kN; ++t) vec_store(sums + t * kSlice, acc[t]);
}
using DepthwiseSumsFn = void (*)(const float*, int64_t, const int64_t*, const float*, int64_t, float*);
template <int kN = kTaps> DepthwiseSumsFn depthwise_sums_of(int64_t taps) {
  if constexpr (kN > 1)
    if (taps < kN) return depthwise_sums_of<kN - 1>(taps);
  return run_depthwise_sums<kN>;
}

// Where the taps of a class read, from an output's place, and their indices in the weight.
void list_taps(const TapClass& c, const ConvArgs& a, const PixelSource& source, const Box& box, int64_t* offsets,
               int64_t* indices) {
  for (int64_t t = 0; t < c.taps(); ++t) {
    const int64_t at[3] = {t / c.axes[2].taps / c.axes[1].taps, t / c.axes[2].taps % c.axes[1].taps,
                           t % c.axes[2].taps};
    int64_t from[3], index = 0;
    for (int i = 0; i < 3; ++i) {
      from[i] = c.axes[i].first + at[i] * c.axes[i].gap;
      index = index * a.kernel[i] + c.axes[i].weight_first + at[i] * c.axes[i].weight_gap;
    }
    offsets[t] = source.tap(box, from);
    indices[t] = index;
  }
}

// The weights of a slice of channels: to[t] holds tap indices[t] of all of them.
void pack(const float* w, int64_t taps, int64_t channels, const int64_t* indices, int64_t count, float* to) {
  for (int64_t t = 0; t < count; ++t)
    for (int64_t c = 0; c < kSlice; ++c) to[t * kSlice + c] = c < channels ? w[c * taps + indices[t]] : 0.0f;
}

struct Pass {
  const float* source;
  float* to;
  int64_t in[3], out[3], step[3];
  Finish<float> finish;
};

void correlate(const ConvArgs& a, const Pass& p, const TapClass* classes, int64_t count) {
  const int64_t slices = ceil_div(a.channels, kSlice), all = elements(a.kernel);
  const ImageSteps in_steps = image_steps(a.channels_last, a.channels, elements(p.in)),
                   out_steps = image_steps(a.channels_last, a.channels, elements(p.out));
  const int64_t slice_step = p.out[1] * p.out[2] * out_steps.pixel;
  const Plan plan(classes[0].axes, a.batch, kSlice, Plan::Sharing::Boxes);
  const PixelSource source(plan, Windows(classes, count).all, p.in, kSlice, in_steps);
  const int64_t boxes = plan.count();
  int64_t room = plan.images();
  for (int i = 0; i < 3; ++i) room *= min_of(plan.size(i) * p.step[i], p.out[i]);
  const int64_t grain = 1 + kSerialWork / (1 + room * kSlice * all);
  parallel_for(boxes * slices, grain, [&](int64_t begin, int64_t end) {
    Scratch<float> pixels(source.room()), sums(room * kSlice), weights(all * kSlice);
    Scratch<int64_t> offsets(all), indices(all);
    for (int64_t i = begin; i < end; ++i) {
      const Box box = plan.box(i / slices);
      const int64_t c = i % slices * kSlice, channels = min_of(kSlice, a.channels - c);
      int64_t size[3];
      for (int axis = 0; axis < 3; ++axis)
        size[axis] = min_of(box.size[axis] * p.step[axis], p.out[axis] - box.begin[axis] * p.step[axis]);
      for (int64_t image = 0; image < box.images; ++image) source.fill(box, image, p.source, c, channels, pixels);
      for (int64_t k = 0; k < count; ++k) {
        const TapClass& taps = classes[k];
        list_taps(taps, a, source, box, offsets, indices);
        pack(static_cast<const float*>(a.w) + c * all, all, channels, indices, taps.taps(), weights);
        int64_t outs[3];
        for (int axis = 0; axis < 3; ++axis)
          outs[axis] = max_of(min_of(box.size[axis], taps.axes[axis].out - box.begin[axis]), 0);
        if (outs[2] == 0) continue;
        const Parts parts(outs[2], ceil_div(outs[2], kOutputs));
        const DepthwiseTileFn low = depthwise_tile_of(parts.low), high = depthwise_tile_of(parts.largest());
        DepthwiseTile t;
        t.step = source.step(), t.offsets = offsets, t.w = weights, t.taps = taps.taps();
        t.to_step = p.step[2] * kSlice;
        for (int64_t row = 0; row < box.images * outs[0] * outs[1]; ++row) {
          const int64_t h = row % outs[1], d = row / outs[1] % outs[0], image = row / outs[1] / outs[0];
          t.x = pixels + source.offset(box, image, d, h);
          t.to = sums +
                 (((image * size[0] + d * p.step[0] + taps.residue[0]) * size[1] + h * p.step[1] + taps.residue[1]) *
                      size[2] +
                  taps.residue[2]) *
                     kSlice;
          for (int64_t j = 0; j < parts.count; ++j) {
            const bool longer = j < parts.longer;
            (longer ? high : low)(t);
            t.x += (parts.low + longer) * t.step, t.to += (parts.low + longer) * t.to_step;
          }
        }
      }
      const Finish<float> finish = p.finish.from(c);
      for (int64_t slice = 0; slice < box.images * size[0]; ++slice) {
        const int64_t image = slice / size[0], d = box.begin[0] * p.step[0] + slice % size[0];
        float* to = p.to + (box.image + image) * out_steps.image + c * out_steps.channel + d * slice_step;
        turn_out(sums + slice * size[1] * size[2] * kSlice, {kSlice, size[2] * kSlice},
                 {to, out_steps, channels, p.out[1], p.out[2]}, box.begin[1] * p.step[1],
                 box.begin[1] * p.step[1] + size[1], finish);
      }
    }
  });
}

}  // namespace

bool prefers_depthwise(const ConvArgs& a) {
  return a.dtype == DType::Float32 && a.groups == a.channels && a.groups == a.out_channels &&
         a.groups >= kMinChannels && a.batch > 0 && elements(a.in) > 0 && elements(a.out) > 0 &&
         elements(a.stride) <= kMaxClasses;
}

void depthwise_forward(const ConvArgs& a) {
  Pass p = {static_cast<const float*>(a.x), static_cast<float*>(a.y), {}, {}, {1, 1, 1}, finish_forward<float>(a)};
  for (int i = 0; i < 3; ++i) p.in[i] = a.in[i], p.out[i] = a.out[i];
  const TapClass c = forward_class(a);
  correlate(a, p, &c, 1);
}

void depthwise_backward_input(const ConvArgs& a) {
  Pass p = {static_cast<const float*>(a.dy), static_cast<float*>(a.dx), {}, {}, {}, finish_backward<float>(a)};
  for (int i = 0; i < 3; ++i) p.in[i] = a.out[i], p.out[i] = a.in[i], p.step[i] = a.stride[i];
  TapClass classes[kMaxClasses];
  correlate(a, p, classes, backward_classes(a, classes));
}

// Some boxes of a slice of channels are a task; the tasks' sums are added in order.
void depthwise_backward_weight(const ConvArgs& a) {
  const int64_t slices = ceil_div(a.channels, kSlice), all = elements(a.kernel);
  const ImageSteps in_steps = image_steps(a.channels_last, a.channels, elements(a.in)),
                   out_steps = image_steps(a.channels_last, a.channels, elements(a.out));
  const int64_t slice_step = a.out[1] * a.out[2] * out_steps.pixel;
  const TapClass c = forward_class(a);
  const Plan plan(c.axes, a.batch, kSlice, Plan::Sharing::Boxes);
  const PixelSource source(plan, Windows(&c, 1).all, a.in, kSlice, in_steps);
  const Parts parts(plan.count(), min_of(plan.count(), ceil_div(kGradientTasks, slices)));
  Scratch<float> sums(slices * parts.count * all * kSlice);
  parallel_for(slices * parts.count, 1, [&](int64_t begin, int64_t end) {
    const int64_t room = plan.images() * plan.size(0) * plan.size(1) * plan.size(2);
    Scratch<float> pixels(source.room()), dy(room * kSlice);
    Scratch<int64_t> offsets(all), indices(all);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = i % slices * kSlice, channels = min_of(kSlice, a.channels - first), part = i / slices;
      float* const to = sums + (i % slices * parts.count + part) * all * kSlice;
      __builtin_memset(to, 0, size_t(all * kSlice) * sizeof(float));
      for (int64_t b = parts.begin(part); b < parts.begin(part) + parts.size(part); ++b) {
        const Box box = plan.box(b);
        list_taps(c, a, source, box, offsets, indices);
        for (int64_t image = 0; image < box.images; ++image) {
          source.fill(box, image, static_cast<const float*>(a.x), first, channels, pixels);
          const float* from =
              static_cast<const float*>(a.dy) + (box.image + image) * out_steps.image + first * out_steps.channel;
          for (int64_t d = 0; d < box.size[0]; ++d)
            turn_in({from + (box.begin[0] + d) * slice_step, out_steps, channels, a.out[1], a.out[2]}, box.begin[1],
                    box.begin[1] + box.size[1], dy + (image * box.size[0] + d) * box.size[1] * box.size[2] * kSlice,
                    {kSlice, box.size[2] * kSlice});
        }
        for (int64_t row = 0; row < box.images * box.size[0] * box.size[1]; ++row) {
          const float* x = pixels + source.offset(box, row / box.size[1] / box.size[0], row / box.size[1] % box.size[0],
                                                  row % box.size[1]);
          for (int64_t t = 0; t < all; t += kTaps)
            depthwise_sums_of(min_of(kTaps, all - t))(x, source.step(), offsets + t, dy + row * box.size[2] * kSlice,
                                                      box.size[2], to + t * kSlice);
        }
      }
    }
  });
  for (int64_t ch = 0; ch < a.channels; ++ch)
    for (int64_t t = 0; t < all; ++t) {
      const float* from = sums + ch / kSlice * parts.count * all * kSlice + t * kSlice + ch % kSlice;
      float sum = 0;
      for (int64_t part = 0; part < parts.count; ++part) sum += from[part * all * kSlice];
      static_cast<float*>(a.dw)[ch * all + t] = sum;
    }
}

}  // namespace cnn::cpu::CNN_ISA
