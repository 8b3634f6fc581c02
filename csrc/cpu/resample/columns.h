// The pass along the rows: [rows, in, inner] to [rows, out, inner]. Where `inner` fills vectors, its elements are their
// lanes. Else a vector's worth of rows is turned, so that the rows are the lanes, and turned back. Few outputs of long
// rows are picked out one by one. All three give the same bits.
#pragma once

#include "cpu/resample/sums.h"
#include "cpu/vec/transpose.h"

namespace cnn::cpu::inline CNN_ISA {

// Outputs [first, last) and the inputs [low, high) that they read.
struct ColumnTile {
  int64_t first, last, low, high;
};

template <class T> class Columns {
 public:
  Columns(const Taps<T>& taps, int64_t inner)
      : taps_(taps),
        inner_(inner),
        turns_(turned_cost(taps.in) < double(kL) * plain_cost()),
        step_(min_of(max_of(taps.out, 1), ceil_div(outputs_of_a_tile(), kL) * kL)),
        tiles_(ceil_div(taps.out, step_)),
        low_(tiles_),
        high_(tiles_),
        index_(taps.count) {
    for (int64_t i = 0; i < tiles_; ++i) {
      const int64_t begin = taps.start[i * step_], end = taps.start[min_of((i + 1) * step_, taps.out)];
      low_[i] = begin < end ? taps.index[begin] : 0, high_[i] = low_[i];
      for (int64_t k = begin; k < end; ++k)
        low_[i] = min_of(low_[i], taps.index[k]), high_[i] = max_of(high_[i], taps.index[k] + 1);
      for (int64_t k = begin; k < end; ++k) index_[k] = taps.index[k] - low_[i];
      widest_ = max_of(widest_, high_[i] - low_[i]);
    }
  }

  int64_t tiles() const { return tiles_; }
  ColumnTile tile(int64_t i) const { return {i * step_, min_of((i + 1) * step_, taps_.out), low_[i], high_[i]}; }
  // Elements of the longest part of a row that a tile reads.
  int64_t widest() const { return widest_ * inner_; }
  int64_t group() const { return turns_ ? kL : 1; }  // rows that are best handed over together
  int64_t scratch() const { return turns_ ? kL * (squares(widest()) + squares(step_ * inner_)) : 0; }
  // Of a row, in vector operations.
  double cost() const { return turns_ ? turned_cost(taps_.in) / double(kL) : plain_cost(); }

  // One tile of `rows` rows, at most group(): from[l] is row l at the tile's first input, to[l] the whole result, which
  // goes past the cache where that pays.
  void run(const ColumnTile& t, const T* const* from, T* const* to, int64_t rows, T* scratch, bool past_cache) const {
    if (turns_ && turned_cost(t.high - t.low, t.last - t.first) < double(rows) * plain_cost(t.last - t.first))
      return turn(t, from, to, rows, scratch);
    for (int64_t l = 0; l < rows; ++l) {
      if (inner_ == 1) pick(t, from[l], to[l]);
      else if (inner_ < kL) sum_lanes(t, from[l], to[l]);
      else sum_tile(t, from[l], inner_, to[l] + t.first * inner_, past_cache);
    }
  }

 private:
  static constexpr int64_t kL = kLanes<T>;
  static int64_t squares(int64_t n) { return ceil_div(n, kL) * kL; }

  double share(int64_t outputs) const { return double(taps_.count) / double(max_of(taps_.out, 1)) * double(outputs); }
  // Four operations for each vector that is turned, in or out.
  double turned_cost(int64_t in, int64_t out) const {
    return double(inner_) * (4 * (double(in) + double(out)) + share(out));
  }
  double turned_cost(int64_t in) const { return turned_cost(in, taps_.out); }
  double plain_cost(int64_t out) const {
    if (inner_ == 1) return 1.5 * share(out) + double(out);
    return share(out) * double(ceil_div(inner_, kL)) + 4 * double(out);
  }
  double plain_cost() const { return plain_cost(taps_.out); }
  // What a tile reads and writes stays in the cache next to the processor.
  int64_t outputs_of_a_tile() const {
    const double elements = double(inner_) * (double(taps_.in) / double(max_of(taps_.out, 1)) + 1);
    return 1 + int64_t((turns_ ? 512.0 : 4096.0) / elements);
  }

  // Outputs of a tile, the inputs `pitch` apart.
  CNN_HD void sum_tile(const ColumnTile& t, const T* from, int64_t pitch, T* to, bool past_cache) const {
    for (int64_t o = t.first; o < t.last; ++o, to += pitch) {
      const int64_t k = taps_.start[o];
      sum_rows(from, pitch, index_ + k, taps_.weight + k, taps_.start[o + 1] - k, to, pitch, past_cache);
    }
  }

  void pick(const ColumnTile& t, const T* from, T* to) const {
    for (int64_t o = t.first; o < t.last; ++o) {
      int64_t k = taps_.start[o];
      const int64_t end = taps_.start[o + 1];
      T sum = k < end ? taps_.weight[k] * from[index_[k]] : T(0);
      for (++k; k < end; ++k) sum = kernels::fma(taps_.weight[k], from[index_[k]], sum);
      to[o] = sum;
    }
  }

  // Pixels of less than a vector.
  void sum_lanes(const ColumnTile& t, const T* from, T* to) const {
    const Lanes<T> lanes = lanes_of<T>(inner_);
    for (int64_t o = t.first; o < t.last; ++o) {
      int64_t k = taps_.start[o];
      const int64_t end = taps_.start[o + 1];
      Vec<T> sum{};
      if (k < end) sum = vec_splat(taps_.weight[k]) * vec_load_lanes(from + index_[k] * inner_, lanes);
      for (++k; k < end; ++k)
        sum = vec_fma(vec_splat(taps_.weight[k]), vec_load_lanes(from + index_[k] * inner_, lanes), sum);
      vec_store_lanes(to + o * inner_, sum, lanes);
    }
  }

  void turn(const ColumnTile& t, const T* const* from, T* const* to, int64_t rows, T* scratch) const {
    const int64_t in = (t.high - t.low) * inner_, out = (t.last - t.first) * inner_;
    T *const x = scratch, *const y = scratch + kL * squares(in);
    Vec<T> r[kL];
    for (int64_t j = 0; j < in; j += kL) {
      if (rows == kL && j + kL <= in) {
#pragma GCC unroll 16
        for (int l = 0; l < kL; ++l) r[l] = vec_load(from[l] + j);
      } else {
        for (int l = 0; l < kL; ++l) r[l] = l < rows ? vec_load_n(from[l] + j, in - j) : Vec<T>{};
      }
      transpose_lanes(r);
#pragma GCC unroll 16
      for (int l = 0; l < kL; ++l) vec_store(x + (j + l) * kL, r[l]);
    }
    if (inner_ == 1) sum_tile(t, x, kL, y, false);
    else sum_tile(t, x, inner_ * kL, y, false);
    for (int64_t j = 0; j < out; j += kL) {
#pragma GCC unroll 16
      for (int l = 0; l < kL; ++l) r[l] = vec_load(y + (j + l) * kL);
      transpose_lanes(r);
      const int64_t at = t.first * inner_ + j;
      if (rows == kL && j + kL <= out) {
#pragma GCC unroll 16
        for (int l = 0; l < kL; ++l) vec_store(to[l] + at, r[l]);
      } else {
        for (int64_t l = 0; l < rows; ++l) vec_store_n(to[l] + at, r[l], out - j);
      }
    }
  }

  const Taps<T>& taps_;
  const int64_t inner_;
  const bool turns_;
  const int64_t step_, tiles_;
  const Scratch<int64_t> low_, high_, index_;  // the indices count from their tile's first input
  int64_t widest_ = 0;
};

}  // namespace cnn::cpu::CNN_ISA
