// Means of bilinear samples over regions of interest: He et al., "Mask R-CNN", 2017; with channels for each bin, Li et
// al., "Light-Head R-CNN", 2017.
#include <algorithm>

#include "cnn/ops/create.h"
#include "cnn/ops/vision.h"
#include "ops/each.h"
#include "ops/vision.h"

namespace cnn {
namespace {

using kernels::RoiSampling;
using kernels::Sample;

// The samples along one axis of a region: those of bin b are [start[b], start[b + 1]). Samples outside the picture
// are left out, since they are zero.
template <class T>
struct AxisSamples {
  std::vector<int64_t> start;
  std::vector<Sample<T>> samples;
};

template <class T>
AxisSamples<T> samples_along(const kernels::RoiAxis<T>& of) {
  AxisSamples<T> axis;
  axis.start.push_back(0);
  for (int64_t b = 0; b < of.bins; ++b) {
    int64_t first, last;
    of.inside(b, first, last);
    Sample<T> s;
    for (int64_t i = first; i < last; ++i)
      if (of.sample(b, i, s)) axis.samples.push_back(s);
    axis.start.push_back(int64_t(axis.samples.size()));
  }
  return axis;
}

template <class T>
struct RegionSamples {
  AxisSamples<T> y, x;
  T count;
};

template <class T>
RegionSamples<T> samples_of(const RoiPooling& p, const RoiSampling& s, const Region<T>& r) {
  const kernels::RoiAxes<T> axes = kernels::axes_of(p.grid(), s, r);
  return {samples_along(axes.y), samples_along(axes.x), axes.count};
}

template <class T>
T sum_of_bin(const T* plane, int64_t width, const RegionSamples<T>& s, int64_t h, int64_t w) {
  T sum = 0;
  for (int64_t i = s.y.start[size_t(h)]; i < s.y.start[size_t(h) + 1]; ++i) {
    const Sample<T>& y = s.y.samples[size_t(i)];
    const T *low = plane + y.low * width, *high = plane + y.high * width;
    for (int64_t j = s.x.start[size_t(w)]; j < s.x.start[size_t(w) + 1]; ++j) {
      const Sample<T>& x = s.x.samples[size_t(j)];
      sum += y.at_low * x.at_low * low[x.low] + y.at_low * x.at_high * low[x.high] +
             y.at_high * x.at_low * high[x.low] + y.at_high * x.at_high * high[x.high];
    }
  }
  return sum;
}

template <class T>
void spread_over_bin(T* plane, int64_t width, const RegionSamples<T>& s, int64_t h, int64_t w, T gradient) {
  for (int64_t i = s.y.start[size_t(h)]; i < s.y.start[size_t(h) + 1]; ++i) {
    const Sample<T>& y = s.y.samples[size_t(i)];
    T *low = plane + y.low * width, *high = plane + y.high * width;
    for (int64_t j = s.x.start[size_t(w)]; j < s.x.start[size_t(w) + 1]; ++j) {
      const Sample<T>& x = s.x.samples[size_t(j)];
      low[x.low] += gradient * (y.at_low * x.at_low) / s.count;
      low[x.high] += gradient * (y.at_low * x.at_high) / s.count;
      high[x.low] += gradient * (y.at_high * x.at_low) / s.count;
      high[x.high] += gradient * (y.at_high * x.at_high) / s.count;
    }
  }
}

template <class T>
void align_forward(const RoiPooling& p, const RoiSampling& s, const Tensor& input, const Tensor& rois,
                   const Tensor& y) {
  const std::vector<Region<T>> regions = regions_of<T>(p, rois);
  const int64_t plane = p.height * p.width, out = p.out_channels() * p.bins();
  const T* const from = values_of<T>(input);
  T* const to = written_to<T>(y);
  const double steps = 16.0 * double(out);
  const WorkScope scope(steps * double(regions.size()));
  parallel_for(int64_t(regions.size()), grain_of(steps), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const Region<T>& r = regions[size_t(k)];
      const RegionSamples<T> samples = samples_of(p, s, r);
      T* next = to + k * out;
      for (int64_t c = 0; c < p.out_channels(); ++c)
        for (int64_t h = 0; h < p.bins_h; ++h)
          for (int64_t w = 0; w < p.bins_w; ++w) {
            const T* const of = from + (r.image * p.channels + p.channel(c, h, w)) * plane;
            *next++ = sum_of_bin(of, p.width, samples, h, w) / samples.count;
          }
    }
  });
}

// A plane of dx is summed by one task, region after region.
template <class T>
void align_backward(const RoiPooling& p, const RoiSampling& s, const Tensor& dy, const Tensor& rois, const Tensor& dx) {
  const std::vector<Region<T>> regions = regions_of<T>(p, rois);
  const int64_t plane = p.height * p.width, out_channels = p.out_channels();
  const T* const from = values_of<T>(dy);
  T* const to = written_to<T>(dx);
  const double steps = 16.0 * double(regions.size() * size_t(p.own_channels ? 1 : p.bins()));
  const WorkScope scope(steps * double(p.images * p.channels));
  std::vector<RegionSamples<T>> samples(regions.size());
  parallel_for(int64_t(regions.size()), 64, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) samples[size_t(k)] = samples_of(p, s, regions[size_t(k)]);
  });
  parallel_for(p.images * p.channels, grain_of(steps), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t image = i / p.channels, channel = i % p.channels;
      T* const of = to + i * plane;
      for (size_t k = 0; k < regions.size(); ++k) {
        if (regions[k].image != image) continue;
        const int64_t c = p.own_channels ? channel / p.bins() : channel;
        const T* const gradient = from + (int64_t(k) * out_channels + c) * p.bins();
        const int64_t first = p.own_channels ? channel % p.bins() : 0, last = p.own_channels ? first + 1 : p.bins();
        for (int64_t bin = first; bin < last; ++bin)
          spread_over_bin(of, p.width, samples[k], bin / p.bins_w, bin % p.bins_w, gradient[bin]);
      }
    }
  });
}

