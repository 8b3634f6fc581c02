// Losses that pick one class of each position.
#pragma once

#include "kernels/functor.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types)
#define CNN_EACH_LOSS(X) X(NllPick, Floats) X(NllWeigh, Floats) X(NllTake, Floats)

// Where the class of a position lies in x[N, classes, inner]; the targets are [N, inner] and already checked.
struct ClassOf {
  const int64_t* target;
  const void* weight;  // [classes], or null for ones
  int64_t classes, inner, ignored;
  CNN_HD bool counts(int64_t i) const { return target[i] != ignored; }
  CNN_HD int64_t at(int64_t i) const {
    if (inner == 1) return i * classes + target[i];  // divisions are slow
    return (i / inner * classes + target[i]) * inner + i % inner;
  }
  template <class T> CNN_HD T weight_of(int64_t i) const {
    return weight ? static_cast<const T*>(weight)[target[i]] : T(1);
  }
};

// y = -w[t] x[t], and w[t]; both 0 where the target is ignored
struct NllPick : Functor {
  ClassOf place;
  const void* x;
  void *y, *weights;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const bool counts = place.counts(i);
    const T w = counts ? place.weight_of<T>(i) : T(0);
    static_cast<T*>(y)[i] = counts ? -w * static_cast<const T*>(x)[place.at(i)] : T(0);
    static_cast<T*>(weights)[i] = w;
  }
};

// s = w[t] g, 0 where the target is ignored; g is one number or one for each position
struct NllWeigh : Functor {
  ClassOf place;
  const void* g;
  bool single;
  void* s;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const bool counts = place.counts(i);
    static_cast<T*>(s)[i] = counts ? place.weight_of<T>(i) * static_cast<const T*>(g)[single ? 0 : i] : T(0);
  }
};

// dx[t] -= s
struct NllTake : Functor {
  ClassOf place;
  const void* s;
  void* dx;
  template <class T> CNN_HD void operator()(int64_t i) const {
    if (place.counts(i)) static_cast<T*>(dx)[place.at(i)] -= static_cast<const T*>(s)[i];
  }
};

}  // namespace cnn::kernels::inline CNN_ISA
