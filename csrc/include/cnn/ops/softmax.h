// Softmax and its logarithm along one dimension.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

CNN_API Tensor softmax(const Tensor& input, int64_t dim, std::optional<DType> dtype = {}, Dest dest = {});
CNN_API Tensor log_softmax(const Tensor& input, int64_t dim, std::optional<DType> dtype = {}, Dest dest = {});
// Their gradients, given the output.
CNN_API Tensor _softmax_backward_data(const Tensor& grad_output, const Tensor& output, int64_t dim, DType input_dtype);
CNN_API Tensor _log_softmax_backward_data(const Tensor& grad_output, const Tensor& output, int64_t dim,
                                          DType input_dtype);

}  // namespace cnn
