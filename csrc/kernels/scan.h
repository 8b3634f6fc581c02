// Functors along rows whose elements depend on the ones before them: running sums and extrema.
#pragma once

#include "kernels/rows.h"

namespace cnn::kernels::inline CNN_ISA {

#define CNN_ROWS_SCAN(X)                                                            \
  X(CumSum, Wide) X(CumProd, Wide) X(CumMax, Wide) X(CumMin, Wide) X(LogCumSumExp, Floats)

// What running sums are kept in.
template <class T> struct Running {
  using Type = T;
};
template <> struct Running<float> {
  using Type = double;
};

struct ScanFunctor : RowFunctor {
  static constexpr bool kSerial = true;
  static constexpr int kCost = 3;
};

// y[i] = x[0] + ... + x[i]; reversed: x[i] + ... + x[n-1]
struct CumSum : ScanFunctor {
  bool reversed = false;
  template <class T, class Team> CNN_HD void run(const Team&, RowData row, int64_t n) const {
    T* y = row.at<T>(0);
    const T* x = row.at<T>(1);
    typename Running<T>::Type total = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t at = reversed ? n - 1 - i : i;
      total += x[at];
      y[at] = T(total);
    }
  }
};

// y[i] = x[0] * ... * x[i]
struct CumProd : ScanFunctor {
  template <class T, class Team> CNN_HD void run(const Team&, RowData row, int64_t n) const {
    T* y = row.at<T>(0);
    const T* x = row.at<T>(1);
    typename Running<T>::Type total = 1;
    for (int64_t i = 0; i < n; ++i) {
      total *= x[i];
      y[i] = T(total);
    }
  }
};

// y[i] = the best of x[0..i], and where it stands; of equal elements the last. NaN wins.
template <class Best> struct CumBest : ScanFunctor {
  template <class T, class Team> CNN_HD void run(const Team&, RowData row, int64_t n) const {
    T* y = row.at<T>(0);
    int64_t* index = row.at<int64_t>(1);
    const T* x = row.at<T>(2);
    int64_t at = 0;
    for (int64_t i = 0; i < n; ++i) {
      const T best = x[at];
      if (i == 0 || x[i] != x[i] || Best().better(x[i], best) || x[i] == best) at = i;
      y[i] = x[at];
      index[i] = at;
    }
  }
};
struct CumMax : CumBest<Max> {};
struct CumMin : CumBest<Min> {};

// y[i] = log(exp x[0] + ... + exp x[i]) = top + log(total), total = exp(x[0] - top) + ... for the largest so far
struct LogCumSumExp : ScanFunctor {
  static constexpr int kCost = 16;
  template <class T, class Team> CNN_HD void run(const Team&, RowData row, int64_t n) const {
    T* y = row.at<T>(0);
    const T* x = row.at<T>(1);
    T top = -infinity<T>();
    typename Running<T>::Type total = 0;
    for (int64_t i = 0; i < n; ++i) {
      if ((x[i] > top) | (x[i] != x[i])) {
        total = total * exp(top - x[i]) + 1;
        top = x[i];
      } else {
        total += x[i] == top ? T(1) : exp(x[i] - top);
      }
      y[i] = fabs(top) < infinity<T>() ? T(top + log(total)) : top;
    }
  }
};

CNN_NUMBER(kRowsScan, CNN_ROWS_SCAN)

}  // namespace cnn::kernels::inline CNN_ISA
