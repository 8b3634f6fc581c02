// Runs a functor over whole rows of tensors along one dimension.
#pragma once

#include <initializer_list>
#include <optional>

#include "device/backend.h"
#include "cnn/autograd.h"
#include "cnn/tensor.h"
#include "kernels/ids.h"

namespace cnn {

// One operand: a contiguous tensor, or null where the functor does without.
struct RowsArg {
  const Tensor* tensor;
  RowKind kind = RowKind::Whole;
  bool index = false;  // int64, whatever the functor's T is
};

// The rows of `shape` along `dim`. A Whole operand may have another length there; a Single one has none.
void rows_tensors(const char* op, int id, const void* functor, const RowsArg* args, int outputs, int count,
                  const Dims& shape, int dim, DType key);
template <class F>
void rows_into(const char* op, const F& f, std::initializer_list<RowsArg> args, int outputs, const Dims& shape, int dim,
               DType key) {
  rows_tensors(op, kernels::IdOf<F>::value, &f, args.begin(), outputs, int(args.size()), shape, dim, key);
}

// RuntimeError when parameters of a normalisation (null or undefined: none) do not go with x: one dtype and the device
// of x, or float32 beside 16-bit elements.
void check_norm_parameters(const char* op, const Tensor& x, std::initializer_list<const std::optional<Tensor>*> list);

// The floating T in which elements of this dtype are computed.
constexpr DType float_key(DType t) { return t >= DType::Float64 ? t : DType::Float32; }  // stored ones have no kernel

}  // namespace cnn
