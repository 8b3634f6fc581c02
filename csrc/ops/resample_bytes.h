// Resizing of bytes in whole numbers.
#pragma once

#include <vector>

#include "cnn/tensor.h"

namespace cnn {

// Output o along dimension d is the sum of weight[k] times input index[k] for k in [start[o], start[o + 1]), rounded
// and cut off at 0 and 255. As in PyTorch and Pillow, weights are whole numbers of up to 15 bits over a power of two.
Tensor resample_bytes(const Tensor& dense, int d, int64_t out, const std::vector<int64_t>& start,
                      const std::vector<int64_t>& index, const std::vector<double>& weight);

}  // namespace cnn
