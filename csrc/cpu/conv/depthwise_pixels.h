// Depthwise convolution where channels lie side by side: a slice of them in the lanes, read and written as they lie. No
// zeros are put around images. Where outputs side by side read columns side by side, a row is walked column by column;
// else outputs that read the same taps inside their image are a run, and those at its edges are runs of their own.
#pragma once

#include "cpu/conv/pixels.h"

namespace cnn::cpu::inline CNN_ISA {

inline constexpr int64_t kBlock = 8;  // slices of channels that a task takes together
inline constexpr int kMaxRows = 3, kMaxTaps = 5;  // of taps: what one function takes
inline constexpr int64_t kTapWeights = kRegisters == 32 ? 15 : 9;  // of them that stay in registers
using TapShapes = LanesUpTo<kMaxRows * kMaxTaps>::Type;

// How many rows of so many taps a function takes.
inline Parts tap_rows(int64_t rows, int64_t taps) {
  return {rows, ceil_div(rows, min_of(kMaxRows, kTapWeights / taps))};
}

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
  Vec<float> load(const float* p) const { return kWhole ? vec_load(p) : vec_load_lanes(p, lanes); }
  void store(float* p, Vec<float> v) const { kWhole ? vec_store(p, v) : vec_store_lanes(p, v, lanes); }
};

// The same taps in the order of what they read.
inline Axis ascending(Axis a) {
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
inline TapRange taps_inside(const Axis& a, int64_t o) {
  const int64_t at = a.step * o + a.first;
  const auto steps = [&](int64_t n) { return a.gap == 1 ? n : floor_div(n, a.gap); };  // divisions are slow
  const int64_t first = max_of(-steps(at), 0);
  const int64_t count = min_of(-steps(at - a.source), a.taps) - first;
  return a.taps > 0 && count > 0 ? TapRange{first, count} : TapRange{0, 0};
}

// Outputs of an axis, one after the other, that read the same taps.
struct OutputRun {
  int64_t begin, count;
  TapRange taps;
};
inline int64_t max_runs(const Axis& a) { return 2 * a.taps + 1; }
inline int64_t list_runs(const Axis& a, OutputRun* runs) {
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
inline TapRows list_rows(const ConvArgs& a, const Axis& d_axis, const Axis& h_axis, int64_t d, int64_t h,
                         int64_t source_row, int64_t* sources, int64_t* weights) {
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

// Outputs side by side read columns side by side, by few taps.
inline bool walks_columns(const Axis& a) { return a.step == 1 && a.gap == 1 && a.taps > 0 && a.taps <= kMaxTaps; }

}  // namespace cnn::cpu::CNN_ISA
