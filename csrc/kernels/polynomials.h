// Orthogonal polynomials of degree n at x, where n is an operand too: cut to an integer, 0 below 0. Recurrences are
// those of Abramowitz & Stegun 22.7; they run in double.
#pragma once

#include "kernels/functor.h"
#include "kernels/math.h"
#include "kernels/special_tables.h"

namespace cnn::kernels::inline CNN_ISA {

struct Polynomial : FloatFunctor {
  static constexpr int kCost = 40;
};

// The sign that (-1)^n gives a polynomial at negative x.
CNN_HD double sign_at(double x, double n) { return x < 0 && __builtin_fmod(n, 2) != 0 ? -1 : 1; }

// The four kinds of Chebyshev polynomials: 2 x p_k - p_(k - 1) is p_(k + 1), from p_0 = 1 and p_1 = slope x + constant.
// Beyond some degree the angle whose cosine is x gives them at once, and so it does beyond 1, where it is imaginary.
enum class ChebyshevKind { T, U, V, W };
template <ChebyshevKind kKind> struct Chebyshev {
  CNN_CALLED static double at(double x, double degree) {
    if (degree != degree) return degree;
    const double n = __builtin_trunc(degree);
    if (n < 0) return 0;
    if (n == 0) return 1;
    constexpr double slope = kKind == ChebyshevKind::T ? 1 : 2;
    constexpr double constant = kKind == ChebyshevKind::V ? -1 : kKind == ChebyshevKind::W ? 1 : 0;
    const double first = slope * x + constant;
    if (n == 1 || x != x) return first;
    if (__builtin_fabs(x) == 1) return at_end(x, n);
    if (n > 32 || __builtin_fabs(x) > 1e8) return by_angle(x, n);
    double before = 1, p = first;
    for (int k = 1; k < n; ++k) {
      const double next = 2 * x * p - before;
      before = p;
      p = next;
    }
    return p;
  }

 private:
  CNN_HD static double at_end(double x, double n) {
    const double size = kKind == ChebyshevKind::T                ? 1
                        : kKind == ChebyshevKind::U              ? n + 1
                        : (kKind == ChebyshevKind::V) == (x < 0) ? 2 * n + 1
                                                                 : 1;
    return sign_at(x, n) * size;
  }
  CNN_HD static double by_angle(double x, double n) {
    if (x < -1) {  // V and W are each other's mirror images
      constexpr ChebyshevKind mirror = kKind == ChebyshevKind::V   ? ChebyshevKind::W
                                       : kKind == ChebyshevKind::W ? ChebyshevKind::V
                                                                   : kKind;
      return sign_at(x, n) * Chebyshev<mirror>::beyond(-x, n);
    }
    if (x > 1) return beyond(x, n);
    const double angle = __builtin_acos(x);
    if constexpr (kKind == ChebyshevKind::T) return __builtin_cos(n * angle);
    if constexpr (kKind == ChebyshevKind::U) return __builtin_sin((n + 1) * angle) / __builtin_sqrt((1 - x) * (1 + x));
    if constexpr (kKind == ChebyshevKind::V) return __builtin_cos((n + 0.5) * angle) / __builtin_sqrt((1 + x) / 2);
    return __builtin_sin((n + 0.5) * angle) / __builtin_sqrt((1 - x) / 2);
  }

 public:
  // For x > 1. Large hyperbolic functions are one exponential: their quotient does not overflow before its value does.
  CNN_CALLED static double beyond(double x, double n) {
    const double angle = __builtin_acosh(x);
    if constexpr (kKind == ChebyshevKind::T) return __builtin_cosh(n * angle);
    const double m = kKind == ChebyshevKind::U ? n + 1 : n + 0.5;
    const double part = kKind == ChebyshevKind::U ? angle : angle / 2;
    if (m * angle > 40) {  // exp(-2 m angle) is below the last digit
      const double twice = kKind == ChebyshevKind::V ? 1 + __builtin_exp(-2 * part) : -__builtin_expm1(-2 * part);
      return __builtin_exp(n * angle) / twice;
    }
    if constexpr (kKind == ChebyshevKind::V) return __builtin_cosh(m * angle) / __builtin_cosh(part);
    return __builtin_sinh(m * angle) / __builtin_sinh(part);
  }
};

#define CNN_CHEBYSHEV(kind)                                                                                   \
  struct Chebyshev##kind : Polynomial {                                                                       \
    template <class T> CNN_HD T operator()(T x, T n) const {                                                  \
      return T(Chebyshev<ChebyshevKind::kind>::at(double(x), double(n)));                                      \
    }                                                                                                         \
  };                                                                                                          \
  struct ShiftedChebyshev##kind : Polynomial { /* from [0, 1] instead of [-1, 1] */                           \
    template <class T> CNN_HD T operator()(T x, T n) const {                                                  \
      return T(Chebyshev<ChebyshevKind::kind>::at(2 * double(x) - 1, double(n)));                              \
    }                                                                                                         \
  };
