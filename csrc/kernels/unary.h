// Elementwise functions of one operand.
#pragma once

#include "kernels/functor.h"
#include "kernels/math.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, inputs, types)
#define CNN_MAP_UNARY(X)                                                                             \
  X(Abs, 1, Numbers) X(Sign, 1, All) X(Exp, 1, Floats) X(Exp2, 1, Floats) X(Expm1, 1, Floats)        \
  X(Log, 1, Floats) X(Log2, 1, Floats) X(Log10, 1, Floats) X(Log1p, 1, Floats) X(Sqrt, 1, Floats)    \
  X(Rsqrt, 1, Floats) X(Reciprocal, 1, Floats) X(Square, 1, Floats) X(Cube, 1, Floats)               \
  X(Sin, 1, Floats) X(Cos, 1, Floats) X(Tan, 1, Floats) X(Asin, 1, Floats) X(Acos, 1, Floats)        \
  X(Atan, 1, Floats) X(Sinh, 1, Floats) X(Cosh, 1, Floats) X(Tanh, 1, Floats) X(Asinh, 1, Floats)    \
  X(Acosh, 1, Floats) X(Atanh, 1, Floats) X(Sigmoid, 1, Floats) X(Erf, 1, Floats) X(Erfc, 1, Floats) \
  X(Erfinv, 1, Floats) X(Lgamma, 1, Floats) X(Digamma, 1, Floats) X(Trigamma, 1, Floats)             \
  X(Polygamma, 1, Floats) X(Sinc, 1, Floats) X(Floor, 1, Numbers) X(Ceil, 1, Numbers)                \
  X(Trunc, 1, Numbers) X(Round, 1, Numbers) X(RoundDecimals, 1, Floats) X(Frac, 1, Floats)           \
  X(NanToNum, 1, All) X(IsNan, 1, All) X(IsInf, 1, All) X(IsFinite, 1, All) X(IsPosInf, 1, All)      \
  X(IsNegInf, 1, All) X(Signbit, 1, All) X(LogicalNot, 1, All) X(BitwiseNot, 1, Integers)

// y = |x|
struct Abs : Functor {
  static constexpr Stored kStored = Stored::Floats;
  template <class T> CNN_HD T operator()(T x) const {
    if constexpr (kIsFloating<T>) return fabs(x);
    else return x < T(0) ? T(-x) : x;
  }
};
// y = -1, 0 or 1; 0 for nan
struct Sign : Functor {
  template <class T> CNN_HD T operator()(T x) const { return T(T(T(0) < x) - T(x < T(0))); }
};

struct Exp : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return exp(x); }
};
struct Exp2 : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return exp2(x); }
};
struct Expm1 : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return expm1(x); }
};
struct Log : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return log(x); }
};
struct Log2 : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return log2(x); }
};
struct Log10 : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return log10(x); }
};
struct Log1p : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return log1p(x); }
};
struct Sin : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return sin(x); }
  template <class T> CNN_HD bool rare(T x) const { return beyond_trig(x); }
  template <class T> CNN_HD T usual(T x) const { return usual_sin(x); }
};
struct Cos : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return cos(x); }
  template <class T> CNN_HD bool rare(T x) const { return beyond_trig(x); }
  template <class T> CNN_HD T usual(T x) const { return usual_cos(x); }
};
struct Tan : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return tan(x); }
  template <class T> CNN_HD bool rare(T x) const { return beyond_trig(x); }
  template <class T> CNN_HD T usual(T x) const { return usual_tan(x); }
};
struct Asin : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return asin(x); }
};
struct Acos : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return acos(x); }
};
struct Atan : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return atan(x); }
};
struct Sinh : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return sinh(x); }
};
struct Cosh : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return cosh(x); }
};
struct Tanh : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return tanh(x); }
};
struct Asinh : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return asinh(x); }
};
struct Acosh : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return acosh(x); }
};
struct Atanh : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return atanh(x); }
};
struct Sigmoid : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return sigmoid(x); }
};
struct Erf : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return erf(x); }
};
struct Erfc : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const { return erfc(x); }
};

struct Sqrt : FloatFunctor {
  static constexpr int kCost = 2;
  template <class T> CNN_HD T operator()(T x) const { return sqrt(x); }
};
struct Rsqrt : FloatFunctor {
  static constexpr int kCost = 3;
  template <class T> CNN_HD T operator()(T x) const { return T(1) / sqrt(x); }
};
struct Reciprocal : FloatFunctor {
  static constexpr int kCost = 2;
  template <class T> CNN_HD T operator()(T x) const { return T(1) / x; }
};

// x^2 and x^3, for constant exponents
struct Square : Functor {
  static constexpr Rule kRule = Rule::Float;
  template <class T> CNN_HD T operator()(T x) const { return x * x; }
};
struct Cube : Functor {
  static constexpr Rule kRule = Rule::Float;
  template <class T> CNN_HD T operator()(T x) const { return x * x * x; }
};

