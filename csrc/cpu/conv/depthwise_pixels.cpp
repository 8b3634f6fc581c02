// Depthwise convolution of pixels (depthwise_pixels.h): forward, and the gradient with respect to the input.
#include "cpu/conv/depthwise_pixels.h"

#include "core/parallel.h"
#include "cpu/gemm/gemm.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

using V = Vec<float>;

// Outputs of a row that all slices of channels take before the next: pixels are read about as they lie. Columns that
// two pieces share are read twice.
constexpr int64_t kOutputs = 16, kColumns = 32;
constexpr int64_t kMinVectors = 12;  // of a row of outputs

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
  Finish<float> finish;
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
        finish_(t.ends ? t.finish : Finish<float>{}, t.lanes) {}
  void write(V v) {
    if (more_) v += slice_.load(y_);
    slice_.store(y_, finish_(v));
    y_ += step_;
  }

 private:
  SliceLanes<kWhole> slice_;
  float* y_;
  int64_t step_;
  bool more_;
  FinishLanes<float> finish_;
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
    return whole ? row_function<true>(columns, height, width, TapShapes{})
                 : row_function<false>(columns, height, width, TapShapes{});
  };
  if (rows.count == 0 || taps == 0) return shares[0] = {function(0, 0), rows, 0}, 1;
  const Parts across(taps, ceil_div(taps, kMaxTaps));
  const Parts down = tap_rows(rows.count, across.largest());
  int64_t count = 0;
  for (int64_t i = 0; i < across.count; ++i)
    for (int64_t j = 0; j < down.count; ++j)
      shares[count++] = {function(down.size(j), across.size(i)),
                         {rows.sources + down.begin(j), rows.weights + down.begin(j), down.size(j)},
                         across.begin(i)};
  return count;
}

void run_shares(const Share* shares, int64_t count, const float* x, const float* w, RowTask& t) {
  for (int64_t i = 0; i < count; ++i) {
    t.rows = shares[i].rows;
    t.x = x + shares[i].first_tap * t.tap_step, t.w = w + shares[i].first_tap * t.w_step;
    t.begins = i == 0, t.ends = i == count - 1;
    shares[i].run(t);
  }
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
  Finish<float> finish;
};

void correlate(const ConvArgs& a, const Pass& p) {
  const Slices slices(a.channels);
  const Parts blocks = slices.blocks();
  const int64_t all = elements(a.kernel), rows = p.out[0] * p.out[1], lines = a.kernel[0] * a.kernel[1];
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
    Scratch<int64_t> sources(lines), places(lines);
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
        t.columns = axis.source;
        for (int64_t k = 0; k < run_count[r]; ++k) {
          const OutputRun& run = runs[r * most + k];
          const TapRange across = run.taps;
          const float* w = weights + (axis.weight_first + across.first * axis.weight_gap) * kSlice;
          const int64_t count = list_shares(taps, across.count, columns, slices.lanes == kSlice, shares);
          const Parts pieces(run.count, ceil_div(run.count, columns ? kColumns : kOutputs));
          for (int64_t piece = 0; piece < pieces.count; ++piece) {
            const int64_t o = run.begin + pieces.begin(piece);
            t.outputs = pieces.size(piece), t.first = axis.first + o;
            const int64_t from = columns ? 0 : axis.step * o + axis.first + across.first * axis.gap;
            const float* x = p.source + image * source_image + from * a.channels;
            float* y = p.to + ((image * rows + row) * p.out[2] + o * p.step[2] + r) * a.channels;
            for (int64_t s = first; s < last; ++s) {
              const int64_t c = slices.begin(s);
              t.y = y + c;
              t.finish = p.finish.from(c);
              run_shares(shares, count, x + c, w + s * all * kSlice, t);
            }
          }
        }
      }
    }
  });
}

}  // namespace

// Shorter rows of few channels do not repay a task of their own: boxes have several images.
bool prefers_depthwise_pixels(const ConvArgs& a) {
  return a.channels_last && prefers_depthwise(a) && ceil_div(a.channels, kSlice) * a.out[2] >= kMinVectors;
}

void depthwise_pixels_forward(const ConvArgs& a) {
  Pass p;
  p.source = static_cast<const float*>(a.x), p.to = static_cast<float*>(a.y);
  p.finish = finish_forward<float>(a);
  for (int i = 0; i < 3; ++i) p.in[i] = a.in[i], p.out[i] = a.out[i], p.step[i] = 1, p.axes[i][0] = forward_axis(a, i);
  correlate(a, p);
}

void depthwise_pixels_backward_input(const ConvArgs& a) {
  Pass p;
  p.source = static_cast<const float*>(a.dy), p.to = static_cast<float*>(a.dx);
  p.finish = finish_backward<float>(a);
  for (int i = 0; i < 3; ++i) {
    p.in[i] = a.out[i], p.out[i] = a.in[i], p.step[i] = a.stride[i];
    for (int64_t r = 0; r < a.stride[i]; ++r) p.axes[i][r] = ascending(backward_axis(a, i, r));
  }
  correlate(a, p);
}

}  // namespace cnn::cpu::CNN_ISA
