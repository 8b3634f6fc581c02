// Reading and writing at positions given by tensors.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cnn/tensor.h"

namespace cnn {

using Indices = std::vector<std::optional<Tensor>>;  // one per leading dimension; none takes all of it

// x[indices]: integer tensors broadcast against each other, masks count as their nonzero().
CNN_API Tensor index(const Tensor& input, const Indices& indices);
CNN_API Tensor index_put(const Tensor& input, const Indices& indices, const Tensor& values, bool accumulate = false,
                         Dest dest = {});
CNN_API Tensor index_select(const Tensor& input, int64_t dim, const Tensor& index, Dest dest = {});
CNN_API Tensor index_add(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& source, Scalar alpha = 1,
                         Dest dest = {});
CNN_API Tensor index_copy(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& source, Dest dest = {});
// reduce: "prod", "mean", "amax" or "amin"
CNN_API Tensor index_reduce(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& source,
                            const std::string& reduce, bool include_self = true, Dest dest = {});
CNN_API Tensor index_fill(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& value, Dest dest = {});
CNN_API Tensor gather(const Tensor& input, int64_t dim, const Tensor& index, Dest dest = {});
// reduce: none, "add" or "multiply"
CNN_API Tensor scatter(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src,
                       const std::optional<std::string>& reduce = {}, Dest dest = {});
CNN_API Tensor scatter_add(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src, Dest dest = {});
// reduce: "sum", "prod", "mean", "amax" or "amin"
CNN_API Tensor scatter_reduce(const Tensor& input, int64_t dim, const Tensor& index, const Tensor& src,
                              const std::string& reduce, bool include_self = true, Dest dest = {});
CNN_API Tensor take(const Tensor& input, const Tensor& index, Dest dest = {});
// Of the flattened input.
CNN_API Tensor put(const Tensor& input, const Tensor& index, const Tensor& source, bool accumulate = false,
                   Dest dest = {});
CNN_API Tensor take_along_dim(const Tensor& input, const Tensor& indices, std::optional<int64_t> dim = {},
                              Dest dest = {});
CNN_API Tensor nonzero(const Tensor& input, Dest dest = {});  // [n, dim] int64
CNN_API Tensor masked_select(const Tensor& input, const Tensor& mask, Dest dest = {});
CNN_API Tensor masked_scatter(const Tensor& input, const Tensor& mask, const Tensor& source, Dest dest = {});
CNN_API Tensor embedding(const Tensor& weight, const Tensor& indices, int64_t padding_idx = -1,
                         bool scale_grad_by_freq = false, bool sparse = false);
CNN_API Tensor searchsorted(const Tensor& sorted_sequence, const Tensor& values, bool out_int32 = false,
                            bool right = false);
CNN_API Tensor bincount(const Tensor& input, const std::optional<Tensor>& weights = {}, int64_t minlength = 0);
CNN_API Tensor one_hot(const Tensor& input, int64_t num_classes = -1);

}  // namespace cnn
