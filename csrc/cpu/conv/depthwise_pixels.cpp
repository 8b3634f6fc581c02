// Depthwise convolution where channels lie side by side: a slice of them in the lanes, read and written as they lie. No
// zeros are put around images: outputs that read the same taps inside their image are a run, those at its edges runs of
// their own.
#include "core/parallel.h"
#include "cpu/conv/pixels.h"
#include "cpu/gemm/gemm.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

using V = Vec<float>;

constexpr int kSums = kRegisters == 32 ? 12 : 6;  // taps whose gradients are summed at a time
constexpr int64_t kBlock = 8;  // slices of channels that a task takes together
constexpr int64_t kBandRows = 4;  // of outputs, whose gradients of the taps stay in registers
constexpr int64_t kGradientTasks = 16;  // of a weight gradient, for the pool

// Slices of channels, whole vectors: the last begins earlier and computes some channels once more. Fewer channels than
// a vector are part of one.
struct Slices {
  int64_t channels, count, lanes;
  explicit Slices(int64_t channels)
      : channels(channels), count(ceil_div(channels, kSlice)), lanes(min_of(channels, kSlice)) {}
  int64_t begin(int64_t i) const { return min_of(i * kSlice, channels - lanes); }
  Parts blocks() const { return {count, ceil_div(count, kBlock)}; }
};

// Loads and stores of a slice: `kWhole` knows that it is a vector.
template <bool kWhole> struct SliceLanes {
  Lanes<float> lanes;
  explicit SliceLanes(int64_t n) : lanes(lanes_of<float>(n)) {}
  V load(const float* p) const { return kWhole ? vec_load(p) : vec_load_lanes(p, lanes); }
  void store(float* p, V v) const { kWhole ? vec_store(p, v) : vec_store_lanes(p, v, lanes); }
};

// The same taps in the order of what they read.
Axis ascending(Axis a) {
  if (a.gap > 0 || a.taps == 0) return a;
  a.first += (a.taps - 1) * a.gap, a.weight_first += (a.taps - 1) * a.weight_gap;
  a.gap = -a.gap, a.weight_gap = -a.weight_gap;
  return a;
}

// The taps through which output o of an axis reads elements of the source.
struct TapRange {
  int64_t first, count;
  bool operator==(const TapRange&) const = default;
};
TapRange taps_inside(const Axis& a, int64_t o) {
  const int64_t at = a.step * o + a.first;
  const int64_t first = max_of(-floor_div(at, a.gap), 0);
  const int64_t count = min_of(-floor_div(at - a.source, a.gap), a.taps) - first;
  return a.taps > 0 && count > 0 ? TapRange{first, count} : TapRange{0, 0};
}

// Outputs of an axis, one after the other, that read the same taps.
struct OutputRun {
  int64_t begin, count;
  TapRange taps;
};
int64_t max_runs(const Axis& a) { return 2 * a.taps + 1; }
int64_t list_runs(const Axis& a, OutputRun* runs) {
  int64_t count = 0;
  for (int64_t o = 0; o < a.out; ++o) {
    const TapRange taps = taps_inside(a, o);
    if (count > 0 && runs[count - 1].taps == taps) ++runs[count - 1].count;
    else runs[count++] = {o, 1, taps};
  }
  return count;
}

// Rows of taps: where they read, from the image's begin, and where they are in a slice's packed weights.
struct TapRows {
  const int64_t *sources, *weights;
  int64_t count;
};

