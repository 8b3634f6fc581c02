// What the indexing ops share: dense int64 indices, bounded where they are used.
#pragma once

#include "cnn/inline_array.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/index.h"
#include "kernels/index.h"
#include "ops/each.h"

namespace cnn {

// int64, dense, on x's device (0-d ones of the CPU are moved there). IndexError unless they are long, int or byte.
Tensor index_tensor(const char* op, const Tensor& index, const Tensor& x);

// Which values an index tensor may have: [0, extent), and with `negative` those that count from the end.
struct IndexRange {
  const char* op;
  int64_t extent, dim;
  bool negative;
  ErrorKind kind = ErrorKind::Index;
};

// The index tensors of one call, int64. Kernels get them from here alone, as values that bound themselves:
// what was checked before is not trusted, because the memory may have changed since.
class BoundedIndices {
 public:
  BoundedIndices() = default;
  BoundedIndices(const Tensor& index, const IndexRange& range) { add(index, range); }
  void add(const Tensor& index, const IndexRange& range) {
    check_implemented(uses_.size() < kernels::kIndexDims, range.op, "more than ", kernels::kIndexDims, " indices");
    cnn::check(index.dtype() == DType::Int64, range.op, "expected a long tensor for index, but got ", index.dtype());
    uses_.push_back({contiguous(index), range});
  }
  // "index 5 is out of bounds for dimension 0 with size 3" unless all values are in range now: for ops that write into
  // memory that others see, before they do.
  void check() const;
  // Runs the functor that `make(values)` gives, values[k] being the k-th index, for every i below n. The functor passes
  // over places whose index is out of range. False if it met one.
  template <class Make>
  [[nodiscard]] bool run(const Make& make, int64_t n, DType t, Device device, Order order = Order::Any) const {
    if (n == 0) return true;
    kernels::IndexValues values[kernels::kIndexDims];
    if (device.is_meta()) {  // refuses a dtype all the same
      cnn::each(make(static_cast<const kernels::IndexValues*>(values)), n, t, device, order);
      return true;
    }
    const Noted noted(device);
    for (size_t k = 0; k < uses_.size(); ++k)
      values[k] = {uses_[k].index.data<int64_t>(), uses_[k].range.extent, uses_[k].range.negative, noted.place()};
    cnn::each(make(static_cast<const kernels::IndexValues*>(values)), n, t, device, order);
    return noted.seen() == 0;
  }
  // The same; raises as `check` does. Without anything to run the values are checked all the same.
  template <class Make>
  void each(const Make& make, int64_t n, DType t, Device device, Order order = Order::Any) const {
    if (n == 0) check();
    if (!run(make, n, t, device, order)) fail_used();
  }

 private:
  // Where kernels note that they met a value out of range: memory of the device.
  class Noted {
   public:
    explicit Noted(Device device);
    int64_t* place() const { return tensor_.defined() ? tensor_.data<int64_t>() : &here_; }
    int64_t seen() const { return tensor_.defined() ? tensor_.item().to_int() : here_; }  // 0: none

   private:
    Tensor tensor_;  // undefined: on the CPU
    mutable int64_t here_ = 0;
  };
  struct Use {
    Tensor index;
    IndexRange range;
  };
  [[noreturn]] void fail_used() const;

  InlineArray<Use, 2> uses_;
};

// Elements of x along d; a single number is one.
inline int64_t size_along(const Tensor& x, int d) { return x.dim() == 0 ? 1 : x.shape()[d]; }
// An index into x's dimension d.
BoundedIndices bounded(const char* op, const Tensor& index, const Tensor& x, int d, bool negative, ErrorKind kind);

// values, of y's dtype and broadcast, written into y at the indices, all checked; records nothing.
void write_at(const Tensor& y, const Indices& indices, const Tensor& values);

// For ops that PyTorch does not let write where elements share memory, or where they are read.
void check_not_repeated(const char* op, const Tensor& written, const Tensor& index, const Tensor& source);

// scatter_reduce, all checked; recorded as `node`.
Tensor reduced_along(const char* op, const char* node, const Tensor& x, int d, const Tensor& index, const Tensor& src,
                     const std::string& reduce, bool include_self, const Dest& dest);

}  // namespace cnn
