// Pictures: means and maxima over regions of interest, overlaps of boxes, convolutions whose taps move. On a GPU every
// element of a result is a formula of its own: a pixel's gradient looks at the regions that read it.
#pragma once

#include "kernels/functor.h"
#include "kernels/math.h"
#include "kernels/note.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types)
#define CNN_EACH_VISION(X)                                                                                   \
  X(RoiAlign, Floats) X(RoiAlignBackward, Floats) X(RoiMax, Floats) X(RoiMaxBackward, Floats)                  \
  X(RoiMean, Floats) X(RoiMeanBackward, Floats) X(OverlapBits, Floats) X(DeformColumns, Floats)                \
  X(DeformCorners, Floats) X(DeformSlopes, Floats)

// ---- Regions of interest ----

// A row of rois, the image in bounds.
template <class T> struct Region {
  int64_t image;
  T x1, y1, x2, y2;
};

// Where the outputs [regions, out channels, bins_h, bins_w] of a pooling over regions lie, and its pixels.
struct RoiGrid {
  const void* rois;  // [regions, 5]
  int64_t regions, bins_h, bins_w, images, channels, height, width;
  double scale;
  bool own_channels;  // does each bin have channels of its own?
  Note* bad;  // told of a row of an image that there is not

  CNN_HD int64_t bins() const { return bins_h * bins_w; }
  CNN_HD int64_t plane() const { return height * width; }
  CNN_HD int64_t out_channels() const { return own_channels ? channels / bins() : channels; }
  template <class T> CNN_HD bool read(int64_t k, Region<T>& r) const {
    const T* const row = static_cast<const T*>(rois) + 5 * k;
    const T image = row[0];
    if (!(image > T(-1) && image < T(images))) {
      bad->add(k, k);
      return false;
    }
    r = {int64_t(image), row[1], row[2], row[3], row[4]};
    return true;
  }
  // Output i: its region, channel and bin, and the channel that it reads.
  struct Output {
    int64_t region, channel, h, w, from;
  };
  CNN_HD Output output(int64_t i) const {
    Output o;
    o.w = i % bins_w, i /= bins_w;
    o.h = i % bins_h, i /= bins_h;
    o.channel = i % out_channels(), o.region = i / out_channels();
    o.from = own_channels ? (o.channel * bins_h + o.h) * bins_w + o.w : o.channel;
    return o;
  }
  CNN_HD int64_t place(int64_t region, int64_t channel, int64_t h, int64_t w) const {
    return ((region * out_channels() + channel) * bins_h + h) * bins_w + w;
  }
  // Pixel i of the input.
  struct Pixel {
    int64_t image, channel, y, x;
  };
  CNN_HD Pixel pixel(int64_t i) const {
    Pixel p;
    p.x = i % width, i /= width;
    p.y = i % height, i /= height;
    p.channel = i % channels, p.image = i / channels;
    return p;
  }
};

CNN_HD int64_t between(double x, int64_t low, int64_t high) {
  return x > double(low) ? (x < double(high) ? int64_t(x) : high) : low;
}

// A sample lies between two rows (or columns).
template <class T> struct Sample {
  int64_t low, high;
  T at_low, at_high;  // their weights
  CNN_HD T weight(int64_t row) const { return (low == row ? at_low : T(0)) + (high == row ? at_high : T(0)); }
};

