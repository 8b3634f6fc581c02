// Normalisations. Statistics are over the biased variance, as they stand in a batch.
#pragma once

#include <optional>
#include <tuple>

#include "cnn/tensor.h"

namespace cnn {

// Over the last dimensions, whose shape is `normalized_shape`.
CNN_API Tensor layer_norm(const Tensor& input, const Dims& normalized_shape, const std::optional<Tensor>& weight = {},
                          const std::optional<Tensor>& bias = {}, double eps = 1e-5);
// The same with (output, mean, rstd).
CNN_API std::tuple<Tensor, Tensor, Tensor> native_layer_norm(const Tensor& input, const Dims& normalized_shape,
                                                             const std::optional<Tensor>& weight,
                                                             const std::optional<Tensor>& bias, double eps);
CNN_API Tensor rms_norm(const Tensor& input, const Dims& normalized_shape, const std::optional<Tensor>& weight = {},
                        std::optional<double> eps = {});

// Over all but dimension 1. In training the running statistics, if given, move by `momentum` towards the batch's (the
// variance unbiased); else they are used.
CNN_API Tensor batch_norm(const Tensor& input, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
                          const std::optional<Tensor>& running_mean, const std::optional<Tensor>& running_var,
                          bool training, double momentum = 0.1, double eps = 1e-5);
// relu(batch_norm(...)), without the norm's result in memory.
CNN_API Tensor batch_norm_relu(const Tensor& input, const std::optional<Tensor>& weight,
                               const std::optional<Tensor>& bias, const std::optional<Tensor>& running_mean,
                               const std::optional<Tensor>& running_var, bool training, double momentum = 0.1,
                               double eps = 1e-5);
// Over each image and channel; without input statistics the running ones are used.
CNN_API Tensor instance_norm(const Tensor& input, const std::optional<Tensor>& weight,
                             const std::optional<Tensor>& bias, const std::optional<Tensor>& running_mean,
                             const std::optional<Tensor>& running_var, bool use_input_stats, double momentum = 0.1,
                             double eps = 1e-5);
// Over each image and group of channels.
CNN_API Tensor group_norm(const Tensor& input, int64_t num_groups, const std::optional<Tensor>& weight = {},
                          const std::optional<Tensor>& bias = {}, double eps = 1e-5);

}  // namespace cnn