// Lists the rows of taps that output (d, h) reads.
TapRows list_rows(const ConvArgs& a, const Axis& d_axis, const Axis& h_axis, int64_t d, int64_t h, int64_t source_row,
                  int64_t* sources, int64_t* weights) {
  const TapRange ds = taps_inside(d_axis, d), hs = taps_inside(h_axis, h);
  int64_t count = 0;
  for (int64_t i = ds.first; i < ds.first + ds.count; ++i)
    for (int64_t j = hs.first; j < hs.first + hs.count; ++j) {
      const int64_t z = d_axis.step * d + d_axis.first + i * d_axis.gap;
      const int64_t y = h_axis.step * h + h_axis.first + j * h_axis.gap;
      sources[count] = (z * h_axis.source + y) * source_row;
      weights[count++] =
          ((d_axis.weight_first + i * d_axis.weight_gap) * a.kernel[1] + h_axis.weight_first + j * h_axis.weight_gap) *
          a.kernel[2] * kSlice;
    }
  return {sources, weights, count};
}

// A row of outputs of a slice of channels: y[i * y_step] is a sum over some rows of taps, and some taps of each.
struct RowTask {
  const float* x;  // through the first tap of a row
  int64_t x_step, tap_step;  // from output to output, from tap to tap
  TapRows rows;
  const float* w;
  int64_t w_step;  // from tap to tap
  float* y;
  int64_t y_step, outputs;
  int64_t first, columns;  // of rows that are walked: the column that output 0 reads first, and how many there are
  bool begins, ends;  // the sums begin here and do not go on; they are complete
  Finish finish;
  int64_t lanes;
};

// What writes the results of a row, one after the other.
template <bool kWhole> class RowEnd {
 public:
  explicit RowEnd(const RowTask& t)
      : slice_(t.lanes),
        y_(t.y),
        step_(t.y_step),
        more_(!t.begins),
        bias_(t.ends && t.finish.bias ? slice_.load(t.finish.bias) : V{}),
        floor_(t.ends && t.finish.relu ? V{} : vec_splat(-__builtin_inff())) {}
  void write(V v) {
    if (more_) v += slice_.load(y_);
    v += bias_;
    slice_.store(y_, v < floor_ ? floor_ : v);
    y_ += step_;
  }

 private:
  SliceLanes<kWhole> slice_;
  float* y_;
  int64_t step_;
  bool more_;
  V bias_, floor_;
};

template <int kRows, int kTaps> void load_weights(const RowTask& t, V (&w)[kRows][kTaps]) {
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int tap = 0; tap < kTaps; ++tap) w[r][tap] = vec_load(t.w + t.rows.weights[r] + tap * t.w_step);
}

// Output by output, of whatever stride and dilation: all taps lie inside.
template <int kRows, int kTaps, bool kWhole> void run_outputs(const RowTask& t) {
  const SliceLanes<kWhole> slice(t.lanes);
  RowEnd<kWhole> end(t);
  V w[kRows][kTaps];
  load_weights(t, w);
  const float* x[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) x[r] = t.x + t.rows.sources[r];
  for (int64_t i = 0, at = 0; i < t.outputs; ++i, at += t.x_step) {
    V sums[kRows];
    int64_t from = at;
#pragma GCC unroll 8
    for (int tap = 0; tap < kTaps; ++tap, from += t.tap_step)
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const V v = slice.load(x[r] + from);
        sums[r] = tap == 0 ? v * w[r][0] : vec_fma(w[r][tap], v, sums[r]);
      }
#pragma GCC unroll 8
    for (int r = 1; r < kRows; ++r) sums[0] += sums[r];
    end.write(sums[0]);
  }
}

// Column by column, where neighbours read neighbours: each is loaded once, multiplied by all taps, and the sums of the
// outputs that it belongs to move on by one. Columns outside the image are zeros.
template <int kRows, int kTaps, bool kWhole> void run_columns(const RowTask& t) {
  const SliceLanes<kWhole> slice(t.lanes);
  RowEnd<kWhole> end(t);
  V w[kRows][kTaps];
  load_weights(t, w);
  const float* x[kRows];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) x[r] = t.x + t.rows.sources[r];
  V open[kTaps] = {};  // sums of the outputs that have not had their last tap; the last is none
  const auto next = [&](int64_t at) {
    V sums[kTaps];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const V v = slice.load(x[r] + at);
#pragma GCC unroll 8
      for (int tap = 0; tap < kTaps; ++tap) sums[tap] = r == 0 ? v * w[0][tap] : vec_fma(w[r][tap], v, sums[tap]);
    }
    const V done = open[0] + sums[kTaps - 1];
