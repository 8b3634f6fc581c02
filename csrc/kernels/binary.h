// Elementwise functions of two and three operands.
#pragma once

#include "kernels/functor.h"
#include "kernels/math.h"
#include "kernels/note.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, inputs, types)
#define CNN_MAP_BINARY(X)                                                                          \
  X(Pow, 2, Numbers) X(Atan2, 2, Floats) X(Hypot, 2, Floats) X(Fmod, 2, Numbers)                     \
  X(Remainder, 2, Numbers) X(FloorDivide, 2, Numbers) X(TruncDivide, 2, Numbers) X(Maximum, 2, All)  \
  X(Minimum, 2, All) X(Fmax, 2, All) X(Fmin, 2, All) X(Copysign, 2, Floats) X(LogAddExp, 2, Floats)  \
  X(LogAddExp2, 2, Floats) X(Xlogy, 2, Floats) X(Heaviside, 2, All) X(Nextafter, 2, Floats)          \
  X(Gcd, 2, Integers) X(Lcm, 2, Integers)                                                            \
  X(Lerp, 3, Floats) X(Addcmul, 3, Numbers) X(Addcdiv, 3, Floats) X(ClampTensor, 3, Numbers)         \
  X(Clamp, 1, Numbers)
#define CNN_MAP_COMPARE(X)                                                                         \
  X(Eq, 2, All) X(Ne, 2, All) X(Lt, 2, All) X(Le, 2, All) X(Gt, 2, All) X(Ge, 2, All)                \
  X(LogicalAnd, 2, All) X(LogicalOr, 2, All) X(LogicalXor, 2, All) X(BitwiseAnd, 2, Integers)        \
  X(BitwiseOr, 2, Integers) X(BitwiseXor, 2, Integers) X(ShiftLeft, 2, Integers)                     \
  X(ShiftRight, 2, Integers) X(IsClose, 2, All)

// a^b; integers by squaring (a negative exponent gives 0, but for bases 1 and -1)
struct Pow : Functor {
  static constexpr int kCost = 12;
  template <class T> CNN_HD T operator()(T a, T b) const {
    if constexpr (kIsFloating<T>) {
      const T root = select(a == -infinity<T>(), infinity<T>(), sqrt(a) + T(0));  // 0 for -0, as C's pow
      const T y = select(b == T(0.5), root, pow(a, b));
      return select(b == T(2), a * a, select(b == T(3), a * a * a, y));
    } else {
      if (b < T(0)) return a == T(1) ? T(1) : a == T(-1) ? (b % 2 == 0 ? T(1) : T(-1)) : T(0);
      T result = 1;
      for (T e = b; e > T(0); e = T(e / 2)) {
        if (e % 2 != 0) result = T(result * a);
        a = T(a * a);
      }
      return result;
    }
  }
};
struct Atan2 : FloatFunctor {
  template <class T> CNN_HD T operator()(T a, T b) const { return atan2(a, b); }
};
struct Hypot : Functor {
  template <class T> CNN_HD T operator()(T a, T b) const { return hypot(a, b); }
};
// The number beside a on the way to b. Those of 16 bits come as floats: a step is one of their last bit.
struct Nextafter : Functor {
  static constexpr int kCost = 8;
  bool bfloat16 = false, float16 = false;
  template <class T> CNN_HD T operator()(T a, T b) const {
    if constexpr (sizeof(T) == 4) {
      if (bfloat16) return step(a, b, 1u << 16, 0x1p-126f, 0x1p-133f, 0x1.fep+127f);
      if (float16) return step(a, b, 1u << 13, 0x1p-14f, 0x1p-24f, 65504.0f);
    }
    return nextafter(a, b);
  }

