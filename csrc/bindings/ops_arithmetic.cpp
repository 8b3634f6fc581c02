// Bindings of csrc/ops/arithmetic.cpp. The pattern for every family: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/arithmetic.h"

namespace cnn::python {

void bind_arithmetic(Registry& ops) {
  ops.def_op<&cnn::add>("add(Tensor input, Tensor|Number other, *, Number alpha=1) -> Tensor", "input + alpha * other.",
                        kNumberFirst);
  ops.def_op<&cnn::sub>("sub(Tensor input, Tensor|Number other, *, Number alpha=1) -> Tensor", "input - alpha * other.",
                        kNumberFirst);
  ops.def_op<[](const Tensor& x, const Tensor& other, Scalar alpha) { return cnn::sub(other, x, alpha); }>(
      "rsub(Tensor input, Tensor|Number other, *, Number alpha=1) -> Tensor", "other - alpha * input.");
  ops.def_op<[](const Tensor& x, Scalar other, Scalar alpha) { return cnn::sub(wrapped_number(other), x, alpha); }>(
      "rsub(Tensor input, Number other, Number alpha) -> Tensor", "");
  ops.def_op<&cnn::mul>("mul(Tensor input, Tensor|Number other) -> Tensor", "input * other.", kNumberFirst);
  ops.def_op<&cnn::div>("div(Tensor input, Tensor|Number other) -> Tensor", "input / other, of floating-point dtype.",
                        kNumberFirst);
  ops.def_op<&cnn::neg>("neg(Tensor input) -> Tensor", "-input.");
}

}  // namespace cnn::python