// erf^-1 by two polynomials in w = -log(1 - y^2) (Giles 2010); in double two steps of Newton's method follow.
struct Erfinv : FloatFunctor {
  template <class T> CNN_HD T operator()(T y) const {
    T x = guess(y);
    if constexpr (sizeof(T) == 8) {
      for (int step = 0; step < 2; ++step) {
        const T error = fabs(x) < 0.5 ? erf(x) - y : x > 0 ? (1 - y) - erfc(x) : erfc(-x) - (1 + y);
        x -= error / (1.1283791670955126 * exp(-x * x));
      }
    }
    return select(fabs(y) == T(1), copysign(infinity<T>(), y), x);
  }

 private:
  template <class T> CNN_HD static T guess(T y) {
    const T w = -log((T(1) - y) * (T(1) + y)), v = w - T(2.5), u = sqrt(w) - T(3);
    T near = fma(T(2.81022636e-08), v, T(3.43273939e-07));
    near = fma(near, v, T(-3.5233877e-06));
    near = fma(near, v, T(-4.39150654e-06));
    near = fma(near, v, T(0.00021858087));
    near = fma(near, v, T(-0.00125372503));
    near = fma(near, v, T(-0.00417768164));
    near = fma(near, v, T(0.246640727));
    near = fma(near, v, T(1.50140941));
    T far = fma(T(-0.000200214257), u, T(0.000100950558));
    far = fma(far, u, T(0.00134934322));
    far = fma(far, u, T(-0.00367342844));
    far = fma(far, u, T(0.00573950773));
    far = fma(far, u, T(-0.0076224613));
    far = fma(far, u, T(0.00943887047));
    far = fma(far, u, T(1.00167406));
    far = fma(far, u, T(2.83297682));
    return select(w < T(5), near, far) * y;
  }
};

struct Lgamma : FloatFunctor {
  static constexpr int kCost = 20;
  template <class T> CNN_HD T operator()(T x) const { return T(lgamma(double(x))); }
};

// psi(x): recurrence up to 10, then the asymptotic series (Abramowitz & Stegun 6.3.18); reflection below zero.
struct Digamma : FloatFunctor {
  static constexpr int kCost = 20;
  template <class T> CNN_HD T operator()(T value) const {
    double x = double(value), shift = 0;
    constexpr double pi = 3.14159265358979323846;
    if (x == 0) return copysign(infinity<T>(), T(-value));
    if (x < 0) {
      if (x == __builtin_floor(x)) return nan<T>();
      const double fraction = x - __builtin_trunc(x);
      shift = -pi / __builtin_tan(pi * fraction);
      x = 1 - x;
    }
    for (; x < 10; x += 1) shift -= 1 / x;
    const double z = 1 / (x * x);
    const double series = z * (8.33333333333333333333e-2 -
                               z * (8.33333333333333333333e-3 -
                                    z * (3.96825396825396825397e-3 -
                                         z * (4.16666666666666666667e-3 -
                                              z * (7.57575757575757575758e-3 -
                                                   z * (2.10927960927960927961e-2 - z * 8.33333333333333333333e-2))))));
    return T(shift + __builtin_log(x) - 0.5 / x - series);
  }
};

// psi'(x): reflection below 1/2, recurrence up to 15, then the asymptotic series (Abramowitz & Stegun 6.4.12). At a
// pole the sine of the rounded pi x is not zero: the value is large and not infinite, as PyTorch's.
struct Trigamma : FloatFunctor {
  static constexpr int kCost = 20;
  template <class T> CNN_HD T operator()(T value) const {
    double x = double(value), sign = 1, y = 0;
    constexpr double pi = 3.14159265358979323846;
    if (x < 0.5) {
      sign = -1;
      const double s = x == __builtin_floor(x) ? double(sin(T(pi) * value)) : __builtin_sin(pi * x);
      y -= (pi * pi) / (s * s);
      x = 1 - x;
    }
    for (; x < 15; x += 1) y += 1 / (x * x);
    const double z = 1 / (x * x);
    y += (1 + 1 / (2 * x) + z * (1. / 6 - z * (1. / 30 - z * (1. / 42 - z * (1. / 30 - z * (5. / 66)))))) / x;
    return T(sign * y);
  }
};

// y = (-1)^(n+1) n! Z(n+1, x) for n >= 1, where Z(s, x) is the sum of (x + k)^-s over k >= 0.
struct Polygamma : FloatFunctor {
  static constexpr int kCost = 60;
  int64_t n;
  template <class T> CNN_HD T operator()(T value) const {
    const double x = double(value), s = double(n + 1), sign = n % 2 ? 1 : -1;
    double factor = sign;
    for (int64_t i = 2; i <= n && i <= 171; ++i) factor *= double(i);
    if (x <= 0 && x == __builtin_floor(x)) return T(factor * infinity<double>());
    if (x > 0) return T(factor * sum(s, x));
    // All terms of the fraction's lattice but those below x: none of the sums is long, however far x is from 0.
    const double fraction = x - __builtin_floor(x), rest = __builtin_ceil(x) - x;  // each exact where it is small
    return T(factor * (sum(s, fraction) + sign * (sum(s, rest) - sum(s, 1 - x))));
  }
  // Z(s, x), x > 0: terms up to x + k = 9, then Euler-Maclaurin.
  CNN_HD static double sum(double s, double x) {
    double y = 0;
    for (; x < 9; x += 1) y += __builtin_pow(x, -s);
    double term = __builtin_pow(x, -s);
    y += term * (x / (s - 1) + 0.5);
    // B_2j / (2j)! times s (s + 1) ... (s + 2j - 2) x^-(s + 2j - 1)
    constexpr double bernoulli[] = {1. / 12, -1. / 720, 1. / 30240, -1. / 1209600, 1. / 47900160};
    term *= s / x;
    for (int j = 0; j < 5; ++j) {
      y += bernoulli[j] * term;
      term *= (s + 2 * j + 1) * (s + 2 * j + 2) / (x * x);
    }
    return y;
  }
};

