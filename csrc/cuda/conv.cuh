// Convolution as formulas of one element.
#pragma once

#include "cuda/fast_div.h"
#include "cuda/over.cuh"
#include "cuda/sum_type.h"
#include "device/heavy_table.h"

namespace cnn::cuda {

struct Coordinates {
  int at[3];
};

// Spatial sizes, and how y's positions lie over x.
struct Grid {
  int in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
  FastDiv by_in[3], by_out[3], by_stride[3];

  explicit Grid(const ConvArgs& a) {
    for (int i = 0; i < 3; ++i) {
      in[i] = int(a.in[i]), out[i] = int(a.out[i]), kernel[i] = int(a.kernel[i]), stride[i] = int(a.stride[i]);
      padding[i] = int(a.padding[i]), dilation[i] = int(a.dilation[i]);
      by_in[i] = FastDiv(in[i] ? uint32_t(in[i]) : 1), by_out[i] = FastDiv(out[i] ? uint32_t(out[i]) : 1);
      by_stride[i] = FastDiv(uint32_t(stride[i]));
    }
  }
  static CNN_HD Coordinates split(uint32_t p, const FastDiv (&by)[3]) {
    const uint32_t rows = by[2].divide(p), slices = by[1].divide(rows);
    return {{int(slices), int(rows - slices * by[1].divisor), int(p - rows * by[2].divisor)}};
  }
  CNN_HD Coordinates of_in(uint32_t p) const { return split(p, by_in); }
  CNN_HD Coordinates of_out(uint32_t p) const { return split(p, by_out); }
  CNN_HD uint32_t taps() const { return uint32_t(kernel[0] * kernel[1] * kernel[2]); }
  CNN_HD uint32_t in_size() const { return uint32_t(in[0]) * uint32_t(in[1]) * uint32_t(in[2]); }
  CNN_HD uint32_t out_size() const { return uint32_t(out[0]) * uint32_t(out[1]) * uint32_t(out[2]); }

  // f(tap, index in x's plane or -1 outside) for the taps of an output, in order.
  template <class F> CNN_HD void each_tap(const Coordinates& o, const F& f) const {
    uint32_t tap = 0;
    int z = o.at[0] * stride[0] - padding[0];
    for (int i = 0; i < kernel[0]; ++i, z += dilation[0]) {
      int y = o.at[1] * stride[1] - padding[1];
      for (int j = 0; j < kernel[1]; ++j, y += dilation[1]) {
        const bool row = uint32_t(z) < uint32_t(in[0]) && uint32_t(y) < uint32_t(in[1]);
        const uint32_t at = (uint32_t(z) * uint32_t(in[1]) + uint32_t(y)) * uint32_t(in[2]);
        int x = o.at[2] * stride[2] - padding[2];
        for (int k = 0; k < kernel[2]; ++k, x += dilation[2], ++tap)
          f(tap, row && uint32_t(x) < uint32_t(in[2]) ? int(at) + x : -1);
      }
    }
  }

