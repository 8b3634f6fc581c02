// Activations and the pointwise losses. `reduction` is 0 none, 1 mean, 2 sum.
#pragma once

#include <optional>
#include <string>

#include "cnn/tensor.h"

namespace cnn {

CNN_API Tensor relu(const Tensor& input, Dest dest = {});
CNN_API Tensor threshold(const Tensor& input, Scalar threshold, Scalar value, Dest dest = {});
CNN_API Tensor leaky_relu(const Tensor& input, Scalar negative_slope = 0.01, Dest dest = {});
CNN_API Tensor prelu(const Tensor& input, const Tensor& weight);
// x > 0 ? scale x : scale alpha (exp(input_scale x) - 1)
CNN_API Tensor elu(const Tensor& input, Scalar alpha = 1, Scalar scale = 1, Scalar input_scale = 1, Dest dest = {});
CNN_API Tensor selu(const Tensor& input, Dest dest = {});
CNN_API Tensor celu(const Tensor& input, Scalar alpha = 1.0, Dest dest = {});
CNN_API Tensor gelu(const Tensor& input, const std::string& approximate = "none", Dest dest = {});  // or "tanh"
CNN_API Tensor silu(const Tensor& input, Dest dest = {});
CNN_API Tensor mish(const Tensor& input, Dest dest = {});
CNN_API Tensor softplus(const Tensor& input, Scalar beta = 1, Scalar threshold = 20, Dest dest = {});
CNN_API Tensor log_sigmoid(const Tensor& input, Dest dest = {});
CNN_API Tensor hardtanh(const Tensor& input, Scalar min_val = -1, Scalar max_val = 1, Dest dest = {});
CNN_API Tensor hardswish(const Tensor& input, Dest dest = {});
CNN_API Tensor hardsigmoid(const Tensor& input, Dest dest = {});
CNN_API Tensor hardshrink(const Tensor& input, Scalar lambd = 0.5, Dest dest = {});
CNN_API Tensor softshrink(const Tensor& input, Scalar lambd = 0.5, Dest dest = {});

CNN_API Tensor mse_loss(const Tensor& input, const Tensor& target, int64_t reduction = 1);
CNN_API Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, int64_t reduction = 1, double beta = 1.0);
CNN_API Tensor huber_loss(const Tensor& input, const Tensor& target, int64_t reduction = 1, double delta = 1.0);
CNN_API Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const std::optional<Tensor>& weight = {},
                                    int64_t reduction = 1);
CNN_API Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target,
                                                const std::optional<Tensor>& weight = {},
                                                const std::optional<Tensor>& pos_weight = {}, int64_t reduction = 1);

}  // namespace cnn
