// Means of bilinear samples over regions of interest: He et al., "Mask R-CNN", 2017; with channels for each bin, Li et
// al., "Light-Head R-CNN", 2017.
#include <algorithm>

#include "cnn/ops/create.h"
#include "cnn/ops/vision.h"
#include "ops/vision.h"

namespace cnn {
namespace {

// A sample lies between two rows (or columns).
template <class T>
struct Sample {
  int64_t low, high;
  T at_low, at_high;  // their weights
};

// The samples along one axis of a region: those of bin b are [start[b], start[b + 1]). Samples outside the picture
// are left out, since they are zero, but count in `grid`, their number in each bin.
template <class T>
struct AxisSamples {
  int64_t grid = 0;
  std::vector<int64_t> start;
  std::vector<Sample<T>> samples;
};

template <class T>
AxisSamples<T> sample_axis(T begin, T extent, int64_t bins, int64_t ratio, int64_t size) {
  AxisSamples<T> axis;
  const T bin = extent / T(bins);
  const T wanted = ratio > 0 ? T(ratio) : std::ceil(bin);
  axis.grid = wanted >= 1 && wanted <= T(INT32_MAX) ? int64_t(wanted) : 0;
  axis.start.push_back(0);
  for (int64_t b = 0; b < bins; ++b) {
    // Of a region much larger than the picture, only those that may lie inside are looked at.
    int64_t first = 0, last = axis.grid;
    const double step = double(bin) / double(axis.grid), at = double(begin) + double(b) * double(bin);
    if (step > 0) {
      first = int64_t(std::clamp((-1 - at) / step - 2, 0.0, double(axis.grid)));
      last = int64_t(std::clamp((double(size) - at) / step + 2, 0.0, double(axis.grid)));
    }
    for (int64_t i = first; i < last; ++i) {
      T y = begin + T(b) * bin + (T(i) + T(0.5)) * bin / T(axis.grid);
      if (!(y >= -1 && y <= T(size)) || size == 0) continue;
      y = std::max(y, T(0));
      int64_t low = int64_t(y), high = low + 1;
      if (low >= size - 1) {
        low = high = size - 1;
        y = T(low);
      }
      const T part = y - T(low);
      axis.samples.push_back({low, high, T(1) - part, part});
    }
    axis.start.push_back(int64_t(axis.samples.size()));
  }
  return axis;
}

template <class T>
struct RegionSamples {
  AxisSamples<T> y, x;
  T count;
};

struct Sampling {
  int64_t ratio;
  bool half_pixel;  // pixel centres lie at .5
  bool at_least_one;  // regions have a width and a height of at least a pixel, bins at least a sample
};

template <class T>
RegionSamples<T> samples_of(const RoiPooling& p, const Sampling& s, const Region<T>& r) {
  const T scale = T(p.scale), shift = s.half_pixel ? T(0.5) : T(0);
  const T x = r.x1 * scale - shift, y = r.y1 * scale - shift;
  T width = r.x2 * scale - shift - x, height = r.y2 * scale - shift - y;
  if (s.at_least_one && !s.half_pixel) width = std::max(width, T(1)), height = std::max(height, T(1));
  RegionSamples<T> of = {sample_axis(y, height, p.bins_h, s.ratio, p.height),
                         sample_axis(x, width, p.bins_w, s.ratio, p.width), T(0)};
  of.count = T(std::max<int64_t>(of.y.grid * of.x.grid, s.at_least_one ? 1 : 0));
  return of;
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
void align_forward(const RoiPooling& p, const Sampling& s, const Tensor& input, const Tensor& rois, const Tensor& y) {
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
void align_backward(const RoiPooling& p, const Sampling& s, const Tensor& dy, const Tensor& rois, const Tensor& dx) {
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

Tensor forward(const RoiPooling& p, const Sampling& s, const Tensor& input, const Tensor& rois) {
  const NoGrad guard;
  const Tensor y = empty(p.output(rois.shape()[0]), input.dtype(), input.device());
  if (y.device().is_meta()) return y;
  with_float(p.op, y.dtype(), [&](auto t) { align_forward<decltype(t)>(p, s, contiguous(input), rois, y); });
  return y;
}

Tensor backward(const char* of, const RoiPooling& p, const Sampling& s, const Tensor& dy, const Tensor& rois) {
  Grad grad({dy, rois});
  Tensor dx;
  {
    const NoGrad guard;
    dx = zeros(p.input(), dy.dtype(), dy.device());
    if (!dx.device().is_meta())
      with_float(p.op, dy.dtype(), [&](auto t) { align_backward<decltype(t)>(p, s, contiguous(dy), rois, dx); });
  }
  return without_second_order(of, grad, dx);
}

Sampling aligned_sampling(int64_t ratio, bool aligned) { return {ratio, aligned, true}; }
Sampling position_sampling(int64_t ratio) { return {ratio, true, false}; }

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
