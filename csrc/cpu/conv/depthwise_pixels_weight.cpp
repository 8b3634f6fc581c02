// Depthwise convolution of pixels (depthwise_pixels.h): the gradient with respect to the weight.
#include "core/parallel.h"
#include "cpu/conv/depthwise_pixels.h"
#include "cpu/gemm/gemm.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

using V = Vec<float>;

constexpr int kSums = kRegisters == 32 ? 12 : 6;  // taps of a run whose gradients are summed at a time
constexpr int64_t kBandRows = 4, kBandOutputs = 128;  // at least, whose gradients of the taps stay in registers
constexpr int64_t kGradientTasks = 16;  // for the pool

// The sums of x[tap t of row r] * dy over rows of outputs, added to those at taps.weights[r] + t * kSlice; slices of
// channels.
struct ColumnSums {
  const float* x;  // the image's
  int64_t x_step, x_row;
  TapRows taps;
  const float* dy;
  int64_t dy_step, dy_row;
  int64_t rows, outputs;
  int64_t first, columns;  // the column that output 0 reads first, and how many there are
  float* sums;
  int64_t lanes;
};
// Column by column: each is multiplied by the gradients of the outputs that it belongs to, which are kept.
template <int kRows, int kTaps, bool kWhole> void run_column_sums(const ColumnSums& s) {
  const SliceLanes<kWhole> slice(s.lanes);
  V acc[kRows][kTaps] = {};
  const int64_t inside = min_of(s.outputs + kTaps - 1, s.columns - s.first);
  for (int64_t row = 0; row < s.rows; ++row) {
    const float *x[kRows], *dy = s.dy + row * s.dy_row;
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) x[r] = s.x + row * s.x_row + s.taps.sources[r];
    const auto edge = [&](int64_t i, int64_t at) {
#pragma GCC unroll 8
      for (int tap = 0; tap < kTaps; ++tap)
        if (i >= tap && i - tap < s.outputs) {
          const V d = slice.load(dy + (i - tap) * s.dy_step);
#pragma GCC unroll 8
          for (int r = 0; r < kRows; ++r) acc[r][tap] = vec_fma(d, slice.load(x[r] + at), acc[r][tap]);
        }
    };
    int64_t i = max_of(-s.first, 0), at = (i + s.first) * s.x_step;
    for (; i < min_of(inside, kTaps - 1); ++i, at += s.x_step) edge(i, at);
    if (i < min_of(inside, s.outputs)) {
      V d[kTaps];  // of the outputs that read a column, through each tap
#pragma GCC unroll 8
      for (int tap = 1; tap < kTaps; ++tap) d[tap - 1] = slice.load(dy + (i - tap) * s.dy_step);
      for (; i < min_of(inside, s.outputs); ++i, at += s.x_step) {
#pragma GCC unroll 8
        for (int tap = kTaps - 1; tap > 0; --tap) d[tap] = d[tap - 1];
        d[0] = slice.load(dy + i * s.dy_step);
#pragma GCC unroll 8
        for (int r = 0; r < kRows; ++r) {
          const V v = slice.load(x[r] + at);
#pragma GCC unroll 8
          for (int tap = 0; tap < kTaps; ++tap) acc[r][tap] = vec_fma(d[tap], v, acc[r][tap]);
        }
      }
    }
    for (; i < inside; ++i, at += s.x_step) edge(i, at);
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r)
#pragma GCC unroll 8
    for (int tap = 0; tap < kTaps; ++tap) {
      float* const sum = s.sums + s.taps.weights[r] + tap * kSlice;
      vec_store(sum, vec_load(sum) + acc[r][tap]);
    }
}
using ColumnsFn = void (*)(const ColumnSums&);
template <bool kWhole, int... kIndex>
ColumnsFn columns_function(int64_t rows, int64_t taps, LaneList<kIndex...>) {
  static constexpr ColumnsFn kFunctions[] = {run_column_sums<kIndex / kMaxTaps + 1, kIndex % kMaxTaps + 1, kWhole>...};
  return kFunctions[(rows - 1) * kMaxTaps + taps - 1];
}

