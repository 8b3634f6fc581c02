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

// Where many threads share a row: Acc is what some elements in a row come to, `at` that of element i, `join` that of
// two neighbours, `put` writes the result of element i, given all up to it.
struct ScanFunctor : RowFunctor {
  static constexpr bool kSerial = true;
  static constexpr int kCost = 3;
  template <class T> using Acc = typename Running<T>::Type;
  template <class T> CNN_HD Acc<T> at(RowData row, int64_t i, int64_t) const { return Acc<T>(row.at<T>(1)[i]); }
  template <class T> CNN_HD void put(RowData row, int64_t i, int64_t, Acc<T> acc) const { row.at<T>(0)[i] = T(acc); }
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
  template <class T> CNN_HD Acc<T> at(RowData row, int64_t i, int64_t n) const {
    return ScanFunctor::at<T>(row, reversed ? n - 1 - i : i, n);
  }
  template <class T> CNN_HD Acc<T> join(Acc<T> a, Acc<T> b) const { return a + b; }
  template <class T> CNN_HD void put(RowData row, int64_t i, int64_t n, Acc<T> acc) const {
    ScanFunctor::put<T>(row, reversed ? n - 1 - i : i, n, acc);
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
  template <class T> CNN_HD Acc<T> join(Acc<T> a, Acc<T> b) const { return a * b; }
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
  template <class T> using Acc = Found<T>;
  template <class T> CNN_HD Found<T> at(RowData row, int64_t i, int64_t) const { return {row.at<T>(2)[i], i}; }
  template <class T> CNN_HD Found<T> join(Found<T> a, Found<T> b) const {
    return b.value != b.value || Best().better(b.value, a.value) || b.value == a.value ? b : a;
  }
  template <class T> CNN_HD void put(RowData row, int64_t i, int64_t, Found<T> acc) const {
    row.at<T>(0)[i] = acc.value;
    row.at<int64_t>(1)[i] = acc.index;
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
  template <class T> struct Acc {
    T top;
    typename Running<T>::Type total;
  };
  template <class T> CNN_HD Acc<T> at(RowData row, int64_t i, int64_t) const { return {row.at<T>(1)[i], 1}; }
  template <class T> CNN_HD Acc<T> join(Acc<T> a, Acc<T> b) const {
    if (a.top == b.top) return {a.top, a.total + b.total};
    if ((b.top > a.top) | (b.top != b.top)) return {b.top, a.total * exp(a.top - b.top) + b.total};
    return {a.top, a.total + b.total * exp(b.top - a.top)};
  }
  template <class T> CNN_HD void put(RowData row, int64_t i, int64_t, Acc<T> acc) const {
    row.at<T>(0)[i] = fabs(acc.top) < infinity<T>() ? T(acc.top + log(acc.total)) : acc.top;
  }
};

CNN_NUMBER(kRowsScan, CNN_ROWS_SCAN)

}  // namespace cnn::kernels::inline CNN_ISA
