// The inner loops of the reduction skeleton: one chunk of rows, or of columns, into accumulators.
#pragma once

#include "cpu/loops/for_types.h"
#include "cpu/loops/tables.h"
#include "cpu/vec/vec.h"
#include "kernels/reduce.h"

namespace cnn::cpu::inline CNN_ISA {

template <class F, class... G> inline constexpr bool kIsOneOf = (std::is_same_v<F, G> || ...);
template <class F, class T>
inline constexpr bool kIsSum = std::is_floating_point_v<T> && std::is_base_of_v<kernels::Sum, F>;

// Four terms of a sum: added to it together they leave a quarter of the roundings.
template <class F, class T>
CNN_HD T sum_of_four(const F& f, const T* x, int64_t stride) {
  if constexpr (kIsOneOf<F, kernels::Sum, kernels::Mean>) return (x[0] + x[stride]) + (x[2 * stride] + x[3 * stride]);
  T sum = f.step(T(0), x[0]);
  for (int r = 1; r < 4; ++r) sum = f.step(sum, x[r * stride]);
  return sum;
}

// acc[j] takes x[0][j], x[1][j], ... for j < m. The columns are independent, so the compiler vectorises along j.
template <int kRows, class F, class T>
CNN_HD void take_columns(const F& f, T* __restrict acc, const T* __restrict x, int64_t m, int64_t n, int64_t stride) {
  int64_t i = 0;
  for (; i + kRows <= n; i += kRows) {
    const T* const row = x + i * stride;
#pragma GCC ivdep
    for (int64_t j = 0; j < m; ++j) {
      if constexpr (kRows == 4 && kIsSum<F, T>) {
        acc[j] = f.combine(acc[j], sum_of_four(f, row + j, stride));
      } else {
        T a = acc[j];
#pragma GCC unroll 4
        for (int r = 0; r < kRows; ++r) a = f.step(a, row[r * stride + j]);
        acc[j] = a;
      }
    }
  }
  for (; i < n; ++i)
#pragma GCC ivdep
    for (int64_t j = 0; j < m; ++j) acc[j] = f.step(acc[j], x[i * stride + j]);
}

// Columns of a matrix: the next rows are asked for in time, as no prefetcher follows four of them side by side.
template <class F, class T>
CNN_HD void take_matrix(const F& f, T* acc, const T* x, int64_t m, int64_t n, int64_t stride) {
  constexpr int64_t kRows = 4, kLine = 64 / sizeof(T);
  for (int64_t i = 0; i < n; i += kRows) {
    const int64_t rows = n - i < kRows ? n - i : kRows;
    const T* const next = x + (i + kRows) * stride;
    for (int64_t r = 0; r < n - i - kRows && r < kRows; ++r)
      for (int64_t j = 0; j < m; j += kLine) __builtin_prefetch(next + r * stride + j);
    take_columns<kRows>(f, acc, x + i * stride, m, rows, stride);
  }
}

// A dense row seen as columns of kWidth, the lanes joined in a tree: the order depends on n alone.
template <int kWidth, class F, class T>
CNN_HD T row_in_lanes(const F& f, const T* x, int64_t n) {
  T acc[kWidth];
  for (int l = 0; l < kWidth; ++l) acc[l] = f.template identity<T>();
  const int64_t whole = n / kWidth * kWidth;
  take_columns<2>(f, acc, x, kWidth, whole / kWidth, kWidth);
  for (int64_t i = whole; i < n; ++i) acc[i - whole] = f.step(acc[i - whole], x[i]);
  for (int half = kWidth / 2; half > 0; half /= 2)
    for (int l = 0; l < half; ++l) acc[l] = f.combine(acc[l], acc[l + half]);
  return acc[0];
}

// Functors whose step takes vectors as it takes numbers.
template <class F, class T>
inline constexpr bool kInVectors =
    std::is_floating_point_v<T> && kIsOneOf<F, kernels::Sum, kernels::Mean, kernels::Max, kernels::Min>;

template <class F, class V>
CNN_HD V vec_step(const F& f, V a, V x) {
  if constexpr (std::is_same_v<F, kernels::Max>) return vec_larger(x, a);
  else if constexpr (std::is_same_v<F, kernels::Min>) return vec_smaller(x, a);
  else return f.step(a, x);
}

// The lanes of v joined in a tree, from halves kHalf apart on.
template <class T, int kHalf, class F>
CNN_HD T folded(const F& f, Vec<T> v) {
  if constexpr (kHalf == 0) return v[0];
  else return folded<T, kHalf / 2>(f, vec_step(f, v, vec_moved_down<T, kHalf>(v, AllLanes<T>())));
}

// row_in_lanes, in registers to the last element. Memory is asked in advance for what is read in order, `in_order`
// elements from x on: by itself it would come too late.
template <int kWidth, class F, class T>
CNN_HD T row_in_vectors(const F& f, const T* x, int64_t n, int64_t in_order) {
  constexpr int kStep = kLanes<T>, kVectors = kWidth / kStep, kAhead = 4096 / sizeof(T);
  Vec<T> acc[kVectors];
#pragma GCC unroll 16
  for (int k = 0; k < kVectors; ++k) acc[k] = vec_splat(f.template identity<T>());
  const auto take = [&](const T* from) {
#pragma GCC unroll 16
    for (int k = 0; k < kVectors; ++k) acc[k] = vec_step(f, acc[k], vec_load(from + k * kStep));
  };
  int64_t i = 0;
  for (const int64_t end = min_of(n - kWidth, in_order - kAhead - kWidth); i <= end; i += kWidth) {
#pragma GCC unroll 4
    for (int at = 0; at < kWidth; at += 64 / int(sizeof(T))) __builtin_prefetch(x + i + kAhead + at);
    take(x + i);
  }
  for (; i + kWidth <= n; i += kWidth) take(x + i);
#pragma GCC unroll 16
  for (int k = 0; k < kVectors; ++k, i += kStep)
    if (i < n) acc[k] = vec_numbers<T>() < vec_splat(T(n - i)) ? vec_step(f, acc[k], vec_load_n(x + i, n - i)) : acc[k];
#pragma GCC unroll 4
  for (int half = kVectors / 2; half > 0; half /= 2)
#pragma GCC unroll 8
    for (int k = 0; k < half; ++k) acc[k] = vec_step(f, acc[k], acc[k + half]);
  return folded<T, kStep / 2>(f, acc[0]);
}

template <class F, class T>
CNN_HD T flat_row(const F& f, const T* x, int64_t n, int64_t in_order = 0) {
  constexpr int kWide = 256 / sizeof(T), kNarrow = 16;
  if constexpr (kInVectors<F, T>) {
    if (n >= 128) return row_in_vectors<kWide>(f, x, n, in_order);
    if (n >= kNarrow) return row_in_vectors<kNarrow>(f, x, n, 0);
  }
  if (n >= 128) return row_in_lanes<kWide>(f, x, n);
  if (n >= kNarrow) return row_in_lanes<kNarrow>(f, x, n);
  T acc = f.template identity<T>();
  for (int64_t i = 0; i < n; ++i) acc = f.step(acc, x[i]);
  return acc;
}

// How a functor runs over one chunk. Flat functors; the others specialise.
template <class F, class T>
struct Chunk {
  static T row(const F& f, const T* x, int64_t n, int64_t, int64_t in_order) { return flat_row(f, x, n, in_order); }
  static void columns(const F& f, const T* x, int64_t m, int64_t n, int64_t stride, int64_t, T* acc) {
    for (int64_t j = 0; j < m; ++j) acc[j] = f.template identity<T>();
    take_matrix(f, acc, x, m, n, stride);
  }
  static void finish(const F& f, T acc, int64_t n, T* y, T*) { *y = f.finish(acc, n); }
};

// The extremum first, in lanes, piece by piece; then the search for its first place in the first piece that has it.
template <class F, class T>
struct ChunkAt {
  using Acc = typename F::template Acc<T>;
  static Acc row(const F& f, const T* x, int64_t n, int64_t base, int64_t in_order) {
    if (n == 0) return f.template identity<T>();
    constexpr int64_t kPiece = 512;
    constexpr int kBlock = 64;
    const typename F::Best best_of;
    T best = flat_row(best_of, x, min_of(n, kPiece), in_order);  // NaN where there is one
    int64_t i = 0;                                               // where the first piece with the extremum begins
    for (int64_t at = kPiece; at < n; at += kPiece) {
      const T other = flat_row(best_of, x + at, min_of(n - at, kPiece), in_order - at);
      if (best_of.better(other, best)) best = other, i = at;
    }
    const auto hit = [&](int64_t i) { return (x[i] == best) | (x[i] != x[i]); };
    for (; i + kBlock <= n; i += kBlock) {
      int first = kBlock;
      for (int l = 0; l < kBlock; ++l) {
        const int place = hit(i + l) ? l : kBlock;
        first = place < first ? place : first;
      }
      if (first < kBlock) return {x[i + first], base + i + first};
    }
    while (!hit(i)) ++i;
    return {x[i], base + i};
  }
  static void columns(const F& f, const T* x, int64_t m, int64_t n, int64_t stride, int64_t base, Acc* acc) {
    if (n == 0) {
      for (int64_t j = 0; j < m; ++j) acc[j] = f.template identity<T>();
      return;
    }
    constexpr int64_t kColumns = 64;
    const typename F::Best best_of;
    for (int64_t at = 0; at < m; at += kColumns) {
      const int64_t width = m - at < kColumns ? m - at : kColumns;
      T best[kColumns];
      int32_t where[kColumns] = {};
      for (int64_t j = 0; j < width; ++j) best[j] = x[at + j];
      for (int64_t i = 1; i < n; ++i) {
        const T* row = x + at + i * stride;
#pragma GCC ivdep
        for (int64_t j = 0; j < width; ++j) {
          const bool better = best_of.better(row[j], best[j]);
          best[j] = better ? row[j] : best[j];
          where[j] = better ? int32_t(i) : where[j];
        }
      }
      for (int64_t j = 0; j < width; ++j) acc[at + j] = {best[j], base + where[j]};
    }
  }
  static void finish(const F& f, Acc acc, int64_t n, T* value, int64_t* index) { f.finish(acc, n, value, index); }
};
template <class T> struct Chunk<kernels::MaxAt, T> : ChunkAt<kernels::MaxAt, T> {};
template <class T> struct Chunk<kernels::MinAt, T> : ChunkAt<kernels::MinAt, T> {};

// As many floats as there are lanes of doubles.
typedef float HalfVec __attribute__((vector_size(kVecBytes / 2)));
CNN_HD Vec<double> load_widened(const float* p) {
  HalfVec v;
  __builtin_memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, Vec<double>);
}

