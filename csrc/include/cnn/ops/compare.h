// Comparisons and logic, elementwise; the results of comparisons are bool.
#pragma once

#include "cnn/tensor.h"

namespace cnn {

CNN_API Tensor eq(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor ne(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor lt(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor le(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor gt(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor ge(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor logical_and(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor logical_or(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor logical_xor(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor bitwise_and(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor bitwise_or(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor bitwise_xor(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor bitwise_left_shift(const Tensor& input, const Tensor& other, Dest dest = {});
CNN_API Tensor bitwise_right_shift(const Tensor& input, const Tensor& other, Dest dest = {});
// |input - other| <= atol + rtol |other|
CNN_API Tensor isclose(const Tensor& input, const Tensor& other, double rtol = 1e-5, double atol = 1e-8,
                       bool equal_nan = false);
CNN_API bool allclose(const Tensor& input, const Tensor& other, double rtol = 1e-5, double atol = 1e-8,
                      bool equal_nan = false);
// Same shape and elements?
CNN_API bool equal(const Tensor& input, const Tensor& other);

}  // namespace cnn
