// Runs an elementwise functor over broadcast tensors: promotion, the result's layout and the checks, in one place.
#pragma once

#include "device/backend.h"
#include "cnn/autograd.h"
#include "cnn/tensor.h"
#include "kernels/functor.h"
#include "ops/promotion.h"

namespace cnn {

struct MapKind {
  int id;
  kernels::Rule rule;
  int cost;
  kernels::Stored stored;
};
template <class F>
constexpr MapKind map_kind = {kernels::IdOf<F>::value, F::kRule, F::kCost, F::kStored};

Tensor map_tensors(const char* op, MapKind kind, const void* functor, const Tensor* const* inputs, int count,
                   const Dest& dest);

template <class F>
Tensor map(const char* op, const F& f, const Tensor& a, const Dest& dest = {}) {
  const Tensor* inputs[] = {&a};
  return map_tensors(op, map_kind<F>, &f, inputs, 1, dest);
}
template <class F>
Tensor map(const char* op, const F& f, const Tensor& a, const Tensor& b, const Dest& dest = {}) {
  const Tensor* inputs[] = {&a, &b};
  return map_tensors(op, map_kind<F>, &f, inputs, 2, dest);
}
template <class F>
Tensor map(const char* op, const F& f, const Tensor& a, const Tensor& b, const Tensor& c, const Dest& dest = {}) {
  const Tensor* inputs[] = {&a, &b, &c};
  return map_tensors(op, map_kind<F>, &f, inputs, 3, dest);
}
template <class F>
Tensor map(const char* op, const F& f, const Tensor& a, const Tensor& b, const Tensor& c, const Tensor& d,
           const Dest& dest = {}) {
  const Tensor* inputs[] = {&a, &b, &c, &d};
  return map_tensors(op, map_kind<F>, &f, inputs, 4, dest);
}

// One operand of a call whose dtypes the op settles itself.
struct MapOperand {
  const Tensor* tensor;
  DType compute;  // as the functor takes it
  const void* constant = nullptr;  // the tensor's only element as `compute`, in memory of the CPU
};
// The number of a 0-d tensor, as a T of `key`, in memory of the CPU.
class Constant {
 public:
  // An integer beyond int64's raises for an integer key, or gives its `bits` as casts do.
  void set(Scalar number, DType key, bool bits = false);
  const void* place() const { return bytes_; }

 private:
  alignas(8) char bytes_[8];
};
// x as an operand of a call on `device`. A single number of the CPU's is cast once, into `room`, and goes along:
// it is never moved to another device. `bits`: also Python's numbers are taken by their bits.
MapOperand operand_on(Device device, const Tensor& x, DType compute, Constant& room, bool bits = false);
// Lower level: outputs first, all given; inputs broadcast to the outputs' shape. `key` is the functor's T.
void map_into(const char* op, MapKind kind, const void* functor, const MapOperand* operands, int outputs, int count,
              DType key);
template <class F>
void map_into(const char* op, const F& f, std::initializer_list<MapOperand> operands, int outputs, DType key) {
  map_into(op, map_kind<F>, &f, operands.begin(), outputs, int(operands.size()), key);
}

// The shape all of them broadcast to.
Dims broadcast_all(const char* op, const Tensor* const* inputs, int count);
// The one device of the operands; CPU scalars go along with any other.
Device common_device(const char* op, const Tensor* const* inputs, int count);
inline void check_same_device(const char* op, const Tensor& a, const Tensor& b) {
  const Tensor* both[] = {&a, &b};
  common_device(op, both, 2);
}
// The tensor an op writes its result of this shape and dtype into: a new one in the inputs' stride order, or the
// destination, checked (in place: shape; out=: resized) and with its version bumped.
Tensor result_for(const char* op, const Dims& shape, DType dtype, const Tensor* const* inputs, int count,
                  const Dest& dest);
// For ops that write beside their first operand only: the finished result, copied into the `out=` of `dest`.
Tensor copy_out(const char* op, const Tensor& result, const Dest& dest);
// RuntimeError when elements of `written` share memory with each other, or with part of `read`.
void check_no_internal_overlap(const char* op, const Tensor& written);
void check_no_partial_overlap(const char* op, const Tensor& written, const Tensor& read);
// The same also where they are one and the same: for what is read in another order than it is written.
void check_no_overlap(const char* op, const Tensor& written, const Tensor& read);
// For the few ops that may write where elements of `written` share memory: the last write stays. `like` says how the op
// is spelled in Python beside its name.
void warn_of_expanded(const char* op, const char* like, const Tensor& written);
// x with one element of each dimension along which its elements are repeated.
Tensor without_repeats(const Tensor& x);

// RuntimeError when a number is out of the dtype's range: "value cannot be converted to type uint8_t without overflow".
// Unsigned types also take the negative integers that wrap into them.
void check_converts(Scalar value, DType dtype);
const char* type_in_c(DType t);  // as that error names it
double largest(DType t);  // finite number of a floating dtype
// 16-bit floats are computed in float.
constexpr DType compute_dtype(DType t) { return is_reduced(t) ? DType::Float32 : t; }
// What has the values of a dtype that is only stored; for uint64 what has its bits.
constexpr DType carrier(DType t) {
  return is_float8(t) ? DType::Float32 : t == DType::UInt16 ? DType::Int32 : DType::Int64;
}

inline kernels::Number number(Scalar s) { return {s.to_double(), int64_t(s.to_bits())}; }

}  // namespace cnn
