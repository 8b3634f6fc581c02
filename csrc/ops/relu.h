// For ops that end in a ReLU.
#pragma once

#include "cnn/autograd.h"

namespace cnn {

// The history of y = relu(x), for the Grad of x.
Tensor record_relu(Grad& grad, Tensor& y);

}  // namespace cnn