template <class T>
struct Chunk<kernels::Moments, T> {
  using F = kernels::Moments;
  using Acc = kernels::MeanM2;
  static constexpr int64_t kColumns = 64;

  static Acc row(const F& f, const T* x, int64_t n, int64_t, int64_t) {
    if (n == 0) return f.identity<T>();
    if constexpr (sizeof(T) == 8) {  // the mean of the chunk first, then the distances from it
      const T mean = flat_row(kernels::Sum(), x, n) / T(n);
      return {mean, flat_row(kernels::SquaredDistance<T>{{}, mean}, x, n), T(n)};
    } else {
      if (n >= 4 * kRows * kStep) {
        Acc acc;
        if (row_in_blocks(x, n, acc)) return acc;
      }
      const Distances s = distances(x, n, x[0]);
      Acc acc = about(x[0], s.first, s.square, n);
      if (!(kernels::fabs(s.first) < kernels::infinity<double>())) acc.mean = flat_row(kernels::Sum(), x, n) / T(n);
      return acc;
    }
  }

  static void columns(const F& f, const T* x, int64_t m, int64_t n, int64_t stride, int64_t, Acc* acc) {
    for (int64_t at = 0; at < m; at += kColumns) {
      const int64_t width = m - at < kColumns ? m - at : kColumns;
      const T* const from = x + at;
      if (n == 0) {
        for (int64_t j = 0; j < width; ++j) acc[at + j] = f.identity<T>();
      } else if constexpr (sizeof(T) == 8) {
        T mean[kColumns] = {}, m2[kColumns] = {};
        take_matrix(kernels::Sum(), mean, from, width, n, stride);
        for (int64_t j = 0; j < width; ++j) mean[j] /= T(n);
        for (int64_t i = 0; i < n; ++i) {
          const T* const row = from + i * stride;
#pragma GCC ivdep
          for (int64_t j = 0; j < width; ++j) m2[j] += (row[j] - mean[j]) * (row[j] - mean[j]);
        }
        for (int64_t j = 0; j < width; ++j) acc[at + j] = {mean[j], m2[j], T(n)};
      } else if (n < 8 * kRows || !columns_in_blocks(from, width, n, stride, acc + at)) {
        double first[kColumns] = {}, square[kColumns] = {};
        int64_t j = 0;
        for (; j + kStep <= width; j += kStep) vector_distances(from + j, n, stride, first + j, square + j);
        int64_t i = 0;
        for (; i + 8 <= n && j < width; i += 8)
          column_distances<8>(from + j, from + i * stride + j, width - j, n - i, stride, first + j, square + j);
        for (; i < n && j < width; ++i)
          column_distances<1>(from + j, from + i * stride + j, width - j, n - i, stride, first + j, square + j);
        bool finite = true;
        for (int64_t j = 0; j < width; ++j) {
          acc[at + j] = about(from[j], first[j], square[j], n);
          finite &= kernels::fabs(first[j]) < kernels::infinity<double>();
        }
        for (int64_t j = 0; !finite && j < width; ++j) {
          double sum = 0;
          for (int64_t r = 0; r < n; ++r) sum += from[r * stride + j];
          acc[at + j].mean = sum / double(n);
        }
      }
    }
  }
  static void finish(const F& f, Acc acc, int64_t n, double* spread, double* mean) { f.finish(acc, n, spread, mean); }

