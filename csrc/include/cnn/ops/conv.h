// Convolutions (cross-correlations) over 1 to 3 spatial dimensions.
#pragma once

#include <optional>
#include <string>

#include "cnn/tensor.h"

namespace cnn {

// input [N, C, ...], weight [O, C/groups, ...] (transposed: [C, O/groups, ...]); one value or one per dimension in the
// other arguments. Unbatched inputs [C, ...] are taken too.
CNN_API Tensor convolution(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias,
                           const Dims& stride, const Dims& padding, const Dims& dilation, bool transposed,
                           const Dims& output_padding, int64_t groups);
// clamp(batch_norm(convolution(...)), low, high) by running statistics; no norm where there are none. In one pass where
// grad mode is off, of floats and doubles.
CNN_API Tensor conv_norm_clamp(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias,
                               const Dims& stride, const Dims& padding, const Dims& dilation, int64_t groups,
                               const std::optional<Tensor>& norm_weight, const std::optional<Tensor>& norm_bias,
                               const std::optional<Tensor>& running_mean, const std::optional<Tensor>& running_var,
                               double eps, double low, double high);
CNN_API Tensor conv1d(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias = {},
                      const Dims& stride = {1}, const Dims& padding = {0}, const Dims& dilation = {1},
                      int64_t groups = 1);
CNN_API Tensor conv2d(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias = {},
                      const Dims& stride = {1}, const Dims& padding = {0}, const Dims& dilation = {1},
                      int64_t groups = 1);
CNN_API Tensor conv3d(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias = {},
                      const Dims& stride = {1}, const Dims& padding = {0}, const Dims& dilation = {1},
                      int64_t groups = 1);
// padding "valid" or "same"
CNN_API Tensor conv_padded(int dims, const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias,
                           const Dims& stride, const std::string& padding, const Dims& dilation, int64_t groups);
CNN_API Tensor conv_transpose(int dims, const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias,
                              const Dims& stride, const Dims& padding, const Dims& output_padding, int64_t groups,
                              const Dims& dilation);

// Whether the CPU may use Winograd's algorithm for 3x3 kernels at stride 1 (on at first, for the whole process): less
// than half the time, and an error of up to 3e-5 of the largest output instead of 1e-5. Inf and NaN spread over 4x4
// blocks of outputs.
CNN_API bool winograd_enabled();
CNN_API void set_winograd_enabled(bool on);
// May a GPU round the factors of float32 convolutions to TF32's 10 bits of fraction? True at first, as in PyTorch.
CNN_API bool conv_tf32_allowed();
CNN_API void allow_conv_tf32(bool on);
// May a GPU's convolutions be cuDNN's, where the process asks for it (CNN_CUDNN=1)? True at first.
CNN_API bool conv_library_allowed();
CNN_API void allow_conv_library(bool on);

}  // namespace cnn
