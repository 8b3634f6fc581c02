// The vector loops behind the fills. Results are the same to the bit for every instruction set: a
// product and the sum that takes it are rounded once, as PyTorch's build does where there is FMA.
#pragma once

#include <cstdint>

namespace cnn {

// data = data * factor + addend
void multiply_add(float* data, int64_t n, float factor, float addend);
void multiply_add(double* data, int64_t n, double factor, double addend);

// Box and Muller's transform of blocks of 16 uniform numbers into normal ones. In each block the
// first eight give the radii and the last eight the angles.
void box_muller(float* data, int64_t blocks, float mean, float std);

}  // namespace cnn
