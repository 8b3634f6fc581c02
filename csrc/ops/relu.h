// For ops that end in a ReLU.
#pragma once

#include "cnn/autograd.h"

namespace cnn {

// The history of y = relu(x), for the Grad of x. `below_masks`: the node of x takes a gradient that is left to it, and
// passes over what the ReLU stops.
Tensor record_relu(Grad& grad, Tensor& y, bool below_masks = false);

}  // namespace cnn
