// Runs a reduction over dimensions of a tensor: geometry, dtypes and the result's shape, in one place.
#pragma once

#include <optional>

#include "device/backend.h"
#include "cnn/autograd.h"
#include "cnn/tensor.h"
#include "kernels/ids.h"

namespace cnn {

// The dimensions that an op reduces over. None given, or an empty list, means all of them.
class ReducedDims {
 public:
  ReducedDims(const char* op, const Tensor& x, const std::optional<Dims>& dim);
  static ReducedDims all(const Tensor& x) { return ReducedDims("", x, {}); }
  static ReducedDims one(const char* op, const Tensor& x, int64_t dim) { return ReducedDims(op, x, Dims{dim}); }

  bool reduces(int d) const { return mask_[d] != 0; }
  int64_t count(const Tensor& x) const;  // elements behind one result
  Dims shape(const Tensor& x, bool keepdim) const;

 private:
  Dims mask_;
};

// `value`, of a reduction's shape, repeated over the reduced dimensions of `sizes`: a view.
Tensor expand_reduced(const Tensor& value, const Dims& sizes, const ReducedDims& dims, bool keepdim);
// The same value with the reduced dimensions kept as 1.
Tensor with_reduced_dims(const Tensor& value, const Dims& sizes, const ReducedDims& dims, bool keepdim);

// The functor's T for elements of this dtype.
constexpr DType reduce_key(DType t) {
  return t >= DType::Float64 ? t : is_floating(t) ? DType::Float32 : DType::Int64;  // stored ones have no kernel
}

// The gradient of picking one element of each slice along d: zeros with g at `indices`.
Tensor select_backward_along(const Tensor& g, const Tensor& indices, const Dims& sizes, int d, bool keepdim);

// The gradient shared out evenly among the elements of x that equal y, a number.
Tensor shared_among_equals(const Tensor& g, const Tensor& x, const Tensor& y);

struct ReduceKind {
  int id;
  bool ordered;  // the element's number matters: logical order, not memory order
};
template <class F>
constexpr ReduceKind reduce_kind = {kernels::IdOf<F>::value, F::kOrdered};

// y0 and y1: contiguous, of the reduction's shape; either may be undefined where the functor allows it.
void reduce_tensor(const char* op, ReduceKind kind, const void* functor, const Tensor& x, const ReducedDims& dims,
                   DType key, const Tensor& y0, const Tensor& y1);
template <class F>
void reduce_into(const char* op, const F& f, const Tensor& x, const ReducedDims& dims, DType key, const Tensor& y0,
                 const Tensor& y1 = {}) {
  reduce_tensor(op, reduce_kind<F>, &f, x, dims, key, y0, y1);
}

// Where a result of this shape and dtype goes: written in `tensor()`, which is contiguous; `done()` moves it to an
// out= target that is not.
class ReduceResult {
 public:
  // Some ops take an out= of another dtype and cast; the others raise.
  enum class Out { Cast, Exact };
  ReduceResult(const char* op, const Dims& shape, DType dtype, const Tensor& x, const Dest& dest, Out out = Out::Cast);
  // What Exact demands: an op with two results looks at both destinations before it touches one.
  static void check_exact(const char* op, DType dtype, const Tensor& x, const Dest& dest);
  const Tensor& tensor() const { return work_; }
  Tensor done() const;

 private:
  Tensor target_, work_;
};

// The usual case: one output.
template <class F>
Tensor reduce(const char* op, const F& f, const Tensor& x, const ReducedDims& dims, bool keepdim, DType result,
              const Dest& dest = {}, ReduceResult::Out out = ReduceResult::Out::Cast) {
  const ReduceResult y(op, dims.shape(x, keepdim), result, x, dest, out);
  reduce_into(op, f, x, dims, reduce_key(result), y.tensor());
  return y.done();
}

}  // namespace cnn
