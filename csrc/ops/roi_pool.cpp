// Extrema and means of the pixels of regions of interest: Girshick, "Fast R-CNN", 2015; Dai et al., "R-FCN", 2016.
#include <algorithm>
#include <atomic>
#include <limits>

#include "cnn/ops/create.h"
#include "cnn/ops/vision.h"
#include "ops/each.h"
#include "ops/vision.h"

namespace cnn {
namespace {

using kernels::span_of_bin;
using Span = kernels::PixelSpan;
using Pixels = kernels::RoiPixels;

void fail_argmax(const Watch& w, int64_t, const char* when) {
  fail(w.kind, w.op, "argmax holds an index that is not of a plane of ", w.extent, " x ", w.dim, when);
}

template <class T>
void max_forward(const RoiPooling& p, const Tensor& input, const Tensor& rois, const Tensor& y, const Tensor& argmax) {
  const std::vector<Region<T>> regions = regions_of<T>(p, rois);
  const int64_t plane = p.height * p.width, bins = p.bins();
  const T* const from = values_of<T>(input);
  T* const to = written_to<T>(y);
  int32_t* const at = written_to<int32_t>(argmax);
  const double steps = double(p.channels) * double(std::min(plane, 64 * bins));
  const WorkScope scope(steps * double(regions.size()));
  parallel_for(int64_t(regions.size()), grain_of(steps), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const Region<T>& r = regions[size_t(k)];
      const Pixels of = kernels::pixels_of(p.grid(), r, 1);
      for (int64_t h = 0; h < p.bins_h; ++h)
        for (int64_t w = 0; w < p.bins_w; ++w) {
          const Span rows = span_of_bin<T>(h, p.bins_h, of.y, of.height, p.height),
                     columns = span_of_bin<T>(w, p.bins_w, of.x, of.width, p.width);
          const bool empty = rows.empty() || columns.empty();
          for (int64_t c = 0; c < p.channels; ++c) {
            const T* const pixels = from + (r.image * p.channels + c) * plane;
            T best = empty ? T(0) : std::numeric_limits<T>::lowest();
            int64_t where = -1;
            for (int64_t i = rows.begin; i < rows.end && !empty; ++i)
              for (int64_t j = i * p.width + columns.begin; j < i * p.width + columns.end; ++j)
                if (pixels[j] > best) best = pixels[j], where = j;
            const int64_t place = (k * p.channels + c) * bins + h * p.bins_w + w;
            to[place] = best;
            at[place] = int32_t(where);
          }
        }
    }
  });
}

template <class T>
void max_backward(const RoiPooling& p, const Tensor& dy, const Tensor& rois, const Tensor& argmax, const Tensor& dx) {
  const std::vector<Region<T>> regions = regions_of<T>(p, rois);
  const int64_t plane = p.height * p.width, bins = p.bins();
  const T* const from = values_of<T>(dy);
  const int32_t* const at = values_of<int32_t>(argmax);
  T* const to = written_to<T>(dx);
  std::atomic<bool> outside{false};
  const double steps = double(regions.size()) * double(bins);
  const WorkScope scope(steps * double(p.images * p.channels));
  parallel_for(p.images * p.channels, grain_of(steps), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i)
      for (size_t k = 0; k < regions.size(); ++k) {
        if (regions[k].image != i / p.channels) continue;
        const int64_t first = (int64_t(k) * p.channels + i % p.channels) * bins;
        for (int64_t place = first; place < first + bins; ++place) {
          const int64_t where = at[place];
          if (where >= 0 && where < plane) to[i * plane + where] += from[place];
          else if (where != -1) outside.store(true, std::memory_order_relaxed);
        }
      }
  });
  check_index(!outside.load(), p.op, "argmax holds an index that is not of a plane of ", p.height, " x ", p.width);
}