 private:
  // Floats: the sums in double of d = x - x[0] and of d^2, in one pass. Their difference is exact enough for a float,
  // as x[0] is one of the n elements: (mean - x[0])^2 <= M2, so no more than a factor of n + 1 cancels.
  struct Distances {
    double first = 0, square = 0;
  };
  static Distances distances(const T* x, int64_t n, float origin) {
    constexpr int kWidth = 16, kStep = kLanes<double>, kAhead = 512;
    Vec<double> first[kWidth / kStep] = {}, square[kWidth / kStep] = {};
    const auto take = [&](const T* from) {
#pragma GCC unroll 8
      for (int k = 0; k < kWidth / kStep; ++k) {
        const Vec<double> d = load_widened(from + k * kStep) - vec_splat(double(origin));
        first[k] += d;
        square[k] = vec_fma(d, d, square[k]);
      }
    };
    int64_t i = 0;
    for (; i + kWidth <= n; i += kWidth) {
      __builtin_prefetch(x + i + kAhead);  // what comes from memory comes too late by itself
      take(x + i);
    }
    for (; i < n; i += kLanes<float>) {  // lanes past the end have no distance
      const Vec<float> left =
          vec_numbers<float>() < vec_splat(float(n - i)) ? vec_load_n(x + i, n - i) : vec_splat(origin);
      for (int h = 0; h < 2; ++h) {
        const Vec<double> d = widened(left, h) - vec_splat(double(origin));
        first[h] += d;
        square[h] = vec_fma(d, d, square[h]);
      }
    }
    for (int k = 1; k < kWidth / kStep; ++k) first[0] += first[k], square[0] += square[k];
    return {vec_sum<double>(first[0]), vec_sum<double>(square[0])};
  }

