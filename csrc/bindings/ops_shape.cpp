// Bindings of the shape ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/create.h"
#include "cnn/ops/join.h"
#include "cnn/ops/shape.h"

namespace cnn::python {

namespace {

Tensor repeat_each(const Tensor& x, const Tensor& repeats, std::optional<int64_t> dim, std::optional<int64_t> size) {
  const Tensor y = cnn::repeat_interleave(x, repeats, dim);
  const int64_t made = y.size(dim.value_or(-1));
  check(!size || *size == made, "repeat_interleave", "Invalid output_size, expected ", made, " but got ",
        size.value_or(0));
  return y;
}

}  // namespace

void bind_shape(Registry& ops) {
  ops.def_op<&cnn::flip>("flip(Tensor input, Dims dims) -> Tensor", "Reversed along dimensions.");
  ops.def_op<&cnn::roll>("roll(Tensor input, Dims shifts, Dims dims=()) -> Tensor", "Rotated along dimensions.");
  ops.def_op<&cnn::repeat>("repeat(Tensor input, Dims repeats) -> Tensor", "Copies side by side.", kMethodOnly);
  ops.def_op<&repeat_each>(
      "repeat_interleave(Tensor input, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor",
      "Each element repeated; without `repeats`: the numbers 0, 1, ... as often as input says.");
  ops.def_op<[](const Tensor& x, int64_t n, std::optional<int64_t> dim, std::optional<int64_t> size) {
    return repeat_each(x, full({}, n), dim, size);
  }>("repeat_interleave(Tensor input, int repeats, int? dim=None, *, int? output_size=None) -> Tensor", "");
  ops.def_op<[](const Tensor& repeats, std::optional<int64_t> size) {
    check(repeats.dim() == 1, "repeat_interleave", "only accept 1D vector as repeat");
    return repeat_each(arange(0, repeats.numel(), 1, repeats.dtype(), repeats.device()), repeats, {}, size);
  }>("repeat_interleave(Tensor repeats, *, int? output_size=None) -> Tensor", "", kFunctionOnly);
  ops.def_op<&cnn::tril>("tril(Tensor input, int diagonal=0) -> Tensor", "The lower triangle, 0 elsewhere.");
  ops.def_op<&cnn::triu>("triu(Tensor input, int diagonal=0) -> Tensor", "The upper triangle, 0 elsewhere.");
  ops.def_op<&cnn::diag_embed>("diag_embed(Tensor input, int offset=0, int dim1=-2, int dim2=-1) -> Tensor",
                               "Matrices with input on a diagonal.");
  ops.def_op<&cnn::diag>("diag(Tensor input, int diagonal=0) -> Tensor",
                         "The diagonal of a matrix, or the matrix of a diagonal.", kOut);
  ops.def_op<&cnn::constant_pad_nd>("constant_pad_nd(Tensor input, Dims pad, Number value=0) -> Tensor",
                                    "Padded with a value; negative pads crop.", kFunctionOnly);
  ops.def_op<&cnn::cat>("cat(Tensors tensors, int dim=0) -> Tensor", "Joined along a dimension.");
  ops.def_op<&cnn::cat>("concat(Tensors tensors, int dim=0) -> Tensor", "Joined along a dimension.");
  ops.def_op<&cnn::cat>("concatenate(Tensors tensors, int dim=0) -> Tensor", "Joined along a dimension.");
  ops.def_op<&cnn::stack>("stack(Tensors tensors, int dim=0) -> Tensor", "Joined along a new dimension.");
}

}  // namespace cnn::python