#pragma GCC unroll 8
    for (int i = 0; i < kTaps - 1; ++i) open[i] = open[i + 1] + sums[kTaps - 2 - i];
    return done;
  };
  // Column c of the image is c - t.first in the order of the outputs, where output o is done with o + kTaps - 1.
  constexpr int64_t kLast = kTaps - 1;
  const int64_t all = t.outputs + kLast, inside = min_of(all, t.columns - t.first);
  int64_t i = min_of(max_of(-t.first, 0), all), at = (i + t.first) * t.tap_step;
  for (int64_t j = kLast; j < i; ++j) end.write(V{});
  for (; i < min_of(inside, kLast); ++i, at += t.tap_step) next(at);
  for (; i < inside; ++i, at += t.tap_step) end.write(next(at));
  for (; i < all; ++i) {
    if (i >= kLast) end.write(open[0]);
#pragma GCC unroll 8
    for (int j = 0; j < kTaps - 1; ++j) open[j] = open[j + 1];
  }
}

// No tap at all lies inside.
template <bool kWhole> void run_nothing(const RowTask& t) {
  RowEnd<kWhole> end(t);
  for (int64_t i = 0; i < t.outputs; ++i) end.write(V{});
}

constexpr int kMaxRows = 3, kMaxTaps = 5;
constexpr int64_t kWeights = kRegisters == 32 ? 15 : 9;  // that stay in registers

using RowFn = void (*)(const RowTask&);
template <bool kWhole, int... kIndex> RowFn row_function(bool columns, int64_t rows, int64_t taps,
                                                         LaneList<kIndex...>) {
  static constexpr RowFn kFunctions[2][kMaxRows * kMaxTaps] = {
      {run_outputs<kIndex / kMaxTaps + 1, kIndex % kMaxTaps + 1, kWhole>...},
      {run_columns<kIndex / kMaxTaps + 1, kIndex % kMaxTaps + 1, kWhole>...}};
  if (rows == 0 || taps == 0) return run_nothing<kWhole>;
  return kFunctions[columns][(rows - 1) * kMaxTaps + taps - 1];
}

// A row of outputs takes as many weights at a time as stay in registers, of some rows of taps and some taps of each.
struct Share {
  RowFn run;
  TapRows rows;
  int64_t first_tap;
};
int64_t max_shares(const ConvArgs& a) { return a.kernel[0] * a.kernel[1] * ceil_div(a.kernel[2], kMaxTaps); }
int64_t list_shares(const TapRows& rows, int64_t taps, bool columns, bool whole, Share* shares) {
  const auto function = [&](int64_t height, int64_t width) {
    constexpr typename LanesUpTo<kMaxRows * kMaxTaps>::Type kAll;
    return whole ? row_function<true>(columns, height, width, kAll) : row_function<false>(columns, height, width, kAll);
  };
  if (rows.count == 0 || taps == 0) return shares[0] = {function(0, 0), rows, 0}, 1;
  const Parts across(taps, ceil_div(taps, kMaxTaps));
  const Parts down(rows.count, ceil_div(rows.count, min_of(kMaxRows, kWeights / across.largest())));
  int64_t count = 0;
  for (int64_t i = 0; i < across.count; ++i)
    for (int64_t j = 0; j < down.count; ++j)
      shares[count++] = {function(down.size(j), across.size(i)),
                         {rows.sources + down.begin(j), rows.weights + down.begin(j), down.size(j)},
                         across.begin(i)};
  return count;
}

