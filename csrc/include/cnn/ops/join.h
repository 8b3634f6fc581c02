// Joining tensors.
#pragma once

#include "cnn/tensor.h"

namespace cnn {

CNN_API Tensor cat(const Tensors& tensors, int64_t dim = 0, Dest dest = {});
CNN_API Tensor stack(const Tensors& tensors, int64_t dim = 0, Dest dest = {});

}  // namespace cnn
