// Functors over whole rows: normalisations along one dimension. A Team is one thread on the CPU, one block on CUDA.
#pragma once

#include "kernels/functor.h"
#include "kernels/math.h"
#include "kernels/reduce.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types)
#define CNN_ROWS_NORM(X)                                                                                         \
  X(Softmax, Floats) X(LogSoftmax, Floats) X(SoftmaxGrad, Floats) X(LogSoftmaxGrad, Floats) X(LogSumExp, Floats) \
  X(LayerNorm, Floats) X(LayerNormGrad, Floats) X(LayerNormWeight, Floats) X(ChannelScale, Floats)               \
  X(ChannelSums, Floats) X(ChannelGrad, Floats)

enum class RowTypes : unsigned char { Floats, Wide };  // Wide: and int64

// The operands of one row, in the order in which the op gave them: outputs first.
struct RowData {
  void* const* p;
  template <class T> CNN_HD T* at(int k) const { return static_cast<T*>(p[k]); }
};

struct RowFunctor {
  static constexpr int kCost = 4;     // of one element
  static constexpr int kScratch = 0;  // bytes of working memory for each element
  static constexpr bool kSerial = false;  // does one thread do a whole row, element after element?
};

template <class Team, class T> CNN_HD T row_max(const Team& team, const T* x, int64_t n) {
  return team.reduce(n, lowest<T>(), Max(), [=](int64_t i) { return x[i]; });
}
// Rows of -inf alone have no shift that would help.
template <class T> CNN_HD T finite_or_zero(T x) { return (x == infinity<T>()) | (x == -infinity<T>()) ? T(0) : x; }

// y = exp(x - max x) / sum exp(x - max x)
struct Softmax : RowFunctor {
  static constexpr int kCost = 8;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    T* y = row.at<T>(0);
    const T* x = row.at<T>(1);
    const T top = row_max(team, x, n);
    team.each(n, [=](int64_t i) { y[i] = exp_negative(x[i] - top); });
    const T scale = T(1) / team.reduce(n, T(0), Sum(), [=](int64_t i) { return y[i]; });
    team.each(n, [=](int64_t i) { y[i] = y[i] * scale; });
  }
};

// y = x - max x - log sum exp(x - max x)
struct LogSoftmax : RowFunctor {
  static constexpr int kCost = 8;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    T* y = row.at<T>(0);
    const T* x = row.at<T>(1);
    const T top = row_max(team, x, n);
    const T total = log(team.reduce(n, T(0), Sum(), [=](int64_t i) { return exp_negative(x[i] - top); }));
    team.each(n, [=](int64_t i) { y[i] = x[i] - top - total; });
  }
};

// dx = y (g - sum g y)
struct SoftmaxGrad : RowFunctor {
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    T* dx = row.at<T>(0);
    const T *g = row.at<T>(1), *y = row.at<T>(2);
    const T total = team.reduce(n, T(0), Sum(), [=](int64_t i) { return g[i] * y[i]; });
    team.each(n, [=](int64_t i) { dx[i] = y[i] * (g[i] - total); });
  }
};

// dx = g - exp(y) sum g
struct LogSoftmaxGrad : RowFunctor {
  static constexpr int kCost = 8;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    T* dx = row.at<T>(0);
    const T *g = row.at<T>(1), *y = row.at<T>(2);
    const T total = team.reduce(n, T(0), Sum(), [=](int64_t i) { return g[i]; });
    team.each(n, [=](int64_t i) { dx[i] = g[i] - exp_negative(y[i]) * total; });
  }
};

// y = max x + log sum exp(x - max x), one number a row
struct LogSumExp : RowFunctor {
  static constexpr int kCost = 8;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    const T* x = row.at<T>(1);
    const T top = finite_or_zero(row_max(team, x, n));
    *row.at<T>(0) = top + log(team.reduce(n, T(0), Sum(), [=](int64_t i) { return exp(x[i] - top); }));
  }
};

