// Group, instance, layer and RMS norm by a device's own kernels, GroupNormArgs, where it has them.
#pragma once

#include "cnn/tensor.h"
#include "device/heavy_table.h"

namespace cnn {

struct NormGrads {
  Tensor x, weight, bias;
};

// The number of each channel; null where undefined.
ChannelVector vector_of(const Tensor& t);

bool has_group_kernels(const Tensor& x);
// Groups of channels of x[N, C, ...], pixels as they lie; rows [outer, length].
GroupNormArgs groups_of_images(const Tensor& x, int64_t groups);
GroupNormArgs groups_of_rows(const Tensor& x, const Dims& rows);

// y; writes mean and rstd where they are defined.
Tensor group_kernels_forward(const char* op, GroupNormArgs a, const Tensor& x, const Tensor& weight, const Tensor& bias,
                             const Tensor& mean, const Tensor& rstd);
// Those of weight and bias have the shape of `parameters`.
NormGrads group_kernels_backward(const char* op, GroupNormArgs a, const Tensor& g, const Tensor& x,
                                 const Tensor& weight, const Tensor& mean, const Tensor& rstd, const Dims& parameters,
                                 const bool wants[3]);

}  // namespace cnn
