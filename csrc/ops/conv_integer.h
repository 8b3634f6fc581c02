// Convolution of integers: sums wrap around in their dtype. Nothing is recorded, as integers have no gradients.
#pragma once

#include "cnn/tensor.h"

namespace cnn {

// What a convolution does along its spatial dimensions, one entry for each.
struct ConvGeometry {
  Dims stride, padding, dilation;
  int64_t groups = 1;
  MemoryFormat format = MemoryFormat::Contiguous;  // of x, y and their gradients; dw has it too
};

// x [batch, channels, in...], w [out_channels, channels / groups, kernel...], y of shape `y_shape`.
Tensor conv_integers(const Tensor& x, const Tensor& w, const ConvGeometry& geometry, const Dims& y_shape);
// Its transpose: x [batch, channels, in...], w [channels, out_channels / groups, kernel...].
Tensor conv_transpose_integers(const Tensor& x, const Tensor& w, const ConvGeometry& geometry, const Dims& y_shape);

}  // namespace cnn
