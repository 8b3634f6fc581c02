// New memory: like a tensor's; or asked for as uninitialised, and filled all the same while deterministic results are
// wanted.
#pragma once

#include <limits>
#include <optional>

#include "bindings/python.h"
#include "cnn/autograd.h"
#include "cnn/ops/create.h"

namespace cnn::python {

extern bool fill_uninitialized;

// Uninitialised, like x but for what is given.
inline Tensor empty_like_on(const Tensor& x, std::optional<DType> t, std::optional<Device> d,
                            std::optional<MemoryFormat> f) {
  const DType dtype = t.value_or(x.dtype());
  if (!d || *d == x.device()) return empty_like(x, dtype, f.value_or(MemoryFormat::Preserve));
  const MemoryFormat format = f.value_or(MemoryFormat::Preserve);
  return empty(x.shape(), dtype, *d, format == MemoryFormat::Preserve ? memory_format_of(x) : format);
}

// The dense tensor's elements from number `first` on become NaN, or the largest of their integers.
inline Tensor fresh(const Tensor& t, int64_t first = 0) {
  if (!fill_uninitialized || first >= t.numel()) return t;
  NoGrad guard;
  const Tensor rest = first ? alias(t, {t.numel() - first}, {1}, t.offset() + first) : t;
  const int bits = int(item_size(t.dtype())) * 8 - !(t.dtype() == DType::UInt8 || t.dtype() >= DType::UInt16);
  if (is_floating(t.dtype())) fill_(rest, std::numeric_limits<double>::quiet_NaN());
  else if (t.dtype() == DType::UInt64) fill_(rest, Scalar::of_unsigned(~uint64_t(0)));
  else fill_(rest, t.dtype() == DType::Bool ? 1 : int64_t((uint64_t(1) << bits) - 1));
  return t;
}

}  // namespace cnn::python