  // Many floats: their distances from a number near the mean as floats, whose sums leave the lanes of floats after
  // kRows terms. That is exact to the last bits of a float unless the number turns out to stand far from the mean, or
  // squares leave the range of floats.
  static constexpr int kTerms = 4, kRows = kTerms * kTerms, kStep = kLanes<float>;
  struct Sums {
    Vec<double> first[2] = {}, square[2] = {};
    // kRows vectors, the r-th at(r).
    template <class At>
    CNN_HD void take(const At& at, Vec<float> center) {
      Vec<float> a = {}, b = {};
#pragma GCC unroll 4
      for (int k = 0; k < kRows; k += kTerms) {
        const Vec<float> d0 = at(k) - center;
        Vec<float> few_a = d0, few_b = d0 * d0;
#pragma GCC unroll 4
        for (int r = k + 1; r < k + kTerms; ++r) {
          const Vec<float> d = at(r) - center;
          few_a += d;
          few_b = vec_fma(d, d, few_b);
        }
        a += few_a;
        b += few_b;
      }
      for (int h = 0; h < 2; ++h) first[h] += widened(a, h), square[h] += widened(b, h);
    }
    CNN_HD void take_one(Vec<float> d) {
      for (int h = 0; h < 2; ++h) {
        const Vec<double> wide = widened(d, h);
        first[h] += wide;
        square[h] = vec_fma(wide, wide, square[h]);
      }
    }
  };
  // Half of the lanes.
  CNN_HD static Vec<double> widened(Vec<float> v, int half) {
    float lanes[kStep];
    vec_store(lanes, v);
    return load_widened(lanes + half * (kStep / 2));
  }
  static bool is_exact(const Acc& acc, double square) {
    return square < kernels::infinity<double>() && square > 1e-28 * acc.count && acc.m2 > 0.5 * square;
  }