  // The output along an axis that reads input i by tap k, or -1.
  CNN_HD int reader(int axis, int i, int k) const {
    const int at = i + padding[axis] - k * dilation[axis];
    if (at < 0) return -1;
    const int o = int(by_stride[axis].divide(uint32_t(at)));
    return o < out[axis] && o * stride[axis] == at ? o : -1;
  }
  // f(tap, index in y's plane) for the taps by which outputs read an input, in order.
  template <class F> CNN_HD void each_reader(const Coordinates& p, const F& f) const {
    for (int i = 0; i < kernel[0]; ++i) {
      const int z = reader(0, p.at[0], i);
      if (z < 0) continue;
      for (int j = 0; j < kernel[1]; ++j) {
        const int y = reader(1, p.at[1], j);
        if (y < 0) continue;
        for (int k = 0; k < kernel[2]; ++k) {
          const int x = reader(2, p.at[2], k);
          if (x >= 0) f(uint32_t((i * kernel[1] + j) * kernel[2] + k), uint32_t((z * out[1] + y) * out[2] + x));
        }
      }
    }
  }
};

// ---- Columns ----

// Thread i gathers all taps of one channel of one position: of planes i = [image, channel][position], of pixels
// i = [image, position][channel].
template <class E> struct GatherPlanes {
  Grid g;
  FastDiv by_positions, by_channels;
  uint32_t first;  // position
  int64_t image_pitch;
  uint32_t row_pitch;
  const E* x;  // of the piece's first image
  E* columns;

  CNN_HD void operator()(uint32_t i) const {
    const uint32_t plane = by_positions.divide(i), p = i - plane * by_positions.divisor;
    const uint32_t image = by_channels.divide(plane), channel = plane - image * by_channels.divisor;
    const E* const from = x + int64_t(plane) * g.in_size();
    E* const to = columns + image * image_pitch + int64_t(channel) * g.taps() * row_pitch + p;
    g.each_tap(g.of_out(first + p), [&](uint32_t tap, int at) { to[tap * row_pitch] = at < 0 ? E(0) : from[at]; });
  }
};

template <class E> struct GatherPixels {
  Grid g;
  FastDiv by_positions, by_channels, by_group;  // the last: channels of a group
  uint32_t first;
  uint32_t rows;
  const E* x;
  E* columns;

  CNN_HD void operator()(uint32_t i) const {
    const uint32_t row = by_channels.divide(i), channel = i - row * by_channels.divisor;
    const uint32_t image = by_positions.divide(row), p = row - image * by_positions.divisor;
    const uint32_t group = by_group.divide(channel), c = channel - group * by_group.divisor;
    const E* const from = x + int64_t(image) * g.in_size() * by_channels.divisor + channel;
    E* const to = columns + int64_t(group * rows + row) * g.taps() * by_group.divisor + c;
    g.each_tap(g.of_out(first + p), [&](uint32_t tap, int at) {
      to[tap * by_group.divisor] = at < 0 ? E(0) : from[int64_t(at) * by_channels.divisor];
    });
  }
};

// What the two sums below share: the piece, and what becomes of the sum.
template <class E> struct ColumnSum {
  uint32_t first, positions;  // of the piece
  const Sum<E>* bias;  // null: none
  Sum<E>* kept;
  bool begins, ends;
  E* dx;

  CNN_HD Sum<E> start(uint32_t i) const { return begins ? Sum<E>(0) : kept[i]; }
  CNN_HD void finish(uint32_t i, uint32_t channel, Sum<E> sum) const {
    if (!ends) kept[i] = sum;
    else dx[i] = E(bias ? sum + bias[channel] : sum);
  }
};

// i = [image, channel][input]
template <class E> struct SumPlanes {
  Grid g;
  ColumnSum<E> s;
  FastDiv by_plane, by_channels;
  int64_t image_pitch;
  uint32_t row_pitch;
  const Sum<E>* columns;

  CNN_HD void operator()(uint32_t i) const {
    const uint32_t plane = by_plane.divide(i), p = i - plane * by_plane.divisor;
    const uint32_t image = by_channels.divide(plane), channel = plane - image * by_channels.divisor;
    const Sum<E>* const from = columns + image * image_pitch + int64_t(channel) * g.taps() * row_pitch;
    Sum<E> sum = s.start(i);
    g.each_reader(g.of_in(p), [&](uint32_t tap, uint32_t o) {
      const uint32_t at = o - s.first;
      if (at < s.positions) sum += from[tap * row_pitch + at];
    });
    s.finish(i, channel, sum);
  }
};

// i = [image, input][channel]
template <class E> struct SumPixels {
  Grid g;
  ColumnSum<E> s;
  FastDiv by_plane, by_channels, by_group;
  uint32_t rows;
  const Sum<E>* columns;

  CNN_HD void operator()(uint32_t i) const {
    const uint32_t pixel = by_channels.divide(i), channel = i - pixel * by_channels.divisor;
    const uint32_t image = by_plane.divide(pixel), p = pixel - image * by_plane.divisor;
    const uint32_t group = by_group.divide(channel), c = channel - group * by_group.divisor,
                   row = g.taps() * by_group.divisor;
    const Sum<E>* const from = columns + int64_t(group * rows + image * s.positions) * row + c;
    Sum<E> sum = s.start(i);
    g.each_reader(g.of_in(p), [&](uint32_t tap, uint32_t o) {
      const uint32_t at = o - s.first;
      if (at < s.positions) sum += from[at * row + tap * by_group.divisor];
    });
    s.finish(i, channel, sum);
  }
};

// ---- Around products ----

template <class S> struct ChannelFinish {
  const S *scale, *bias;
  S low, high;
  CNN_HD S operator()(S sum, uint32_t channel) const {
    if (scale) sum *= scale[channel];
    if (bias) sum += bias[channel];
    return sum < low ? low : sum > high ? high : sum;  // NaN stays
  }
};

template <class From, class E> struct Finish {
  FastDiv by_n, by_channels;
  bool by_column;
  ChannelFinish<Sum<E>> f;
  const From* from;
  int64_t from_pitch;
  E* to;
  int64_t to_pitch;

  CNN_HD void operator()(uint32_t i) const {
    const uint32_t row = by_n.divide(i), j = i - row * by_n.divisor;
    const uint32_t channel = by_column ? j : row - by_channels.divide(row) * by_channels.divisor;
    to[row * to_pitch + j] = E(f(Sum<E>(from[row * from_pitch + j]), channel));
  }
};

template <class From, class To> struct Turn {
  FastDiv by_rows, by_columns;
  const From* from;
  To* to;

  CNN_HD void operator()(uint32_t i) const {  // [outer, columns, rows]
    const uint32_t rest = by_rows.divide(i), j = i - rest * by_rows.divisor;
    const uint32_t outer = by_columns.divide(rest), k = rest - outer * by_columns.divisor;
    to[i] = To(from[(outer * by_rows.divisor + j) * by_columns.divisor + k]);
  }
};

template <class S> struct AddParts {
  uint32_t parts;
  int64_t n;
  const S* from;
  bool accumulate;
  S* to;

  CNN_HD void operator()(uint32_t i) const {
    S sum = accumulate ? to[i] : S(0);
    for (uint32_t p = 0; p < parts; ++p) sum += from[p * n + i];
    to[i] = sum;
  }
};

// ---- Depthwise: [channels, multiplier, taps] weights ----

// An element of a tensor of images: its image, channel and place in the plane.
struct Pixel {
  uint32_t image, channel, p;
};
struct Pixels {
  FastDiv by_channels, by_plane;
  bool channels_last;
  CNN_HD Pixel find(uint32_t i) const {
    if (channels_last) {
      const uint32_t pixel = by_channels.divide(i), image = by_plane.divide(pixel);
      return {image, i - pixel * by_channels.divisor, pixel - image * by_plane.divisor};
    }
    const uint32_t plane = by_plane.divide(i), image = by_channels.divide(plane);
    return {image, plane - image * by_channels.divisor, i - plane * by_plane.divisor};
  }
  // Of a channel of an image: its first element, and the steps from pixel to pixel.
  CNN_HD uint32_t begin(uint32_t image, uint32_t channel) const {
    const uint32_t channels = by_channels.divisor, plane = by_plane.divisor;
    return channels_last ? image * plane * channels + channel : (image * channels + channel) * plane;
  }
  CNN_HD uint32_t step() const { return channels_last ? by_channels.divisor : 1; }
};

template <class E> struct DepthwiseForward {
  Grid g;
  Pixels x_pixels, y_pixels;
  FastDiv by_multiplier;
  ChannelFinish<Sum<E>> f;
  const E *x, *w;
  E* y;

  CNN_HD void operator()(uint32_t i) const {
    const Pixel o = y_pixels.find(i);
    const E* const from = x + x_pixels.begin(o.image, by_multiplier.divide(o.channel));
    const E* const weights = w + o.channel * g.taps();
    const uint32_t step = x_pixels.step();
    Sum<E> sum = 0;
    g.each_tap(g.of_out(o.p), [&](uint32_t tap, int at) {
      if (at >= 0) sum += Sum<E>(from[uint32_t(at) * step]) * Sum<E>(weights[tap]);
    });
    y[i] = E(f(sum, o.channel));
  }
};

template <class E> struct DepthwiseInput {
  Grid g;
  Pixels x_pixels, y_pixels;
  uint32_t multiplier;
  const Sum<E>* bias;
  const E *dy, *w;
  E* dx;

  CNN_HD void operator()(uint32_t i) const {
    const Pixel o = x_pixels.find(i);
    const Coordinates at = g.of_in(o.p);
    const uint32_t step = y_pixels.step();
    Sum<E> sum = bias ? bias[o.channel] : Sum<E>(0);
    for (uint32_t m = 0; m < multiplier; ++m) {
      const uint32_t channel = o.channel * multiplier + m;
      const E* const from = dy + y_pixels.begin(o.image, channel);
      const E* const weights = w + channel * g.taps();
      g.each_reader(at, [&](uint32_t tap, uint32_t p) { sum += Sum<E>(from[p * step]) * Sum<E>(weights[tap]); });
    }
    dx[i] = E(sum);
  }
};

// The gradient of a weight is a sum over all images and positions, cut into parts. A block has one tap and one part,
// and `width` channels side by side, which kDepthwiseThreads / width lanes share and add up in a tree.
inline constexpr int kDepthwiseThreads = 256;

template <class E> struct DepthwiseWeight {
  Grid g;
  Pixels x_pixels, y_pixels;
  FastDiv by_multiplier;
  uint32_t width, taps, channel_blocks;
  uint32_t rows, part;  // images * positions; those of a part
  const E *x, *dy;
  Sum<E>* sums;  // [parts][out_channels][taps]

  __device__ Sum<E> of(uint32_t channel, int tap, uint32_t begin, uint32_t end, uint32_t lanes) const {
    const int k = tap % g.kernel[2], j = tap / g.kernel[2] % g.kernel[1], i = tap / g.kernel[2] / g.kernel[1];
    const uint32_t from = by_multiplier.divide(channel), x_step = x_pixels.step(), y_step = y_pixels.step();
    Sum<E> sum = 0;
    for (uint32_t row = begin; row < end; row += lanes) {
      const uint32_t image = y_pixels.by_plane.divide(row), p = row - image * y_pixels.by_plane.divisor;
      const Coordinates o = g.of_out(p);
      const int z = o.at[0] * g.stride[0] - g.padding[0] + i * g.dilation[0];
      const int v = o.at[1] * g.stride[1] - g.padding[1] + j * g.dilation[1];
      const int h = o.at[2] * g.stride[2] - g.padding[2] + k * g.dilation[2];
      if (uint32_t(z) >= uint32_t(g.in[0]) || uint32_t(v) >= uint32_t(g.in[1]) || uint32_t(h) >= uint32_t(g.in[2]))
        continue;
      sum += Sum<E>(x[x_pixels.begin(image, from) + uint32_t((z * g.in[1] + v) * g.in[2] + h) * x_step]) *
             Sum<E>(dy[y_pixels.begin(image, channel) + p * y_step]);
    }
    return sum;
  }
};

template <class E>
__global__ void __launch_bounds__(kDepthwiseThreads) depthwise_weight(DepthwiseWeight<E> f) {
  __shared__ Sum<E> shared[kDepthwiseThreads];
  const uint32_t thread = threadIdx.x, lanes = kDepthwiseThreads / f.width;
  const uint32_t lane = thread / f.width, side = thread - lane * f.width;
  const uint32_t part = blockIdx.x / (f.channel_blocks * f.taps), rest = blockIdx.x - part * f.channel_blocks * f.taps;
  const uint32_t tap = rest / f.channel_blocks, channels = f.y_pixels.by_channels.divisor;
  const uint32_t channel = (rest - tap * f.channel_blocks) * f.width + side;
  const uint32_t begin = part * f.part, end = begin + f.part < f.rows ? begin + f.part : f.rows;
  shared[thread] = channel < channels ? f.of(channel, int(tap), begin + lane, end, lanes) : Sum<E>(0);
  for (uint32_t half = lanes / 2; half > 0; half /= 2) {
    __syncthreads();
    if (lane < half) shared[thread] += shared[thread + half * f.width];
  }
  if (lane == 0 && channel < channels) f.sums[(int64_t(part) * channels + channel) * f.taps + tap] = shared[thread];
}

}  // namespace cnn::cuda