// sums[places[t]] += sum over rows and columns of x[tap t] * dy, slices of channels.
struct SumsTile {
  const float* x;
  int64_t x_step, x_row;
  const int64_t* offsets;
  const float* dy;
  int64_t dy_step, dy_row;
  int64_t rows, columns;
  float* sums;
  const int64_t* places;
  int64_t lanes;
};
template <int kN, bool kWhole> void run_sums(const SumsTile& s) {
  const SliceLanes<kWhole> slice(s.lanes);
  V acc[kN] = {};
  for (int64_t row = 0; row < s.rows; ++row) {
    const float *from[kN], *dy = s.dy + row * s.dy_row;
#pragma GCC unroll 16
    for (int t = 0; t < kN; ++t) from[t] = s.x + row * s.x_row + s.offsets[t];
    for (int64_t i = 0, at = 0; i < s.columns; ++i, at += s.x_step, dy += s.dy_step) {
      const V d = slice.load(dy);
#pragma GCC unroll 16
      for (int t = 0; t < kN; ++t) acc[t] = vec_fma(d, slice.load(from[t] + at), acc[t]);
    }
  }
#pragma GCC unroll 16
  for (int t = 0; t < kN; ++t) vec_store(s.sums + s.places[t], vec_load(s.sums + s.places[t]) + acc[t]);
}
using SumsFn = void (*)(const SumsTile&);
template <bool kWhole, int kN = kSums> SumsFn sums_of(int64_t taps) {
  if constexpr (kN > 1)
    if (taps < kN) return sums_of<kWhole, kN - 1>(taps);
  return run_sums<kN, kWhole>;
}

// to[slice][tap][channel] of w[channel][tap].
void pack(const float* w, const Slices& slices, int64_t taps, float* to) {
  V r[kSlice];
  for (int64_t s = 0; s < slices.count; ++s)
    for (int64_t t = 0; t < taps; t += kSlice) {
      const int64_t n = min_of(kSlice, taps - t);
      load_transposed<float>(w + slices.begin(s) * taps + t, taps, slices.lanes, n, r);
      for (int64_t j = 0; j < n; ++j) vec_store(to + (s * taps + t + j) * kSlice, r[j]);
    }
}

// Forward, or the gradient with respect to the input: outputs `step` apart read the same taps, a class of them for
// each residue.
struct Pass {
  const float* source;
  float* to;
  int64_t in[3], out[3], step[3];
  Axis axes[3][kMaxClasses];  // by residue
  Finish finish;
};

// Outputs side by side read columns side by side, by few taps.
bool walks_columns(const Axis& a) { return a.step == 1 && a.gap == 1 && a.taps > 0 && a.taps <= kMaxTaps; }

