#include "cpu/conv/turn_pixels.h"

#include "core/parallel.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

using V = Vec<float>;

// Walks along rows of pixels.
template <class F> struct Cursor {
  F* at;
  PixelStep steps;
  int64_t width, column = 0;
  // The next n pixels lie in one row.
  bool straight(int64_t n) const { return column + n <= width; }
  F* pixel(int64_t i) const { return at + i * steps.step; }
  void advance(int64_t n) {
    at += n * steps.step, column += n;
    if (column == width) at += steps.row_step - width * steps.step, column = 0;
  }
};

// The planes of the next slice, whose turn comes soon: their streams are too many for the processor to foresee. Past
// the end of a tensor nothing happens.
template <int kWrite> void fetch_next(const float* at, int64_t stride) {
#pragma GCC unroll 16
  for (int i = 0; i < kSlice; ++i) __builtin_prefetch(at + (kSlice + i) * stride, kWrite, 2);
}

// Channels that lie side by side already are copied.
void copy_in(const Planes<const float>& planes, int64_t first, int64_t last, float* to, PixelStep steps) {
  const bool full = whole_slices(planes.channels, steps.step);
  const float* from = planes.at + first * planes.width * planes.steps.pixel;
  if (planes.channels == planes.steps.pixel && planes.channels == steps.step) {  // all there are: a row is one piece
    const int64_t row_length = planes.width * steps.step;
    for (int64_t row = first; row < last; ++row, from += row_length, to += steps.row_step)
      __builtin_memcpy(to, from, size_t(row_length) * sizeof(float));
    return;
  }
  for (int64_t row = first; row < last; ++row, to += steps.row_step)
    for (int64_t i = 0; i < planes.width; ++i, from += planes.steps.pixel) {
      const V v = vec_load_n(from, planes.channels);
      vec_store_n(to + i * steps.step, v, full ? kSlice : planes.channels);
    }
}

template <class F>
void copy_out(const float* from, PixelStep steps, const Planes<float>& planes, int64_t first, int64_t last,
              const F& finished) {
  float* to = planes.at + first * planes.width * planes.steps.pixel;
  for (int64_t row = first; row < last; ++row, from += steps.row_step)
    for (int64_t i = 0; i < planes.width; ++i, to += planes.steps.pixel)
      vec_store_n(to, finished(from + i * steps.step), planes.channels);
}

// A few channels do not repay squares of vectors.
template <int kChannels>
void turn_few(const Planes<const float>& planes, int64_t first, int64_t last, float* to, PixelStep steps) {
  for (int64_t row = first; row < last; ++row, to += steps.row_step) {
    const float* from = planes.at + row * planes.width;
    for (int64_t i = 0; i < planes.width; ++i)
#pragma GCC unroll 4
      for (int c = 0; c < kChannels; ++c) to[i * steps.step + c] = from[c * planes.steps.channel + i];
  }
}

}  // namespace

void turn_in(const Planes<const float>& planes, int64_t first, int64_t last, float* to, PixelStep steps) {
  if (planes.channels_last()) return copy_in(planes, first, last, to, steps);
  const bool full = whole_slices(planes.channels, steps.step);
  if (!full && planes.channels == 1) return turn_few<1>(planes, first, last, to, steps);
  if (!full && planes.channels == 2) return turn_few<2>(planes, first, last, to, steps);
  if (!full && planes.channels == 3) return turn_few<3>(planes, first, last, to, steps);
  const int64_t end = last * planes.width;
  Cursor<float> cursor = {to, steps, planes.width};
  V r[kSlice];
  for (int64_t p = first * planes.width; p < end; p += kSlice) {
    const int64_t n = min_of(kSlice, end - p);
    fetch_next<0>(planes.at + p, planes.steps.channel);
    load_transposed<float>(planes.at + p, planes.steps.channel, planes.channels, n, r);
    if (full && n == kSlice && cursor.straight(n)) {
#pragma GCC unroll 16
      for (int i = 0; i < kSlice; ++i) vec_store(cursor.pixel(i), r[i]);
      cursor.advance(n);
    } else {
      for (int64_t i = 0; i < n; ++i, cursor.advance(1)) vec_store_n(cursor.at, r[i], full ? kSlice : planes.channels);
    }
  }
}

void turn_out(const float* from, PixelStep steps, const Planes<float>& planes, int64_t first, int64_t last,
              const Finish<float>& finish) {
  const int64_t end = last * planes.width;
  const FinishLanes<float> lanes(finish, planes.channels);
  const auto finished = [&](const float* p) { return lanes(vec_load(p)); };
  if (planes.channels_last()) return copy_out(from, steps, planes, first, last, finished);
  Cursor<const float> cursor = {from, steps, planes.width};
  V r[kSlice];
  for (int64_t p = first * planes.width; p < end; p += kSlice) {
    const int64_t n = min_of(kSlice, end - p);
    fetch_next<1>(planes.at + p, planes.steps.channel);
    if (n == kSlice && cursor.straight(n)) {
#pragma GCC unroll 16
      for (int i = 0; i < kSlice; ++i) r[i] = finished(cursor.pixel(i));
      cursor.advance(n);
    } else {
      for (int64_t i = 0; i < n; ++i, cursor.advance(1)) r[i] = finished(cursor.at);
      for (int64_t i = n; i < kSlice; ++i) r[i] = V{};
    }
    store_transposed<float>(r, planes.at + p, planes.steps.channel, planes.channels, n);
  }
}

template <class T> void turn_matrices(int64_t batch, int64_t rows, int64_t cols, const T* from, T* to) {
  constexpr int64_t kN = kLanes<T>;
  const int64_t bands = ceil_div(rows, kN);
  parallel_for(batch * bands, 1 + (1 << 14) / (1 + kN * cols), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i % bands * kN, n = min_of(kN, rows - row), image = i / bands * rows * cols;
      for (int64_t col = 0; col < cols; col += kN) {
        const int64_t some = min_of(kN, cols - col);
        Vec<T> r[kN];
        load_transposed<T>(from + image + row * cols + col, cols, n, some, r);
        for (int64_t j = 0; j < some; ++j) vec_store_n(to + image + (col + j) * rows + row, r[j], n);
      }
    }
  });
}

template void turn_matrices(int64_t, int64_t, int64_t, const float*, float*);
template void turn_matrices(int64_t, int64_t, int64_t, const double*, double*);

}  // namespace cnn::cpu::CNN_ISA
