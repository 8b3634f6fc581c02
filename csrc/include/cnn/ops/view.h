// Views: new geometry over the same memory.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

CNN_API Tensor as_strided(const Tensor& input, const Dims& size, const Dims& stride,
                          std::optional<int64_t> storage_offset = {});
// A copy of `input` with `src` written where as_strided(input, ...) looks. The gradient of as_strided.
CNN_API Tensor as_strided_scatter(const Tensor& input, const Tensor& src, const Dims& size, const Dims& stride,
                                  std::optional<int64_t> storage_offset = {});
CNN_API Tensor view(const Tensor& input, const Dims& size);
// The same bytes as another dtype; the last dimension grows or shrinks with the size of an element.
CNN_API Tensor view_dtype(const Tensor& input, DType dtype);
CNN_API Tensor reshape(const Tensor& input, const Dims& size);
CNN_API Tensor expand(const Tensor& input, const Dims& size);  // -1 keeps a size
CNN_API Tensors broadcast_tensors(const Tensors& tensors);  // all expanded to their common shape
CNN_API Tensor permute(const Tensor& input, const Dims& dims);
CNN_API Tensor transpose(const Tensor& input, int64_t dim0, int64_t dim1);
CNN_API Tensor t(const Tensor& input);
CNN_API Tensor select(const Tensor& input, int64_t dim, int64_t index);
CNN_API Tensor slice(const Tensor& input, int64_t dim, std::optional<int64_t> start = {},
                     std::optional<int64_t> end = {}, int64_t step = 1);
CNN_API Tensor narrow(const Tensor& input, int64_t dim, int64_t start, int64_t length);
CNN_API Tensor squeeze(const Tensor& input, std::optional<Dims> dims = {});
CNN_API Tensor unsqueeze(const Tensor& input, int64_t dim);
// The tensor itself gets another shape.
CNN_API Tensor transpose_(const Tensor& input, int64_t dim0, int64_t dim1);
CNN_API Tensor t_(const Tensor& input);
CNN_API Tensor squeeze_(const Tensor& input, std::optional<Dims> dims = {});
CNN_API Tensor unsqueeze_(const Tensor& input, int64_t dim);
CNN_API Tensor as_strided_(const Tensor& input, const Dims& size, const Dims& stride,
                           std::optional<int64_t> storage_offset = {});
CNN_API Tensor diagonal(const Tensor& input, int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1);
CNN_API Tensor unfold(const Tensor& input, int64_t dimension, int64_t size, int64_t step);
CNN_API Tensor flatten(const Tensor& input, int64_t start_dim = 0, int64_t end_dim = -1);
CNN_API Tensor unflatten(const Tensor& input, int64_t dim, const Dims& sizes);
CNN_API Tensor movedim(const Tensor& input, const Dims& source, const Dims& destination);
CNN_API Tensors split(const Tensor& input, int64_t split_size, int64_t dim = 0);
CNN_API Tensors split_with_sizes(const Tensor& input, const Dims& split_sizes, int64_t dim = 0);
CNN_API Tensors unbind(const Tensor& input, int64_t dim = 0);

// The gradients of select, slice, diagonal, unfold: zeros of `sizes` with `grad` put in its place.
CNN_API Tensor select_backward(const Tensor& grad, const Dims& sizes, int64_t dim, int64_t index);
CNN_API Tensor slice_backward(const Tensor& grad, const Dims& sizes, int64_t dim, int64_t start, int64_t end,
                              int64_t step);
CNN_API Tensor diagonal_backward(const Tensor& grad, const Dims& sizes, int64_t offset, int64_t dim1, int64_t dim2);
CNN_API Tensor unfold_backward(const Tensor& grad, const Dims& sizes, int64_t dim, int64_t size, int64_t step);

}  // namespace cnn