void correlate(const ConvArgs& a, const Pass& p) {
  const Slices slices(a.channels);
  const Parts blocks = slices.blocks();
  const int64_t all = elements(a.kernel), rows = p.out[0] * p.out[1], tap_rows = a.kernel[0] * a.kernel[1];
  const int64_t source_image = elements(p.in) * a.channels, source_row = p.in[2] * a.channels;
  int64_t run_count[kMaxClasses], most = 1;
  for (int64_t r = 0; r < p.step[2]; ++r) most = max_of(most, max_runs(p.axes[2][r]));
  Scratch<OutputRun> runs(p.step[2] * most);
  for (int64_t r = 0; r < p.step[2]; ++r) {
    const Axis& axis = p.axes[2][r];
    if (walks_columns(axis)) runs[r * most] = {0, axis.out, {0, axis.taps}}, run_count[r] = axis.out > 0;
    else run_count[r] = list_runs(axis, runs + r * most);
  }
  Scratch<float> weights(slices.count * all * kSlice);
  pack(static_cast<const float*>(a.w), slices, all, weights);
  const int64_t work = p.out[2] * blocks.largest() * kSlice * all;
  parallel_for(a.batch * rows * blocks.count, 1 + kSerialWork / (1 + work), [&](int64_t begin, int64_t end) {
    Scratch<int64_t> sources(tap_rows), places(tap_rows);
    Scratch<Share> shares(max_shares(a));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = i % blocks.count, row = i / blocks.count % rows, image = i / blocks.count / rows;
      const int64_t d = row / p.out[1], h = row % p.out[1];
      const int64_t first = blocks.begin(block), last = first + blocks.size(block);
      RowTask t;
      const TapRows taps = list_rows(a, p.axes[0][d % p.step[0]], p.axes[1][h % p.step[1]], d / p.step[0],
                                     h / p.step[1], source_row, sources, places);
      t.lanes = slices.lanes, t.y_step = p.step[2] * a.channels;
      for (int64_t r = 0; r < p.step[2]; ++r) {
        const Axis& axis = p.axes[2][r];
        const bool columns = walks_columns(axis);
        t.x_step = axis.step * a.channels, t.tap_step = axis.gap * a.channels, t.w_step = axis.weight_gap * kSlice;
        t.first = axis.first, t.columns = axis.source;
        for (int64_t k = 0; k < run_count[r]; ++k) {
          const OutputRun& some = runs[r * most + k];
          t.outputs = some.count;
          const int64_t from = columns ? 0 : axis.step * some.begin + axis.first + some.taps.first * axis.gap;
          const float* x = p.source + image * source_image + from * a.channels;
          float* y = p.to + ((image * rows + row) * p.out[2] + some.begin * p.step[2] + r) * a.channels;
          const float* w = weights + (axis.weight_first + some.taps.first * axis.weight_gap) * kSlice;
          const int64_t parts = list_shares(taps, some.taps.count, columns, slices.lanes == kSlice, shares);
          for (int64_t s = first; s < last; ++s) {
            const int64_t c = slices.begin(s);
            t.y = y + c;
            t.finish = {p.finish.bias ? p.finish.bias + c : nullptr, p.finish.relu};
            for (int64_t part = 0; part < parts; ++part) {
              const Share& share = shares[part];
              t.rows = share.rows;
              t.x = x + c + share.first_tap * t.tap_step;
              t.w = w + s * all * kSlice + share.first_tap * t.w_step;
              t.begins = part == 0, t.ends = part == parts - 1;
              share.run(t);
            }
          }
        }
      }
    }
  });
}

}  // namespace

bool prefers_depthwise_pixels(const ConvArgs& a) { return a.channels_last && prefers_depthwise(a); }

void depthwise_pixels_forward(const ConvArgs& a) {
  Pass p;
  p.source = static_cast<const float*>(a.x), p.to = static_cast<float*>(a.y);
  p.finish = {static_cast<const float*>(a.bias), a.activation == Activation::Relu};
  for (int i = 0; i < 3; ++i) p.in[i] = a.in[i], p.out[i] = a.out[i], p.step[i] = 1, p.axes[i][0] = forward_axis(a, i);
  correlate(a, p);
}

void depthwise_pixels_backward_input(const ConvArgs& a) {
  Pass p;
  p.source = static_cast<const float*>(a.dy), p.to = static_cast<float*>(a.dx);
  p.finish = {static_cast<const float*>(a.bias), false};
  for (int i = 0; i < 3; ++i) {
    p.in[i] = a.out[i], p.out[i] = a.in[i], p.step[i] = a.stride[i];
    for (int64_t r = 0; r < a.stride[i]; ++r) p.axes[i][r] = ascending(backward_axis(a, i, r));
  }
  correlate(a, p);
}

