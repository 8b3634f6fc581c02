// Bindings of the binary ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/binary.h"

namespace cnn::python {

void bind_binary(Registry& ops) {
  ops.def_op<&cnn::div_rounded>("div(Tensor input, Tensor|Number other, *, str? rounding_mode) -> Tensor",
                                "input / other, rounded by 'trunc' or 'floor'.");
  ops.alias("divide", "div");
  ops.def_op<&cnn::div>("true_divide(Tensor input, Tensor|Number other) -> Tensor",
                        "input / other, of floating-point dtype.", kNumberFirst);
  ops.alias("multiply", "mul");
  ops.def_op<&cnn::sub>("subtract(Tensor input, Tensor|Number other, *, Number alpha=1) -> Tensor", "The same as sub.",
                        kNumberFirst);
  ops.def_op<[](const Tensor& x, Scalar other, Scalar alpha, Dest dest) {
    return cnn::sub(x, wrapped_number(other), alpha, dest);
  }>("subtract(Tensor input, Number other, Number alpha) -> Tensor", "", kNoOut);
  ops.def_op<&cnn::floor_divide>("floor_divide(Tensor input, Tensor|Number other) -> Tensor", "floor(input / other).",
                                 kNumberFirst);
  ops.def_op<&cnn::remainder>("remainder(Tensor input, Tensor|Number other) -> Tensor",
                              "The rest of division, with the sign of other.", kNumberFirst);
  ops.def_op<&cnn::fmod>("fmod(Tensor input, Tensor|Number other) -> Tensor",
                         "The rest of division, with the sign of input.");
  ops.def_op<&cnn::atan2>("atan2(Tensor input, Tensor other) -> Tensor", "Angle of (other, input), in radians.");
  ops.def_op<&cnn::hypot>("hypot(Tensor input, Tensor other) -> Tensor", "sqrt(input^2 + other^2).");
  ops.def_op<&cnn::maximum>("maximum(Tensor input, Tensor other) -> Tensor", "The larger; nan wins.");
  ops.def_op<&cnn::minimum>("minimum(Tensor input, Tensor other) -> Tensor", "The smaller; nan wins.");
  ops.def_op<&cnn::fmax>("fmax(Tensor input, Tensor other) -> Tensor", "The larger; numbers win over nan.");
  ops.def_op<&cnn::fmin>("fmin(Tensor input, Tensor other) -> Tensor", "The smaller; numbers win over nan.");
  ops.def_op<&cnn::copysign>("copysign(Tensor input, Tensor|Number other) -> Tensor",
                             "|input| with the sign of other.");
  ops.def_op<&cnn::logaddexp>("logaddexp(Tensor input, Tensor other) -> Tensor", "log(exp(input) + exp(other)).");
  ops.def_op<&cnn::logaddexp2>("logaddexp2(Tensor input, Tensor other) -> Tensor", "log2(2^input + 2^other).");
  ops.def_op<&cnn::xlogy>("xlogy(Tensor input, Tensor|Number other) -> Tensor",
                          "input * log(other), 0 where input is 0.", kNumberFirst);
  ops.def_op<&cnn::nextafter>("nextafter(Tensor input, Tensor other) -> Tensor",
                              "The next number after input towards other.");
  ops.def_op<&cnn::gcd>("gcd(Tensor input, Tensor other) -> Tensor", "Greatest common divisor.");
  ops.def_op<&cnn::lcm>("lcm(Tensor input, Tensor other) -> Tensor", "Least common multiple.");
  ops.alias("arctan2", "atan2");
  ops.def_op<&cnn::heaviside>("heaviside(Tensor input, Tensor values) -> Tensor",
                              "0 below zero, 1 above, values at zero.");
  ops.def_op<&cnn::ldexp>("ldexp(Tensor input, Tensor other) -> Tensor", "input * 2^other.");
  ops.def_op<&cnn::pow>("pow(Tensor input, Tensor|Number exponent) -> Tensor", "input^exponent.", kNumberFirst);
  ops.def_op<&cnn::float_power>("float_power(Tensor input, Tensor|Number exponent) -> Tensor",
                                "input^exponent in float64.", kNumberFirst);
  ops.def_op<&cnn::lerp>("lerp(Tensor input, Tensor end, Tensor|Number weight) -> Tensor",
                         "input + weight * (end - input).");
  ops.def_op<&cnn::addcmul>("addcmul(Tensor input, Tensor tensor1, Tensor tensor2, *, Number value=1) -> Tensor",
                            "input + value * tensor1 * tensor2.");
  ops.def_op<&cnn::addcdiv>("addcdiv(Tensor input, Tensor tensor1, Tensor tensor2, *, Number value=1) -> Tensor",
                            "input + value * tensor1 / tensor2.");
  // A tensor before a number: 0-d tensors are both.
  ops.def_op<&cnn::clamp_tensor>("clamp(Tensor input, Tensor? min=None, Tensor? max=None) -> Tensor",
                                 "Limited to [min, max].");
  ops.def_op<&cnn::clamp>("clamp(Tensor input, Number? min=None, Number? max=None) -> Tensor",
                          "Limited to [min, max].");
  ops.def_op<&cnn::clamp_tensor>("clip(Tensor input, Tensor? min=None, Tensor? max=None) -> Tensor",
                                 "Limited to [min, max].");
  ops.def_op<&cnn::clamp>("clip(Tensor input, Number? min=None, Number? max=None) -> Tensor", "Limited to [min, max].");
  ops.def_op<[](const Tensor& x, const Tensor& low, Dest dest) { return cnn::clamp_tensor(x, low, {}, dest); }>(
      "clamp_min(Tensor input, Tensor min) -> Tensor", "Not below min.");
  ops.def_op<[](const Tensor& x, Scalar low, Dest dest) { return cnn::clamp(x, low, {}, dest); }>(
      "clamp_min(Tensor input, Number min) -> Tensor", "Not below min.");
  ops.def_op<[](const Tensor& x, const Tensor& high, Dest dest) { return cnn::clamp_tensor(x, {}, high, dest); }>(
      "clamp_max(Tensor input, Tensor max) -> Tensor", "Not above max.");
  ops.def_op<[](const Tensor& x, Scalar high, Dest dest) { return cnn::clamp(x, {}, high, dest); }>(
      "clamp_max(Tensor input, Number max) -> Tensor", "Not above max.");
  ops.def_op<&cnn::where>("where(Tensor condition, Tensor|Number input, Tensor|Number other) -> Tensor",
                          "input where the condition holds, else other.", kFunctionOnly | kOut);
  ops.def_op<&cnn::where>("where(Tensor condition, Tensor|Number self, Tensor|Number other) -> Tensor", "",
                          kFunctionOnly | kOut);
  ops.def_op<[](const Tensor& x, const Tensor& condition, const Tensor& other) {
    return cnn::where(condition, x, other);
  }>("where(Tensor input, Tensor condition, Tensor|Number other) -> Tensor",
     "self where the condition holds, else other.", kMethodOnly);
  ops.def_op<&cnn::masked_fill>("masked_fill(Tensor input, Tensor mask, Tensor|Number value) -> Tensor",
                                "value where the mask is True.", kNoOut);
}

}  // namespace cnn::python
