// The entries of this device's HeavyTable.
#pragma once

#include "device/heavy_table.h"

namespace cnn::cuda {

// Any dtype but the 16-bit ones, any strides.
void gemm_by_tiles(const GemmArgs& g);
// c = activation(c + bias), float32 or float64
void finish_gemm(const GemmArgs& g);
// float32 and float64 whose matrices have rows or columns of stride 1; false, with nothing done, for others.
bool gemm_by_cublas(const GemmArgs& g);

extern const HeavyTable heavy_table;

}  // namespace cnn::cuda
