// Losses that pick one class of each position, and what others ask of their operands.
#pragma once

#include "kernels/functor.h"
#include "kernels/index.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types)
#define CNN_EACH_LOSS(X) X(NllPick, Floats) X(NllWeigh, Floats) X(NllTake, Floats) X(CheckUnits, Floats)

// Where the class of a position lies in x[N, classes, inner]; the targets are [N, inner].
struct ClassOf {
  IndexValues target;
  const void* weight;  // [classes], or null for ones
  int64_t inner, ignored;
  // The class of position i; false where the target is ignored, and where it is out of range.
  CNN_HD bool read(int64_t i, int64_t& c) const {
    const int64_t v = target.load(i);
    return v != ignored && target.bound(v, i, c);
  }
  CNN_HD int64_t at(int64_t i, int64_t c) const {
    if (inner == 1) return i * target.extent() + c;  // divisions are slow
    return (i / inner * target.extent() + c) * inner + i % inner;
  }
  template <class T> CNN_HD T weight_of(int64_t c) const { return weight ? static_cast<const T*>(weight)[c] : T(1); }
};

// y = -w[t] x[t], and w[t]; both 0 where the target is ignored
struct NllPick : Functor {
  ClassOf place;
  const void* x;
  void *y, *weights;
  template <class T> CNN_HD void operator()(int64_t i) const {
    int64_t c;
    const bool counts = place.read(i, c);
    const T w = counts ? place.weight_of<T>(c) : T(0);
    static_cast<T*>(y)[i] = counts ? -w * static_cast<const T*>(x)[place.at(i, c)] : T(0);
    static_cast<T*>(weights)[i] = w;
  }
};

// s = w[t] g, 0 where the target is ignored; g is one number or one for each position, or what that is of a total
struct NllWeigh : Functor {
  ClassOf place;
  const void* g;
  bool single;
  void* s;
  const void* total;  // null: 1
  template <class T> CNN_HD void operator()(int64_t i) const {
    int64_t c;
    const T up = static_cast<const T*>(g)[single ? 0 : i], share = total ? up / *static_cast<const T*>(total) : up;
    static_cast<T*>(s)[i] = place.read(i, c) ? place.weight_of<T>(c) * share : T(0);
  }
};

// dx[t] -= s
struct NllTake : Functor {
  ClassOf place;
  const void* s;
  void* dx;
  template <class T> CNN_HD void operator()(int64_t i) const {
    int64_t c;
    if (place.read(i, c)) static_cast<T*>(dx)[place.at(i, c)] -= static_cast<const T*>(s)[i];
  }
};

// Notes 0 where an element of x is outside [0, 1], and 1 where one of t is; of both, 0.
struct CheckUnits : Functor {
  const void *x, *t;
  Note* bad;
  template <class T> CNN_HD static bool outside(T v) { return !((v >= T(0)) & (v <= T(1))); }
  template <class T> CNN_HD void operator()(int64_t i) const {
    if (outside(static_cast<const T*>(x)[i])) bad->add(0, 0);
    if (outside(static_cast<const T*>(t)[i])) bad->add(1, 1);
  }
};

CNN_NUMBER(kEachLoss, CNN_EACH_LOSS)

}  // namespace cnn::kernels::inline CNN_ISA
