#include "core/random_variates.h"

#include <cmath>
#include <limits>

namespace cnn {
namespace {

// log k! less Stirling's formula: a table, then the series.
double stirling_tail(double k) {
  static constexpr double kTable[] = {
      0.08106146679532726, 0.04134069595540929, 0.02767792568499834, 0.02079067210376509,  0.01664469118982119,
      0.01387612882307075, 0.01189670994589177, 0.01041126526197209, 0.009255462182712733, 0.008330563433362871};
  if (k <= 9) return kTable[int(k)];
  const double square = (k + 1) * (k + 1);
  return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1);
}

// What Hoermann's transformed rejections (1993) share: two uniform numbers, turned into a candidate of the hat with
// parameters a and b about the centre.
struct Candidate {
  double v, us, k;
  Candidate(Generator& generator, double a, double b, double centre) {
    const double u = generator.uniform_double() - 0.5;
    v = generator.uniform_double();
    us = 0.5 - std::fabs(u);
    k = std::floor((2 * a / us + b) * u + centre);
  }
};

// By the times between successes, which are geometric. For few expected successes.
template <class T>
double binomial_by_inversion(Generator& generator, T count, T p) {
  const double log_failure = std::log1p(-p);
  double trials = 0, successes = 0;
  for (;;) {
    trials += std::ceil(std::log(generator.uniform_double()) / log_failure);
    if (!(trials <= count)) return successes;
    ++successes;
  }
}

// Hoermann's BTRS, for p <= 1/2 and ten or more expected successes.
template <class T>
double binomial_by_rejection(Generator& generator, T count, T p) {
  const double deviation = std::sqrt(count * p * (1 - p));
  const double b = 1.15 + 2.53 * deviation;
  const double a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double centre = count * p + 0.5;
  const double box = 0.92 - 4.2 / b;  // below it, candidates need no further look
  const double odds = p / (1 - p);
  const double alpha = (2.83 + 5.1 / b) * deviation;
  const double mode = std::floor((count + 1) * p);
  for (;;) {
    const auto [v, us, k] = Candidate(generator, a, b, centre);
    if (us >= 0.07 && v <= box) return k;
    if (k < 0 || k > count) continue;
    const double height = std::log(v * alpha / (a / (us * us) + b));
    const double log_ratio = (mode + 0.5) * std::log((mode + 1) / (odds * (count - mode + 1))) +
                             (count + 1) * std::log((count - mode + 1) / (count - k + 1)) +
                             (k + 0.5) * std::log(odds * (count - k + 1) / (k + 1)) + stirling_tail(mode) +
                             stirling_tail(count - mode) - stirling_tail(k) - stirling_tail(count - k);
    if (height <= log_ratio) return k;
  }
}

// Hoermann's PTRS, for rates of ten and more.
double poisson_by_rejection(Generator& generator, double rate) {
  const double log_rate = std::log(rate);
  const double b = 0.931 + 2.53 * std::sqrt(rate);
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double box = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const auto [v, us, k] = Candidate(generator, a, b, rate + 0.43);
    if (us >= 0.07 && v <= box) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const double height = std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b);
    if (height <= -rate + k * log_rate - std::lgamma(k + 1)) return k;
  }
}

// The events before the product of uniform numbers falls below exp(-rate).
double poisson_by_multiplication(Generator& generator, double rate) {
  const double least = std::exp(-rate);
  double product = 1;
  for (double events = 0;; ++events) {
    product *= generator.uniform_double();
    if (product <= least) return events;
  }
}

}  // namespace

template <class T>
double gamma_variate(Generator& generator, T alpha) {
  double scale = 1;
  if (alpha < 1) {  // from alpha + 1, where few candidates are refused
    if (alpha == 0) return 0;
    scale = std::pow(1 - generator.uniform_double(), T(1) / alpha);
    alpha += 1;
  }
  const double d = alpha - 1.0f / 3.0f;
  const double c = 1 / std::sqrt(9 * d);
  for (;;) {
    double x, y;
    do {
      x = generator.normal();
      y = 1 + c * x;
    } while (y <= 0);
    const double v = y * y * y, xx = x * x;
    const double u = 1 - generator.uniform_double();
    if (u < 1 - 0.0331f * xx * xx) return scale * d * v;
    if (std::log(u) < 0.5 * xx + d * (1 - v + std::log(v))) return scale * d * v;
    if (std::isnan(v)) return v;
  }
}
template CNN_API double gamma_variate(Generator&, float);
template CNN_API double gamma_variate(Generator&, double);

double poisson_variate(Generator& generator, double rate) {
  if (rate == 0) return 0;
  return rate >= 10 ? poisson_by_rejection(generator, rate) : poisson_by_multiplication(generator, rate);
}

template <class T>
double binomial_variate(Generator& generator, T count, T p) {
  if (std::isnan(count) || std::isnan(p)) return std::numeric_limits<double>::quiet_NaN();
  if (count <= 0 || p <= 0) return 0;
  if (p >= 1) return count;
  const T rare = p <= 0.5 ? p : 1 - p;
  const double k = count * rare >= 10 ? binomial_by_rejection(generator, count, rare)
                                      : binomial_by_inversion(generator, count, rare);
  return p <= 0.5 ? k : count - k;
}
template CNN_API double binomial_variate(Generator&, float, float);
template CNN_API double binomial_variate(Generator&, double, double);

}  // namespace cnn
