// Pooling as formulas of one element: an output looks at the inputs of its window, and in the backward pass an input
// looks at the windows that cover it, so that nothing is scattered and sums have one order.
#pragma once

#include "cuda/fast_div.h"
#include "cuda/over.cuh"
#include "cuda/sum_type.h"
#include "device/heavy_table.h"

namespace cnn::cuda {

// [begin, end) of inputs by steps, or of outputs one by one. Of a window, `padded` counts the padding's elements too.
struct Span {
  int begin, end, step, padded;
  CNN_HD bool empty() const { return begin >= end; }
  CNN_HD int length() const { return empty() ? 0 : step == 1 ? end - begin : (end - begin + step - 1) / step; }
};

// One axis of windows of one size at a stride.
struct StridedAxis {
  int in = 1, out = 1, stride = 1, padding = 0, dilation = 1,
      reach = 1;  // reach: from a window's first element past its last
  FastDiv by_stride;

  StridedAxis() = default;
  StridedAxis(const PoolArgs& a, int i)
      : in(int(a.in[i])),
        out(int(a.out[i])),
        stride(int(a.stride[i])),
        padding(int(a.padding[i])),
        dilation(int(a.dilation[i])),
        reach(int((a.kernel[i] - 1) * a.dilation[i] + 1)),
        by_stride(uint32_t(stride)) {}

  CNN_HD Span window(int o) const {
    const int start = o * stride - padding, stop = start + reach;
    const int begin = start >= 0 ? start : dilation == 1 ? 0 : start + (dilation - 1 - start) / dilation * dilation;
    const int end = stop < in ? stop : in, last = in + padding;
    return {begin, end > begin ? end : begin, dilation, (stop < last ? stop : last) - start};
  }
  // Outputs whose windows reach over input i; a dilated window may pass it over.
  CNN_HD Span covering(int i) const {
    const int at = i + padding;
    const int first = at < reach ? 0 : int(by_stride.divide(uint32_t(at - reach))) + 1;
    const int end = int(by_stride.divide(uint32_t(at))) + 1;
    return {first, end < out ? end : out, 1, 0};
  }
};

// Window o is [floor(o in / out), ceil((o + 1) in / out)); the windows over an input are found in the same way.
struct AdaptiveAxis {
  int in = 1, out = 1;
  WideDiv by_in, by_out;

  AdaptiveAxis() = default;
  AdaptiveAxis(const PoolArgs& a, int i)
      : in(int(a.in[i])), out(int(a.out[i])), by_in(uint64_t(in > 0 ? in : 1)), by_out(uint64_t(out > 0 ? out : 1)) {}

  CNN_HD Span window(int o) const { return part(o, in, out, by_out); }
  CNN_HD Span covering(int i) const { return part(i, out, in, by_in); }

 private:
  static CNN_HD Span part(int k, int of, int parts, const WideDiv& by_parts) {
    const uint64_t n = uint64_t(of), low = uint64_t(k) * n;
    const int begin = int(by_parts.divide(low)), end = int(by_parts.divide(low + n + uint64_t(parts) - 1));
    return {begin, end, 1, end - begin};
  }
};

// An element of x or y: its channel where channels lie side by side, and its place in the image or plane.
struct Place {
  uint32_t image, channel;
  int at[3];
};

struct Extent {
  uint32_t size[3];
  FastDiv by_size[3], by_channels;

