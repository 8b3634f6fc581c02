// The softmax of attention's scores with a running maximum and sum of each row, in vectors.
#pragma once

#include "cpu/gemm/block.h"
#include "cpu/vec/exp.h"
#include "cpu/vec/lane_sums.h"

namespace cnn::cpu::inline CNN_ISA {

template <class T> Vec<T> larger(Vec<T> a, Vec<T> b) { return b > a ? b : a; }

// In every lane the one kStep lanes away.
template <class T, int kStep, int... kLane> Vec<T> exchanged(Vec<T> v, LaneList<kLane...>) {
  return __builtin_shufflevector(v, v, (kLane ^ kStep)...);
}
// In every lane the largest of all of them.
template <class T, int kStep = kLanes<T> / 2> Vec<T> largest_of_lanes(Vec<T> v) {
  if constexpr (kStep > 0) {
    v = larger<T>(v, exchanged<T, kStep>(v, AllLanes<T>{}));
    v = largest_of_lanes<T, kStep / 2>(v);
  }
  return v;
}

// Of n numbers, whole vectors, and `top` the largest; four strands hide the latency.
template <class T> T row_max(const T* x, int64_t n, T top) {
  constexpr int64_t kWidth = kLanes<T>;
  const Vec<T> start = vec_splat(top);
  Vec<T> best[4] = {start, start, start, start};
  int64_t i = 0;
  for (; i + 4 * kWidth <= n; i += 4 * kWidth)
#pragma GCC unroll 4
    for (int l = 0; l < 4; ++l) best[l] = larger<T>(best[l], vec_load(x + i + l * kWidth));
  for (; i < n; i += kWidth) best[0] = larger<T>(best[0], vec_load(x + i));
  return largest_of_lanes<T>(larger<T>(larger<T>(best[0], best[1]), larger<T>(best[2], best[3])))[0];
}

// x = exp(x - shift) of n numbers, whole vectors; their sum, in lanes.
template <class T> Vec<T> exp_row(T* x, int64_t n, T shift) {
  constexpr int64_t kWidth = kLanes<T>;
  const Vec<T> by = vec_splat(shift);
  Vec<T> sum[4] = {};
  int64_t i = 0;
  const auto take = [&](int64_t at, int strand) {
    const Vec<T> y = vec_exp_negative(vec_load(x + at) - by);
    vec_store(x + at, y);
    sum[strand] += y;
  };
  for (; i + 4 * kWidth <= n; i += 4 * kWidth)
#pragma GCC unroll 4
    for (int l = 0; l < 4; ++l) take(i + l * kWidth, l);
  for (; i < n; i += kWidth) take(i, 0);
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

template <class T> void scale_row(T* __restrict x, int64_t n, T by) {
  for (int64_t i = 0; i < n; ++i) x[i] *= by;
}

// The state of a panel's rows, whole vectors of them: the largest score so far, the sum of exp(score - top) and what
// was left of the sum when the largest changed.
template <class T, int64_t kRows = kPanelRows<T>> struct Softmax {
  T top[kRows], total[kRows], kept[kRows];

  void start() {
    for (int64_t r = 0; r < kRows; ++r) top[r] = -kernels::infinity<T>(), total[r] = T(0);
  }

  // Scores s [rows, n] become weights.
  void take(T* s, int64_t s_row, int64_t rows, int64_t n) {
    T highest[kRows], shift[kRows];
    for (int64_t r = 0; r < kRows; ++r) highest[r] = r < rows ? row_max(s + r * s_row, n, top[r]) : top[r];
    for (int64_t r = 0; r < kRows; r += kLanes<T>) {
      const Vec<T> now = vec_load(highest + r), by = now == vec_splat(-kernels::infinity<T>()) ? Vec<T>{} : now;
      vec_store(kept + r, vec_exp_negative(vec_load(top + r) - by));
      vec_store(shift + r, by);
      vec_store(top + r, now);
    }
    for (int64_t first = 0; first < rows; first += kLanes<T>) {
      Vec<T> sums[kLanes<T>];
      for (int64_t i = 0, r = first; i < kLanes<T>; ++i, ++r)
        sums[i] = r < rows ? exp_row(s + r * s_row, n, shift[r]) : Vec<T>{};
      vec_store(total + first, vec_fma(vec_load(total + first), vec_load(kept + first), lane_sums<T>(sums)));
    }
  }

  // What a row of weights has to be multiplied by, its largest score, and the log of the sum of exp of the distances
  // from that. A row without any gives zeros.
  void finish(T* __restrict factor, T* __restrict largest, T* __restrict rest) const {
    for (int64_t r = 0; r < kRows; ++r) {
      const bool any = top[r] != -kernels::infinity<T>();
      factor[r] = kernels::select(any, T(1) / total[r], T(0));
      largest[r] = kernels::select(any, top[r], kernels::infinity<T>());
      rest[r] = kernels::select(any, kernels::log(total[r]), T(0));
    }
  }
};

}  // namespace cnn::cpu::CNN_ISA
