// Random numbers that GPUs draw themselves, without a wait or a copy: PyTorch's, as far as they are known
// (docs/cuda.md). Tensors are not empty; arguments are checked by the ops.
#pragma once

#include <utility>

#include "cnn/random.h"
#include "cnn/tensor.h"

namespace cnn {

// The generator to draw numbers for a device from: the given one, or the device's own. RuntimeError where the given one
// is for devices of another type.
Generator& generator_for(Device device, Generator* given);

void cuda_uniform(const Tensor& x, double from, double to, Generator& g);
void cuda_normal(const Tensor& x, double mean, double std, Generator& g);
void cuda_log_normal(const Tensor& x, double mean, double std, Generator& g);
void cuda_exponential(const Tensor& x, double lambd, Generator& g);
void cuda_cauchy(const Tensor& x, double median, double sigma, Generator& g);
void cuda_geometric(const Tensor& x, double p, Generator& g);
// `one` with probability p, else 0
void cuda_bernoulli(const Tensor& x, double p, double one, Generator& g);
// The same with a probability for each element; a later call tells of those outside [0, 1].
void cuda_bernoulli(const Tensor& x, const Tensor& p, Generator& g);
// low + word % range, with words of 32 or 64 bits; range 0: any word.
void cuda_integers(const Tensor& x, int64_t low, uint64_t range, bool wide, Generator& g);
Tensor cuda_randperm(int64_t n, Device device, Generator& g);  // int64

// (x with each element zeroed with probability p, the rest times 1 / (1 - p); which ones are kept, as bool)
std::pair<Tensor, Tensor> cuda_dropout(const Tensor& x, double p, Generator& g);
// x * scale where `kept`, else 0; differentiable in x.
Tensor scale_kept(const Tensor& x, const Tensor& kept, double scale);

// Draws with parameters for each element, of the dtype of y and expanded to its shape, into y, which is dense. A later
// call tells of rates that are negative.
void cuda_gamma(const Tensor& y, const Tensor& alpha, Generator& g);
void cuda_poisson(const Tensor& y, const Tensor& rate, Generator& g);
void cuda_binomial(const Tensor& y, const Tensor& count, const Tensor& prob, Generator& g);

// Has a later call tell of weights [..., n] that are negative or not finite, or whose totals [..., 1] are 0.
void cuda_watch_weights(const Tensor& weights, const Tensor& totals);
// Of each row of weights, or of the only one, `samples` categories, with replacement.
Tensor cuda_categories(const Tensor& weights, const Tensor& totals, int64_t samples, Generator& g);

}  // namespace cnn
