// Reductions. `dim` without value or empty means all dimensions; `keepdim` leaves the reduced ones with size 1.
#pragma once

#include <optional>
#include <utility>

#include "cnn/tensor.h"

namespace cnn {

// Sum over `dim` (all dimensions when none). Integers sum in int64.
CNN_API Tensor sum(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false,
                   std::optional<DType> dtype = {}, Dest dest = {});
// Sums over the dimensions along which `size` was broadcast to input's shape.
CNN_API Tensor sum_to_size(const Tensor& input, const Dims& size);
CNN_API Tensor mean(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false,
                    std::optional<DType> dtype = {}, Dest dest = {});
CNN_API Tensor nansum(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false,
                      std::optional<DType> dtype = {}, Dest dest = {});
CNN_API Tensor nanmean(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false,
                       std::optional<DType> dtype = {}, Dest dest = {});
CNN_API Tensor prod(const Tensor& input, std::optional<int64_t> dim = {}, bool keepdim = false,
                    std::optional<DType> dtype = {}, Dest dest = {});
// bool, or uint8 of uint8. An empty list of dimensions reduces nothing.
CNN_API Tensor any(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false, Dest dest = {});
CNN_API Tensor all(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false, Dest dest = {});
CNN_API Tensor count_nonzero(const Tensor& input, std::optional<Dims> dim = {});
CNN_API Tensor trace(const Tensor& input);

// Extrema. NaN wins; of equal elements the first is found. Gradients of the forms without index are shared out evenly.
CNN_API Tensor max(const Tensor& input, Dest dest = {});
CNN_API Tensor min(const Tensor& input, Dest dest = {});
// (values, indices)
CNN_API std::pair<Tensor, Tensor> max(const Tensor& input, int64_t dim, bool keepdim = false, Dest values = {},
                                      Dest indices = {});
CNN_API std::pair<Tensor, Tensor> min(const Tensor& input, int64_t dim, bool keepdim = false, Dest values = {},
                                      Dest indices = {});
CNN_API Tensor amax(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false, Dest dest = {});
CNN_API Tensor amin(const Tensor& input, std::optional<Dims> dim = {}, bool keepdim = false, Dest dest = {});
// (min, max)
CNN_API std::pair<Tensor, Tensor> aminmax(const Tensor& input, std::optional<int64_t> dim = {}, bool keepdim = false,
                                          Dest min = {}, Dest max = {});
CNN_API Tensor argmax(const Tensor& input, std::optional<int64_t> dim = {}, bool keepdim = false, Dest dest = {});
CNN_API Tensor argmin(const Tensor& input, std::optional<int64_t> dim = {}, bool keepdim = false, Dest dest = {});

// Spread: the sum of squared distances from the mean, divided by n - correction (1 when none is given).
CNN_API Tensor var(const Tensor& input, std::optional<Dims> dim = {}, std::optional<Scalar> correction = {},
                   bool keepdim = false, Dest dest = {});
CNN_API Tensor std(const Tensor& input, std::optional<Dims> dim = {}, std::optional<Scalar> correction = {},
                   bool keepdim = false, Dest dest = {});
CNN_API std::pair<Tensor, Tensor> var_mean(const Tensor& input, std::optional<Dims> dim = {},
                                           std::optional<Scalar> correction = {}, bool keepdim = false);
CNN_API std::pair<Tensor, Tensor> std_mean(const Tensor& input, std::optional<Dims> dim = {},
                                           std::optional<Scalar> correction = {}, bool keepdim = false);

// (sum |x|^ord)^(1/ord); infinities and 0 by their limits.
CNN_API Tensor linalg_vector_norm(const Tensor& input, Scalar ord = 2, std::optional<Dims> dim = {},
                                  bool keepdim = false, std::optional<DType> dtype = {}, Dest dest = {});
CNN_API Tensor norm(const Tensor& input, Scalar p = 2, std::optional<Dims> dim = {}, bool keepdim = false,
                    std::optional<DType> dtype = {}, Dest dest = {});
// The p-norm of input - other.
CNN_API Tensor dist(const Tensor& input, const Tensor& other, Scalar p = 2);
// Slices along `dim` whose p-norm is above maxnorm, scaled down to it.
CNN_API Tensor renorm(const Tensor& input, Scalar p, int64_t dim, Scalar maxnorm, Dest dest = {});
CNN_API Tensor logsumexp(const Tensor& input, const Dims& dim, bool keepdim = false, Dest dest = {});

}  // namespace cnn
