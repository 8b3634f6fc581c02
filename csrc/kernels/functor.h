// What a functor of an elementwise map says of itself.
#pragma once

#include "kernels/ids.h"

namespace cnn::kernels::inline CNN_ISA {

// How the functor's T follows from the operands' dtypes, and the result's dtype from T.
enum class Rule : unsigned char {
  Common,     // T is the promoted dtype, and the result's
  Float,      // the same, with integers taken as the default floating dtype
  Predicate,  // T is the promoted dtype, the result is bool
};

// Which types T a functor has loops for.
enum class Types : unsigned char {
  Floats,    // float, double
  Numbers,   // and the integers
  All,       // and bool
  Integers,  // integers and bool
  Bits,      // anything, by size: the functor only moves values
};

// Which dtypes that are only stored a functor takes, in the T of `carrier`: those of which PyTorch has it too.
enum class Stored : unsigned char { None, Floats, Unsigned, Both };

// Base of functors; a functor overrides what differs.
struct Functor {
  static constexpr Rule kRule = Rule::Common;
  static constexpr Stored kStored = Stored::None;
  static constexpr int kCost = 1;  // of one element; an addition is 1, an exponential about 6
};

struct FloatFunctor : Functor {
  static constexpr Rule kRule = Rule::Float;
  static constexpr int kCost = 6;
};

struct PredicateFunctor : Functor {
  static constexpr Rule kRule = Rule::Predicate;
};

// A Python number inside a functor, in both forms.
struct Number {
  double d = 0;
  int64_t i = 0;
  template <class T>
  CNN_HD T as() const {
    if constexpr (T(0.5) == T(0)) return T(i);
    else return T(d);
  }
};

}  // namespace cnn::kernels::CNN_ISA
