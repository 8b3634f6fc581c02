// Attention: scores by a product, their softmax, and a product with the values; backward the weights are made again
// from the log of their sums. Scores exist for as many heads and rows at a time as fit a buffer of fixed size, so
// memory grows with the length of the sequences and not with its square.
#pragma once

#include "cuda/heavy_entries.h"
#include "cuda/memory.h"
#include "cuda/runtime.h"
#include "kernels/math.h"

#ifndef CNN_ATTENTION_SCORES  // the emulation has few, so that small sequences are cut too
#define CNN_ATTENTION_SCORES (int64_t(1) << 23)
#endif

namespace cnn::cuda {

inline constexpr int kScoreThreads = 256;
inline constexpr int64_t kMostScores = CNN_ATTENTION_SCORES;  // of a buffer

// Rows of scores [planes, rows, cols], dense. Plane n is one head of one batch; its steps are those of one plane.
template <class T> struct ScoreRows {
  T *s, *ds;  // ds: backward
  int64_t planes, rows, first_row;  // first_row: the query of the first row of each plane
  int64_t cols;
  bool causal, mask_is_bool;
  T scale;  // of the gradients
  const void* mask;
  int64_t mask_plane, mask_row, mask_col;
  const T* noise;
  int64_t noise_plane, noise_row;
  T *largest, *rest;  // the parts of lse: the largest score, and the log of the sum of exp of the distances from it
  int64_t lse_plane;
};

// kTeam threads of a block that share a row: a warp of the block's eight, or all of it.
template <int kTeam> struct RowTeam {
  static constexpr int kRows = kScoreThreads / kTeam;  // rows of a block
  __device__ static int64_t row() { return int64_t(blockIdx.x) * kRows + threadIdx.x / kTeam; }
  __device__ static int lane() { return int(threadIdx.x) % kTeam; }

  // Of one value of each thread; the same for all of them.
  template <class T, class F> __device__ static T reduce(T value, const F& f) {
    for (int step = 16; step > 0; step /= 2) value = f(value, __shfl_xor_sync(kAllLanes, value, step));
    if constexpr (kTeam > 32) {
      __shared__ T warps[kTeam / 32];
      __syncthreads();  // until all have read the result of the reduction before
      if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
      __syncthreads();
      value = warps[0];
      for (int w = 1; w < kTeam / 32; ++w) value = f(value, warps[w]);
    }
    return value;
  }
};

// NaN wins, so that a row of NaN is not taken for one that is hidden.
template <class T> struct Larger {
  __device__ T operator()(T a, T b) const { return (b > a) | (b != b) ? b : a; }
};
template <class T> struct Plus {
  __device__ T operator()(T a, T b) const { return a + b; }
};

// The masked score of row r of plane n.
template <class T> struct MaskedScore {
  const ScoreRows<T>& a;
  const uint8_t* flags;
  const T* bias;
  int64_t seen;
  __device__ MaskedScore(const ScoreRows<T>& a, int64_t n, int64_t r) : a(a), flags(nullptr), bias(nullptr) {
    const int64_t query = a.first_row + r, at = n * a.mask_plane + query * a.mask_row;
    if (a.mask && a.mask_is_bool) flags = static_cast<const uint8_t*>(a.mask) + at;
    else if (a.mask) bias = static_cast<const T*>(a.mask) + at;
    seen = a.causal && query + 1 < a.cols ? query + 1 : a.cols;
  }
  __device__ T operator()(T score, int64_t c) const {
    if (c >= seen || (flags && !flags[c * a.mask_col])) return -kernels::infinity<T>();
    return bias ? score + bias[c * a.mask_col] : score;
  }
};

// Scores become weights, times the noise; the parts of lse are noted. kKept: elements of a row that
// each thread has in registers; 0 for longer rows, which stay in memory.
template <class T, int kTeam, int kKept>
__global__ void __launch_bounds__(kScoreThreads) softmax_rows(ScoreRows<T> a) {
  using Team = RowTeam<kTeam>;
  const int64_t row = Team::row();
  if (row >= a.planes * a.rows) return;  // all threads of a team together
  const int64_t n = row / a.rows, r = row - n * a.rows;
  T* const s = a.s + row * a.cols;
  const T* const noise = a.noise ? a.noise + n * a.noise_plane + (a.first_row + r) * a.noise_row : nullptr;
  const MaskedScore<T> masked(a, n, r);
  T kept[kKept > 0 ? kKept : 1] = {};
  // x = f(c, x) for all of this thread's elements
  const auto each = [&](const auto& f) {
    if constexpr (kKept > 0) {
#pragma unroll
      for (int k = 0; k < kKept; ++k) {
        const int64_t c = Team::lane() + k * kTeam;
        if (c < a.cols) kept[k] = f(c, kept[k]);
      }
    } else {
      for (int64_t c = Team::lane(); c < a.cols; c += kTeam) s[c] = f(c, s[c]);
    }
  };
  T top = -kernels::infinity<T>(), total = 0;
  each([&](int64_t c, T) {
    const T x = masked(s[c], c);
    top = Larger<T>()(top, x);
    return x;
  });
  top = Team::reduce(top, Larger<T>());
  const bool hidden = top == -kernels::infinity<T>();
  each([&](int64_t, T x) {
    const T p = hidden ? T(0) : kernels::exp_negative(x - top);
    total += p;
    return p;
  });
  total = Team::reduce(total, Plus<T>());
  const T factor = hidden ? T(0) : T(1) / total;
  each([&](int64_t c, T p) { return s[c] = noise ? p * factor * noise[c] : p * factor; });
  if (Team::lane() == 0) {
    const int64_t at = n * a.lse_plane + a.first_row + r;
    a.largest[at] = hidden ? kernels::infinity<T>() : top;
    a.rest[at] = hidden ? T(0) : kernels::log(total);
  }
}

// Scores become weights times the noise; ds, the gradients of those, the gradients of the scores before they were
// scaled.
template <class T, int kTeam, int kKept>
__global__ void __launch_bounds__(kScoreThreads) softmax_rows_backward(ScoreRows<T> a) {
  using Team = RowTeam<kTeam>;
  const int64_t row = Team::row();
  if (row >= a.planes * a.rows) return;
  const int64_t n = row / a.rows, r = row - n * a.rows;
  T *const s = a.s + row * a.cols, *const ds = a.ds + row * a.cols;
  const T* const noise = a.noise ? a.noise + n * a.noise_plane + (a.first_row + r) * a.noise_row : nullptr;
  const MaskedScore<T> masked(a, n, r);
  const int64_t at = n * a.lse_plane + a.first_row + r;
  const T largest = a.largest[at], rest = a.rest[at];
  T p_kept[kKept > 0 ? kKept : 1], d_kept[kKept > 0 ? kKept : 1];
  T inner = 0;
  const auto weigh = [&](int64_t c, T& p, T& d) {
    p = kernels::exp_negative(masked(s[c], c) - largest - rest);
    d = noise ? ds[c] * noise[c] : ds[c];
    inner += p * d;
  };
  const auto finish = [&](int64_t c, T p, T d) {
    s[c] = noise ? p * noise[c] : p;
    ds[c] = p * (d - inner) * a.scale;
  };
  if constexpr (kKept > 0) {
#pragma unroll
    for (int k = 0; k < kKept; ++k)
      if (const int64_t c = Team::lane() + k * kTeam; c < a.cols) weigh(c, p_kept[k], d_kept[k]);
  } else {
    for (int64_t c = Team::lane(); c < a.cols; c += kTeam) {
      T p, d;
      weigh(c, p, d);
      s[c] = p, ds[c] = d;
    }
  }
  inner = Team::reduce(inner, Plus<T>());
  if constexpr (kKept > 0) {
#pragma unroll
    for (int k = 0; k < kKept; ++k)
      if (const int64_t c = Team::lane() + k * kTeam; c < a.cols) finish(c, p_kept[k], d_kept[k]);
  } else {
    for (int64_t c = Team::lane(); c < a.cols; c += kTeam) finish(c, s[c], ds[c]);
  }
}

template <class T> void launch_scores(const ScoreRows<T>& a, bool forward) {
  const int64_t rows = a.planes * a.rows;
  const auto run = [&](auto kernel, int64_t in_block) {
    CNN_LAUNCH(kernel, unsigned((rows + in_block - 1) / in_block), kScoreThreads, a);
  };
  if (a.cols <= 32 * 8) run(forward ? softmax_rows<T, 32, 8> : softmax_rows_backward<T, 32, 8>, kScoreThreads / 32);
  else if (a.cols <= kScoreThreads * 8)
    run(forward ? softmax_rows<T, kScoreThreads, 8> : softmax_rows_backward<T, kScoreThreads, 8>, 1);
  else run(forward ? softmax_rows<T, kScoreThreads, 0> : softmax_rows_backward<T, kScoreThreads, 0>, 1);
}

}  // namespace cnn::cuda
