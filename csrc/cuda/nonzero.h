// The places of true elements.
#pragma once

#include "kernels/index.h"

namespace cnn::cuda {

// The functor for all of n elements: its rows in order, as many as it has room for, and their number.
void find_nonzero(const kernels::NonZero& f, int64_t n);

}  // namespace cnn::cuda
