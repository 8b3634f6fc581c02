// Running sums, products and extrema along one dimension.
#pragma once

#include <optional>
#include <utility>

#include "cnn/tensor.h"

namespace cnn {

// Integers accumulate in int64.
CNN_API Tensor cumsum(const Tensor& input, int64_t dim, std::optional<DType> dtype = {}, Dest dest = {});
CNN_API Tensor cumprod(const Tensor& input, int64_t dim, std::optional<DType> dtype = {}, Dest dest = {});
// (values, indices); of equal elements the last.
CNN_API std::pair<Tensor, Tensor> cummax(const Tensor& input, int64_t dim, Dest values = {}, Dest indices = {});
CNN_API std::pair<Tensor, Tensor> cummin(const Tensor& input, int64_t dim, Dest values = {}, Dest indices = {});
CNN_API Tensor logcumsumexp(const Tensor& input, int64_t dim, Dest dest = {});

}  // namespace cnn
