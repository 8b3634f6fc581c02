// Row functors along a dimension that is not the last: many rows stand side by side, and each is a column of a matrix.
// A block of them is worked on at once, so that loops run along memory. Functors without a form here are gathered.
#pragma once

#include "cpu/loops/for_types.h"
#include "kernels/rows.h"

namespace cnn::cpu::inline CNN_ISA {

inline constexpr int64_t kColumnBlock = 64;

// f(i, j) for n elements of each of m columns, row by row.
template <class F>
CNN_HD void for_columns(int64_t n, int64_t m, const F& f) {
  for (int64_t i = 0; i < n; ++i)
#pragma GCC ivdep
    for (int64_t j = 0; j < m; ++j) f(i, j);
}

// Element i of column j of operand k stands at p[k][i * pitch + j]; of one that has a single number, at p[k][j];
// of one that all columns share, at p[k][i].
template <class F, class T> struct Columns {
  static constexpr bool kKnown = false;
};

// top[j] = max of column j, and total[j] = sum of exp(x - top[j]); `each` gets every place with its exponential.
template <bool kFinite = false, class T, class F>
CNN_HD void exp_sums(int64_t n, int64_t m, int64_t pitch, const T* x, T* top, T* total, const F& each) {
  for (int64_t j = 0; j < m; ++j) top[j] = kernels::lowest<T>(), total[j] = T(0);
  for_columns(n, m, [=](int64_t i, int64_t j) { top[j] = kernels::Max().step(top[j], x[i * pitch + j]); });
  if (kFinite)
    for (int64_t j = 0; j < m; ++j) top[j] = kernels::finite_or_zero(top[j]);
  for_columns(n, m, [=, &each](int64_t i, int64_t j) {
    const T d = x[i * pitch + j] - top[j], e = kFinite ? kernels::exp(d) : kernels::exp_negative(d);
    each(i * pitch + j, e);
    total[j] += e;
  });
}

template <class T> struct Columns<kernels::Softmax, T> {
  static constexpr bool kKnown = true;
  CNN_HD static void run(const kernels::Softmax&, int64_t n, int64_t m, int64_t pitch, void* const* p) {
    T* const y = static_cast<T*>(p[0]);
    T top[kColumnBlock], total[kColumnBlock];
    exp_sums(n, m, pitch, static_cast<const T*>(p[1]), top, total, [=](int64_t at, T e) { y[at] = e; });
    for (int64_t j = 0; j < m; ++j) total[j] = T(1) / total[j];
    for_columns(n, m, [=, &total](int64_t i, int64_t j) { y[i * pitch + j] *= total[j]; });
  }
};

template <class T> struct Columns<kernels::LogSoftmax, T> {
  static constexpr bool kKnown = true;
  CNN_HD static void run(const kernels::LogSoftmax&, int64_t n, int64_t m, int64_t pitch, void* const* p) {
    T* const y = static_cast<T*>(p[0]);
    const T* const x = static_cast<const T*>(p[1]);
    T top[kColumnBlock], total[kColumnBlock];
    exp_sums(n, m, pitch, x, top, total, [](int64_t, T) {});
    for (int64_t j = 0; j < m; ++j) total[j] = kernels::log(total[j]);
    for_columns(n, m,
                [=, &top, &total](int64_t i, int64_t j) { y[i * pitch + j] = x[i * pitch + j] - top[j] - total[j]; });
  }
};

template <class T> struct Columns<kernels::LogSumExp, T> {
  static constexpr bool kKnown = true;
  CNN_HD static void run(const kernels::LogSumExp&, int64_t n, int64_t m, int64_t pitch, void* const* p) {
    T* const y = static_cast<T*>(p[0]);
    T top[kColumnBlock], total[kColumnBlock];
    exp_sums<true>(n, m, pitch, static_cast<const T*>(p[1]), top, total, [](int64_t, T) {});
    for (int64_t j = 0; j < m; ++j) y[j] = top[j] + kernels::log(total[j]);
  }
};

template <class T> struct Columns<kernels::SoftmaxGrad, T> {
  static constexpr bool kKnown = true;
  CNN_HD static void run(const kernels::SoftmaxGrad&, int64_t n, int64_t m, int64_t pitch, void* const* p) {
    T* const dx = static_cast<T*>(p[0]);
    const T *const g = static_cast<const T*>(p[1]), *const y = static_cast<const T*>(p[2]);
    T total[kColumnBlock] = {};
    for_columns(n, m, [=, &total](int64_t i, int64_t j) { total[j] += g[i * pitch + j] * y[i * pitch + j]; });
    for_columns(n, m, [=, &total](int64_t i, int64_t j) {
      dx[i * pitch + j] = y[i * pitch + j] * (g[i * pitch + j] - total[j]);
    });
  }
};

template <class T> struct Columns<kernels::LogSoftmaxGrad, T> {
  static constexpr bool kKnown = true;
  CNN_HD static void run(const kernels::LogSoftmaxGrad&, int64_t n, int64_t m, int64_t pitch, void* const* p) {
    T* const dx = static_cast<T*>(p[0]);
    const T *const g = static_cast<const T*>(p[1]), *const y = static_cast<const T*>(p[2]);
    T total[kColumnBlock] = {};
    for_columns(n, m, [=, &total](int64_t i, int64_t j) { total[j] += g[i * pitch + j]; });
    for_columns(n, m, [=, &total](int64_t i, int64_t j) {
      dx[i * pitch + j] = g[i * pitch + j] - kernels::exp_negative(y[i * pitch + j]) * total[j];
    });
  }
};

template <class T> struct Columns<kernels::ChannelScale, T> {
  static constexpr bool kKnown = true;
  CNN_HD static void run(const kernels::ChannelScale& f, int64_t n, int64_t m, int64_t pitch, void* const* p) {
    const T none[kColumnBlock] = {};
    T* const y = static_cast<T*>(p[0]);
    const T *const x = static_cast<const T*>(p[1]), *const center = p[2] ? static_cast<const T*>(p[2]) : none,
                   *const scale = static_cast<const T*>(p[3]), *const shift = p[4] ? static_cast<const T*>(p[4]) : none;
    for_columns(n, m,
                [=](int64_t i, int64_t j) { y[i * pitch + j] = f(x[i * pitch + j], center[j], scale[j], shift[j]); });
  }
};

// Sums over the columns of terms f(i, j) -> T[2]. A part of the rows is summed by itself: errors grow with the length.
template <class T, class F>
CNN_HD void two_sums(int64_t n, int64_t m, T* first, T* second, const F& f) {
  constexpr int64_t kPart = 128;
  T total[2][kColumnBlock] = {};
  for (int64_t at = 0; at < n; at += kPart) {
    T part[2][kColumnBlock] = {};
    for_columns(n - at < kPart ? n - at : kPart, m, [&part, &f, at](int64_t i, int64_t j) {
      T a, b;
      f(at + i, j, a, b);
      part[0][j] += a;
      part[1][j] += b;
    });
    for (int64_t j = 0; j < m; ++j) total[0][j] += part[0][j], total[1][j] += part[1][j];
  }
  for (int64_t j = 0; j < m; ++j) first[j] = total[0][j], second[j] = total[1][j];
}

template <class T> struct Columns<kernels::ChannelSums, T> {
  static constexpr bool kKnown = true;
  CNN_HD static void run(const kernels::ChannelSums&, int64_t n, int64_t m, int64_t pitch, void* const* p) {
    const T *const g = static_cast<const T*>(p[2]), *const x = static_cast<const T*>(p[3]),
                   *const mean = static_cast<const T*>(p[4]);
    two_sums(n, m, static_cast<T*>(p[0]), static_cast<T*>(p[1]), [=](int64_t i, int64_t j, T& a, T& b) {
      a = g[i * pitch + j];
      b = a * (x[i * pitch + j] - mean[j]);
    });
  }
};

// w[i], or a number for every i where there is no w.
template <class T> struct PerRow {
  T number;
  const T* at;
  int64_t step;
  CNN_HD PerRow(const void* w, T otherwise) : number(otherwise), at(static_cast<const T*>(w)), step(w ? 1 : 0) {
    if (!w) at = &number;
  }
  PerRow(const PerRow&) = delete;
  CNN_HD T operator[](int64_t i) const { return at[i * step]; }
};

template <class T> struct Columns<kernels::LayerNorm, T> {
  static constexpr bool kKnown = true;
  CNN_HD static void run(const kernels::LayerNorm& f, int64_t n, int64_t m, int64_t pitch, void* const* p) {
    T *const y = static_cast<T*>(p[0]), *const mean = static_cast<T*>(p[1]), *const rstd = static_cast<T*>(p[2]);
    const T* const x = static_cast<const T*>(p[3]);
    const PerRow<T> w(p[4], T(1)), b(p[5], T(0));
    T middle[kColumnBlock] = {}, rest[kColumnBlock] = {}, scale[kColumnBlock] = {};
    for_columns(n, m, [=, &middle](int64_t i, int64_t j) { middle[j] += x[i * pitch + j]; });
    for (int64_t j = 0; j < m; ++j) middle[j] /= T(n);
    for_columns(n, m, [=, &middle, &rest, &scale](int64_t i, int64_t j) {
      const T d = x[i * pitch + j] - middle[j];
      rest[j] += d;  // what the mean has missed by its own rounding
      scale[j] += d * d;
    });
    for (int64_t j = 0; j < m; ++j) {
      const T m2 = scale[j] - rest[j] * (rest[j] / T(n));
      rest[j] /= T(n);
      scale[j] = T(1) / kernels::sqrt((m2 < T(0) ? T(0) : m2) / T(n) + T(f.eps));
    }
    for (int64_t i = 0; i < n; ++i) {
      const T weight = w[i], bias = b[i];
#pragma GCC ivdep
      for (int64_t j = 0; j < m; ++j)
        y[i * pitch + j] = (x[i * pitch + j] - middle[j] - rest[j]) * scale[j] * weight + bias;
    }
    for (int64_t j = 0; j < m; ++j) mean[j] = middle[j] + rest[j], rstd[j] = scale[j];
  }
};

template <class T> struct Columns<kernels::LayerNormGrad, T> {
  static constexpr bool kKnown = true;
  CNN_HD static void run(const kernels::LayerNormGrad&, int64_t n, int64_t m, int64_t pitch, void* const* p) {
    T* const dx = static_cast<T*>(p[0]);
    const T *const g = static_cast<const T*>(p[1]), *const x = static_cast<const T*>(p[2]),
                   *const mean = static_cast<const T*>(p[3]), *const rstd = static_cast<const T*>(p[4]);
    const PerRow<T> w(p[5], T(1));
    T a[kColumnBlock] = {}, b[kColumnBlock] = {};
    for (int64_t i = 0; i < n; ++i) {
      const T weight = w[i];
#pragma GCC ivdep
      for (int64_t j = 0; j < m; ++j) {
        const T gw = g[i * pitch + j] * weight;
        a[j] += gw;
        b[j] += gw * (x[i * pitch + j] - mean[j]);
      }
    }
    for (int64_t j = 0; j < m; ++j) a[j] /= T(n), b[j] *= rstd[j] * rstd[j] / T(n);
    for (int64_t i = 0; i < n; ++i) {
      const T weight = w[i];
#pragma GCC ivdep
      for (int64_t j = 0; j < m; ++j)
        dx[i * pitch + j] = rstd[j] * (g[i * pitch + j] * weight - a[j] - (x[i * pitch + j] - mean[j]) * b[j]);
    }
  }
};

template <class T> struct Columns<kernels::LayerNormWeight, T> {
  static constexpr bool kKnown = true;
  CNN_HD static void run(const kernels::LayerNormWeight&, int64_t n, int64_t m, int64_t pitch, void* const* p) {
    const T *const g = static_cast<const T*>(p[2]), *const x = static_cast<const T*>(p[3]),
                   *const mean = static_cast<const T*>(p[4]), *const rstd = static_cast<const T*>(p[5]);
    two_sums(n, m, static_cast<T*>(p[0]), static_cast<T*>(p[1]), [=](int64_t i, int64_t j, T& a, T& b) {
      b = g[i * pitch + j];
      a = b * ((x[i * pitch + j] - mean[i]) * rstd[i]);
    });
  }
};

template <class T> struct Columns<kernels::ChannelGrad, T> {
  static constexpr bool kKnown = true;
  CNN_HD static void run(const kernels::ChannelGrad&, int64_t n, int64_t m, int64_t pitch, void* const* p) {
    T* const dx = static_cast<T*>(p[0]);
    const T *const g = static_cast<const T*>(p[1]), *const x = static_cast<const T*>(p[2]);
    const T *const mean = static_cast<const T*>(p[3]), *const a = static_cast<const T*>(p[4]),
                   *const b = static_cast<const T*>(p[5]), *const c = static_cast<const T*>(p[6]);
    for_columns(n, m, [=](int64_t i, int64_t j) {
      dx[i * pitch + j] = g[i * pitch + j] * a[j] + (x[i * pitch + j] - mean[j]) * b[j] + c[j];
    });
  }
};

// `count` columns, in blocks. `steps` says by how many bytes an operand moves from column to column, 0 for shared ones.
template <class F, class T>
void columns_loop(const void* functor, int64_t n, int64_t count, int64_t pitch, void* const* data,
                  const int64_t* steps) {
  const F f = *static_cast<const F*>(functor);
  for (int64_t j = 0; j < count; j += kColumnBlock) {
    void* p[kMapOperands];
    for (int k = 0; k < kMapOperands; ++k) p[k] = data[k] ? static_cast<char*>(data[k]) + j * steps[k] : nullptr;
    if (count - j >= kColumnBlock) Columns<F, T>::run(f, n, kColumnBlock, pitch, p);  // a constant, for the compiler
    else Columns<F, T>::run(f, n, count - j, pitch, p);
  }
}

}  // namespace cnn::cpu::CNN_ISA