// sums[places[t]] += sum over rows and columns of x[tap t] * dy, slices of channels.
struct RunSums {
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
template <int kN, bool kWhole> void run_sums(const RunSums& s) {
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
using RunsFn = void (*)(const RunSums&);
template <bool kWhole, int kN = kSums> RunsFn runs_function(int64_t taps) {
  if constexpr (kN > 1)
    if (taps < kN) return runs_function<kWhole, kN - 1>(taps);
  return run_sums<kN, kWhole>;
}

// Sums over bands of rows of outputs.
class WeightSums {
 public:
  explicit WeightSums(const ConvArgs& a)
      : a_(a),
        slices_(a.channels),
        axes_{forward_axis(a, 0), forward_axis(a, 1), forward_axis(a, 2)},
        all_(elements(a.kernel)),
        bands_(a.out[1], ceil_div(a.out[1], max_of(kBandRows, kBandOutputs / a.out[2]))),
        runs_(max_runs(axes_[2])),
        run_count_(list_runs(axes_[2], runs_)) {}

  int64_t bands() const { return a_.batch * a_.out[0] * bands_.count; }
  int64_t band_work() const { return bands_.largest() * a_.out[2] * kBlock * kSlice * all_; }

  // Adds those of a band for slices [first, last) to sums[slice][tap][channel].
  void add(int64_t band, int64_t first, int64_t last, float* sums) const {
    const int64_t lines = a_.kernel[0] * a_.kernel[1], row = bands_.begin(band % bands_.count);
    const int64_t image = band / bands_.count / a_.out[0], d = band / bands_.count % a_.out[0];
    Scratch<int64_t> sources(lines), places(lines);
    for (int64_t h = row, rows; h < row + bands_.size(band % bands_.count); h += rows) {
      const TapRange taps = taps_inside(axes_[1], h);
      rows = 1;
      while (h + rows < row + bands_.size(band % bands_.count) && taps_inside(axes_[1], h + rows) == taps) ++rows;
      const Rows r = {
          static_cast<const float*>(a_.x) + image * elements(a_.in) * a_.channels,
          static_cast<const float*>(a_.dy) + ((image * a_.out[0] + d) * a_.out[1] + h) * a_.out[2] * a_.channels, rows,
          list_rows(a_, axes_[0], axes_[1], d, h, a_.in[2] * a_.channels, sources, places)};
      if (r.taps.count == 0) continue;
      if (walks_columns(axes_[2])) add_columns(r, first, last, sums);
      else add_runs(r, first, last, sums);
    }
  }

 private:
  // Rows of outputs that read the same rows of taps.
  struct Rows {
    const float *x, *dy;  // of the image, of the first row
    int64_t count;
    TapRows taps;
  };

  bool whole() const { return slices_.lanes == kSlice; }

  void add_columns(const Rows& r, int64_t first, int64_t last, float* sums) const {
    const Axis& axis = axes_[2];
    ColumnSums s;
    s.x_step = s.dy_step = a_.channels;
    s.x_row = axes_[1].step * a_.in[2] * a_.channels, s.dy_row = a_.out[2] * a_.channels;
    s.rows = r.count, s.outputs = a_.out[2], s.first = axis.first, s.columns = axis.source;
    s.lanes = slices_.lanes;
    const Parts parts = tap_rows(r.taps.count, axis.taps);
    const auto function = [&](int64_t n) {
      return whole() ? columns_function<true>(n, axis.taps, TapShapes{})
                     : columns_function<false>(n, axis.taps, TapShapes{});
    };
    const ColumnsFn low = function(parts.low), high = function(parts.largest());
    for (int64_t slice = first; slice < last; ++slice) {
      s.x = r.x + slices_.begin(slice), s.dy = r.dy + slices_.begin(slice);
      s.sums = sums + slice * all_ * kSlice;
      for (int64_t j = 0; j < parts.count; ++j) {
        s.taps = {r.taps.sources + parts.begin(j), r.taps.weights + parts.begin(j), parts.size(j)};
        (j < parts.longer ? high : low)(s);
      }
    }
  }

  void add_runs(const Rows& r, int64_t first, int64_t last, float* sums) const {
    const Axis& axis = axes_[2];
    Scratch<int64_t> offsets(all_), places(all_);
    RunSums s;
    s.x_step = axis.step * a_.channels, s.x_row = axes_[1].step * a_.in[2] * a_.channels;
    s.dy_step = a_.channels, s.dy_row = a_.out[2] * a_.channels;
    s.rows = r.count, s.lanes = slices_.lanes;
    for (int64_t k = 0; k < run_count_; ++k) {
      const OutputRun& run = runs_[k];
      s.columns = run.count;
      const int64_t taps = r.taps.count * run.taps.count;
      if (taps == 0) continue;
      for (int64_t j = 0; j < taps; ++j) {
        const int64_t w = run.taps.first + j % run.taps.count;
        offsets[j] =
            r.taps.sources[j / run.taps.count] + (axis.step * run.begin + axis.first + w * axis.gap) * a_.channels;
        places[j] = r.taps.weights[j / run.taps.count] + w * kSlice;
      }
      const Parts parts(taps, ceil_div(taps, kSums));
      const auto function = whole() ? runs_function<true> : runs_function<false>;
      const RunsFn low = function(parts.low), high = function(parts.largest());
      for (int64_t slice = first; slice < last; ++slice) {
        s.x = r.x + slices_.begin(slice), s.dy = r.dy + run.begin * a_.channels + slices_.begin(slice);
        s.sums = sums + slice * all_ * kSlice;
        for (int64_t j = 0; j < parts.count; ++j) {
          s.offsets = offsets + parts.begin(j), s.places = places + parts.begin(j);
          (j < parts.longer ? high : low)(s);
        }
      }
    }
  }

  const ConvArgs& a_;
  Slices slices_;
  Axis axes_[3];
  int64_t all_;
  Parts bands_;
  Scratch<OutputRun> runs_;
  int64_t run_count_;
};

}  // namespace

// Some bands of a block of channels are a task; the tasks' sums are added in order.
void depthwise_pixels_backward_weight(const ConvArgs& a) {
  const WeightSums bands(a);
  const Slices slices(a.channels);
  const Parts blocks = slices.blocks(),
              parts(bands.bands(), min_of(bands.bands(), ceil_div(kGradientTasks, blocks.count)));
  const int64_t all = elements(a.kernel), size = slices.count * all * kSlice;
  Scratch<float> sums(parts.count * size);
  __builtin_memset(sums, 0, size_t(parts.count * size) * sizeof(float));
  const int64_t grain = 1 + kSerialWork / (1 + parts.largest() * bands.band_work());
  parallel_for(parts.count * blocks.count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t block = i % blocks.count, part = i / blocks.count, first = blocks.begin(block);
      for (int64_t b = parts.begin(part); b < parts.begin(part) + parts.size(part); ++b)
        bands.add(b, first, first + blocks.size(block), sums + part * size);
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
