// Elementwise functions of one tensor. Integers are taken as the default floating dtype where the function needs it.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

CNN_API Tensor abs(const Tensor& input, Dest dest = {});
CNN_API Tensor sign(const Tensor& input, Dest dest = {});
CNN_API Tensor sgn(const Tensor& input, Dest dest = {});
CNN_API Tensor exp(const Tensor& input, Dest dest = {});
CNN_API Tensor exp2(const Tensor& input, Dest dest = {});
CNN_API Tensor expm1(const Tensor& input, Dest dest = {});
CNN_API Tensor log(const Tensor& input, Dest dest = {});
CNN_API Tensor log2(const Tensor& input, Dest dest = {});
CNN_API Tensor log10(const Tensor& input, Dest dest = {});
CNN_API Tensor log1p(const Tensor& input, Dest dest = {});
CNN_API Tensor sqrt(const Tensor& input, Dest dest = {});
CNN_API Tensor rsqrt(const Tensor& input, Dest dest = {});
CNN_API Tensor reciprocal(const Tensor& input, Dest dest = {});
CNN_API Tensor square(const Tensor& input, Dest dest = {});
CNN_API Tensor sin(const Tensor& input, Dest dest = {});
CNN_API Tensor cos(const Tensor& input, Dest dest = {});
CNN_API Tensor tan(const Tensor& input, Dest dest = {});
CNN_API Tensor asin(const Tensor& input, Dest dest = {});
CNN_API Tensor acos(const Tensor& input, Dest dest = {});
CNN_API Tensor atan(const Tensor& input, Dest dest = {});
CNN_API Tensor sinh(const Tensor& input, Dest dest = {});
CNN_API Tensor cosh(const Tensor& input, Dest dest = {});
CNN_API Tensor tanh(const Tensor& input, Dest dest = {});
CNN_API Tensor asinh(const Tensor& input, Dest dest = {});
CNN_API Tensor acosh(const Tensor& input, Dest dest = {});
CNN_API Tensor atanh(const Tensor& input, Dest dest = {});
CNN_API Tensor sigmoid(const Tensor& input, Dest dest = {});
CNN_API Tensor erf(const Tensor& input, Dest dest = {});
CNN_API Tensor erfc(const Tensor& input, Dest dest = {});
CNN_API Tensor erfinv(const Tensor& input, Dest dest = {});
CNN_API Tensor lgamma(const Tensor& input, Dest dest = {});
CNN_API Tensor digamma(const Tensor& input, Dest dest = {});
CNN_API Tensor sinc(const Tensor& input, Dest dest = {});
CNN_API Tensor floor(const Tensor& input, Dest dest = {});
CNN_API Tensor ceil(const Tensor& input, Dest dest = {});
CNN_API Tensor trunc(const Tensor& input, Dest dest = {});
CNN_API Tensor frac(const Tensor& input, Dest dest = {});
CNN_API Tensor deg2rad(const Tensor& input, Dest dest = {});
CNN_API Tensor rad2deg(const Tensor& input, Dest dest = {});
CNN_API Tensor isnan(const Tensor& input);
CNN_API Tensor isinf(const Tensor& input);
CNN_API Tensor isfinite(const Tensor& input);
CNN_API Tensor isposinf(const Tensor& input, Dest dest = {});
CNN_API Tensor isneginf(const Tensor& input, Dest dest = {});
CNN_API Tensor signbit(const Tensor& input, Dest dest = {});
CNN_API Tensor logical_not(const Tensor& input, Dest dest = {});
CNN_API Tensor bitwise_not(const Tensor& input, Dest dest = {});
CNN_API Tensor round(const Tensor& input, int64_t decimals = 0, Dest dest = {});  // halves to even
CNN_API Tensor logit(const Tensor& input, std::optional<double> eps = {}, Dest dest = {});
CNN_API Tensor nan_to_num(const Tensor& input, std::optional<double> nan = {}, std::optional<double> posinf = {},
                          std::optional<double> neginf = {}, Dest dest = {});
CNN_API Tensor polygamma(int64_t n, const Tensor& input, Dest dest = {});
CNN_API Tensor angle(const Tensor& input, Dest dest = {});  // pi below 0, else 0
CNN_API Tensor positive(const Tensor& input);

}  // namespace cnn
