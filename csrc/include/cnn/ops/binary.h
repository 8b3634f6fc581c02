// Elementwise functions of two and three tensors. Operands broadcast; dtypes promote.
#pragma once

#include <optional>
#include <string>

#include "cnn/tensor.h"

namespace cnn {

// rounding_mode: none (true division), "trunc" or "floor".
CNN_API Tensor div_rounded(const Tensor& input, const Tensor& other, const std::optional<std::string>& rounding_mode,
                           Dest dest = {});
CNN_API Tensor floor_divide(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor remainder(const Tensor& input, const Tensor& other, Dest dest = {});  // the sign of other
CNN_API Tensor fmod(const Tensor& input, const Tensor& other, Dest dest = {});       // the sign of input
CNN_API Tensor pow(const Tensor& input, const Tensor& exponent, Dest dest = {});
CNN_API Tensor float_power(const Tensor& input, const Tensor& exponent, Dest dest = {});  // in float64
CNN_API Tensor rsub(const Tensor& input, const Tensor& other, Scalar alpha = 1);
CNN_API Tensor atan2(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor hypot(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor maximum(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor minimum(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor fmax(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor fmin(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor copysign(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor logaddexp(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor logaddexp2(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor xlogy(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor heaviside(const Tensor& input, const Tensor& values, Dest dest = {});
CNN_API Tensor nextafter(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor ldexp(const Tensor& input, const Tensor& other, Dest dest = {});  // input * 2^other
CNN_API Tensor gcd(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor lcm(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor lerp(const Tensor& input, const Tensor& end, const Tensor& weight, Dest dest = {});
CNN_API Tensor addcmul(const Tensor& input, const Tensor& tensor1, const Tensor& tensor2, Scalar value = 1,
                       Dest dest = {});
CNN_API Tensor addcdiv(const Tensor& input, const Tensor& tensor1, const Tensor& tensor2, Scalar value = 1,
                       Dest dest = {});
CNN_API Tensor clamp(const Tensor& input, std::optional<Scalar> min = {}, std::optional<Scalar> max = {},
                     Dest dest = {});
CNN_API Tensor clamp_tensor(const Tensor& input, const std::optional<Tensor>& min, const std::optional<Tensor>& max,
                            Dest dest = {});
CNN_API Tensor where(const Tensor& condition, const Tensor& input, const Tensor& other);
CNN_API Tensor masked_fill(const Tensor& input, const Tensor& mask, const Tensor& value, Dest dest = {});

}  // namespace cnn