 private:
  CNN_HD static float step(float a, float b, uint32_t last_bit, float normal, float tiny, float largest) {
    if (a != a || b != b) return a + b;
    if (a == b) return b;
    if (a == 0.0f) return copysign(tiny, b);
    const float size = fabs(a);
    const bool grows = (a < b) == (a > 0.0f);
    if (size == infinity<float>()) return copysign(largest, a);
    if (size < normal || (size == normal && !grows)) return copysign(grows ? size + tiny : size - tiny, a);
    const uint32_t bits = float_to_bits(size);
    return copysign(bits_to_float(grows ? bits + last_bit : bits - last_bit), a);
  }
};

// INT_MIN / -1 wraps. Division by 0 gives 0, not a signal.
template <class T> CNN_HD bool divides(T b) { return b != T(0) && !(b == T(-1) && T(-1) < T(0)); }
template <class T> CNN_HD T truncated_quotient(T a, T b) {
  return divides(b) ? T(a / b) : b == T(0) ? T(0) : T(uint64_t(0) - uint64_t(a));
}
template <class T> CNN_HD T truncated_rest(T a, T b) { return divides(b) ? T(a % b) : T(0); }

// Integers that are 0 as divisors are noted where nobody has looked for them before.
struct Division : Functor {
  static constexpr int kCost = 4;
  Note* zero = nullptr;

 protected:
  template <class T> CNN_HD void look_at(T divisor) const {
    if (divisor == T(0) && zero) zero->add(0, 0);
  }
};
// The rest of division, with a's sign.
struct Fmod : Division {
  template <class T> CNN_HD T operator()(T a, T b) const {
    if constexpr (kIsFloating<T>) {
      return fmod(a, b);
    } else {
      look_at(b);
      return truncated_rest(a, b);
    }
  }
  template <class T> CNN_HD bool rare(T a, T b) const { return beyond_fmod(a, b); }
  template <class T> CNN_HD T usual(T a, T b) const { return usual_fmod(a, b); }
};
// The rest of division, with b's sign.
struct Remainder : Division {
  template <class T> CNN_HD T operator()(T a, T b) const {
    if constexpr (kIsFloating<T>) {
      return with_sign(fmod(a, b), b);
    } else {
      look_at(b);
      return with_sign(truncated_rest(a, b), b);
    }
  }
  template <class T> CNN_HD bool rare(T a, T b) const { return beyond_fmod(a, b); }
  template <class T> CNN_HD T usual(T a, T b) const { return with_sign(usual_fmod(a, b), b); }

 private:
  template <class T> CNN_HD static T with_sign(T rest, T b) {
    return (rest != T(0)) & ((rest < T(0)) != (b < T(0))) ? T(rest + b) : rest;
  }
};
// floor(a / b), exact where a / b rounds (CPython's float floor division)
struct FloorDivide : Division {
  template <class T> CNN_HD T operator()(T a, T b) const {
    if constexpr (kIsFloating<T>) {
      return by_rest(a, b, fmod(a, b));
    } else {
      look_at(b);
      const T q = truncated_quotient(a, b);
      return truncated_rest(a, b) != T(0) && ((a < T(0)) != (b < T(0))) ? T(q - 1) : q;
    }
  }
  template <class T> CNN_HD bool rare(T a, T b) const { return beyond_fmod(a, b); }
  template <class T> CNN_HD T usual(T a, T b) const { return by_rest(a, b, usual_fmod(a, b)); }

 private:
  template <class T> CNN_HD static T by_rest(T a, T b, T rest) {
    T q = (a - rest) / b;
    q = q - select((rest != T(0)) & ((b < T(0)) != (rest < T(0))), T(1), T(0));
    const T f = floor(q), y = f + select(q - f > T(0.5), T(1), T(0));
    return select(b == T(0), a / b, select(q == T(0), copysign(T(0), a / b), y));
  }
};
struct TruncDivide : Division {
  static constexpr int kCost = 1;
  template <class T> CNN_HD T operator()(T a, T b) const {
    if constexpr (kIsFloating<T>) {
      return trunc(a / b);
    } else {
      look_at(b);
      return truncated_quotient(a, b);
    }
  }
};

