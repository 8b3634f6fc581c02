// The windows of pooling: which part of x each output sees, along one axis.
#pragma once

#include "core/parallel.h"
#include "cpu/heavy.h"
#include "cpu/vec/vec.h"

namespace cnn::cpu::inline CNN_ISA {

struct Span {
  int64_t begin, end, step;  // inside x
  int64_t padded;            // elements of the window, those of the padding too
};

// Windows of one size at a stride.
struct StridedWindows {
  const PoolArgs& a;
  Span operator()(int axis, int64_t o) const {
    const int64_t dilation = a.dilation[axis], in = a.in[axis];
    const int64_t start = o * a.stride[axis] - a.padding[axis];
    const int64_t stop = start + (a.kernel[axis] - 1) * dilation + 1;
    const int64_t begin = start < 0 ? start + ceil_div(-start, dilation) * dilation : start;
    return {begin, max_of(min_of(stop, in), begin), dilation, min_of(stop, in + a.padding[axis]) - start};
  }
};

// Windows that divide x evenly.
struct AdaptiveWindows {
  const PoolArgs& a;
  Span operator()(int axis, int64_t o) const {
    const int64_t in = a.in[axis], out = a.out[axis];
    const int64_t begin = o * in / out, end = ceil_div((o + 1) * in, out);
    return {begin, end, 1, end - begin};
  }
};

// Do adaptive windows have one size, without overlap? Then they are these strided ones.
inline bool divides_evenly(const PoolArgs& a) {
  for (int i = 0; i < 3; ++i)
    if (a.out[i] == 0 || a.in[i] % a.out[i] != 0) return false;
  return true;
}
inline PoolArgs even_windows(PoolArgs a) {
  for (int i = 0; i < 3; ++i) {
    a.kernel[i] = a.stride[i] = a.in[i] / a.out[i];
    a.padding[i] = 0, a.dilation[i] = 1;
  }
  return a;
}

// How many elements of x a window has, and what their sum is divided by.
inline int64_t length(const Span& s) { return s.end > s.begin ? ceil_div(s.end - s.begin, s.step) : 0; }

inline int64_t divisor_of(const PoolArgs& a, const Span& d, const Span& h, const Span& w) {
  if (a.divisor) return a.divisor;
  if (a.count_include_pad) return d.padded * h.padded * w.padded;
  return length(d) * length(h) * length(w);
}

template <class T> CNN_HD T divided(T sum, int64_t n) { return sum / T(n); }
// Towards zero; the smallest number over -1 wraps.
inline int64_t divided(int64_t sum, int64_t n) { return n == -1 ? int64_t(uint64_t(0) - uint64_t(sum)) : sum / n; }

inline int64_t pool_in(const PoolArgs& a) { return a.in[0] * a.in[1] * a.in[2]; }
inline int64_t pool_out(const PoolArgs& a) { return a.out[0] * a.out[1] * a.out[2]; }

// A value wins if it is greater, or NaN; so the first of equal values stays, and NaN spreads.
template <class T> CNN_HD bool wins(T value, T best) { return (value > best) | (value != value); }

template <class T> CNN_HD T lowest() {
  if constexpr (T(0.5) != T(0)) return -T(__builtin_inf());
  else if constexpr (T(-1) > T(0)) return T(0);
  else return T(T(1) << (8 * sizeof(T) - 1));
}

// f(plane) for all planes; `work` elements are touched in each.
template <class F> void each_plane(const PoolArgs& a, double work, const F& f) {
  parallel_for(a.planes, 1 + int64_t(double(1 << 14) / (1 + work)), [&](int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; ++plane) f(plane);
  });
}

// f(output's index in its plane, spans along the three axes) for all outputs of a plane.
template <class Windows, class F> void each_window(const PoolArgs& a, const Windows& windows, const F& f) {
  int64_t o = 0;
  for (int64_t d = 0; d < a.out[0]; ++d) {
    const Span sd = windows(0, d);
    for (int64_t h = 0; h < a.out[1]; ++h) {
      const Span sh = windows(1, h);
      for (int64_t w = 0; w < a.out[2]; ++w) f(o++, sd, sh, windows(2, w));
    }
  }
}

// f(index in the plane of x) for the elements of one window, in ascending order.
template <class F> void each_element(const PoolArgs& a, const Span& d, const Span& h, const Span& w, const F& f) {
  for (int64_t z = d.begin; z < d.end; z += d.step)
    for (int64_t y = h.begin; y < h.end; y += h.step)
      for (int64_t x = w.begin; x < w.end; x += w.step) f((z * a.in[1] + y) * a.in[2] + x);
}

}  // namespace cnn::cpu::CNN_ISA
