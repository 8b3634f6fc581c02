// What the indexing ops share: checked, dense int64 indices.
#pragma once

#include "cnn/ops/index.h"
#include "kernels/list.h"

namespace cnn {

// int64, dense, on x's device (0-d ones of the CPU are moved there). IndexError when it is of no integer dtype.
Tensor index_tensor(const char* op, const Tensor& index, const Tensor& x);
// "index 5 is out of bounds for dimension 0 with size 3" unless all are in [-size, size) or [0, size).
void check_indices(const char* op, const Tensor& index, int64_t size, int64_t dim, bool negative_allowed,
                   ErrorKind kind = ErrorKind::Index);
// The place functor of gather and scatter over x's dimension d.
kernels::GatherPlace gather_place(const char* op, const Tensor& x, int d, const Tensor& index);

}  // namespace cnn
