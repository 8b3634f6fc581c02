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
  void (*fail)(const Watch& watch, int64_t value, const char* when) = nullptr;  // in words of its own
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
  // memory that others see, before they do. On a GPU a later call says so.
  void check() const;
  // The same where a kernel is to use the values that will say so itself: nothing, on a GPU.
  void check_before_use() const;
  // Runs the functor that `make(values)` gives, values[k] being the k-th index, for every i below n. The functor passes
  // over places whose index is out of range. False if it met one; on a GPU a later call says so.
  template <class Make>
  [[nodiscard]] bool run(const Make& make, int64_t n, DType t, Device device, Order order = Order::Any) const {
    if (n == 0) return true;
    kernels::IndexValues values[kernels::kIndexDims];
    kernels::Note here;
    if (!device.is_meta())
      for (size_t k = 0; k < uses_.size(); ++k)
        values[k] = {uses_[k].index.data<int64_t>(), uses_[k].range.extent, uses_[k].range.negative,
                     note_of(uses_[k].range, device, here)};
    cnn::each(make(static_cast<const kernels::IndexValues*>(values)), n, t, device, order);  // meta refuses dtypes, too
    return here.empty();
  }
  // The same; raises as `check` does. Without anything to run the values are checked all the same.
  template <class Make>
  void each(const Make& make, int64_t n, DType t, Device device, Order order = Order::Any) const {
    if (n == 0) check();
    if (!run(make, n, t, device, order)) fail_used();
  }

 private:
  // Where kernels note what is out of this range: `here`, but the device's own note on a GPU.
  static kernels::Note* note_of(const IndexRange& range, Device device, kernels::Note& here);
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

// x[indices] of indices that do not count from the end; records nothing.
Tensor read_from_front(const char* op, const Tensor& x, const Indices& indices);
// values, of y's dtype and broadcast, written into y at the indices, all checked; records nothing.
void write_at(const Tensor& y, const Indices& indices, const Tensor& values);

// For ops that PyTorch does not let write where elements share memory, or where they are read.
void check_not_repeated(const char* op, const Tensor& written, const Tensor& index, const Tensor& source);

// scatter_reduce, all checked; recorded as `node`.
Tensor reduced_along(const char* op, const char* node, const Tensor& x, int d, const Tensor& index, const Tensor& src,
                     const std::string& reduce, bool include_self, const Dest& dest);

}  // namespace cnn