// The samples along one axis of a region, `grid` of them in each bin.
template <class T> struct RoiAxis {
  T begin, bin;
  int64_t bins, size, grid;

  CNN_HD RoiAxis(T begin, T extent, int64_t bins, int64_t ratio, int64_t size)
      : begin(begin), bin(extent / T(bins)), bins(bins), size(size) {
    const T wanted = ratio > 0 ? T(ratio) : ceil(bin);
    grid = wanted >= 1 && wanted <= T(INT32_MAX) ? int64_t(wanted) : 0;
  }
  CNN_HD double step() const { return double(bin) / double(grid); }
  // Sample i of bin b; false outside the picture, where it is zero.
  CNN_HD bool sample(int64_t b, int64_t i, Sample<T>& s) const {
    T y = begin + T(b) * bin + (T(i) + T(0.5)) * bin / T(grid);
    if (!(y >= -1 && y <= T(size)) || size == 0) return false;
    if (y < T(0)) y = T(0);
    int64_t low = int64_t(y), high = low + 1;
    if (low >= size - 1) {
      low = high = size - 1;
      y = T(low);
    }
    const T part = y - T(low);
    s = {low, high, T(1) - part, part};
    return true;
  }
  // Of a region much larger than the picture, only those samples of bin b that may lie inside: [first, last).
  CNN_HD void inside(int64_t b, int64_t& first, int64_t& last) const {
    first = 0, last = grid;
    const double s = step(), at = double(begin) + double(b) * double(bin);
    if (!(s > 0)) return;
    first = between((-1 - at) / s - 2, 0, grid);
    last = between((double(size) - at) / s + 2, 0, grid);
  }
  // Those of all bins, one bin after the other, that may have a weight at a row: [first, last).
  CNN_HD void around(int64_t row, int64_t& first, int64_t& last) const {
    first = 0, last = bins * grid;
    if (!(bin > T(0)) || grid == 0) return;
    const T away = T(row) - begin;
    if (away < T(-2) || away > T(bins) * bin + T(2)) {
      last = 0;
      return;
    }
    const double s = step();
    const int64_t all = last;
    first = between((double(away) - 1) / s - 2, 0, all);
    last = between((double(away) + 1) / s + 2, 0, all);
  }
};

struct RoiSampling {
  int64_t ratio;
  bool half_pixel;  // pixel centres lie at .5
  bool at_least_one;  // regions have a width and a height of at least a pixel, bins at least a sample
};
template <class T> struct RoiAxes {
  RoiAxis<T> y, x;
  T count;  // of samples in a bin
};
template <class T> CNN_HD RoiAxes<T> axes_of(const RoiGrid& p, const RoiSampling& s, const Region<T>& r) {
  const T scale = T(p.scale), shift = s.half_pixel ? T(0.5) : T(0);
  const T x = r.x1 * scale - shift, y = r.y1 * scale - shift;
  T width = r.x2 * scale - shift - x, height = r.y2 * scale - shift - y;
  if (s.at_least_one && !s.half_pixel) width = width < T(1) ? T(1) : width, height = height < T(1) ? T(1) : height;
  RoiAxes<T> a = {RoiAxis<T>(y, height, p.bins_h, s.ratio, p.height), RoiAxis<T>(x, width, p.bins_w, s.ratio, p.width),
                  T(0)};
  const int64_t samples = a.y.grid * a.x.grid;
  a.count = T(samples < 1 && s.at_least_one ? 1 : samples);
  return a;
}

