// Views written to: a copy of `input` with `src` where the view of that name looks.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

CNN_API Tensor select_scatter(const Tensor& input, const Tensor& src, int64_t dim, int64_t index);
CNN_API Tensor slice_scatter(const Tensor& input, const Tensor& src, int64_t dim = 0, std::optional<int64_t> start = {},
                             std::optional<int64_t> end = {}, int64_t step = 1);
CNN_API Tensor diagonal_scatter(const Tensor& input, const Tensor& src, int64_t offset = 0, int64_t dim1 = 0,
                                int64_t dim2 = 1);
// In place; `wrap` begins anew below the diagonal of a tall matrix, one row further down.
CNN_API Tensor fill_diagonal_(const Tensor& input, Scalar fill_value, bool wrap = false);

}  // namespace cnn
