// Rearranging elements into new tensors.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

CNN_API Tensor flip(const Tensor& input, const Dims& dims);
CNN_API Tensor roll(const Tensor& input, const Dims& shifts, const Dims& dims = {});
CNN_API Tensor repeat(const Tensor& input, const Dims& repeats);
CNN_API Tensor repeat_interleave(const Tensor& input, const Tensor& repeats, std::optional<int64_t> dim = {});
CNN_API Tensor tril(const Tensor& input, int64_t diagonal = 0, Dest dest = {});
CNN_API Tensor triu(const Tensor& input, int64_t diagonal = 0, Dest dest = {});
CNN_API Tensor diag_embed(const Tensor& input, int64_t offset = 0, int64_t dim1 = -2, int64_t dim2 = -1);
CNN_API Tensor diag(const Tensor& input, int64_t diagonal = 0);
// Pads from the last dimension on: (left, right, top, bottom, ...); negative pads crop.
CNN_API Tensor constant_pad_nd(const Tensor& input, const Dims& pad, Scalar value = 0);
CNN_API Tensors chunk(const Tensor& input, int64_t chunks, int64_t dim = 0);
CNN_API Tensors tensor_split(const Tensor& input, int64_t sections, int64_t dim = 0);
CNN_API Tensors tensor_split_at(const Tensor& input, const Dims& indices, int64_t dim = 0);

CNN_API Tensor eye(int64_t n, std::optional<int64_t> m = {}, std::optional<DType> dtype = {}, Device device = kCpu);
CNN_API Tensor linspace(Scalar start, Scalar end, int64_t steps, std::optional<DType> dtype = {}, Device device = kCpu);
CNN_API Tensor logspace(Scalar start, Scalar end, int64_t steps, double base = 10.0, std::optional<DType> dtype = {},
                        Device device = kCpu);

}  // namespace cnn