struct RoiAlign {
  RoiGrid p;
  RoiSampling sampling;
  const void* x;
  void* y;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const RoiGrid::Output o = p.output(i);
    Region<T> r;
    T& to = static_cast<T*>(y)[i];
    to = T(0);
    if (!p.read(o.region, r)) return;
    const RoiAxes<T> a = axes_of(p, sampling, r);
    const T* const plane = static_cast<const T*>(x) + (r.image * p.channels + o.from) * p.plane();
    T sum = 0;
    int64_t y_first, y_last, x_first, x_last;
    a.y.inside(o.h, y_first, y_last);
    a.x.inside(o.w, x_first, x_last);
    for (int64_t at_y = y_first; at_y < y_last; ++at_y) {
      Sample<T> sy, sx;
      if (!a.y.sample(o.h, at_y, sy)) continue;
      const T *const low = plane + sy.low * p.width, *const high = plane + sy.high * p.width;
      for (int64_t at_x = x_first; at_x < x_last; ++at_x)
        if (a.x.sample(o.w, at_x, sx))
          sum += sy.at_low * sx.at_low * low[sx.low] + sy.at_low * sx.at_high * low[sx.high] +
                 sy.at_high * sx.at_low * high[sx.low] + sy.at_high * sx.at_high * high[sx.high];
    }
    to = sum / a.count;
  }
};
struct RoiAlignBackward {
  RoiGrid p;
  RoiSampling sampling;
  const void* dy;
  void* dx;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const RoiGrid::Pixel at = p.pixel(i);
    const int64_t channel = p.own_channels ? at.channel / p.bins() : at.channel, own = at.channel % p.bins();
    T all = 0;
    for (int64_t k = 0; k < p.regions; ++k) {
      Region<T> r;
      if (!p.read(k, r) || r.image != at.image) continue;
      const RoiAxes<T> a = axes_of(p, sampling, r);
      int64_t y_first, y_last, x_first, x_last;
      a.y.around(at.y, y_first, y_last);
      a.x.around(at.x, x_first, x_last);
      if (y_first >= y_last || x_first >= x_last) continue;
      T sum = 0;
      for (int64_t j = y_first; j < y_last; ++j) {
        const int64_t h = j / a.y.grid;
        Sample<T> s;
        if ((p.own_channels && h != own / p.bins_w) || !a.y.sample(h, j - h * a.y.grid, s)) continue;
        const T weight = s.weight(at.y);
        if (weight == T(0)) continue;
        for (int64_t l = x_first; l < x_last; ++l) {
          const int64_t w = l / a.x.grid;
          if ((p.own_channels && w != own % p.bins_w) || !a.x.sample(w, l - w * a.x.grid, s)) continue;
          const T both = weight * s.weight(at.x);
          if (both != T(0)) sum += static_cast<const T*>(dy)[p.place(k, channel, h, w)] * both;
        }
      }
      all += sum / a.count;
    }
    static_cast<T*>(dx)[i] = all;
  }
};

// The nearest integer, halves away from zero; far outside of every picture it is cut off, and 0 for NaN.
template <class T> CNN_HD int64_t nearest_pixel(T x) {
  const double d = double(x);
  if (d != d) return 0;
  if (d >= 1e9 || d <= -1e9) return d > 0 ? 1000000000 : -1000000000;
  const int64_t whole = int64_t(d);
  const double rest = d - double(whole);
  return whole + (rest >= 0.5 ? 1 : rest <= -0.5 ? -1 : 0);
}
// Pixels [begin, end) along one axis.
struct PixelSpan {
  int64_t begin, end;
  CNN_HD bool empty() const { return end <= begin; }
  CNN_HD bool holds(int64_t i) const { return begin <= i && i < end; }
};
// Bin b along an axis of a region that begins at `first` and has `extent` pixels; clipped to [0, last].
template <class T> CNN_HD PixelSpan span_of_bin(int64_t b, int64_t bins, int64_t first, int64_t extent, int64_t last) {
  const T bin = T(extent) / T(bins);
  const int64_t begin = int64_t(floor(T(b) * bin)) + first, end = int64_t(ceil(T(b + 1) * bin)) + first;
  return {begin < 0 ? 0 : begin > last ? last : begin, end < 0 ? 0 : end > last ? last : end};
}
// A region in whole pixels, both ends belonging to it or only the first.
struct RoiPixels {
  int64_t x, y, width, height;
};
template <class T> CNN_HD RoiPixels pixels_of(const RoiGrid& p, const Region<T>& r, int64_t both_ends) {
  const T scale = T(p.scale);
  const int64_t x = nearest_pixel(r.x1 * scale), y = nearest_pixel(r.y1 * scale);
  const int64_t width = nearest_pixel(r.x2 * scale) - x + both_ends,
                height = nearest_pixel(r.y2 * scale) - y + both_ends;
  return {x, y, width < 1 ? 1 : width, height < 1 ? 1 : height};
}

