// Memory that is asked for as uninitialised, and is filled all the same while deterministic results are wanted.
#pragma once

#include <limits>

#include "bindings/python.h"
#include "cnn/autograd.h"
#include "cnn/ops/create.h"
#include "cnn/ops/view.h"

namespace cnn::python {

extern bool fill_uninitialized;

// The contiguous tensor's elements from number `first` on become NaN, or the largest of their integers.
inline Tensor fresh(const Tensor& t, int64_t first = 0) {
  if (!fill_uninitialized || first >= t.numel()) return t;
  NoGrad guard;
  const Tensor rest = first ? narrow(view(t, Dims{t.numel()}), 0, first, t.numel() - first) : t;
  const int bits = int(item_size(t.dtype())) * 8 - !(t.dtype() == DType::UInt8);
  if (is_floating(t.dtype())) fill_(rest, std::numeric_limits<double>::quiet_NaN());
  else fill_(rest, t.dtype() == DType::Bool ? 1 : int64_t((uint64_t(1) << bits) - 1));
  return t;
}

}  // namespace cnn::python
