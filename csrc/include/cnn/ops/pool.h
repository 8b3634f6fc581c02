// Pooling over 1 to 3 spatial dimensions of [N, C, ...] or [C, ...].
#pragma once

#include <optional>
#include <utility>

#include "cnn/tensor.h"

namespace cnn {

// (values, indices into the flattened plane). `stride` empty: the kernel size.
CNN_API std::pair<Tensor, Tensor> max_pool_with_indices(int dims, const Tensor& input, const Dims& kernel_size,
                                                        const Dims& stride = {}, const Dims& padding = {0},
                                                        const Dims& dilation = {1}, bool ceil_mode = false);
CNN_API Tensor max_pool(int dims, const Tensor& input, const Dims& kernel_size, const Dims& stride = {},
                        const Dims& padding = {0}, const Dims& dilation = {1}, bool ceil_mode = false);
CNN_API Tensor avg_pool(int dims, const Tensor& input, const Dims& kernel_size, const Dims& stride = {},
                        const Dims& padding = {0}, bool ceil_mode = false, bool count_include_pad = true,
                        std::optional<int64_t> divisor_override = {});
// -1 in output_size keeps a size.
CNN_API Tensor adaptive_avg_pool(int dims, const Tensor& input, const Dims& output_size);
CNN_API std::pair<Tensor, Tensor> adaptive_max_pool(int dims, const Tensor& input, const Dims& output_size);

}  // namespace cnn