struct RoiMax {
  RoiGrid p;
  const void* x;
  void* y;
  int32_t* argmax;  // of each output in its plane, -1: nothing
  template <class T> CNN_HD void operator()(int64_t i) const {
    const RoiGrid::Output o = p.output(i);
    Region<T> r;
    T best = 0;
    int64_t where = -1;
    if (p.read(o.region, r)) {
      const RoiPixels of = pixels_of(p, r, 1);
      const PixelSpan rows = span_of_bin<T>(o.h, p.bins_h, of.y, of.height, p.height),
                      columns = span_of_bin<T>(o.w, p.bins_w, of.x, of.width, p.width);
      const T* const plane = static_cast<const T*>(x) + (r.image * p.channels + o.from) * p.plane();
      if (!rows.empty() && !columns.empty()) best = sizeof(T) == 4 ? T(-__FLT_MAX__) : T(-__DBL_MAX__);
      for (int64_t j = rows.begin; j < rows.end; ++j)
        for (int64_t l = columns.begin; l < columns.end; ++l)
          if (const T value = plane[j * p.width + l]; value > best) best = value, where = j * p.width + l;
    }
    static_cast<T*>(y)[i] = best;
    argmax[i] = int32_t(where);
  }
};
// Of the bins that hold a pixel, those that have it as their maximum.
struct RoiMaxBackward {
  RoiGrid p;
  const void* dy;
  const int32_t* argmax;
  void* dx;
  Note* bad_argmax;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const RoiGrid::Pixel at = p.pixel(i);
    T sum = 0;
    for (int64_t k = 0; k < p.regions; ++k) {
      Region<T> r;
      if (!p.read(k, r) || r.image != at.image) continue;
      const RoiPixels of = pixels_of(p, r, 1);
      for (int64_t h = 0; h < p.bins_h; ++h) {
        if (!span_of_bin<T>(h, p.bins_h, of.y, of.height, p.height).holds(at.y)) continue;
        for (int64_t w = 0; w < p.bins_w; ++w) {
          if (!span_of_bin<T>(w, p.bins_w, of.x, of.width, p.width).holds(at.x)) continue;
          const int64_t place = p.place(k, at.channel, h, w), where = argmax[place];
          if (where == at.y * p.width + at.x) sum += static_cast<const T*>(dy)[place];
          if (where < -1 || where >= p.plane()) bad_argmax->add(place, where);
        }
      }
    }
    static_cast<T*>(dx)[i] = sum;
  }
};

struct RoiMean {
  RoiGrid p;
  const void* x;
  void* y;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const RoiGrid::Output o = p.output(i);
    Region<T> r;
    T& to = static_cast<T*>(y)[i];
    to = T(0);
    if (!p.read(o.region, r)) return;
    const RoiPixels of = pixels_of(p, r, 0);
    const PixelSpan rows = span_of_bin<T>(o.h, p.bins_h, of.y, of.height, p.height - 1),
                    columns = span_of_bin<T>(o.w, p.bins_w, of.x, of.width, p.width - 1);
    if (rows.empty() || columns.empty()) return;
    const T* const plane = static_cast<const T*>(x) + (r.image * p.channels + o.from) * p.plane();
    T sum = 0;
    for (int64_t j = rows.begin; j < rows.end; ++j)
      for (int64_t l = columns.begin; l < columns.end; ++l) sum += plane[j * p.width + l];
    to = sum / T((rows.end - rows.begin) * (columns.end - columns.begin));
  }
};
struct RoiMeanBackward {
  RoiGrid p;
  const void* dy;
  void* dx;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const RoiGrid::Pixel at = p.pixel(i);
    const int64_t bin = at.channel % p.bins(), h = bin / p.bins_w, w = bin % p.bins_w;
    T sum = 0;
    for (int64_t k = 0; k < p.regions; ++k) {
      Region<T> r;
      if (!p.read(k, r) || r.image != at.image) continue;
      const RoiPixels of = pixels_of(p, r, 0);
      const PixelSpan rows = span_of_bin<T>(h, p.bins_h, of.y, of.height, p.height - 1),
                      columns = span_of_bin<T>(w, p.bins_w, of.x, of.width, p.width - 1);
      if (rows.holds(at.y) && columns.holds(at.x))
        sum += static_cast<const T*>(dy)[k * p.channels + at.channel] /
               T((rows.end - rows.begin) * (columns.end - columns.begin));
    }
    static_cast<T*>(dx)[i] = sum;
  }
};

