// Weighted sums of rows, which is all that resampling does, in either direction and along either axis.
#pragma once

#include "cpu/heavy.h"
#include "cpu/scratch.h"
#include "cpu/vec/past_cache.h"

namespace cnn::cpu::inline CNN_ISA {

// A ResampleAxis with its weights in T.
template <class T> class Taps {
 public:
  explicit Taps(const ResampleAxis& a)
      : in(a.in), out(a.out), count(a.start[a.out]), start(a.start), index(a.index), weight(count) {
    copies = !a.weight && count == out;
    for (int64_t k = 0; k < count; ++k) weight[k] = a.weight ? T(a.weight[k]) : T(1);
    for (int64_t o = 0; o < out; ++o) copies &= start[o] == o;
  }

  const int64_t in, out, count;
  const int64_t *start, *index;
  const Scratch<T> weight;
  bool copies;  // each output is an input as it is
};

template <class T, int kVecs, bool kPastCache>
CNN_HD void sum_vectors(const T* from, int64_t pitch, const int64_t* index, const T* weight, int64_t n, T* to) {
  Vec<T> sum[kVecs];
  const T* row = from + index[0] * pitch;
  Vec<T> w = vec_splat(weight[0]);
  for (int v = 0; v < kVecs; ++v) sum[v] = w * vec_load(row + v * kLanes<T>);
  for (int64_t k = 1; k < n; ++k) {
    row = from + index[k] * pitch, w = vec_splat(weight[k]);
    for (int v = 0; v < kVecs; ++v) sum[v] = vec_fma(w, vec_load(row + v * kLanes<T>), sum[v]);
  }
  for (int v = 0; v < kVecs; ++v) {
    if constexpr (kPastCache) store_past_cache(to + v * kLanes<T>, sum[v]);
    else vec_store(to + v * kLanes<T>, sum[v]);
  }
}

template <class T>
CNN_HD void sum_lanes_of(const T* from, int64_t pitch, const int64_t* index, const T* weight, int64_t n, T* to,
                         int64_t lanes) {
  Vec<T> sum = vec_splat(weight[0]) * vec_load_n(from + index[0] * pitch, lanes);
  for (int64_t k = 1; k < n; ++k) sum = vec_fma(vec_splat(weight[k]), vec_load_n(from + index[k] * pitch, lanes), sum);
  vec_store_n(to, sum, lanes);
}

template <class T, bool kPastCache>
CNN_HD void sum_vectors_of(const T* from, int64_t pitch, const int64_t* index, const T* weight, int64_t n, T* to,
                           int64_t length) {
  constexpr int64_t kL = kLanes<T>;
  int64_t j = 0;
  for (; j + 4 * kL <= length; j += 4 * kL) sum_vectors<T, 4, kPastCache>(from + j, pitch, index, weight, n, to + j);
  for (; j + kL <= length; j += kL) sum_vectors<T, 1, kPastCache>(from + j, pitch, index, weight, n, to + j);
  if (j == length) return;
  j = length - kL;  // some of them once more
  sum_vectors<T, 1, false>(from + j, pitch, index, weight, n, to + j);
}

// to[j] = sum of weight[k] * from[index[k] * pitch + j] over the n taps k, for j below length. The order of the sum,
// and so its bits, are the same whichever rows lie side by side. Past the cache: if `to` is aligned for it.
template <class T>
CNN_HD void sum_rows(const T* from, int64_t pitch, const int64_t* index, const T* weight, int64_t n, T* to,
                     int64_t length, bool past_cache = false) {
  if (n == 0) __builtin_memset(to, 0, size_t(length) * sizeof(T));
  else if (length < kLanes<T>) sum_lanes_of(from, pitch, index, weight, n, to, length);
  else if (past_cache && reinterpret_cast<uintptr_t>(to) % kVecBytes == 0)
    sum_vectors_of<T, true>(from, pitch, index, weight, n, to, length);
  else sum_vectors_of<T, false>(from, pitch, index, weight, n, to, length);
}

}  // namespace cnn::cpu::CNN_ISA