template <class T>
void mean_forward(const RoiPooling& p, const Tensor& input, const Tensor& rois, const Tensor& y) {
  const std::vector<Region<T>> regions = regions_of<T>(p, rois);
  const int64_t plane = p.height * p.width;
  const T* const from = values_of<T>(input);
  T* const to = written_to<T>(y);
  const double steps = double(p.out_channels()) * double(std::min(plane, 64 * p.bins()));
  const WorkScope scope(steps * double(regions.size()));
  parallel_for(int64_t(regions.size()), grain_of(steps), [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const Region<T>& r = regions[size_t(k)];
      const Pixels of = kernels::pixels_of(p.grid(), r, 0);
      for (int64_t c = 0; c < p.channels; ++c) {
        const int64_t h = c % p.bins() / p.bins_w, w = c % p.bins_w;
        const Span rows = span_of_bin<T>(h, p.bins_h, of.y, of.height, p.height - 1),
                   columns = span_of_bin<T>(w, p.bins_w, of.x, of.width, p.width - 1);
        const bool empty = rows.empty() || columns.empty();
        const T* const pixels = from + (r.image * p.channels + c) * plane;
        T sum = 0;
        for (int64_t i = rows.begin; i < rows.end && !empty; ++i)
          for (int64_t j = columns.begin; j < columns.end; ++j) sum += pixels[i * p.width + j];
        const T area = T((rows.end - rows.begin) * (columns.end - columns.begin));
        to[k * p.channels + c] = empty ? T(0) : sum / area;
      }
    }
  });
}

template <class T>
void mean_backward(const RoiPooling& p, const Tensor& dy, const Tensor& rois, const Tensor& dx) {
  const std::vector<Region<T>> regions = regions_of<T>(p, rois);
  const int64_t plane = p.height * p.width;
  const T* const from = values_of<T>(dy);
  T* const to = written_to<T>(dx);
  const double steps = double(regions.size()) * double(std::min<int64_t>(plane, 64));
  const WorkScope scope(steps * double(p.images * p.channels));
  parallel_for(p.images * p.channels, grain_of(steps), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t image = i / p.channels, c = i % p.channels;
      const int64_t h = c % p.bins() / p.bins_w, w = c % p.bins_w;
      for (size_t k = 0; k < regions.size(); ++k) {
        if (regions[k].image != image) continue;
        const Pixels of = kernels::pixels_of(p.grid(), regions[k], 0);
        const Span rows = span_of_bin<T>(h, p.bins_h, of.y, of.height, p.height - 1),
                   columns = span_of_bin<T>(w, p.bins_w, of.x, of.width, p.width - 1);
        if (rows.empty() || columns.empty()) continue;
        const T area = T((rows.end - rows.begin) * (columns.end - columns.begin));
        const T each = from[int64_t(k) * p.channels + c] / area;
        for (int64_t y = rows.begin; y < rows.end; ++y)
          for (int64_t x = columns.begin; x < columns.end; ++x) to[i * plane + y * p.width + x] += each;
      }
    }
  });
}

// Bins read pixels, so there must be one.
void check_pixels(const RoiPooling& p, int64_t regions) {
  check(p.height * p.width > 0 || regions * p.out_channels() * p.bins() == 0, p.op,
        "expected a picture with pixels, got ", p.input());
  check(p.height <= INT32_MAX && p.width <= INT32_MAX && p.height * p.width <= INT32_MAX, p.op,
        "a plane of more pixels than an int32 counts: ", p.height, " x ", p.width);
}

}  // namespace

Tensor2 roi_pool(const Tensor& input, const Tensor& rois, double scale, int64_t bins_h, int64_t bins_w) {
  const Recorded range("torchvision::roi_pool", input, rois, scale, bins_h, bins_w);
  const RoiPooling p = pooling_of("roi_pool", input, rois, scale, bins_h, bins_w, false);
  check_pixels(p, rois.shape()[0]);
  Grad grad({input, rois});
  Tensor y, argmax;
  {
    const NoGrad guard;
    y = empty(p.output(rois.shape()[0]), input.dtype(), input.device());
    argmax = empty(y.shape(), DType::Int32, input.device());
    if (y.device().is_cuda()) {
      const Tensor from = contiguous(input), regions = contiguous(rois);
      each(kernels::RoiMax{grid_of(p, regions), from.raw(), y.raw(), written_to<int32_t>(argmax)}, y.numel(), y.dtype(),
           y.device());
    } else if (!y.device().is_meta())
      with_float(p.op, y.dtype(), [&](auto t) { max_forward<decltype(t)>(p, contiguous(input), rois, y, argmax); });
  }
  if (!grad) return {y, argmax};
  y = grad.record("RoiPoolBackward0", y, [saved = grad.save(rois), at = grad.save(argmax), p](Grads& g) {
    if (g.wants(0))
      g[0] = roi_pool_backward(g.out(), saved.get(g), at.get(g), p.scale, p.bins_h, p.bins_w, p.images, p.channels,
                               p.height, p.width);
  });
  return {y, argmax};
}