// ---- Boxes ----

// Does box a = (x1, y1, x2, y2) share more than this part of their union with box b?
template <class T> CNN_HD bool overlaps(const T* a, const T* b, double threshold) {
  const auto least = [](T x, T y) { return y < x ? y : x; };
  const auto most = [](T x, T y) { return x < y ? y : x; };
  const T w = most(T(0), least(a[2], b[2]) - most(a[0], b[0])), h = most(T(0), least(a[3], b[3]) - most(a[1], b[1]));
  const T common = w * h, both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]);
  return double(common / (both - common)) > threshold;
}

// Bits [rows, words of 64]: bit j of row i says that boxes first + i and j, j > first + i, in this order, overlap.
struct OverlapBits {
  const void* boxes;  // [n, 4]
  const int64_t* order;
  int64_t n, first, words;
  double threshold;
  uint64_t* bits;
  template <class T> CNN_HD void operator()(int64_t k) const {
    const int64_t row = k / words, i = first + row, begin = (k - row * words) * 64;
    const T *const all = static_cast<const T*>(boxes), *const mine = all + 4 * order[i];
    uint64_t word = 0;
    for (int64_t j = begin > i ? begin : i + 1; j < begin + 64 && j < n; ++j)
      word |= uint64_t(overlaps(mine, all + 4 * order[j], threshold)) << (j - begin);
    bits[k] = word;
  }
};

// ---- Taps that move ----

// The pixels around a point, and where between them it lies.
template <class T> struct Corners {
  int64_t at[4];  // upper left, upper right, lower left, lower right; -1: outside the plane
  T y, x;  // from the upper left

  CNN_HD T weight(int i) const { return (i & 2 ? y : 1 - y) * (i & 1 ? x : 1 - x); }
  CNN_HD T value(const T* plane, int i) const { return at[i] < 0 ? T(0) : plane[at[i]]; }
  CNN_HD T mean(const T* plane) const {
    return weight(0) * value(plane, 0) + weight(1) * value(plane, 1) + weight(2) * value(plane, 2) +
           weight(3) * value(plane, 3);
  }
  CNN_HD T slope_y(const T* plane) const {
    return (value(plane, 3) - value(plane, 1)) * x + (value(plane, 2) - value(plane, 0)) * (1 - x);
  }
  CNN_HD T slope_x(const T* plane) const {
    return (value(plane, 3) - value(plane, 2)) * y + (value(plane, 1) - value(plane, 0)) * (1 - y);
  }
};

// False where no pixel is near, and for NaN.
template <class T> CNN_HD bool find_corners(T y, T x, int64_t height, int64_t width, Corners<T>& c) {
  if (!(y >= -1 && y < T(height) && x >= -1 && x < T(width))) return false;
  const int64_t top = int64_t(floor(y)), left = int64_t(floor(x));
  c.y = y - T(top), c.x = x - T(left);
  for (int i = 0; i < 4; ++i) {
    const int64_t row = top + (i >> 1), column = left + (i & 1);
    c.at[i] = row >= 0 && row < height && column >= 0 && column < width ? row * width + column : -1;
  }
  return true;
}

// Pictures from `first` on of a batch; columns are [pictures, channels, taps, pixels of the output].
struct DeformTaps {
  const void *input, *offset, *mask;  // mask: null where there is none
  int64_t first, channels, height, width, kernel_w, taps, out_w, pixels, offset_groups;
  int64_t stride_h, stride_w, pad_h, pad_w, dilation_h, dilation_w;

