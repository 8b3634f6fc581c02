// Single draws of the gamma, Poisson and binomial distributions on the CPU (kernels/variates.h), so that the same seed
// gives PyTorch's numbers. The caller holds the generator's lock, for the length of a whole tensor.
#pragma once

#include <cstdint>

#include "core/random.h"

namespace cnn {

// T is the type of the parameters, which the constants of a method are rounded to.

// A gamma number of rate 1.
template <class T>
CNN_API double gamma_variate(Generator& generator, T alpha);
// rate >= 0
CNN_API double poisson_variate(Generator& generator, double rate);
// The successes of `count` trials of probability p; nan when either is nan.
template <class T>
CNN_API double binomial_variate(Generator& generator, T count, T p);

}  // namespace cnn
