// Bindings of the unary ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/unary.h"

namespace cnn::python {

void bind_unary(Registry& ops) {
  ops.def_op<&cnn::abs>("abs(Tensor input) -> Tensor", "|input|.");
  ops.def_op<&cnn::sign>("sign(Tensor input) -> Tensor", "-1, 0 or 1.");
  ops.def_op<&cnn::sgn>("sgn(Tensor input) -> Tensor", "-1, 0 or 1.");
  ops.def_op<&cnn::exp>("exp(Tensor input) -> Tensor", "e^input.");
  ops.def_op<&cnn::exp2>("exp2(Tensor input) -> Tensor", "2^input.");
  ops.def_op<&cnn::expm1>("expm1(Tensor input) -> Tensor", "e^input - 1, exact near 0.");
  ops.def_op<&cnn::log>("log(Tensor input) -> Tensor", "Natural logarithm.");
  ops.def_op<&cnn::log2>("log2(Tensor input) -> Tensor", "Logarithm to base 2.");
  ops.def_op<&cnn::log10>("log10(Tensor input) -> Tensor", "Logarithm to base 10.");
  ops.def_op<&cnn::log1p>("log1p(Tensor input) -> Tensor", "log(1 + input), exact near 0.");
  ops.def_op<&cnn::sqrt>("sqrt(Tensor input) -> Tensor", "Square root.");
  ops.def_op<&cnn::rsqrt>("rsqrt(Tensor input) -> Tensor", "1 / sqrt(input).");
  ops.def_op<&cnn::reciprocal>("reciprocal(Tensor input) -> Tensor", "1 / input.");
  ops.def_op<&cnn::square>("square(Tensor input) -> Tensor", "input * input.");
  ops.def_op<&cnn::sin>("sin(Tensor input) -> Tensor", "Sine of radians.");
  ops.def_op<&cnn::cos>("cos(Tensor input) -> Tensor", "Cosine of radians.");
  ops.def_op<&cnn::tan>("tan(Tensor input) -> Tensor", "Tangent of radians.");
  ops.def_op<&cnn::asin>("asin(Tensor input) -> Tensor", "Inverse sine, in radians.");
  ops.def_op<&cnn::acos>("acos(Tensor input) -> Tensor", "Inverse cosine, in radians.");
  ops.def_op<&cnn::atan>("atan(Tensor input) -> Tensor", "Inverse tangent, in radians.");
  ops.def_op<&cnn::sinh>("sinh(Tensor input) -> Tensor", "Hyperbolic sine.");
  ops.def_op<&cnn::cosh>("cosh(Tensor input) -> Tensor", "Hyperbolic cosine.");
  ops.def_op<&cnn::tanh>("tanh(Tensor input) -> Tensor", "Hyperbolic tangent.");
  ops.def_op<&cnn::asinh>("asinh(Tensor input) -> Tensor", "Inverse hyperbolic sine.");
  ops.def_op<&cnn::acosh>("acosh(Tensor input) -> Tensor", "Inverse hyperbolic cosine.");
  ops.def_op<&cnn::atanh>("atanh(Tensor input) -> Tensor", "Inverse hyperbolic tangent.");
  ops.def_op<&cnn::sigmoid>("sigmoid(Tensor input) -> Tensor", "1 / (1 + exp(-input)).");
  ops.def_op<&cnn::erf>("erf(Tensor input) -> Tensor", "Error function.");
  ops.def_op<&cnn::erfc>("erfc(Tensor input) -> Tensor", "1 - erf(input).");
  ops.def_op<&cnn::erfinv>("erfinv(Tensor input) -> Tensor", "Inverse of the error function on (-1, 1).");
  ops.def_op<&cnn::lgamma>("lgamma(Tensor input) -> Tensor", "log |Gamma(input)|.");
  ops.def_op<&cnn::digamma>("digamma(Tensor input) -> Tensor", "Derivative of lgamma.");
  ops.def_op<&cnn::sinc>("sinc(Tensor input) -> Tensor", "sin(pi input) / (pi input), 1 at 0.");
  ops.def_op<&cnn::floor>("floor(Tensor input) -> Tensor", "Largest integer not above.");
  ops.def_op<&cnn::ceil>("ceil(Tensor input) -> Tensor", "Smallest integer not below.");
  ops.def_op<&cnn::trunc>("trunc(Tensor input) -> Tensor", "Integer part.");
  ops.def_op<&cnn::frac>("frac(Tensor input) -> Tensor", "Fractional part, with the sign of input.");
  ops.def_op<&cnn::deg2rad>("deg2rad(Tensor input) -> Tensor", "Degrees to radians.");
  ops.def_op<&cnn::rad2deg>("rad2deg(Tensor input) -> Tensor", "Radians to degrees.");
  ops.def_op<&cnn::isposinf>("isposinf(Tensor input) -> Tensor", "True where +inf.");
  ops.def_op<&cnn::isneginf>("isneginf(Tensor input) -> Tensor", "True where -inf.");
  ops.def_op<&cnn::signbit>("signbit(Tensor input) -> Tensor", "True where the sign bit is set.");
  ops.def_op<&cnn::logical_not>("logical_not(Tensor input) -> Tensor", "True where zero.");
  ops.def_op<&cnn::bitwise_not>("bitwise_not(Tensor input) -> Tensor", "Each bit inverted; not for bool.");
  ops.def_op<&cnn::isnan>("isnan(Tensor input) -> Tensor", "True where nan.");
  ops.def_op<&cnn::isinf>("isinf(Tensor input) -> Tensor", "True where infinite.");
  ops.def_op<&cnn::isfinite>("isfinite(Tensor input) -> Tensor", "True where finite.");
  ops.alias("absolute", "abs");
  ops.alias("arcsin", "asin");
  ops.alias("arccos", "acos");
  ops.alias("arctan", "atan");
  ops.alias("arcsinh", "asinh");
  ops.alias("arccosh", "acosh");
  ops.alias("arctanh", "atanh");
  ops.alias("fix", "trunc");
  ops.alias("negative", "neg");
  ops.def_op<&cnn::round>("round(Tensor input, *, int decimals=0) -> Tensor",
                          "To the nearest integer, halves to even; or to `decimals` places.");
  ops.def_op<&cnn::logit>("logit(Tensor input, float? eps=None) -> Tensor",
                          "log(x / (1 - x)), x clamped to [eps, 1 - eps] when eps is given.");
  ops.def_op<&cnn::nan_to_num>(
      "nan_to_num(Tensor input, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor",
      "nan and infinities replaced; by 0 and the largest finite numbers when not given.");
  ops.def_op<&cnn::polygamma>("polygamma(int n, Tensor input) -> Tensor", "The n-th derivative of digamma.",
                              kFunctionOnly);
  ops.def_op<[](const Tensor& x, int64_t n, Dest dest) { return cnn::polygamma(n, x, dest); }>(
      "polygamma(Tensor input, int n) -> Tensor", "The n-th derivative of digamma.", kMethodOnly);
  ops.def_op<&cnn::angle>("angle(Tensor input) -> Tensor", "pi where negative, nan where nan, else 0.", kNoInPlace);
  ops.def_op<&cnn::positive>("positive(Tensor input) -> Tensor", "input itself.");
}

}  // namespace cnn::python
