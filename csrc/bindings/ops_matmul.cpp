// Bindings of the matmul ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/matmul.h"

namespace cnn::python {

void bind_matmul(Registry& ops) {
  ops.def_op<&cnn::mm>("mm(Tensor input, Tensor mat2) -> Tensor", "Matrix product.", kNoInPlace);
  ops.def_op<&cnn::bmm>("bmm(Tensor input, Tensor mat2) -> Tensor", "Matrix products of a batch.", kNoInPlace);
  ops.def_op<&cnn::mv>("mv(Tensor input, Tensor vec) -> Tensor", "Matrix times vector.", kNoInPlace);
  ops.def_op<&cnn::dot>("dot(Tensor input, Tensor tensor) -> Tensor", "Inner product of vectors.", kNoInPlace);
  ops.def_op<&cnn::dot>("vdot(Tensor input, Tensor other) -> Tensor", "Inner product of vectors.", kNoInPlace);
  ops.def_op<&cnn::outer>("outer(Tensor input, Tensor vec2) -> Tensor", "Outer product of vectors.", kNoInPlace);
  ops.def_op<&cnn::outer>("ger(Tensor input, Tensor vec2) -> Tensor", "Outer product of vectors.", kNoInPlace);
  ops.def_op<&cnn::matmul>("matmul(Tensor input, Tensor other) -> Tensor",
                           "Matrix product; batch dimensions broadcast.", kNoInPlace);
  ops.def_op<&cnn::linear>("linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor",
                           "input @ weight.T + bias.", kFunctionOnly);
  ops.def_op<&cnn::addmm>("addmm(Tensor input, Tensor mat1, Tensor mat2, *, Number beta=1, Number alpha=1) -> Tensor",
                          "beta * input + alpha * (mat1 @ mat2).");
  ops.def_op<&cnn::addmv>("addmv(Tensor input, Tensor mat, Tensor vec, *, Number beta=1, Number alpha=1) -> Tensor",
                          "beta * input + alpha * (mat @ vec).");
  ops.def_op<&cnn::addr>("addr(Tensor input, Tensor vec1, Tensor vec2, *, Number beta=1, Number alpha=1) -> Tensor",
                         "beta * input + alpha * outer(vec1, vec2).");
  ops.def_op<&cnn::baddbmm>(
      "baddbmm(Tensor input, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1) -> Tensor",
      "beta * input + alpha * (batch1 @ batch2).");
  ops.def_op<&cnn::addbmm>(
      "addbmm(Tensor input, Tensor batch1, Tensor batch2, *, Number beta=1, Number alpha=1) -> Tensor",
      "beta * input + alpha * sum of products.");
}

}  // namespace cnn::python