  Extent() = default;
  Extent(const int64_t (&sizes)[3], int64_t channels) : by_channels(uint32_t(channels)) {
    for (int i = 0; i < 3; ++i) size[i] = uint32_t(sizes[i]), by_size[i] = FastDiv(size[i] ? size[i] : 1);
  }
  CNN_HD Place place(uint32_t i) const {
    Place p;
    uint32_t rest = by_channels.divide(i);
    p.channel = i - rest * by_channels.divisor;
    for (int d = 2; d >= 0; --d) {
      const uint32_t q = by_size[d].divide(rest);
      p.at[d] = int(rest - q * size[d]);
      rest = q;
    }
    p.image = rest;
    return p;
  }
  CNN_HD uint32_t in_plane(int d, int h, int w) const {
    return (uint32_t(d) * size[1] + uint32_t(h)) * size[2] + uint32_t(w);
  }
  CNN_HD uint32_t plane() const { return size[0] * size[1] * size[2]; }
  CNN_HD uint32_t channels() const { return by_channels.divisor; }
  // Elements from an image's first to the same channel of its plane's element 0.
  CNN_HD uint32_t base(const Place& p) const { return p.image * plane() * channels() + p.channel; }
};

template <class Axis> struct Windows {
  Axis axis[3];
  Extent in, out;

  explicit Windows(const PoolArgs& a)
      : axis{Axis(a, 0), Axis(a, 1), Axis(a, 2)},
        in(a.in, a.channels_last ? a.channels : 1),
        out(a.out, a.channels_last ? a.channels : 1) {}
};

template <class T> CNN_HD T lowest_of() {
  if constexpr (T(0.5) != T(0)) return -T(__builtin_inf());
  else if constexpr (T(-1) > T(0)) return T(0);
  else return T(T(1) << (8 * sizeof(T) - 1));
}

// The maximum and its place: of equal values the first, and of several NaNs the last.
template <class E, class Axis> struct MaxWindow {
  Windows<Axis> w;
  const E* x;
  E* y;
  int64_t* indices;  // null: not wanted

  CNN_HD void operator()(uint32_t i) const {
    using T = Sum<E>;
    const Place p = w.out.place(i);
    const Span d = w.axis[0].window(p.at[0]), h = w.axis[1].window(p.at[1]), v = w.axis[2].window(p.at[2]);
    const E* const from = x + w.in.base(p);
    T best = lowest_of<T>();
    int64_t at = -1;
    if (!d.empty() && !h.empty() && !v.empty()) {
      at = w.in.in_plane(d.begin, h.begin, v.begin);
      best = T(from[at * w.in.channels()]);
    }
    for (int a = d.begin; a < d.end; a += d.step)
      for (int b = h.begin; b < h.end; b += h.step)
        for (int c = v.begin; c < v.end; c += v.step) {
          const uint32_t here = w.in.in_plane(a, b, c);
          const T value = T(from[here * w.in.channels()]);
          if ((value > best) | (value != value)) best = value, at = here;
        }
    y[i] = E(best);
    if (indices) indices[i] = at;
  }
};

// dx: the gradients of the outputs that have their maximum here. Indices are data, so none of them is followed; one of
// no element of the plane is noted.
template <class E, class Axis> struct MaxGradient {
  Windows<Axis> w;
  const E* dy;
  const int64_t* indices;
  E* dx;
  kernels::Note* note;

  CNN_HD void operator()(uint32_t i) const {
    const Place p = w.in.place(i);
    const Span d = w.axis[0].covering(p.at[0]), h = w.axis[1].covering(p.at[1]), v = w.axis[2].covering(p.at[2]);
    const uint32_t base = w.out.base(p), here = w.in.in_plane(p.at[0], p.at[1], p.at[2]), plane = w.in.plane();
    Sum<E> sum = 0;
    int64_t outside = -1;
    for (int a = d.begin; a < d.end; ++a)
      for (int b = h.begin; b < h.end; ++b)
        for (int c = v.begin; c < v.end; ++c) {
          const uint32_t o = base + w.out.in_plane(a, b, c) * w.out.channels();
          const int64_t at = indices[o];
          if (at == int64_t(here)) sum += Sum<E>(dy[o]);
          if (uint64_t(at) >= uint64_t(plane) && at != -1) outside = at;
        }
    dx[i] = E(sum);
    if (outside != -1) note->add(0, outside);
  }
};

// What the sum of a window is divided by.
struct Divisor {
  int64_t given = 0;  // 0: the window's size
  bool counts_padding = true;
  CNN_HD int64_t of(const Span& d, const Span& h, const Span& v) const {
    if (given) return given;
    if (counts_padding) return int64_t(d.padded) * h.padded * v.padded;
    return int64_t(d.length()) * h.length() * v.length();
  }
};

template <class T> CNN_HD T quotient(T sum, int64_t n) { return sum / T(n); }
// Towards zero; the smallest number over -1 wraps.
CNN_HD int64_t quotient(int64_t sum, int64_t n) { return n == -1 ? int64_t(uint64_t(0) - uint64_t(sum)) : sum / n; }

template <class E, class Axis> struct MeanWindow {
  Windows<Axis> w;
  Divisor divisor;
  const E* x;
  E* y;

  CNN_HD void operator()(uint32_t i) const {
    const Place p = w.out.place(i);
    const Span d = w.axis[0].window(p.at[0]), h = w.axis[1].window(p.at[1]), v = w.axis[2].window(p.at[2]);
    const E* const from = x + w.in.base(p);
    Sum<E> sum = 0;
    for (int a = d.begin; a < d.end; a += d.step)
      for (int b = h.begin; b < h.end; b += h.step)
        for (int c = v.begin; c < v.end; c += v.step) sum += Sum<E>(from[w.in.in_plane(a, b, c) * w.in.channels()]);
    const bool empty = d.empty() || h.empty() || v.empty();
    y[i] = E(empty ? Sum<E>(0) : quotient(sum, divisor.of(d, h, v)));
  }
};

template <class E, class Axis> struct MeanGradient {
  Windows<Axis> w;
  Divisor divisor;
  const E* dy;
  E* dx;

  CNN_HD void operator()(uint32_t i) const {
    const Place p = w.in.place(i);
    const Span d = w.axis[0].covering(p.at[0]), h = w.axis[1].covering(p.at[1]), v = w.axis[2].covering(p.at[2]);
    const E* const from = dy + w.out.base(p);
    Sum<E> sum = 0;
    for (int a = d.begin; a < d.end; ++a) {
      const Span wd = w.axis[0].window(a);
      for (int b = h.begin; b < h.end; ++b) {
        const Span wh = w.axis[1].window(b);
        for (int c = v.begin; c < v.end; ++c)
          sum += quotient(Sum<E>(from[w.out.in_plane(a, b, c) * w.out.channels()]),
                          divisor.of(wd, wh, w.axis[2].window(c)));
      }
    }
    dx[i] = E(sum);
  }
};

}  // namespace cnn::cuda