// y = (x - mean) rstd w + b, with w and b along the row; keeps mean and rstd = 1 / sqrt(var + eps)
struct LayerNorm : RowFunctor {
  double eps = 1e-5;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    T* y = row.at<T>(0);
    const T *x = row.at<T>(3), *w = row.at<T>(4), *b = row.at<T>(5);
    const T mean = team.reduce(n, T(0), Sum(), [=](int64_t i) { return x[i]; }) / T(n);
    T rest = 0, m2 = team.reduce(n, T(0), Sum(), [=](int64_t i) { return (x[i] - mean) * (x[i] - mean); });
    if (mean * mean * T(n) > T(4) * m2) {  // far from zero the mean has a rest that T cannot hold
      const T missed = team.reduce(n, T(0), Sum(), [=](int64_t i) { return x[i] - mean; }) / T(n);
      m2 = team.reduce(n, T(0), Sum(), [=](int64_t i) { return (x[i] - mean - missed) * (x[i] - mean - missed); });
      rest = missed;
    }
    const T rstd = T(1) / sqrt(m2 / T(n) + T(eps));
    if (rest == T(0)) write(team, y, w, b, n, rstd, [=](int64_t i) { return x[i] - mean; });
    else write(team, y, w, b, n, rstd, [=](int64_t i) { return x[i] - mean - rest; });
    *row.at<T>(1) = mean + rest;
    *row.at<T>(2) = rstd;
  }

 private:
  template <class Team, class T, class Term>
  CNN_HD static void write(const Team& team, T* y, const T* w, const T* b, int64_t n, T rstd, Term d) {
    if (w && b) team.each(n, [=](int64_t i) { y[i] = d(i) * rstd * w[i] + b[i]; });
    else if (w) team.each(n, [=](int64_t i) { y[i] = d(i) * rstd * w[i]; });
    else if (b) team.each(n, [=](int64_t i) { y[i] = d(i) * rstd + b[i]; });
    else team.each(n, [=](int64_t i) { y[i] = d(i) * rstd; });
  }
};

// dx = rstd (gw - mean(gw) - xhat mean(gw xhat)), gw = g w, xhat = (x - mean) rstd
struct LayerNormGrad : RowFunctor {
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    T* dx = row.at<T>(0);
    const T *g = row.at<T>(1), *x = row.at<T>(2), *w = row.at<T>(5);
    const T mean = *row.at<T>(3), rstd = *row.at<T>(4);
    if (w) backward(team, dx, x, n, mean, rstd, [=](int64_t i) { return g[i] * w[i]; });
    else backward(team, dx, x, n, mean, rstd, [=](int64_t i) { return g[i]; });
  }

 private:
  template <class Team, class T, class Term>
  CNN_HD static void backward(const Team& team, T* dx, const T* x, int64_t n, T mean, T rstd, Term gw) {
    const T a = team.reduce(n, T(0), Sum(), gw) / T(n);
    const T b = team.reduce(n, T(0), Sum(), [=](int64_t i) { return gw(i) * (x[i] - mean); }) * rstd * rstd / T(n);
    team.each(n, [=](int64_t i) { dx[i] = rstd * (gw(i) - a - (x[i] - mean) * b); });
  }
};

// dw = sum g (x - mean) rstd and db = sum g over the rows of a layer norm: here a row runs along them, through one
// element of each, and mean and rstd are the same for all.
struct LayerNormWeight : RowFunctor {
  static constexpr int kCost = 1;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    const T *g = row.at<T>(2), *x = row.at<T>(3), *mean = row.at<T>(4), *rstd = row.at<T>(5);
    *row.at<T>(0) = team.reduce(n, T(0), Sum(), [=](int64_t i) { return g[i] * ((x[i] - mean[i]) * rstd[i]); });
    *row.at<T>(1) = team.reduce(n, T(0), Sum(), [=](int64_t i) { return g[i]; });
  }
};

// Channels, a row being what one channel of one image holds: y = max((x - center) scale + shift, floor). The center is
// taken off first, as x - center is exact where x is far from zero and near to it. Without a center or shift: 0.
struct ChannelScale : RowFunctor {
  static constexpr int kCost = 1;
  float floor = -__builtin_inff();
  template <class T> CNN_HD T operator()(T x, T center, T scale, T shift) const {
    const T y = (x - center) * scale + shift;
    return y < T(floor) ? T(floor) : y;
  }
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    T* y = row.at<T>(0);
    const T* x = row.at<T>(1);
    const T center = row.p[2] ? *row.at<T>(2) : T(0), scale = *row.at<T>(3), shift = row.p[4] ? *row.at<T>(4) : T(0);
    team.each(n, [=, *this](int64_t i) { y[i] = (*this)(x[i], center, scale, shift); });
  }
};

// sum g and sum g (x - mean)
struct ChannelSums : RowFunctor {
  static constexpr int kCost = 1;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    const T *g = row.at<T>(2), *x = row.at<T>(3);
    const T mean = *row.at<T>(4);
    *row.at<T>(0) = team.reduce(n, T(0), Sum(), [=](int64_t i) { return g[i]; });
    *row.at<T>(1) = team.reduce(n, T(0), Sum(), [=](int64_t i) { return g[i] * (x[i] - mean); });
  }
};

// dx = g a + (x - mean) b + c
struct ChannelGrad : RowFunctor {
  static constexpr int kCost = 1;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    T* dx = row.at<T>(0);
    const T *g = row.at<T>(1), *x = row.at<T>(2);
    const T mean = *row.at<T>(3), a = *row.at<T>(4), b = *row.at<T>(5), c = *row.at<T>(6);
    team.each(n, [=](int64_t i) { dx[i] = g[i] * a + (x[i] - mean) * b + c; });
  }
};

CNN_NUMBER(kRowsNorm, CNN_ROWS_NORM)

}  // namespace cnn::kernels::inline CNN_ISA
