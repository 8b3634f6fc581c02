// Box and Muller's transform of blocks of 16 uniform numbers into normal ones, in single precision.
#pragma once

#include <cstdint>

namespace cnn {

// In each block the first eight numbers give the radii and the last eight the angles. The result is
// the same to the bit for every instruction set: sums of products are rounded once.
void box_muller(float* data, int64_t blocks, float mean, float std);

}  // namespace cnn
