// Elementwise arithmetic. Operands broadcast; dtypes promote.
#pragma once

#include "cnn/tensor.h"

namespace cnn {

CNN_API Tensor add(const Tensor& input, const Tensor& other, Scalar alpha = 1, Dest dest = {});
CNN_API Tensor sub(const Tensor& input, const Tensor& other, Scalar alpha = 1, Dest dest = {});
CNN_API Tensor mul(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor div(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor neg(const Tensor& input, Dest dest = {});

}  // namespace cnn
