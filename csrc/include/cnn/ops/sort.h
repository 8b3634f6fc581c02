// Order along one dimension. NaN counts as larger than every number. Results are (values, indices).
#pragma once

#include <optional>
#include <utility>

#include "cnn/tensor.h"

namespace cnn {

// Always stable. The form with `stable` has a node name of its own, as in PyTorch.
CNN_API std::pair<Tensor, Tensor> sort(const Tensor& input, int64_t dim = -1, bool descending = false, Dest values = {},
                                       Dest indices = {});
CNN_API std::pair<Tensor, Tensor> sort_stable(const Tensor& input, std::optional<bool> stable, int64_t dim = -1,
                                              bool descending = false, Dest values = {}, Dest indices = {});
CNN_API Tensor argsort(const Tensor& input, int64_t dim = -1, bool descending = false);
CNN_API Tensor msort(const Tensor& input);
CNN_API std::pair<Tensor, Tensor> topk(const Tensor& input, int64_t k, int64_t dim = -1, bool largest = true,
                                       bool sorted = true, Dest values = {}, Dest indices = {});
CNN_API std::pair<Tensor, Tensor> kthvalue(const Tensor& input, int64_t k, int64_t dim = -1, bool keepdim = false,
                                           Dest values = {}, Dest indices = {});
// The lower median; NaN where there is one.
CNN_API Tensor median(const Tensor& input);
CNN_API std::pair<Tensor, Tensor> median(const Tensor& input, int64_t dim, bool keepdim = false, Dest values = {},
                                         Dest indices = {});
// The median of what is not NaN.
CNN_API Tensor nanmedian(const Tensor& input);
CNN_API std::pair<Tensor, Tensor> nanmedian(const Tensor& input, int64_t dim, bool keepdim = false, Dest values = {},
                                            Dest indices = {});
// The most frequent value, the smallest of several, and its last place.
CNN_API std::pair<Tensor, Tensor> mode(const Tensor& input, int64_t dim = -1, bool keepdim = false, Dest values = {},
                                       Dest indices = {});

}  // namespace cnn