Tensor forward(const RoiPooling& p, const RoiSampling& s, const Tensor& input, const Tensor& rois) {
  const NoGrad guard;
  const Tensor y = empty(p.output(rois.shape()[0]), input.dtype(), input.device());
  if (y.device().is_meta()) return y;
  if (y.device().is_cuda()) {
    const Tensor from = contiguous(input), regions = contiguous(rois);
    each(kernels::RoiAlign{grid_of(p, regions), s, from.raw(), y.raw()}, y.numel(), y.dtype(), y.device());
    return y;
  }
  with_float(p.op, y.dtype(), [&](auto t) { align_forward<decltype(t)>(p, s, contiguous(input), rois, y); });
  return y;
}

Tensor backward(const char* of, const RoiPooling& p, const RoiSampling& s, const Tensor& dy, const Tensor& rois) {
  Grad grad({dy, rois});
  Tensor dx;
  {
    const NoGrad guard;
    dx = gradient_of_pictures(p, dy);
    if (dx.device().is_cuda()) {
      const Tensor from = contiguous(dy), regions = contiguous(rois);
      each(kernels::RoiAlignBackward{grid_of(p, regions), s, from.raw(), dx.raw()}, dx.numel(), dx.dtype(),
           dx.device());
    } else if (!dx.device().is_meta())
      with_float(p.op, dy.dtype(), [&](auto t) { align_backward<decltype(t)>(p, s, contiguous(dy), rois, dx); });
  }
  return without_second_order(of, grad, dx);
}

RoiSampling aligned_sampling(int64_t ratio, bool aligned) { return {ratio, aligned, true}; }
RoiSampling position_sampling(int64_t ratio) { return {ratio, true, false}; }

}  // namespace

Tensor roi_align(const Tensor& input, const Tensor& rois, double scale, int64_t bins_h, int64_t bins_w, int64_t ratio,
                 bool aligned) {
  if (mode_word & kAutocast && is_reduced(input.dtype())) [[unlikely]] {  // as torchvision, in float32
    const WithoutAutocast inside;
    const Tensor wide = to_dtype(input, DType::Float32), wide_rois = to_dtype(rois, DType::Float32);
    return to_dtype(roi_align(wide, wide_rois, scale, bins_h, bins_w, ratio, aligned), input.dtype());
  }
  const Recorded range("torchvision::roi_align", input, rois, scale, bins_h, bins_w, ratio, aligned);
  const RoiPooling p = pooling_of("roi_align", input, rois, scale, bins_h, bins_w, false);
  Grad grad({input, rois});
  const Tensor y = forward(p, aligned_sampling(ratio, aligned), input, rois);
  if (!grad) return y;
  return grad.record("RoiAlignBackward0", y, [saved = grad.save(rois), p, ratio, aligned](Grads& g) {
    if (g.wants(0))
      g[0] = roi_align_backward(g.out(), saved.get(g), p.scale, p.bins_h, p.bins_w, p.images, p.channels, p.height,
                                p.width, ratio, aligned);
  });
}

Tensor roi_align_backward(const Tensor& dy, const Tensor& rois, double scale, int64_t bins_h, int64_t bins_w,
                          int64_t images, int64_t channels, int64_t height, int64_t width, int64_t ratio,
                          bool aligned) {
  const Recorded range("torchvision::_roi_align_backward", dy, rois);
  const RoiPooling p =
      pooling_back("_roi_align_backward", dy, rois, scale, bins_h, bins_w, {images, channels, height, width}, false);
  return backward("roi_align", p, aligned_sampling(ratio, aligned), dy, rois);
}

Tensor2 ps_roi_align(const Tensor& input, const Tensor& rois, double scale, int64_t bins_h, int64_t bins_w,
                     int64_t ratio) {
  const Recorded range("torchvision::ps_roi_align", input, rois, scale, bins_h, bins_w, ratio);
  const RoiPooling p = pooling_of("ps_roi_align", input, rois, scale, bins_h, bins_w, true);
  Grad grad({input, rois});
  const Tensor mapping = channel_mapping_of(p, rois.shape()[0], input.device());
  Tensor y = forward(p, position_sampling(ratio), input, rois);
  if (!grad) return {y, mapping};
  y = grad.record("PsRoiAlignBackward0", y, [saved = grad.save(rois), of = grad.save(mapping), p, ratio](Grads& g) {
    if (g.wants(0))
      g[0] = ps_roi_align_backward(g.out(), saved.get(g), of.get(g), p.scale, p.bins_h, p.bins_w, ratio, p.images,
                                   p.channels, p.height, p.width);
  });
  return {y, mapping};
}

// The mapping follows from the geometry, and is not read.
Tensor ps_roi_align_backward(const Tensor& dy, const Tensor& rois, const Tensor& mapping, double scale, int64_t bins_h,
                             int64_t bins_w, int64_t ratio, int64_t images, int64_t channels, int64_t height,
                             int64_t width) {
  const Recorded range("torchvision::_ps_roi_align_backward", dy, rois, mapping);
  const RoiPooling p =
      pooling_back("_ps_roi_align_backward", dy, rois, scale, bins_h, bins_w, {images, channels, height, width}, true);
  check(mapping.shape() == dy.shape(), p.op, "expected a channel_mapping of shape ", dy.shape(), ", got ",
        mapping.shape());
  return backward("ps_roi_align", p, position_sampling(ratio), dy, rois);
}

}  // namespace cnn