  // A tap of a group of offsets over output j of a picture.
  template <class T> CNN_HD bool corners(int64_t picture, int64_t group, int64_t tap, int64_t j, Corners<T>& c) const {
    const T* const d = static_cast<const T*>(offset) + 2 * place(picture, group, tap) * pixels + j;
    return find_corners(T(j / out_w * stride_h - pad_h + tap / kernel_w * dilation_h) + d[0],
                        T(j % out_w * stride_w - pad_w + tap % kernel_w * dilation_w) + d[pixels], height, width, c);
  }
  template <class T> CNN_HD T factor(int64_t picture, int64_t group, int64_t tap, int64_t j) const {
    return mask ? static_cast<const T*>(mask)[place(picture, group, tap) * pixels + j] : T(1);
  }
  CNN_HD int64_t place(int64_t picture, int64_t group, int64_t tap) const {
    return (picture * offset_groups + group) * taps + tap;
  }
  CNN_HD int64_t channels_of_offset() const { return channels / offset_groups; }
  // Element i of the columns.
  struct Column {
    int64_t picture, channel, tap, j;
  };
  CNN_HD Column column(int64_t i) const {
    Column c;
    c.j = i % pixels, i /= pixels;
    c.tap = i % taps, i /= taps;
    c.channel = i % channels, c.picture = first + i / channels;
    return c;
  }
  CNN_HD int64_t plane(int64_t picture, int64_t channel) const {
    return (picture * channels + channel) * height * width;
  }
};

struct DeformColumns {
  DeformTaps t;
  void* columns;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const DeformTaps::Column at = t.column(i);
    const int64_t group = at.channel / t.channels_of_offset();
    Corners<T> c;
    T value = 0;
    if (t.corners(at.picture, group, at.tap, at.j, c))
      value = c.mean(static_cast<const T*>(t.input) + t.plane(at.picture, at.channel));
    static_cast<T*>(columns)[i] = t.factor<T>(at.picture, group, at.tap, at.j) * value;
  }
};
// What each element of the columns' gradient adds, and to which pixels, four of them; nothing is added as zeros.
struct DeformCorners {
  DeformTaps t;
  const void* d_columns;
  int64_t* places;
  void* values;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const DeformTaps::Column at = t.column(i);
    const int64_t group = at.channel / t.channels_of_offset(), plane = t.plane(at.picture, at.channel);
    Corners<T> c;
    const bool near = t.corners(at.picture, group, at.tap, at.j, c);
    const T d = t.factor<T>(at.picture, group, at.tap, at.j) * static_cast<const T*>(d_columns)[i];
    for (int k = 0; k < 4; ++k) {
      const bool there = near && c.at[k] >= 0;
      places[4 * i + k] = plane + (there ? c.at[k] : i % (t.height * t.width));
      static_cast<T*>(values)[4 * i + k] = there ? c.weight(k) * d : T(0);
    }
  }
};
// The gradients of the offsets and the mask, which all channels of a group share. Either may be null.
struct DeformSlopes {
  DeformTaps t;
  const void* d_columns;
  void *d_offset, *d_mask;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const int64_t j = i % t.pixels, tap = i / t.pixels % t.taps, rest = i / t.pixels / t.taps;
    const int64_t group = rest % t.offset_groups, number = rest / t.offset_groups, picture = t.first + number;
    const int64_t channels = t.channels_of_offset(), place = t.place(picture, group, tap);
    Corners<T> c;
    T y = 0, x = 0, m = 0;
    if (t.corners(picture, group, tap, j, c)) {
      const T factor = t.factor<T>(picture, group, tap, j);
      for (int64_t channel = group * channels; channel < (group + 1) * channels; ++channel) {
        const T* const plane = static_cast<const T*>(t.input) + t.plane(picture, channel);
        const T d = static_cast<const T*>(d_columns)[((number * t.channels + channel) * t.taps + tap) * t.pixels + j];
        y += factor * c.slope_y(plane) * d;
        x += factor * c.slope_x(plane) * d;
        m += c.mean(plane) * d;
      }
    }
    if (d_offset) {
      static_cast<T*>(d_offset)[2 * place * t.pixels + j] = y;
      static_cast<T*>(d_offset)[(2 * place + 1) * t.pixels + j] = x;
    }
    if (d_mask) static_cast<T*>(d_mask)[place * t.pixels + j] = m;
  }
};

CNN_NUMBER(kEachVision, CNN_EACH_VISION)

}  // namespace cnn::kernels::inline CNN_ISA
