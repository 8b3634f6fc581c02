// Single draws of the gamma, Poisson and binomial distributions, with PyTorch's algorithms and order of draws. A source
// gives the numbers that they are made of: uniform() and normal(). A is the type that is computed in, T that of the
// parameters, which the constants of a method are rounded to.
#pragma once

#include "kernels/math.h"

namespace cnn::kernels::inline CNN_ISA {

// A gamma number of rate 1, by Marsaglia and Tsang's squeeze (2000).
template <class A, class T, class Source> CNN_HD A gamma_variate(Source& source, T alpha) {
  A scale = 1;
  if (alpha < 1) {  // from alpha + 1, where few candidates are refused
    if (alpha == 0) return 0;
    scale = pow(A(1) - A(source.uniform()), A(T(1) / alpha));
    alpha += 1;
  }
  const A d = alpha - 1.0f / 3.0f;
  const A c = A(1) / sqrt(A(9) * d);
  for (;;) {
    A x, y;
    do {
      x = A(source.normal());
      y = A(1) + c * x;
    } while (y <= 0);
    const A v = y * y * y, xx = x * x;
    const A u = A(1) - A(source.uniform());
    if (u < A(1) - 0.0331f * xx * xx) return scale * d * v;
    if (log(u) < A(0.5) * xx + d * (A(1) - v + log(v))) return scale * d * v;
    if (is_nan(v)) return v;
  }
}

// What Hoermann's transformed rejections (1993) share: two uniform numbers, turned into a candidate of the hat with
// parameters a and b about the centre.
template <class A> struct Candidate {
  A v, us, k;
  template <class Source> CNN_HD Candidate(Source& source, A a, A b, A centre) {
    const A u = A(source.uniform() - 0.5);
    v = A(source.uniform());
    us = A(0.5 - fabs(u));
    k = floor((2 * a / us + b) * u + centre);
  }
};

// log k! less Stirling's formula: a table, then the series.
template <class A> CNN_HD A stirling_tail(A k) {
  static constexpr double table[] = {
      0.08106146679532726, 0.04134069595540929, 0.02767792568499834, 0.02079067210376509,  0.01664469118982119,
      0.01387612882307075, 0.01189670994589177, 0.01041126526197209, 0.009255462182712733, 0.008330563433362871};
  if (k <= 9) return A(table[int(k)]);
  const A square = (k + 1) * (k + 1);
  return A((1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1));
}

// The library's own also in float: the trials that a number stands for hang on its last digits.
CNN_HD float library_log1p(float x) { return __builtin_log1pf(x); }
CNN_HD double library_log1p(double x) { return __builtin_log1p(x); }

// By the times between successes, which are geometric. For few expected successes.
template <class A, class T, class Source> CNN_HD A binomial_by_inversion(Source& source, T count, T p) {
  const A log_failure = library_log1p(-p);
  A trials = 0, successes = 0;
  for (;;) {
    trials += ceil(log(A(source.uniform())) / log_failure);
    if (!(trials <= count)) return successes;
    ++successes;
  }
}

// Hoermann's BTRS, for p <= 1/2 and ten or more expected successes.
template <class A, class T, class Source> CNN_HD A binomial_by_rejection(Source& source, T count, T p) {
  const A deviation = sqrt(count * p * (1 - p));
  const A b = A(1.15 + 2.53 * deviation);
  const A a = A(-0.0873 + 0.0248 * b + 0.01 * p);
  const A centre = A(count * p + 0.5);
  const A box = A(0.92 - 4.2 / b);  // below it, candidates need no further look
  const A odds = p / (1 - p);
  const A alpha = A((2.83 + 5.1 / b) * deviation);
  const A mode = floor((count + 1) * p);
  for (;;) {
    const Candidate<A> c(source, a, b, centre);
    const A k = c.k;
    if (c.us >= 0.07 && c.v <= box) return k;
    if (k < 0 || k > count) continue;
    const A height = log(A(c.v * alpha / (a / (c.us * c.us) + b)));
    const A log_ratio = A((mode + 0.5) * log(A((mode + 1) / (odds * (count - mode + 1)))) +
                          (count + 1) * log(A((count - mode + 1) / (count - k + 1))) +
                          (k + 0.5) * log(A(odds * (count - k + 1) / (k + 1))) + stirling_tail<A>(mode) +
                          stirling_tail<A>(count - mode) - stirling_tail<A>(k) - stirling_tail<A>(count - k));
    if (height <= log_ratio) return k;
  }
}

// The successes of `count` trials of probability p; nan when either is nan.
template <class A, class T, class Source> CNN_HD A binomial_variate(Source& source, T count, T p) {
  if (is_nan(count) || is_nan(p)) return nan<A>();
  if (count <= 0 || p <= 0) return 0;
  if (p >= 1) return count;
  const bool mirrored = !(p <= T(0.5));
  const T rare = mirrored ? 1 - p : p;
  const A k = count * rare >= 10 ? binomial_by_rejection<A>(source, count, rare)
                                 : binomial_by_inversion<A>(source, count, rare);
  return mirrored ? count - k : k;
}

// Hoermann's PTRS, for rates of ten and more.
template <class Source> CNN_HD double poisson_by_rejection(Source& source, double rate) {
  const double log_rate = log(rate);
  const double b = 0.931 + 2.53 * sqrt(rate);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double box = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const Candidate<double> c(source, a, b, rate + 0.43);
    if (c.us >= 0.07 && c.v <= box) return c.k;
    if (c.k < 0 || (c.us < 0.013 && c.v > c.us)) continue;
    const double height = log(c.v) + log(inverse_alpha) - log(a / (c.us * c.us) + b);
    if (height <= -rate + c.k * log_rate - lgamma(c.k + 1)) return c.k;
  }
}

// The events before the product of uniform numbers falls to exp(-rate).
template <class Source> CNN_HD double poisson_by_multiplication(Source& source, double rate) {
  const double least = exp(-rate);
  double product = 1;
  for (double events = 0;; ++events) {
    product *= source.uniform();
    if (product <= least) return events;
  }
}

}  // namespace cnn::kernels::CNN_ISA
