// Tensors as text, as Python prints them.
#pragma once

#include <iosfwd>
#include <string>

#include "cnn/tensor.h"

namespace cnn {

// "tensor([[1., 2.],\n        [3., 4.]])": 4 digits, of more than 1000 elements the first and last 3 of each dimension.
CNN_API std::string to_string(const Tensor& x);
CNN_API std::ostream& operator<<(std::ostream& stream, const Tensor& x);

}  // namespace cnn