  static bool row_in_blocks(const T* x, int64_t n, Acc& acc) {
    constexpr int kSamples = 4, kAhead = 512;
    Vec<float> near = {};
    for (int k = 0; k < kSamples; ++k) near += vec_load(x + k * (n / kSamples)) - vec_splat(x[0]);
    const float center = x[0] + vec_sum<float>(near) / float(kSamples * kStep);
    Sums s;
    int64_t i = 0;
    for (; i + kRows * kStep <= n; i += kRows * kStep) {
      const auto at = [=](int r) {
        __builtin_prefetch(x + i + r * kStep + kAhead);
        return vec_load(x + i + r * kStep);
      };
      s.take(at, vec_splat(center));
    }
    const Distances rest = distances(x + i, n - i, center);
    const double first = vec_sum<double>(s.first[0] + s.first[1]) + rest.first;
    const double square = vec_sum<double>(s.square[0] + s.square[1]) + rest.square;
    acc = about(center, first, square, n);
    return is_exact(acc, square);
  }

  static bool columns_in_blocks(const T* x, int64_t m, int64_t n, int64_t stride, Acc* acc) {
    Vec<float> center[kColumns / kStep];
    Sums s[kColumns / kStep];
    const auto load = [=](int64_t i, int64_t j) { return vec_load_lanes(x + i * stride + j, lanes_of<float>(m - j)); };
    for (int64_t j = 0; j < m; j += kStep) {
      Vec<float> near = {};
      for (int k = 1; k < kRows; ++k) near += load(k * n / kRows, j) - load(0, j);
      center[j / kStep] = load(0, j) + near * vec_splat(1.0f / kRows);
    }
    int64_t i = 0;
    for (; i + kRows <= n; i += kRows) {
      const int64_t ahead = i + 2 * kRows <= n ? kRows : 0;
      for (int64_t j = 0; j < m; j += kStep) {
        const Lanes<float> lanes = lanes_of<float>(m - j);
        const T* const from = x + i * stride + j;
        const auto at = [=](int r) {
          __builtin_prefetch(from + (r + ahead) * stride);
          return vec_load_lanes(from + r * stride, lanes);
        };
        s[j / kStep].take(at, center[j / kStep]);
      }
    }
    for (; i < n; ++i)
      for (int64_t j = 0; j < m; j += kStep) s[j / kStep].take_one(load(i, j) - center[j / kStep]);
    bool exact = true;
    for (int64_t j = 0; j < m; j += kStep) {
      double first[kStep], square[kStep];
      __builtin_memcpy(first, s[j / kStep].first, sizeof first);
      __builtin_memcpy(square, s[j / kStep].square, sizeof square);
      for (int64_t l = 0; l < kStep && j + l < m; ++l) {
        acc[j + l] = about(center[j / kStep][l], first[l], square[l], n);
        exact &= is_exact(acc[j + l], square[l]);
      }
    }
    return exact;
  }

