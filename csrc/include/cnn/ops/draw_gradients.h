// The derivatives of gamma and Dirichlet draws by their parameters.
#pragma once

#include "cnn/tensor.h"

namespace cnn {

// dx / d input of draws x = output of Gamma(input, 1), the quantile held: -(dF / d input) / p(x).
CNN_API Tensor _standard_gamma_grad(const Tensor& input, const Tensor& output);
// dx / d alpha / (1 - x) of draws x of Beta(alpha, total - alpha), the quantile and total - alpha held.
CNN_API Tensor _dirichlet_grad(const Tensor& x, const Tensor& alpha, const Tensor& total);

}  // namespace cnn