// nan wins
struct Maximum : Functor {
  template <class T> CNN_HD T operator()(T a, T b) const { return a != a ? a : (b != b ? b : (a > b ? a : b)); }
};
struct Minimum : Functor {
  template <class T> CNN_HD T operator()(T a, T b) const { return a != a ? a : (b != b ? b : (a < b ? a : b)); }
};
// numbers win over nan
struct Fmax : Functor {
  template <class T> CNN_HD T operator()(T a, T b) const { return a != a ? b : (b != b ? a : (a > b ? a : b)); }
};
struct Fmin : Functor {
  template <class T> CNN_HD T operator()(T a, T b) const { return a != a ? b : (b != b ? a : (a < b ? a : b)); }
};
struct Copysign : FloatFunctor {
  static constexpr int kCost = 1;
  template <class T> CNN_HD T operator()(T a, T b) const { return copysign(a, b); }
};
// log(exp(a) + exp(b)) = max + log1p(exp(-|a - b|))
struct LogAddExp : FloatFunctor {
  template <class T> CNN_HD T operator()(T a, T b) const {
    const T top = a > b ? a : b, low = a > b ? b : a;
    return a != a || b != b ? a + b : (a == b && fabs(a) == infinity<T>()) ? a : top + log1p(exp(low - top));
  }
};
struct LogAddExp2 : FloatFunctor {
  template <class T> CNN_HD T operator()(T a, T b) const {
    const T top = a > b ? a : b, low = a > b ? b : a;
    return a != a || b != b                       ? a + b
           : (a == b && fabs(a) == infinity<T>()) ? a
                                                  : top + log1p(exp2(low - top)) * T(1.4426950408889634);
  }
};
// a log(b), 0 where a is 0
struct Xlogy : FloatFunctor {
  template <class T> CNN_HD T operator()(T a, T b) const { return b != b ? b : (a == T(0) ? T(0) : a * log(b)); }
};
struct Heaviside : Functor {
  template <class T> CNN_HD T operator()(T x, T at_zero) const { return x == T(0) ? at_zero : T(x > T(0)); }
};
// Of the magnitudes, which all fit uint64_t; a result that does not fit T wraps.
template <class T> CNN_HD uint64_t magnitude(T a) { return a < T(0) ? uint64_t(0) - uint64_t(a) : uint64_t(a); }
struct Gcd : Functor {
  template <class T> CNN_HD T operator()(T a, T b) const { return T(of(magnitude(a), magnitude(b))); }
  CNN_HD static uint64_t of(uint64_t a, uint64_t b) {
    while (b != 0) {
      const uint64_t r = a % b;
      a = b;
      b = r;
    }
    return a;
  }
};
struct Lcm : Functor {
  template <class T> CNN_HD T operator()(T a, T b) const {
    const uint64_t x = magnitude(a), y = magnitude(b), g = Gcd::of(x, y);
    return g == 0 ? T(0) : T(magnitude(T(x / g * y)));
  }
};

// a + w (b - a), from the nearer end
struct Lerp : Functor {
  template <class T> CNN_HD T operator()(T a, T b, T w) const {
    return fabs(w) < T(0.5) ? fma(w, b - a, a) : fma(a - b, T(1) - w, b);
  }
};
// x + value a b
struct Addcmul : Functor {
  Number value;
  template <class T> CNN_HD T operator()(T x, T a, T b) const {
    if constexpr (kIsFloating<T>) return fma(value.as<T>() * a, b, x);
    else return T(x + value.as<T>() * a * b);
  }
};
// x + value a / b
struct Addcdiv : Functor {
  Number value;
  template <class T> CNN_HD T operator()(T x, T a, T b) const { return x + value.as<T>() * a / b; }
};
// nan stays nan
struct ClampTensor : Functor {
  template <class T> CNN_HD T operator()(T x, T low, T high) const {
    if (x != x) return x;
    if (low != low) return low;
    if (high != high) return high;
    const T y = x < low ? low : x;
    return y > high ? high : y;
  }
};
struct Clamp : Functor {
  Number low, high;
  bool has_low, has_high;
  template <class T> CNN_HD T operator()(T x) const {
    T y = has_low && x < low.as<T>() ? low.as<T>() : x;
    return has_high && y > high.as<T>() ? high.as<T>() : y;
  }
};

