// A row of a pool's outputs in vectors, an output to a lane: for planes, whose columns lie side by side.
#pragma once

#include "cpu/pool/window.h"

namespace cnn::cpu::inline CNN_ISA {

// Goes through the outputs of a plane: `many(d, h, at, n, o)` for the n outputs from o on, side by side, whose windows
// begin at column `at` and are whole along the row; `one(d, h, w, o)` for an output whose window an edge may cut. d, h
// and w are spans of x.
template <class T, class One, class Many>
void each_row(const PoolArgs& a, const One& one, const Many& many) {
  const StridedWindows windows{a};
  const int64_t stride = a.stride[2], padding = a.padding[2], width = a.out[2];
  const int64_t last = a.in[2] - 1 - (a.kernel[2] - 1) * a.dilation[2] + padding;  // where a whole window may begin
  const int64_t begin = min_of(ceil_div(padding, stride), width);
  int64_t end = last < 0 ? begin : max_of(begin, min_of(last / stride + 1, width));
  if (end - begin < 4) end = begin;  // too few to fill a vector
  int64_t o = 0;
  for (int64_t z = 0; z < a.out[0]; ++z) {
    const Span d = windows(0, z);
    for (int64_t r = 0; r < a.out[1]; ++r, o += width) {
      const Span h = windows(1, r);
      const bool empty = d.begin >= d.end || h.begin >= h.end;
      const int64_t from = empty ? width : begin, to = empty ? width : end;
      for (int64_t w = 0; w < from; ++w) one(d, h, windows(2, w), o + w);
      for (int64_t w = from; w < to; w += kLanes<T>) many(d, h, w * stride - padding, min_of(kLanes<T>, to - w), o + w);
      for (int64_t w = to; w < width; ++w) one(d, h, windows(2, w), o + w);
    }
  }
}

// f<stride>(), with 0 for those that have no loads of their own.
template <class F> void with_stride(int64_t stride, const F& f) {
  if (stride == 1) f.template operator()<1>();
  else if (stride == 2) f.template operator()<2>();
  else f.template operator()<0>();
}

// The elements of windows side by side, which are whole along the row.
template <int kStride, class T> class RowTaps {
 public:
  explicit RowTaps(const PoolArgs& a)
      : height_(a.in[1]),
        width_(a.in[2]),
        size_(pool_in(a)),
        stride_(a.stride[2]),
        taps_(a.kernel[2]),
        dilation_(a.dilation[2]) {}

  // Where the first of the windows that begin at column `at` has its first element in the plane.
  int64_t first(const Span& d, const Span& h, int64_t at) const { return (d.begin * height_ + h.begin) * width_ + at; }

  // f(v, i) for each place in n windows, in order: lane l holds the element of window l, lane 0 that at i in the plane.
  template <class F> void each(const T* x, const Span& d, const Span& h, int64_t at, int64_t n, const F& f) const {
    const int64_t last = ((d.end - 1) * height_ + h.end - 1) * width_ + at + (taps_ - 1) * dilation_;
    if (kStride > 0 && last + kStride * kLanes<T> <= size_) each_of<true>(x, d, h, at, n, f);
    else each_of<false>(x, d, h, at, n, f);
  }

 private:
  template <bool kInside, class F>
  void each_of(const T* x, const Span& d, const Span& h, int64_t at, int64_t n, const F& f) const {
    for (int64_t z = d.begin; z < d.end; z += d.step)
      for (int64_t y = h.begin; y < h.end; y += h.step) {
        int64_t i = (z * height_ + y) * width_ + at;
        for (int64_t k = 0; k < taps_; ++k, i += dilation_) f(load<kInside>(x + i, n, size_ - i, AllLanes<T>{}), i);
      }
  }

  // x[0], x[stride], x[2 stride], ... in n lanes at least. `left` elements of x follow; kInside: enough for all lanes.
  template <bool kInside, int... kLane> Vec<T> load(const T* x, int64_t n, int64_t left, LaneList<kLane...>) const {
    constexpr int kCount = kLanes<T>;
    if constexpr (kStride == 1) {
      return kInside ? vec_load(x) : vec_load_n(x, n);
    } else if constexpr (kStride == 2) {
      const int64_t reach = kInside ? 2 * kCount : min_of(2 * n, left);
      const Vec<T> a = vec_load_n(x, reach), b = reach > kCount ? vec_load_n(x + kCount, reach - kCount) : Vec<T>{};
      return __builtin_shufflevector(a, b, (2 * kLane)...);
    } else {
      Vec<T> v;
      T lanes[kCount] = {};
      for (int64_t l = 0; l < n; ++l) lanes[l] = x[l * stride_];
      __builtin_memcpy(&v, lanes, sizeof v);
      return v;
    }
  }

  int64_t height_, width_, size_, stride_, taps_, dilation_;
};

// Indices have 64 bits; their vectors are loaded and stored as those of doubles, which can be taken in part.
using Longs = decltype(Vec<double>{} < Vec<double>{});
inline Longs load_longs(const int64_t* from, int64_t n) {
  return (Longs)vec_load_n(reinterpret_cast<const double*>(from), n);
}
inline void store_longs(Longs v, int64_t* to, int64_t n) {
  vec_store_n(reinterpret_cast<double*>(to), (Vec<double>)v, n);
}

// Integers as wide as T, as many as there are lanes: places relative to an index in the plane.
template <class T> using Places = decltype(Vec<T>{} < Vec<T>{});

// to[l] = at + place[l] for l < n
template <class T, int... kLow>
void store_indices(Places<T> place, int64_t at, int64_t* to, int64_t n, LaneList<kLow...>) {
  constexpr int kStep = kLanes<double>;
  if constexpr (kStep == kLanes<T>) {
    store_longs(place + at, to, n);
  } else {
    store_longs(__builtin_convertvector(__builtin_shufflevector(place, place, kLow...), Longs) + at, to, n);
    if (n > kStep)
      store_longs(__builtin_convertvector(__builtin_shufflevector(place, place, (kStep + kLow)...), Longs) + at,
                  to + kStep, n - kStep);
  }
}
template <class T> void store_indices(Places<T> place, int64_t at, int64_t* to, int64_t n) {
  store_indices<T>(place, at, to, n, AllLanes<double>{});
}

}  // namespace cnn::cpu::CNN_ISA
