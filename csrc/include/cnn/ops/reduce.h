// Reductions.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

// Sum over `dim` (all dimensions when none). Integers sum in int64.
CNN_API Tensor sum(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false,
                   std::optional<DType> dtype = {}, Dest dest = {});
// Sums over the dimensions along which `size` was broadcast to input's shape.
CNN_API Tensor sum_to_size(const Tensor& input, const Dims& size);
CNN_API Tensor amax(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false, Dest dest = {});
CNN_API Tensor all(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false, Dest dest = {});
CNN_API Tensor any(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false, Dest dest = {});

}  // namespace cnn
