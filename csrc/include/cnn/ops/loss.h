// Losses of classification. `reduction` is 0 none, 1 mean, 2 sum.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

// -weight[target] input[target] for classes along dimension 1 (0 of a 1-d input); the mean is over the weights.
CNN_API Tensor nll_loss_nd(const Tensor& input, const Tensor& target, const std::optional<Tensor>& weight = {},
                           int64_t reduction = 1, int64_t ignore_index = -100);
// Targets are class indices, or probabilities of input's shape.
CNN_API Tensor cross_entropy_loss(const Tensor& input, const Tensor& target, const std::optional<Tensor>& weight = {},
                                  int64_t reduction = 1, int64_t ignore_index = -100, double label_smoothing = 0.0);

}  // namespace cnn