  // As many columns as there are lanes of floats.
  static void vector_distances(const T* x, int64_t n, int64_t stride, double* first, double* square) {
    constexpr int kHalf = kStep / 2, kAhead = 16;
    const Vec<double> origin[2] = {load_widened(x), load_widened(x + kHalf)};
    Vec<double> a[2] = {}, b[2] = {};
    for (int64_t i = 0; i < n; ++i) {
      const T* const row = x + i * stride;
      if (i + kAhead < n) __builtin_prefetch(row + kAhead * stride);
      for (int h = 0; h < 2; ++h) {
        const Vec<double> d = load_widened(row + h * kHalf) - origin[h];
        a[h] += d;
        b[h] = vec_fma(d, d, b[h]);
      }
    }
    for (int h = 0; h < 2; ++h) vec_store(first + h * kHalf, a[h]), vec_store(square + h * kHalf, b[h]);
  }
  // The next kRows of `left` rows; those behind them are asked for in time.
  template <int kRows>
  static void column_distances(const T* origin, const T* x, int64_t m, int64_t left, int64_t stride,
                               double* __restrict first, double* __restrict square) {
    for (int64_t r = kRows; r < left && r < 2 * kRows; ++r)
      for (int64_t j = 0; j < m; j += 64 / int64_t(sizeof(T))) __builtin_prefetch(x + r * stride + j);
#pragma GCC ivdep
    for (int64_t j = 0; j < m; ++j) {
      double a = first[j], b = square[j];
      const double from = origin[j];
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        const double d = double(x[r * stride + j]) - from;
        a += d;
        b += d * d;
      }
      first[j] = a;
      square[j] = b;
    }
  }
  // Where there is an infinity or nan the mean has to be that of the plain sum.
  static Acc about(double origin, double first, double square, int64_t n) {
    const double shift = first * (1 / double(n)), m2 = square - first * shift;
    return {origin + shift, m2 < 0 ? 0 : m2, double(n)};
  }
};

// The loops that the driver calls. The functor is copied, so that its members live in registers.
template <class F, class T>
struct ReduceOf {
  using Acc = typename F::template Acc<T>;
  using First = typename F::template First<T>;
  using Second = typename F::template Second<T>;

  // Of a single row row_stride says how many elements from x on are read in order, this row and what follows it.
  static void rows(const void* functor, const void* x, int64_t rows, int64_t row_stride, int64_t n, int64_t base,
                   void* acc) {
    const F f = *static_cast<const F*>(functor);
    for (int64_t r = 0; r < rows; ++r) {
      const int64_t in_order = rows == 1 ? row_stride : row_stride == n ? (rows - r) * n : n;
      static_cast<Acc*>(acc)[r] = Chunk<F, T>::row(f, static_cast<const T*>(x) + r * row_stride, n, base, in_order);
    }
  }
  static void columns(const void* functor, const void* x, int64_t m, int64_t n, int64_t stride, int64_t base,
                      void* acc) {
    const F f = *static_cast<const F*>(functor);
    Chunk<F, T>::columns(f, static_cast<const T*>(x), m, n, stride, base, static_cast<Acc*>(acc));
  }
  static void combine(const void* functor, int64_t count, void* acc, const void* later) {
    const F f = *static_cast<const F*>(functor);
    Acc* a = static_cast<Acc*>(acc);
    const Acc* b = static_cast<const Acc*>(later);
    for (int64_t i = 0; i < count; ++i) a[i] = f.combine(a[i], b[i]);
  }
  static void finish(const void* functor, int64_t count, int64_t n, const void* acc, void* y0, void* y1) {
    const F f = *static_cast<const F*>(functor);
    First* first = static_cast<First*>(y0);
    Second* second = static_cast<Second*>(y1);
    for (int64_t i = 0; i < count; ++i)
      Chunk<F, T>::finish(f, static_cast<const Acc*>(acc)[i], n, first ? first + i : nullptr,
                          second ? second + i : nullptr);
  }
  static void add(ReduceLoops* row, DType elements = dtype_of<T>, DType first = dtype_of<First>) {
    constexpr bool kRagged = kInVectors<F, T> || (sizeof(T) == 4 && std::is_same_v<F, kernels::Moments>);
    row[int(elements)] = {int(sizeof(Acc)), F::kCost, kRagged, first, dtype_of<Second>, rows, columns, combine, finish};
  }
};

template <class F, kernels::ReduceTypes kTypes>
void add_reduce(ReduceLoops (*table)[kDTypes]) {
  using kernels::ReduceTypes;
  ReduceLoops* row = table[kernels::IdOf<F>::value];
  if constexpr (kTypes == ReduceTypes::Flags) {
    ReduceOf<F, uint8_t>::add(row, DType::Bool, DType::Bool);  // a flag that is true may be any byte but 0
  } else {
    ReduceOf<F, float>::add(row);
    ReduceOf<F, double>::add(row);
    if constexpr (kTypes == ReduceTypes::Wide) ReduceOf<F, int64_t>::add(row);
  }
}

}  // namespace cnn::cpu::inline CNN_ISA