// sin(pi x) / (pi x)
struct Sinc : FloatFunctor {
  template <class T> CNN_HD T operator()(T x) const {
    const T a = T(3.14159265358979323846) * x;
    return select(x == T(0), T(1), sin(a) / a);
  }
  template <class T> CNN_HD bool rare(T x) const { return beyond_trig(T(3.14159265358979323846) * x); }
  template <class T> CNN_HD T usual(T x) const {
    const T a = T(3.14159265358979323846) * x;
    return select(x == T(0), T(1), usual_sin(a) / a);
  }
};

struct Floor : Functor {
  static constexpr Stored kStored = Stored::Unsigned;
  template <class T> CNN_HD T operator()(T x) const {
    if constexpr (kIsFloating<T>) return floor(x);
    else return x;
  }
};
struct Ceil : Functor {
  static constexpr Stored kStored = Stored::Unsigned;
  template <class T> CNN_HD T operator()(T x) const {
    if constexpr (kIsFloating<T>) return ceil(x);
    else return x;
  }
};
struct Trunc : Functor {
  static constexpr Stored kStored = Stored::Unsigned;
  template <class T> CNN_HD T operator()(T x) const {
    if constexpr (kIsFloating<T>) return trunc(x);
    else return x;
  }
};
// Halves go to the even neighbour.
struct Round : Functor {
  static constexpr Stored kStored = Stored::Unsigned;
  template <class T> CNN_HD T operator()(T x) const {
    if constexpr (kIsFloating<T>) return round_even(x);
    else return x;
  }
};
// round(x 10^decimals) / 10^decimals
struct RoundDecimals : Functor {
  double scale;  // 10^|decimals|
  bool negative;
  template <class T> CNN_HD T operator()(T x) const {
    return negative ? round_even(x / T(scale)) * T(scale) : round_even(x * T(scale)) / T(scale);
  }
};
struct Frac : Functor {
  template <class T> CNN_HD T operator()(T x) const { return x - trunc(x); }
};

struct NanToNum : Functor {
  static constexpr Stored kStored = Stored::Unsigned;
  double for_nan, for_inf, for_minus_inf;
  template <class T> CNN_HD T operator()(T x) const {
    if constexpr (kIsFloating<T>)
      return x != x ? T(for_nan) : x == infinity<T>() ? T(for_inf) : x == -infinity<T>() ? T(for_minus_inf) : x;
    else return x;
  }
};

struct IsNan : PredicateFunctor {
  static constexpr Stored kStored = Stored::Both;
  template <class T> CNN_HD bool operator()(T x) const { return x != x; }
};
struct IsInf : PredicateFunctor {
  static constexpr Stored kStored = Stored::Unsigned;
  template <class T> CNN_HD bool operator()(T x) const {
    if constexpr (kIsFloating<T>) return fabs(x) == infinity<T>();
    else return false;
  }
};
struct IsFinite : PredicateFunctor {
  static constexpr Stored kStored = Stored::Unsigned;
  template <class T> CNN_HD bool operator()(T x) const {
    if constexpr (kIsFloating<T>) return fabs(x) < infinity<T>();
    else return true;
  }
};
struct IsPosInf : PredicateFunctor {
  static constexpr Stored kStored = Stored::Unsigned;
  template <class T> CNN_HD bool operator()(T x) const {
    if constexpr (kIsFloating<T>) return x == infinity<T>();
    else return false;
  }
};
struct IsNegInf : PredicateFunctor {
  static constexpr Stored kStored = Stored::Unsigned;
  template <class T> CNN_HD bool operator()(T x) const {
    if constexpr (kIsFloating<T>) return x == -infinity<T>();
    else return false;
  }
};
struct Signbit : PredicateFunctor {
  template <class T> CNN_HD bool operator()(T x) const {
    if constexpr (kIsFloating<T>) return __builtin_signbit(x);
    else return x < T(0);
  }
};
struct LogicalNot : PredicateFunctor {
  template <class T> CNN_HD bool operator()(T x) const { return x == T(0); }
};
struct BitwiseNot : Functor {
  template <class T> CNN_HD T operator()(T x) const {
    if constexpr (T(2) == T(1)) return !x;
    else return T(~x);
  }
};

CNN_NUMBER(kMapUnary, CNN_MAP_UNARY)

}  // namespace cnn::kernels::CNN_ISA