Tensor roi_pool_backward(const Tensor& dy, const Tensor& rois, const Tensor& argmax, double scale, int64_t bins_h,
                         int64_t bins_w, int64_t images, int64_t channels, int64_t height, int64_t width) {
  const Recorded range("torchvision::_roi_pool_backward", dy, rois, argmax);
  const RoiPooling p =
      pooling_back("_roi_pool_backward", dy, rois, scale, bins_h, bins_w, {images, channels, height, width}, false);
  check_vision_devices(p.op, {&dy, &argmax});
  check(argmax.dtype() == DType::Int32, p.op, "expected an argmax of int32, got ", argmax.dtype());
  check(argmax.shape() == dy.shape(), p.op, "expected an argmax of shape ", dy.shape(), ", got ", argmax.shape());
  check_pixels(p, rois.shape()[0]);
  Grad grad({dy, rois});
  Tensor dx;
  {
    const NoGrad guard;
    dx = gradient_of_pictures(p, dy);
    if (dx.device().is_cuda()) {
      const Tensor from = contiguous(dy), regions = contiguous(rois), at = contiguous(argmax);
      const Watch watch = {fail_argmax, p.op, ErrorKind::Index, p.height, p.width};
      each(kernels::RoiMaxBackward{grid_of(p, regions), from.raw(), values_of<int32_t>(at), dx.raw(),
                                   backend(dx.device()).watch(watch)},
           dx.numel(), dx.dtype(), dx.device());
    } else if (!dx.device().is_meta())
      with_float(p.op, dy.dtype(),
                 [&](auto t) { max_backward<decltype(t)>(p, contiguous(dy), rois, contiguous(argmax), dx); });
  }
  return without_second_order("roi_pool", grad, dx);
}

Tensor2 ps_roi_pool(const Tensor& input, const Tensor& rois, double scale, int64_t bins_h, int64_t bins_w) {
  const Recorded range("torchvision::ps_roi_pool", input, rois, scale, bins_h, bins_w);
  const RoiPooling p = pooling_of("ps_roi_pool", input, rois, scale, bins_h, bins_w, true);
  check_pixels(p, rois.shape()[0]);
  Grad grad({input, rois});
  Tensor y, mapping;
  {
    const NoGrad guard;
    y = empty(p.output(rois.shape()[0]), input.dtype(), input.device());
    mapping = channel_mapping_of(p, rois.shape()[0], input.device());
    if (y.device().is_cuda()) {
      const Tensor from = contiguous(input), regions = contiguous(rois);
      each(kernels::RoiMean{grid_of(p, regions), from.raw(), y.raw()}, y.numel(), y.dtype(), y.device());
    } else if (!y.device().is_meta())
      with_float(p.op, y.dtype(), [&](auto t) { mean_forward<decltype(t)>(p, contiguous(input), rois, y); });
  }
  if (!grad) return {y, mapping};
  y = grad.record("PsRoiPoolBackward0", y, [saved = grad.save(rois), of = grad.save(mapping), p](Grads& g) {
    if (g.wants(0))
      g[0] = ps_roi_pool_backward(g.out(), saved.get(g), of.get(g), p.scale, p.bins_h, p.bins_w, p.images, p.channels,
                                  p.height, p.width);
  });
  return {y, mapping};
}

// The mapping follows from the geometry, and is not read.
Tensor ps_roi_pool_backward(const Tensor& dy, const Tensor& rois, const Tensor& mapping, double scale, int64_t bins_h,
                            int64_t bins_w, int64_t images, int64_t channels, int64_t height, int64_t width) {
  const Recorded range("torchvision::_ps_roi_pool_backward", dy, rois, mapping);
  const RoiPooling p =
      pooling_back("_ps_roi_pool_backward", dy, rois, scale, bins_h, bins_w, {images, channels, height, width}, true);
  check(mapping.shape() == dy.shape(), p.op, "expected a channel_mapping of shape ", dy.shape(), ", got ",
        mapping.shape());
  check_pixels(p, rois.shape()[0]);
  Grad grad({dy, rois});
  Tensor dx;
  {
    const NoGrad guard;
    dx = gradient_of_pictures(p, dy);
    if (dx.device().is_cuda()) {
      const Tensor from = contiguous(dy), regions = contiguous(rois);
      each(kernels::RoiMeanBackward{grid_of(p, regions), from.raw(), dx.raw()}, dx.numel(), dx.dtype(), dx.device());
    } else if (!dx.device().is_meta())
      with_float(p.op, dy.dtype(), [&](auto t) { mean_backward<decltype(t)>(p, contiguous(dy), rois, dx); });
  }
  return without_second_order("ps_roi_pool", grad, dx);
}

}  // namespace cnn
