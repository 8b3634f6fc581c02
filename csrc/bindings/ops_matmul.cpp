// Bindings of the matmul ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/matmul.h"
#include "ops/factor.h"

namespace cnn::python {

namespace {
void bind_factors(Registry& ops) {
  ops.def_op<&cnn::cholesky_factor>("_cholesky_factor(Tensor input) -> (Tensor, Tensor)",
                                    "U and info of A = U' U, from the upper triangle.", kFunctionOnly);
  ops.def_op<&cnn::lu_factor>("_lu_factor(Tensor input) -> (Tensor, Tensor, Tensor)",
                              "L and U in one matrix, the rows that were exchanged, info.", kFunctionOnly);
  ops.def_op<&cnn::solve_triangle>(
      "_solve_triangle(Tensor input, Tensor other, bool upper, bool left, bool unit) -> Tensor",
      "X of A X = B or X A = B, nothing recorded.", kFunctionOnly);
}
}  // namespace

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
  bind_factors(ops);
}

}  // namespace cnn::python
