#include "ops/variates.h"

#include "kernels/variates.h"

namespace cnn {
namespace {

struct Source {
  Generator& generator;
  double uniform() { return generator.uniform_double(); }  // [0, 1)
  double normal() { return generator.normal(); }
};

}  // namespace

template <class T>
double gamma_variate(Generator& generator, T alpha) {
  Source source{generator};
  return kernels::gamma_variate<double>(source, alpha);
}
template CNN_API double gamma_variate(Generator&, float);
template CNN_API double gamma_variate(Generator&, double);

double poisson_variate(Generator& generator, double rate) {
  if (rate == 0) return 0;
  Source source{generator};
  return rate >= 10 ? kernels::poisson_by_rejection(source, rate) : kernels::poisson_by_multiplication(source, rate);
}

template <class T>
double binomial_variate(Generator& generator, T count, T p) {
  Source source{generator};
  return kernels::binomial_variate<double>(source, count, p);
}
template CNN_API double binomial_variate(Generator&, float, float);
template CNN_API double binomial_variate(Generator&, double, double);

}  // namespace cnn