// Some bands of rows of a block of channels are a task; the tasks' sums are added in order.
void depthwise_pixels_backward_weight(const ConvArgs& a) {
  const Slices slices(a.channels);
  const Parts blocks = slices.blocks();
  const int64_t all = elements(a.kernel), tap_rows = a.kernel[0] * a.kernel[1], c = a.channels;
  Axis axes[3];
  for (int i = 0; i < 3; ++i) axes[i] = forward_axis(a, i);
  Scratch<OutputRun> runs(max_runs(axes[2]));
  const int64_t run_count = list_runs(axes[2], runs);
  const int64_t bands = ceil_div(a.out[1], kBandRows), count = a.batch * a.out[0] * bands;
  const Parts parts(count, min_of(count, ceil_div(kGradientTasks, blocks.count)));
  const auto sums_for = slices.lanes == kSlice ? sums_of<true> : sums_of<false>;
  const int64_t size = slices.count * all * kSlice;
  Scratch<float> sums(parts.count * size);
  __builtin_memset(sums, 0, size_t(parts.count * size) * sizeof(float));
  parallel_for(parts.count * blocks.count, 1, [&](int64_t begin, int64_t end) {
    Scratch<int64_t> sources(tap_rows), weights(tap_rows), offsets(all), places(all);
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = i % blocks.count, part = i / blocks.count;
      for (int64_t b = parts.begin(part); b < parts.begin(part) + parts.size(part); ++b) {
        const Parts band(a.out[1], bands);
        const int64_t image = b / bands / a.out[0], d = b / bands % a.out[0];
        const int64_t last = band.begin(b % bands) + band.size(b % bands);
        SumsTile t;
        t.x_step = axes[2].step * c, t.x_row = axes[1].step * a.in[2] * c;
        t.dy_step = c, t.dy_row = a.out[2] * c, t.lanes = slices.lanes;
        for (int64_t h = band.begin(b % bands); h < last; h += t.rows) {
          t.rows = 1;
          while (h + t.rows < last && taps_inside(axes[1], h + t.rows) == taps_inside(axes[1], h)) ++t.rows;
          const TapRows lines = list_rows(a, axes[0], axes[1], d, h, a.in[2] * c, sources, weights);
          for (int64_t k = 0; k < run_count; ++k) {
            const OutputRun& run = runs[k];
            t.columns = run.count;
            const int64_t taps = lines.count * run.taps.count;
            if (taps == 0) continue;
            for (int64_t j = 0; j < taps; ++j) {
              const int64_t w = run.taps.first + j % run.taps.count;
              offsets[j] = lines.sources[j / run.taps.count] + w * axes[2].gap * c;
              places[j] = lines.weights[j / run.taps.count] + w * kSlice;
            }
            const float* x = static_cast<const float*>(a.x) + image * elements(a.in) * c +
                             (axes[2].step * run.begin + axes[2].first) * c;
            const float* dy =
                static_cast<const float*>(a.dy) + (((image * a.out[0] + d) * a.out[1] + h) * a.out[2] + run.begin) * c;
            const Parts some(taps, ceil_div(taps, kSums));
            for (int64_t s = blocks.begin(block); s < blocks.begin(block) + blocks.size(block); ++s) {
              t.x = x + slices.begin(s), t.dy = dy + slices.begin(s);
              t.sums = sums + part * size + s * all * kSlice;
              for (int64_t j = 0; j < some.count; ++j) {
                t.offsets = offsets + some.begin(j), t.places = places + some.begin(j);
                sums_for(some.size(j))(t);
              }
            }
          }
        }
      }
    }
  });
  V r[kSlice];
  for (int64_t s = 0; s < slices.count; ++s)
    for (int64_t t = 0; t < all; t += kSlice) {
      const int64_t n = min_of(kSlice, all - t);
      for (int64_t j = 0; j < kSlice; ++j) {
        r[j] = V{};
        for (int64_t part = 0; j < n && part < parts.count; ++part)
          r[j] += vec_load(sums + part * size + (s * all + t + j) * kSlice);
      }
      store_transposed<float>(r, static_cast<float*>(a.dw) + slices.begin(s) * all + t, all, slices.lanes, n);
    }
}

}  // namespace cnn::cpu::CNN_ISA
