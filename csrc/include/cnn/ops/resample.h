// Padding by reflection and repetition, and resizing of images: linear in the input, one dimension after the other.
#pragma once

#include <string>
#include <vector>

#include "cnn/tensor.h"

namespace cnn {

// pad: (left, right, top, bottom, ...) over the last `dims` dimensions; negative pads crop.
CNN_API Tensor reflection_pad(int dims, const Tensor& input, const Dims& pad);
CNN_API Tensor replication_pad(int dims, const Tensor& input, const Dims& pad);

// Resizes the last `dims` dimensions of [N, C, ...]. `scales`: factors that the caller was given, 0 where it was not.
CNN_API Tensor upsample_nearest(int dims, const Tensor& input, const Dims& output_size,
                                const std::vector<double>& scales, bool exact = false);
CNN_API Tensor upsample_linear(int dims, const Tensor& input, const Dims& output_size, bool align_corners,
                               const std::vector<double>& scales);
// Bicubic with a = -0.75 (Keys 1981).
CNN_API Tensor upsample_bicubic2d(const Tensor& input, const Dims& output_size, bool align_corners,
                                  const std::vector<double>& scales);
// The same against aliasing: to shrink, their kernels are stretched over all that an output covers. Bicubic: a = -0.5.
CNN_API Tensor upsample_bilinear2d_aa(const Tensor& input, const Dims& output_size, bool align_corners,
                                      const std::vector<double>& scales);
CNN_API Tensor upsample_bicubic2d_aa(const Tensor& input, const Dims& output_size, bool align_corners,
                                     const std::vector<double>& scales);

}  // namespace cnn
