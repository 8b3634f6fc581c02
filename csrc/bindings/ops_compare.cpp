// Bindings of the compare ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/compare.h"

namespace cnn::python {

void bind_compare(Registry& ops) {
  ops.def_op<&cnn::eq>("eq(Tensor input, Tensor|Number other) -> Tensor", "input == other.");
  ops.def_op<&cnn::ne>("ne(Tensor input, Tensor|Number other) -> Tensor", "input != other.");
  ops.alias("not_equal", "ne");
  ops.def_op<&cnn::lt>("lt(Tensor input, Tensor|Number other) -> Tensor", "input < other.");
  ops.alias("less", "lt");
  ops.def_op<&cnn::le>("le(Tensor input, Tensor|Number other) -> Tensor", "input <= other.");
  ops.alias("less_equal", "le");
  ops.def_op<&cnn::gt>("gt(Tensor input, Tensor|Number other) -> Tensor", "input > other.");
  ops.alias("greater", "gt");
  ops.def_op<&cnn::ge>("ge(Tensor input, Tensor|Number other) -> Tensor", "input >= other.");
  ops.alias("greater_equal", "ge");
  ops.def_op<&cnn::logical_and>("logical_and(Tensor input, Tensor other) -> Tensor", "Of truth values.");
  ops.def_op<&cnn::logical_or>("logical_or(Tensor input, Tensor other) -> Tensor", "Of truth values.");
  ops.def_op<&cnn::logical_xor>("logical_xor(Tensor input, Tensor other) -> Tensor", "Of truth values.");
  ops.def_op<&cnn::bitwise_and>("bitwise_and(Tensor input, Tensor|Number other) -> Tensor", "Of the bits of integers.",
                                kNumberFirst);
  ops.def_op<&cnn::bitwise_or>("bitwise_or(Tensor input, Tensor|Number other) -> Tensor", "Of the bits of integers.",
                               kNumberFirst);
  ops.def_op<&cnn::bitwise_xor>("bitwise_xor(Tensor input, Tensor|Number other) -> Tensor", "Of the bits of integers.",
                                kNumberFirst);
  ops.def_op<&cnn::bitwise_left_shift>("bitwise_left_shift(Tensor input, Tensor|Number other) -> Tensor",
                                       "Of the bits of integers.", kNumberFirst);
  ops.def_op<&cnn::bitwise_right_shift>("bitwise_right_shift(Tensor input, Tensor|Number other) -> Tensor",
                                        "Of the bits of integers.", kNumberFirst);
  ops.def_op<&cnn::isclose>(
      "isclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor",
      "|input - other| <= atol + rtol * |other|.");
  ops.def_op<&cnn::allclose>(
      "allclose(Tensor input, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool",
      "Is every element close?");
  ops.def_op<&cnn::equal>("equal(Tensor input, Tensor other) -> bool", "Same shape and elements?");
}

}  // namespace cnn::python
