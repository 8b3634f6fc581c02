// Elementwise arithmetic.
#pragma once

#include "kernels/functor.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, inputs, types)
#define CNN_MAP_ARITHMETIC(X)                                                          \
  X(Add, 2, All) X(AddScaled, 2, All) X(Sub, 2, Numbers) X(Mul, 2, All) X(Div, 2, Floats) \
  X(Neg, 1, Numbers) X(Copy, 1, Bits) X(Fill, 0, All)

// y = a + b; for bool: a or b
struct Add : Functor {
  template <class T>
  CNN_HD T operator()(T a, T b) const {
    return T(a + b);
  }
};

// y = a + alpha b
struct AddScaled : Functor {
  Number alpha;
  template <class T>
  CNN_HD T operator()(T a, T b) const {
    return T(a + alpha.as<T>() * b);
  }
};

// y = a - b
struct Sub : Functor {
  template <class T>
  CNN_HD T operator()(T a, T b) const {
    return T(a - b);
  }
};

// y = a b; for bool: a and b
struct Mul : Functor {
  static constexpr Stored kStored = Stored::Both;
  template <class T>
  CNN_HD T operator()(T a, T b) const {
    return T(a * b);
  }
};

// y = a / b
struct Div : Functor {
  static constexpr Rule kRule = Rule::Float;
  static constexpr int kCost = 2;
  template <class T>
  CNN_HD T operator()(T a, T b) const {
    return a / b;
  }
};

// y = -x
struct Neg : Functor {
  template <class T>
  CNN_HD T operator()(T x) const {
    return T(-x);
  }
};

// y = x
struct Copy : Functor {
  template <class T>
  CNN_HD T operator()(T x) const {
    return x;
  }
};

// y = value
struct Fill : Functor {
  Number value;
  template <class T>
  CNN_HD T operator()() const {
    return value.as<T>();
  }
};

CNN_NUMBER(kMapArithmetic, CNN_MAP_ARITHMETIC)

}  // namespace cnn::kernels::CNN_ISA
