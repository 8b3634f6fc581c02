// Random tensors. The same seed draws PyTorch's numbers. `generator` null: the default one.
#pragma once

#include <optional>

#include "cnn/random.h"
#include "cnn/tensor.h"

namespace cnn {

// In place; recorded like any other write.
CNN_API Tensor uniform_(const Tensor& input, double from = 0, double to = 1, Generator* generator = nullptr);
CNN_API Tensor normal_(const Tensor& input, double mean = 0, double std = 1, Generator* generator = nullptr);
CNN_API Tensor bernoulli_(const Tensor& input, double p = 0.5, Generator* generator = nullptr);
CNN_API Tensor bernoulli_tensor_(const Tensor& input, const Tensor& p, Generator* generator = nullptr);
CNN_API Tensor exponential_(const Tensor& input, double lambd = 1, Generator* generator = nullptr);
CNN_API Tensor cauchy_(const Tensor& input, double median = 0, double sigma = 1, Generator* generator = nullptr);
CNN_API Tensor log_normal_(const Tensor& input, double mean = 1, double std = 2, Generator* generator = nullptr);
CNN_API Tensor geometric_(const Tensor& input, double p, Generator* generator = nullptr);
// Integers in [from, to); without bounds, all that the dtype holds exactly.
CNN_API Tensor random_(const Tensor& input, std::optional<int64_t> from = {}, std::optional<int64_t> to = {},
                       Generator* generator = nullptr);

CNN_API Tensor rand(const Dims& size, Generator* generator = nullptr, DType dtype = default_dtype(),
                    Device device = kCpu);
CNN_API Tensor randn(const Dims& size, Generator* generator = nullptr, DType dtype = default_dtype(),
                     Device device = kCpu);
CNN_API Tensor randint(int64_t low, int64_t high, const Dims& size, Generator* generator = nullptr,
                       DType dtype = DType::Int64, Device device = kCpu);
CNN_API Tensor randperm(int64_t n, Generator* generator = nullptr, DType dtype = DType::Int64, Device device = kCpu);
CNN_API Tensor bernoulli(const Tensor& input, Generator* generator = nullptr);  // 1 with the probabilities of input
CNN_API Tensor normal(const Tensor& mean, const Tensor& std, Generator* generator = nullptr);
CNN_API Tensor multinomial(const Tensor& input, int64_t num_samples, bool replacement = false,
                           Generator* generator = nullptr);
// Draws with parameters for each element; those of a gamma distribution of rate 1 are differentiable.
CNN_API Tensor _standard_gamma(const Tensor& input, Generator* generator = nullptr);
CNN_API Tensor _sample_dirichlet(const Tensor& input, Generator* generator = nullptr);  // rows that sum to 1
CNN_API Tensor poisson(const Tensor& input, Generator* generator = nullptr);
CNN_API Tensor binomial(const Tensor& count, const Tensor& prob, Generator* generator = nullptr);
// input times a mask of 0 and 1 / (1 - p); input itself when not training.
CNN_API Tensor dropout(const Tensor& input, double p, bool train, Dest dest = {});

}  // namespace cnn