CNN_CHEBYSHEV(T)
CNN_CHEBYSHEV(U)
CNN_CHEBYSHEV(V)
CNN_CHEBYSHEV(W)
#undef CNN_CHEBYSHEV

// Degrees above are nan: their sums would take too long, or overflow.
inline constexpr double kMostHermite = 512, kMostDegree = 1 << 20;

// Runs p_(k + 1) = next(k, p_k, p_(k - 1)) from p_0 = 1 and p_1 up to p_n. The sign of the leading coefficient
// alternates where `leading` is -1. Where polynomials up to degree n only grow, one that overflows is infinite, and all
// after it.
struct Recurrence {
  double x, degree, most, first, leading;
  template <class Grows, class Next> CNN_HD double run(const Grows& grows, const Next& next) const {
    if (degree != degree) return degree;
    const double n = __builtin_trunc(degree);
    if (n < 0) return 0;
    if (n == 0) return 1;
    if (n > most) return nan<double>();
    const double far = sign_at(leading * x, n) * infinity<double>();
    if (__builtin_fabs(x) == infinity<double>()) return far;
    double before = 1, p = first;
    for (int k = 1; k < n; ++k) {
      const double after = next(k, p, before);
      before = p;
      p = after;
      if (!(__builtin_fabs(p) < infinity<double>())) return p == p && grows(n) ? far : nan<double>();
    }
    return p;
  }
};

// The physicists' form, and the probabilists'.
struct HermiteH : Polynomial {
  template <class T> CNN_HD T operator()(T value, T n) const {
    const double x = double(value);
    return T(Recurrence{x, double(n), kMostHermite, 2 * x, 1}.run(
        [x](double degree) { return x * x > 2 * degree; },
        [x](int k, double p, double before) { return 2 * x * p - 2 * k * before; }));
  }
};
struct HermiteHe : Polynomial {
  template <class T> CNN_HD T operator()(T value, T n) const {
    const double x = double(value);
    return T(Recurrence{x, double(n), kMostHermite, x, 1}.run(
        [x](double degree) { return x * x > 4 * degree; },
        [x](int k, double p, double before) { return x * p - k * before; }));
  }
};
struct LaguerreL : Polynomial {
  template <class T> CNN_HD T operator()(T value, T n) const {
    const double x = double(value);
    if (x == 0 && n >= T(0)) return T(1);
    return T(Recurrence{x, double(n), kMostDegree, 1 - x, -1}.run(
        [x](double degree) { return x < 0 || x > 4 * degree; },
        [x](int k, double p, double before) { return ((2.0 * k + (1 - x)) * p - k * before) / (k + 1.0); }));
  }
};
struct LegendreP : Polynomial {
  template <class T> CNN_HD T operator()(T value, T n) const {
    const double x = double(value);
    if (__builtin_fabs(x) == 1 && n >= T(0)) return T(sign_at(x, __builtin_trunc(double(n))));
    return T(Recurrence{x, double(n), kMostDegree, x, 1}.run(
        [x](double) { return __builtin_fabs(x) > 1; },
        [x](int k, double p, double before) { return ((2.0 * k + 1) * x * p - k * before) / (k + 1.0); }));
  }
};

}  // namespace cnn::kernels::CNN_ISA