struct Eq : PredicateFunctor {
  static constexpr Stored kStored = Stored::Both;
  template <class T> CNN_HD bool operator()(T a, T b) const { return a == b; }
};
struct Ne : PredicateFunctor {
  static constexpr Stored kStored = Stored::Both;
  template <class T> CNN_HD bool operator()(T a, T b) const { return a != b; }
};
struct Lt : PredicateFunctor {
  template <class T> CNN_HD bool operator()(T a, T b) const { return a < b; }
};
struct Le : PredicateFunctor {
  template <class T> CNN_HD bool operator()(T a, T b) const { return a <= b; }
};
struct Gt : PredicateFunctor {
  template <class T> CNN_HD bool operator()(T a, T b) const { return a > b; }
};
struct Ge : PredicateFunctor {
  template <class T> CNN_HD bool operator()(T a, T b) const { return a >= b; }
};
struct LogicalAnd : PredicateFunctor {
  template <class T> CNN_HD bool operator()(T a, T b) const { return (a != T(0)) & (b != T(0)); }
};
struct LogicalOr : PredicateFunctor {
  template <class T> CNN_HD bool operator()(T a, T b) const { return (a != T(0)) | (b != T(0)); }
};
struct LogicalXor : PredicateFunctor {
  template <class T> CNN_HD bool operator()(T a, T b) const { return (a != T(0)) != (b != T(0)); }
};
struct BitwiseAnd : Functor {
  static constexpr Stored kStored = Stored::Unsigned;
  template <class T> CNN_HD T operator()(T a, T b) const { return T(a & b); }
};
struct BitwiseOr : Functor {
  static constexpr Stored kStored = Stored::Unsigned;
  template <class T> CNN_HD T operator()(T a, T b) const { return T(a | b); }
};
struct BitwiseXor : Functor {
  static constexpr Stored kStored = Stored::Unsigned;
  template <class T> CNN_HD T operator()(T a, T b) const { return T(a ^ b); }
};
// Shifts by a negative number or by the width and more empty the word.
struct ShiftLeft : Functor {
  template <class T> CNN_HD T operator()(T a, T b) const {
    return b < T(0) || int64_t(b) >= int64_t(8 * sizeof(T)) ? T(0) : T(uint64_t(a) << int64_t(b));
  }
};
struct ShiftRight : Functor {
  template <class T> CNN_HD T operator()(T a, T b) const {
    return b < T(0) || int64_t(b) >= int64_t(8 * sizeof(T)) ? (a < T(0) ? T(-1) : T(0)) : T(a >> b);
  }
};
// |a - b| <= atol + rtol |b|
struct IsClose : PredicateFunctor {
  double rtol, atol;
  bool equal_nan;
  template <class T> CNN_HD bool operator()(T a, T b) const {
    if (a == b) return true;
    if constexpr (kIsFloating<T>) {
      if (equal_nan && a != a && b != b) return true;
      const T gap = fabs(a - b);
      return gap <= T(atol) + fabs(T(rtol) * b) && gap < infinity<T>();
    } else {
      const double gap = a > b ? double(a) - double(b) : double(b) - double(a);
      return gap <= atol + rtol * (double(b) < 0 ? -double(b) : double(b));
    }
  }
};

CNN_NUMBER(kMapBinary, CNN_MAP_BINARY)
CNN_NUMBER(kMapCompare, CNN_MAP_COMPARE)

}  // namespace cnn::kernels::CNN_ISA
