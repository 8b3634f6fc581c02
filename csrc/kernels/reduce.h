// Reductions: an accumulator, one step for each element, combination in index order, and the result.
//
// T is the type that the elements are taken in: float, double, int64 or bool; other dtypes are cast to and from it.
// A functor with `Acc<T>` = T is flat: lanes of accumulators run side by side.
#pragma once

#include "kernels/functor.h"
#include "kernels/math.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types): Floats, Wide (and int64), Flags (bool only)
#define CNN_REDUCE_ALL(X)                                                                                    \
  X(Sum, Wide) X(Prod, Wide) X(Max, Wide) X(Min, Wide) X(MaxAt, Wide) X(MinAt, Wide) X(Any, Flags) X(All, Flags) \
  X(Mean, Floats) X(NanSum, Floats) X(Moments, Floats) X(SumAbs, Floats) X(Norm2, Floats) X(NormP, Floats)   \
  X(CountNonzero, Floats) X(MaxAbs, Floats) X(MinAbs, Floats)

enum class ReduceTypes : unsigned char { Floats, Wide, Flags };

template <class T> CNN_HD T lowest() {
  if constexpr (T(0.5) == T(0)) return T(INT64_MIN);
  else return -infinity<T>();
}
template <class T> CNN_HD T highest() {
  if constexpr (T(0.5) == T(0)) return T(INT64_MAX);
  else return infinity<T>();
}

// Base of flat functors: one output, of type T.
struct FlatReduce {
  static constexpr int kCost = 1;
  static constexpr bool kOrdered = false;  // does the element's number matter?
  template <class T> using Acc = T;
  template <class T> using First = T;
  template <class T> using Second = T;  // unused
};

// y = sum x
struct Sum : FlatReduce {
  template <class T> CNN_HD T identity() const { return T(0); }
  template <class T> CNN_HD T step(T a, T x) const { return a + x; }
  template <class T> CNN_HD T combine(T a, T b) const { return a + b; }
  template <class T> CNN_HD T finish(T a, int64_t) const { return a; }
};

// y = sum x / n
struct Mean : Sum {
  template <class T> CNN_HD T finish(T a, int64_t n) const { return a / T(n); }
};

// y = sum of what is not NaN
struct NanSum : Sum {
  template <class T> CNN_HD T step(T a, T x) const { return a + (x == x ? x : T(0)); }
};

// y = product x
struct Prod : FlatReduce {
  template <class T> CNN_HD T identity() const { return T(1); }
  template <class T> CNN_HD T step(T a, T x) const { return a * x; }
  template <class T> CNN_HD T combine(T a, T b) const { return a * b; }
  template <class T> CNN_HD T finish(T a, int64_t) const { return a; }
};

// y = max x; NaN wins
struct Max : FlatReduce {
  template <class T> CNN_HD T identity() const { return lowest<T>(); }
  template <class T> CNN_HD T step(T a, T x) const { return (x > a) | (x != x) ? x : a; }
  template <class T> CNN_HD T combine(T a, T b) const { return step(a, b); }
  template <class T> CNN_HD T finish(T a, int64_t) const { return a; }
  template <class T> CNN_HD bool better(T x, T than) const { return (x > than) | ((x != x) & (than == than)); }
};

// y = min x; NaN wins
struct Min : FlatReduce {
  template <class T> CNN_HD T identity() const { return highest<T>(); }
  template <class T> CNN_HD T step(T a, T x) const { return (x < a) | (x != x) ? x : a; }
  template <class T> CNN_HD T combine(T a, T b) const { return step(a, b); }
  template <class T> CNN_HD T finish(T a, int64_t) const { return a; }
  template <class T> CNN_HD bool better(T x, T than) const { return (x < than) | ((x != x) & (than == than)); }
};

// An extremum and where it stands first. Index -1: nothing seen yet.
template <class T> struct Found {
  T value;
  int64_t index;
};

template <class BestOf> struct ExtremumAt {
  using Best = BestOf;
  static constexpr int kCost = 2;
  static constexpr bool kOrdered = true;
  template <class T> using Acc = Found<T>;
  template <class T> using First = T;
  template <class T> using Second = int64_t;
  template <class T> CNN_HD Found<T> identity() const { return {Best().template identity<T>(), -1}; }
  template <class T> CNN_HD Found<T> step(Found<T> a, T x, int64_t i) const {
    if ((a.index < 0) | Best().better(x, a.value)) return {x, i};
    return a;
  }
  template <class T> CNN_HD Found<T> combine(Found<T> a, Found<T> b) const {
    if (b.index < 0) return a;
    return step(a, b.value, b.index);
  }
  template <class T> CNN_HD void finish(Found<T> a, int64_t, T* value, int64_t* index) const {
    if (value) *value = a.value;
    if (index) *index = a.index;
  }
};
struct MaxAt : ExtremumAt<Max> {};
struct MinAt : ExtremumAt<Min> {};

