#include "cnn/ops/unary.h"

#include <cmath>
#include <limits>

#include "autograd/autocast.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/operators.h"
#include "kernels/activation.h"
#include "kernels/unary.h"
#include "ops/map.h"

namespace cnn {
namespace {

using Derivative = Tensor (*)(const Tensor& g, const Tensor& saved);

// y = f(x), dx = derivative(g, x).
template <class F>
Tensor by_input(const char* op, const char* node, const F& f, const Tensor& x, const Dest& dest,
                Derivative derivative) {
  Grad grad({x}, dest);
  auto sx = grad.save(x);
  Tensor y = map(op, f, x, dest);
  if (!grad) return y;
  return grad.record(node, y, [sx, derivative](Grads& g) { g[0] = derivative(g.out(), sx.get(g)); });
}

// y = f(x), dx = derivative(g, y).
template <class F>
Tensor by_result(const char* op, const char* node, const F& f, const Tensor& x, const Dest& dest,
                 Derivative derivative) {
  Grad grad({x}, dest);
  Tensor y = map(op, f, x, dest);
  if (!grad) return y;
  auto sy = grad.save_output(y);
  return grad.record(node, y, [sy, derivative](Grads& g) { g[0] = derivative(g.out(), sy.get(g)); });
}

// Steps: the gradient is zero everywhere.
template <class F>
Tensor flat(const char* op, const char* node, const F& f, const Tensor& x, const Dest& dest) {
  Grad grad({x}, dest);
  Tensor y = map(op, f, x, dest);
  if (!grad) return y;
  return grad.record(node, y, [](Grads& g) { g[0] = zeros_like(g.out()); });
}

}  // namespace

Tensor abs(const Tensor& x, Dest dest) {
  return by_input("abs", "AbsBackward0", kernels::Abs{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * sgn(x); });
}
Tensor sign(const Tensor& x, Dest dest) { return flat("sign", "SignBackward0", kernels::Sign{}, x, dest); }
Tensor sgn(const Tensor& x, Dest dest) { return flat("sgn", "SgnBackward0", kernels::Sign{}, x, dest); }

Tensor exp(const Tensor& x, Dest dest) {
  if (const Autocast cast{"exp", x, dest}) [[unlikely]]
    return cast(exp, x, dest);
  return by_result("exp", "ExpBackward0", kernels::Exp{}, x, dest,
                   [](const Tensor& g, const Tensor& y) { return g * y; });
}
Tensor exp2(const Tensor& x, Dest dest) {
  return by_result("exp2", "Exp2Backward0", kernels::Exp2{}, x, dest,
                   [](const Tensor& g, const Tensor& y) { return g * y * M_LN2; });
}
Tensor expm1(const Tensor& x, Dest dest) {
  if (const Autocast cast{"expm1", x, dest}) [[unlikely]]
    return cast(expm1, x, dest);
  return by_result("expm1", "Expm1Backward0", kernels::Expm1{}, x, dest,
                   [](const Tensor& g, const Tensor& y) { return g * (y + 1); });
}
Tensor log(const Tensor& x, Dest dest) {
  if (const Autocast cast{"log", x, dest}) [[unlikely]]
    return cast(log, x, dest);
  return by_input("log", "LogBackward0", kernels::Log{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g / x; });
}
Tensor log2(const Tensor& x, Dest dest) {
  if (const Autocast cast{"log2", x, dest}) [[unlikely]]
    return cast(log2, x, dest);
  return by_input("log2", "Log2Backward0", kernels::Log2{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g / (x * M_LN2); });
}
Tensor log10(const Tensor& x, Dest dest) {
  if (const Autocast cast{"log10", x, dest}) [[unlikely]]
    return cast(log10, x, dest);
  return by_input("log10", "Log10Backward0", kernels::Log10{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g / (x * M_LN10); });
}
Tensor log1p(const Tensor& x, Dest dest) {
  if (const Autocast cast{"log1p", x, dest}) [[unlikely]]
    return cast(log1p, x, dest);
  return by_input("log1p", "Log1PBackward0", kernels::Log1p{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g / (x + 1); });
}
Tensor sqrt(const Tensor& x, Dest dest) {
  return by_result("sqrt", "SqrtBackward0", kernels::Sqrt{}, x, dest,
                   [](const Tensor& g, const Tensor& y) { return g / (y * 2); });
}
Tensor rsqrt(const Tensor& x, Dest dest) {
  if (const Autocast cast{"rsqrt", x, dest}) [[unlikely]]
    return cast(rsqrt, x, dest);
  return by_result("rsqrt", "RsqrtBackward0", kernels::Rsqrt{}, x, dest,
                   [](const Tensor& g, const Tensor& y) { return g * pow(y, wrapped_number(3)) * -0.5; });
}
Tensor reciprocal(const Tensor& x, Dest dest) {
  if (const Autocast cast{"reciprocal", x, dest}) [[unlikely]]
    return cast(reciprocal, x, dest);
  return by_result("reciprocal", "ReciprocalBackward0", kernels::Reciprocal{}, x, dest,
                   [](const Tensor& g, const Tensor& y) { return -g * (y * y); });
}
Tensor square(const Tensor& x, Dest dest) { return pow(x, wrapped_number(2), dest); }

Tensor sin(const Tensor& x, Dest dest) {
  return by_input("sin", "SinBackward0", kernels::Sin{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * cos(x); });
}
Tensor cos(const Tensor& x, Dest dest) {
  return by_input("cos", "CosBackward0", kernels::Cos{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * -sin(x); });
}
Tensor tan(const Tensor& x, Dest dest) {
  if (const Autocast cast{"tan", x, dest}) [[unlikely]]
    return cast(tan, x, dest);
  return by_result("tan", "TanBackward0", kernels::Tan{}, x, dest,
                   [](const Tensor& g, const Tensor& y) { return g * (y * y + 1); });
}
Tensor asin(const Tensor& x, Dest dest) {
  if (const Autocast cast{"asin", x, dest}) [[unlikely]]
    return cast(asin, x, dest);
  return by_input("asin", "AsinBackward0", kernels::Asin{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * rsqrt(1 - x * x); });
}
Tensor acos(const Tensor& x, Dest dest) {
  if (const Autocast cast{"acos", x, dest}) [[unlikely]]
    return cast(acos, x, dest);
  return by_input("acos", "AcosBackward0", kernels::Acos{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * -rsqrt(1 - x * x); });
}
Tensor atan(const Tensor& x, Dest dest) {
  return by_input("atan", "AtanBackward0", kernels::Atan{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g / (x * x + 1); });
}
Tensor sinh(const Tensor& x, Dest dest) {
  if (const Autocast cast{"sinh", x, dest}) [[unlikely]]
    return cast(sinh, x, dest);
  return by_input("sinh", "SinhBackward0", kernels::Sinh{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * cosh(x); });
}
Tensor cosh(const Tensor& x, Dest dest) {
  if (const Autocast cast{"cosh", x, dest}) [[unlikely]]
    return cast(cosh, x, dest);
  return by_input("cosh", "CoshBackward0", kernels::Cosh{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * sinh(x); });
}
Tensor asinh(const Tensor& x, Dest dest) {
  return by_input("asinh", "AsinhBackward0", kernels::Asinh{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * rsqrt(x * x + 1); });
}
Tensor acosh(const Tensor& x, Dest dest) {
  return by_input("acosh", "AcoshBackward0", kernels::Acosh{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * rsqrt(x * x - 1); });
}
Tensor atanh(const Tensor& x, Dest dest) {
  return by_input("atanh", "AtanhBackward0", kernels::Atanh{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g / (1 - x * x); });
}

namespace {

// The gradient of tanh and sigmoid as ops of their own: one pass instead of three.
Tensor tanh_backward(const Tensor& g, const Tensor& y) {
  Grad grad({g, y});
  auto sg = grad.save_if(grad.needs(1), g), sy = grad.save(y);
  Tensor dx = map("tanh_backward", kernels::TanhBackward{}, g, y);
  if (!grad) return dx;
  return grad.record("TanhBackwardBackward0", dx, [sg, sy](Grads& g) {
    const Tensor y = sy.get(g);
    if (g.wants(0)) g[0] = tanh_backward(g.out(), y);
    if (g.wants(1)) g[1] = g.out() * sg.get(g) * y * -2;
  });
}
Tensor sigmoid_backward(const Tensor& g, const Tensor& y) {
  Grad grad({g, y});
  auto sg = grad.save_if(grad.needs(1), g), sy = grad.save(y);
  Tensor dx = map("sigmoid_backward", kernels::SigmoidBackward{}, g, y);
  if (!grad) return dx;
  return grad.record("SigmoidBackwardBackward0", dx, [sg, sy](Grads& g) {
    const Tensor y = sy.get(g);
    if (g.wants(0)) g[0] = sigmoid_backward(g.out(), y);
    if (g.wants(1)) g[1] = g.out() * sg.get(g) * (1 - y * 2);
  });
}

}  // namespace

Tensor tanh(const Tensor& x, Dest dest) {
  return by_result("tanh", "TanhBackward0", kernels::Tanh{}, x, dest, tanh_backward);
}
Tensor sigmoid(const Tensor& x, Dest dest) {
  return by_result("sigmoid", "SigmoidBackward0", kernels::Sigmoid{}, x, dest, sigmoid_backward);
}

Tensor erf(const Tensor& x, Dest dest) {
  return by_input("erf", "ErfBackward0", kernels::Erf{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * exp(-(x * x)) * M_2_SQRTPI; });
}
Tensor erfc(const Tensor& x, Dest dest) {
  return by_input("erfc", "ErfcBackward0", kernels::Erfc{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * exp(-(x * x)) * -M_2_SQRTPI; });
}
Tensor erfinv(const Tensor& x, Dest dest) {
  if (const Autocast cast{"erfinv", x, dest}) [[unlikely]]
    return cast(erfinv, x, dest);
  return by_result("erfinv", "ErfinvBackward0", kernels::Erfinv{}, x, dest,
                   [](const Tensor& g, const Tensor& y) { return g * exp(y * y) * (1 / M_2_SQRTPI); });
}
Tensor lgamma(const Tensor& x, Dest dest) {
  return by_input("lgamma", "LgammaBackward0", kernels::Lgamma{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * digamma(x); });
}
Tensor digamma(const Tensor& x, Dest dest) {
  return by_input("digamma", "DigammaBackward0", kernels::Digamma{}, x, dest,
                  [](const Tensor& g, const Tensor& x) { return g * polygamma(1, x); });
}
Tensor polygamma(int64_t n, const Tensor& x, Dest dest) {
  check(n >= 0, "polygamma", "polygamma(n, x) does not support negative n.");
  if (n == 0) return digamma(x, dest);
  Grad grad({x}, dest);
  auto sx = grad.save(x);
  const Tensor y =
      n == 1 ? map("polygamma", kernels::Trigamma{}, x, dest) : map("polygamma", kernels::Polygamma{{}, n}, x, dest);
  if (!grad) return y;
  return grad.record("PolygammaBackward0", y, [sx, n](Grads& g) { g[0] = g.out() * polygamma(n + 1, sx.get(g)); });
}
Tensor angle(const Tensor& x, Dest dest) {
  Grad grad({x}, dest);
  Tensor y;
  {
    NoGrad guard;
    const DType t = is_floating(x.dtype()) ? x.dtype() : default_dtype();
    y = where(lt(x, wrapped_number(0)), scalar_tensor(M_PI, t, x.device()), scalar_tensor(0, t, x.device()));
    if (is_floating(x.dtype())) y = where(isnan(x), x, y);
    if (dest) y = copy_out("angle", y, dest);
  }
  if (!grad) return y;
  return grad.record("AngleBackward0", y, [](Grads& g) { g[0] = zeros_like(g.out()); });
}
Tensor sinc(const Tensor& x, Dest dest) {
  return by_input("sinc", "SincBackward0", kernels::Sinc{}, x, dest, [](const Tensor& g, const Tensor& x) {
    const Tensor a = x * M_PI, square = a * x;
    const Tensor slope = (cos(a) * a - sin(a)) / square;
    // 0 also where x is not 0 and its square is.
    return where(eq(square, wrapped_number(0.0)), wrapped_number(0.0), g * slope);
  });
}

Tensor floor(const Tensor& x, Dest dest) { return flat("floor", "FloorBackward0", kernels::Floor{}, x, dest); }
Tensor ceil(const Tensor& x, Dest dest) { return flat("ceil", "CeilBackward0", kernels::Ceil{}, x, dest); }
Tensor trunc(const Tensor& x, Dest dest) { return flat("trunc", "TruncBackward0", kernels::Trunc{}, x, dest); }
Tensor round(const Tensor& x, int64_t decimals, Dest dest) {
  if (decimals != 0 && !is_floating(x.dtype())) not_implemented("round_cpu", x.dtype());
  if (decimals == 0) return flat("round", "RoundBackward0", kernels::Round{}, x, dest);
  const double scale = std::pow(10.0, std::abs(double(decimals)));
  return flat("round", "RoundBackward1", kernels::RoundDecimals{{}, scale, decimals < 0}, x, dest);
}
Tensor frac(const Tensor& x, Dest dest) {
  return by_input("frac", "FracBackward0", kernels::Frac{}, x, dest, [](const Tensor& g, const Tensor&) { return g; });
}
Tensor deg2rad(const Tensor& x, Dest dest) {
  Grad grad({x}, dest);
  Tensor y;
  {
    NoGrad guard;
    y = mul(x, wrapped_number(M_PI / 180), dest);
  }
  if (!grad) return y;
  return grad.record("Deg2RadBackward0", y, [](Grads& g) { g[0] = deg2rad(g.out()); });
}
Tensor rad2deg(const Tensor& x, Dest dest) {
  Grad grad({x}, dest);
  Tensor y;
  {
    NoGrad guard;
    y = mul(x, wrapped_number(180 / M_PI), dest);
  }
  if (!grad) return y;
  return grad.record("Rad2DegBackward0", y, [](Grads& g) { g[0] = rad2deg(g.out()); });
}
Tensor positive(const Tensor& x) {
  check(x.dtype() != DType::Bool, "positive", "The `+` operator, on a bool tensor is not supported.");
  return x;
}

Tensor logit(const Tensor& x, std::optional<double> eps, Dest dest) {
  Grad grad({x}, dest);
  auto sx = grad.save(x);
  Tensor y;
  {
    NoGrad guard;
    const Tensor from = is_floating(x.dtype()) ? x : to_dtype(x, default_dtype());
    const Tensor z = eps ? clamp(from, Scalar(*eps), Scalar(1 - *eps)) : from;
    y = log(z / (1 - z), dest);
  }
  if (!grad) return y;
  return grad.record("LogitBackward0", y, [sx, eps](Grads& g) {
    const Tensor x = sx.get(g), slope = g.out() / abs(x * (1 - x));  // +inf at -0 too
    // Outside of the domain nan, outside of the limits 0; for nan nan.
    const double low = eps.value_or(0);
    const Tensor outside = logical_or(lt(x, wrapped_number(low)), gt(x, wrapped_number(1 - low)));
    g[0] = where(outside, wrapped_number(eps ? 0.0 : NAN), slope);
  });
}

Tensor nan_to_num(const Tensor& x, std::optional<double> nan, std::optional<double> posinf,
                  std::optional<double> neginf, Dest dest) {
  const double top = x.dtype() == DType::Float64    ? std::numeric_limits<double>::max()
                     : x.dtype() == DType::Float16  ? 65504.0
                     : x.dtype() == DType::BFloat16 ? 3.3895313892515355e38
                                                    : double(std::numeric_limits<float>::max());
  const kernels::NanToNum f{{}, nan.value_or(0), posinf.value_or(top), neginf.value_or(-top)};
  return by_input("nan_to_num", "NanToNumBackward0", f, x, dest,
                  [](const Tensor& g, const Tensor& x) { return where(isfinite(x), g, wrapped_number(0.0)); });
}

namespace {
// The one float of 8 bits that has infinities is asked as float.
Tensor with_infinities(const Tensor& x) {
  return x.dtype() == DType::Float8E5M2 ? to_dtype(detach(x), DType::Float32) : x;
}
}  // namespace

Tensor isnan(const Tensor& x) { return map("isnan", kernels::IsNan{}, x); }
Tensor isinf(const Tensor& x) { return map("isinf", kernels::IsInf{}, with_infinities(x)); }
Tensor isfinite(const Tensor& x) { return map("isfinite", kernels::IsFinite{}, with_infinities(x)); }
Tensor isposinf(const Tensor& x, Dest dest) { return map("isposinf", kernels::IsPosInf{}, x, dest); }
Tensor isneginf(const Tensor& x, Dest dest) { return map("isneginf", kernels::IsNegInf{}, x, dest); }
Tensor signbit(const Tensor& x, Dest dest) {
  if (x.dtype() >= DType::UInt16) return map("signbit", kernels::IsNan{}, x, dest);  // never
  return map("signbit", kernels::Signbit{}, x, dest);
}
Tensor logical_not(const Tensor& x, Dest dest) { return map("logical_not", kernels::LogicalNot{}, x, dest); }
Tensor bitwise_not(const Tensor& x, Dest dest) { return map("bitwise_not", kernels::BitwiseNot{}, x, dest); }

}  // namespace cnn
