// Making tensors.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

CNN_API Tensor zeros(const Dims& size, DType dtype = default_dtype(), Device device = kCpu);
CNN_API Tensor ones(const Dims& size, DType dtype = default_dtype(), Device device = kCpu);
// Of the value's own dtype when none is given.
CNN_API Tensor full(const Dims& size, Scalar value, std::optional<DType> dtype = {}, Device device = kCpu);
CNN_API Tensor zeros_like(const Tensor& input, std::optional<DType> dtype = {});
CNN_API Tensor ones_like(const Tensor& input, std::optional<DType> dtype = {});
CNN_API Tensor full_like(const Tensor& input, Scalar value, std::optional<DType> dtype = {});
// start, start + step, ... below end. int64 when all three are integers and no dtype is given.
CNN_API Tensor arange(Scalar start, Scalar end, Scalar step = 1, std::optional<DType> dtype = {}, Device device = kCpu);
// A tensor over memory of somebody else's, which has to outlive it; `deleter`, if there is one, is called when the last
// tensor over it is gone. RuntimeError for negative sizes and strides.
CNN_API Tensor from_blob(void* data, const Dims& size, DType dtype = DType::Float32);
CNN_API Tensor from_blob(void* data, const Dims& size, const Dims& strides, DType dtype = DType::Float32,
                         void (*deleter)(void* data) = nullptr);
CNN_API Tensor scalar_tensor(Scalar value, DType dtype, Device device = kCpu);

// In place.
CNN_API Tensor fill_(const Tensor& input, Scalar value);
CNN_API Tensor zero_(const Tensor& input);

}  // namespace cnn