struct Any : FlatReduce {
  template <class T> CNN_HD T identity() const { return T(0); }
  template <class T> CNN_HD T step(T a, T x) const { return T(a | T(x != T(0))); }
  template <class T> CNN_HD T combine(T a, T b) const { return T(a | b); }
  template <class T> CNN_HD T finish(T a, int64_t) const { return a; }
};

struct All : FlatReduce {
  template <class T> CNN_HD T identity() const { return T(1); }
  template <class T> CNN_HD T step(T a, T x) const { return T(a & T(x != T(0))); }
  template <class T> CNN_HD T combine(T a, T b) const { return T(a & b); }
  template <class T> CNN_HD T finish(T a, int64_t) const { return a; }
};

// Mean and M2 = sum (x - mean)^2 of `count` elements, in double whatever the elements are: floats that stand far from
// zero have a mean between two floats. Joined by Chan, Golub & LeVeque (1979).
struct MeanM2 {
  double mean, m2, count;
};

// y0 = M2 / (n - correction), or its root; y1 = mean
struct Moments {
  static constexpr int kCost = 2;
  static constexpr bool kOrdered = false;
  template <class T> using Acc = MeanM2;
  template <class T> using First = double;
  template <class T> using Second = double;
  double correction = 1;
  bool take_root = false;
  template <class T> CNN_HD MeanM2 identity() const { return {0, 0, 0}; }
  template <class T> CNN_HD MeanM2 step(MeanM2 a, T x, int64_t) const {
    const double count = a.count + 1, delta = double(x) - a.mean, mean = a.mean + delta / count;
    return {mean, a.m2 + delta * (double(x) - mean), count};
  }
  CNN_HD MeanM2 combine(MeanM2 a, MeanM2 b) const {
    if (b.count == 0) return a;
    if (a.count == 0) return b;
    const double count = a.count + b.count, delta = b.mean - a.mean;
    return {a.mean + delta * (b.count / count), a.m2 + b.m2 + delta * delta * (a.count * (b.count / count)), count};
  }
  CNN_HD void finish(MeanM2 a, int64_t n, double* spread, double* mean) const {
    const double free = double(n) - correction, variance = n == 0 ? nan<double>() : a.m2 / (free > 0 ? free : 0);
    if (spread) *spread = take_root ? sqrt(variance) : variance;
    if (mean) *mean = n == 0 ? nan<double>() : a.mean;
  }
};
// One term of M2 when the mean is known.
template <class T> struct SquaredDistance : Sum {
  T center;
  CNN_HD T step(T a, T x) const { return a + (x - center) * (x - center); }
};

// The norms of vectors: y = (sum |x|^p)^(1/p) and its limits.
struct SumAbs : Sum {
  template <class T> CNN_HD T step(T a, T x) const { return a + fabs(x); }
};
struct Norm2 : Sum {
  template <class T> CNN_HD T step(T a, T x) const { return fma(x, x, a); }
  template <class T> CNN_HD T finish(T a, int64_t) const { return sqrt(a); }
};
struct NormP : Sum {
  static constexpr int kCost = 20;
  double p = 2;
  template <class T> CNN_HD T step(T a, T x) const { return a + pow(fabs(x), T(p)); }
  template <class T> CNN_HD T finish(T a, int64_t) const { return pow(a, T(1) / T(p)); }
};
struct CountNonzero : Sum {
  template <class T> CNN_HD T step(T a, T x) const { return a + (x != T(0) ? T(1) : T(0)); }
};
struct MaxAbs : Max {
  template <class T> CNN_HD T identity() const { return T(0); }
  template <class T> CNN_HD T step(T a, T x) const { return Max::step(a, fabs(x)); }
  template <class T> CNN_HD T combine(T a, T b) const { return Max::step(a, b); }
};
struct MinAbs : Min {
  template <class T> CNN_HD T step(T a, T x) const { return Min::step(a, fabs(x)); }
  template <class T> CNN_HD T combine(T a, T b) const { return Min::step(a, b); }
};

CNN_NUMBER(kReduceAll, CNN_REDUCE_ALL)

}  // namespace cnn::kernels::inline CNN_ISA
