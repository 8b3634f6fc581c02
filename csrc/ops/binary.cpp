#include "cnn/ops/binary.h"

#include <cmath>

#include "autograd/autocast.h"
#include "autograd/recorder.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/unary.h"
#include "cnn/ops/view.h"
#include "kernels/arithmetic.h"
#include "kernels/binary.h"
#include "kernels/select.h"
#include "kernels/unary.h"
#include "ops/map.h"

namespace cnn {
namespace {

void fail_divisor(const Watch& w, int64_t, const char* when) { fail(w.kind, "", "ZeroDivisionError", when); }

// The functor F, of a / b. Integer division by zero raises before anything is computed; the divisor is looked at as the
// kernel will see it, in the dtype of the computation: 256 is 0 beside a uint8 tensor. On a GPU the kernel looks, and a
// later call raises.
template <class F> F dividing(const char* op, const Tensor& a, const Tensor& b) {
  F f;
  if (is_floating(a.dtype()) || is_floating(b.dtype())) return f;
  const DType t = promoted({&a, &b});
  if (t == DType::Bool) not_implemented(op, t);
  if (b.device().is_meta() || b.numel() == 0) return f;
  if (b.dim() == 0 && b.device().is_cpu()) {
    visit_dtype(t, [&]<class T>() { check(b.item().to<T>() != T(0), "", "ZeroDivisionError"); });
  } else if (const auto watch = backend(b.device()).watch) {
    f.zero = watch({fail_divisor, op, ErrorKind::Runtime, 0, 0});
  } else {
    NoGrad guard;
    check(!any(eq(to_dtype(b, t), wrapped_number(0))).item().to_bool(), "", "ZeroDivisionError");
  }
  return f;
}

// A number alone is computed with in the default dtype: for what a gradient makes of it, its value in double.
std::optional<double> number_of(const Tensor& t) {
  if (!t.impl()->wrapped_number) return std::nullopt;
  return t.item().to_double();
}

// g where the mask says so, 0 elsewhere.
Tensor masked(const Tensor& g, const Tensor& mask) { return where(mask, g, wrapped_number(0.0)); }

// maximum and its kin: g goes to the chosen operand, halves where they are equal.
template <class F>
Tensor choose(const char* op, const char* node, const F& f, const Tensor& a, const Tensor& b, const Dest& dest,
              bool halves, Tensor (*prefer)(const Tensor&, const Tensor&, Dest)) {
  Grad grad({a, b}, dest);
  auto sa = grad.save(a), sb = grad.save(b);
  Tensor y = map(op, f, a, b, dest);
  if (!grad) return y;
  return grad.record(node, y, [sa, sb, halves, prefer](Grads& g) {
    const Tensor a = sa.get(g), b = sb.get(g);
    Tensor share = g.out();
    if (halves) share = where(eq(a, b), share * 0.5, share);
    if (g.wants(0)) g[0] = masked(share, logical_not(prefer(b, a, {})));
    if (g.wants(1)) g[1] = masked(share, logical_not(prefer(a, b, {})));
  });
}

}  // namespace

Tensor floor_divide(const Tensor& a, const Tensor& b, Dest dest) {
  const auto f = dividing<kernels::FloorDivide>("div_floor_cpu", a, b);
  Grad grad({a, b}, dest);
  Tensor y = map("floor_divide", f, a, b, dest);
  return grad ? grad.record_no_derivative("floor_divide", y) : y;
}

Tensor div_rounded(const Tensor& a, const Tensor& b, const std::optional<std::string>& rounding_mode, Dest dest) {
  if (!rounding_mode) return div(a, b, dest);
  const bool floors = *rounding_mode == "floor";
  check(floors || *rounding_mode == "trunc", "div",
        "expected rounding_mode to be one of None, 'trunc', or 'floor' but found '", *rounding_mode, "'");
  Grad grad({a, b}, dest);
  Tensor y = floors ? map("div", dividing<kernels::FloorDivide>("div_floor_cpu", a, b), a, b, dest)
                    : map("div", dividing<kernels::TruncDivide>("div_trunc_cpu", a, b), a, b, dest);
  if (!grad) return y;
  return grad.record("DivBackward2", y, [](Grads& g) {
    if (g.wants(0)) g[0] = zeros_like(g.out());
    if (g.wants(1)) g[1] = zeros_like(g.out());
  });
}

Tensor remainder(const Tensor& a, const Tensor& b, Dest dest) {
  const auto f = dividing<kernels::Remainder>("remainder_cpu", a, b);
  Grad grad({a, b}, dest);
  auto sa = grad.save_if(grad.needs(1), a), sb = grad.save_if(grad.needs(1), b);
  Tensor y = map("remainder", f, a, b, dest);
  if (!grad) return y;
  if (a.impl()->wrapped_number) return grad.record_no_derivative("remainder", y);
  return grad.record(b.impl()->wrapped_number ? "RemainderBackward0" : "RemainderBackward1", y, [sa, sb](Grads& g) {
    if (g.wants(0)) g[0] = g.out();
    if (g.wants(1)) g[1] = -g.out() * div_rounded(sa.get(g), sb.get(g), "floor");
  });
}

Tensor fmod(const Tensor& a, const Tensor& b, Dest dest) {
  const auto f = dividing<kernels::Fmod>("fmod_cpu", a, b);
  Grad grad({a, b}, dest);
  auto sa = grad.save_if(grad.needs(1), a), sb = grad.save_if(grad.needs(1), b);
  Tensor y = map("fmod", f, a, b, dest);
  if (!grad) return y;
  return grad.record(b.impl()->wrapped_number ? "FmodBackward0" : "FmodBackward1", y, [sa, sb](Grads& g) {
    if (g.wants(0)) g[0] = g.out();
    if (g.wants(1)) g[1] = -g.out() * div_rounded(sa.get(g), sb.get(g), "trunc");
  });
}

namespace {
// a^b without a gradient; common constant exponents have their own formulas.
Tensor power(const Tensor& a, const Tensor& b, const Dest& dest) {
  if (b.impl()->wrapped_number && is_floating(a.dtype()) && !a.impl()->wrapped_number && !b.device().is_meta()) {
    const double e = b.item().to_double();
    if (e == 2) return map("pow", kernels::Square{}, a, dest);
    if (e == 3) return map("pow", kernels::Cube{}, a, dest);
    const bool roots = a.dtype() != DType::Float16;  // there they are C's pow, which differs at -inf and -0
    if (roots && e == 0.5) return map("pow", kernels::Sqrt{}, a, dest);
    if (roots && e == -0.5) return map("pow", kernels::Rsqrt{}, a, dest);
    if (e == -1) return map("pow", kernels::Reciprocal{}, a, dest);
  }
  return map("pow", kernels::Pow{}, a, b, dest);
}
}  // namespace

Tensor pow(const Tensor& a, const Tensor& b, Dest dest) {
  if (const Autocast cast{"pow", a, b, dest}) [[unlikely]]
    return cast(pow, a, b, dest);
  const DType t = promoted({&a, &b});
  if (b.impl()->wrapped_number && !is_floating(t) && !b.device().is_meta()) {
    check(b.item().to_int() >= 0, "", "Integers to negative integer powers are not allowed.");
    check_converts(b.item(), t);
  }
  if (b.impl()->wrapped_number && is_reduced(t) && !b.device().is_meta()) check_converts(b.item(), t);
  const bool constant = b.impl()->wrapped_number;
  Grad grad({a, b}, dest);
  auto sa = grad.save(a), sb = constant ? Saved() : grad.save(b);
  const Tensor exponent = constant ? b : Tensor();
  Tensor y = power(a, b, dest);
  if (!grad) return y;
  auto sy = grad.needs(1) ? grad.save_output(y) : Saved();
  return grad.record(constant                   ? "PowBackward0"
                     : a.impl()->wrapped_number ? "PowBackward2"
                                                : "PowBackward1",
                     y, [sa, sb, sy, exponent](Grads& g) {
                       const Tensor a = sa.get(g), b = exponent.defined() ? exponent : sb.get(g);
                       if (g.wants(0)) {
                         if (b.impl()->wrapped_number) {
                           const double e = b.item().to_double();
                           g[0] = e == 0   ? zeros_like(g.out())
                                  : e == 2 ? g.out() * (a * 2)
                                           : g.out() * (pow(a, wrapped_number(e - 1)) * e);
                         } else {
                           const Tensor slope = g.out() * (b * pow(a, b - 1));
                           g[0] = where(eq(b, wrapped_number(0.0)), wrapped_number(0.0), slope);
                         }
                       }
                       if (g.wants(1)) {
                         const Tensor y = sy.get(g);
                         const Tensor zero = logical_and(eq(a, wrapped_number(0.0)), ge(b, wrapped_number(0.0)));
                         const auto base = number_of(a);
                         const Tensor slope = g.out() * (base ? y * Scalar(std::log(*base)) : y * log(a));
                         g[1] = where(zero, wrapped_number(0.0), slope);
                       }
                     });
}

Tensor float_power(const Tensor& a, const Tensor& b, Dest dest) {
  check(!dest || dest.target().dtype() == DType::Float64, "",
        dest.is_in_place() ? "the base given to float_power_" : "the output given to float_power", " has dtype ",
        dtype_type_name(dest ? dest.target().dtype() : a.dtype()), " but the operation's result requires dtype Double");
  return pow(to_dtype(a, DType::Float64), b.impl()->wrapped_number ? b : to_dtype(b, DType::Float64), dest);
}
Tensor rsub(const Tensor& a, const Tensor& b, Scalar alpha) { return sub(b, a, alpha); }

Tensor atan2(const Tensor& a, const Tensor& b, Dest dest) {
  if (const Autocast cast{"atan2", a, b, dest}) [[unlikely]]
    return cast(atan2, a, b, dest);
  Grad grad({a, b}, dest);
  auto sa = grad.save(a), sb = grad.save(b);
  Tensor y = map("atan2", kernels::Atan2{}, a, b, dest);
  if (!grad) return y;
  return grad.record("Atan2Backward0", y, [sa, sb](Grads& g) {
    const Tensor a = sa.get(g), b = sb.get(g);
    const Tensor square = a * a + b * b;
    const Tensor r = where(eq(square, wrapped_number(0.0)), wrapped_number(0.0), g.out() / square);  // 0 at the origin
    if (g.wants(0)) g[0] = r * b;
    if (g.wants(1)) g[1] = r * -a;
  });
}

Tensor hypot(const Tensor& a, const Tensor& b, Dest dest) {
  Grad grad({a, b}, dest);
  auto sa = grad.save_if(grad.needs(0), a), sb = grad.save_if(grad.needs(1), b);
  Tensor y = map("hypot", kernels::Hypot{}, a, b, dest);
  if (!grad) return y;
  auto sy = grad.save_output(y);
  return grad.record("HypotBackward0", y, [sa, sb, sy](Grads& g) {
    const Tensor y = sy.get(g);
    if (g.wants(0)) g[0] = g.out() * (sa.get(g) / y);
    if (g.wants(1)) g[1] = g.out() * (sb.get(g) / y);
  });
}

Tensor maximum(const Tensor& a, const Tensor& b, Dest dest) {
  return choose("maximum", "MaximumBackward0", kernels::Maximum{}, a, b, dest, true, gt);
}
Tensor minimum(const Tensor& a, const Tensor& b, Dest dest) {
  return choose("minimum", "MinimumBackward0", kernels::Minimum{}, a, b, dest, true, lt);
}

namespace {
// fmax and fmin: ties and nan go to the first operand.
template <class F>
Tensor choose_number(const char* op, const char* node, const F& f, const Tensor& a, const Tensor& b, const Dest& dest,
                     Tensor (*first)(const Tensor&, const Tensor&, Dest)) {
  Grad grad({a, b}, dest);
  auto sa = grad.save(a), sb = grad.save(b);
  Tensor y = map(op, f, a, b, dest);
  if (!grad) return y;
  return grad.record(node, y, [sa, sb, first](Grads& g) {
    const Tensor a = sa.get(g), b = sb.get(g);
    const Tensor mask = logical_or(first(a, b, {}), isnan(b));
    if (g.wants(0)) g[0] = masked(g.out(), mask);
    if (g.wants(1)) g[1] = masked(g.out(), logical_not(mask));
  });
}
}  // namespace

Tensor fmax(const Tensor& a, const Tensor& b, Dest dest) {
  return choose_number("fmax", "FmaxBackward0", kernels::Fmax{}, a, b, dest, ge);
}
Tensor fmin(const Tensor& a, const Tensor& b, Dest dest) {
  return choose_number("fmin", "FminBackward0", kernels::Fmin{}, a, b, dest, le);
}

Tensor copysign(const Tensor& a, const Tensor& b, Dest dest) {
  Grad grad({a, b}, dest);
  auto sa = grad.save_if(grad.needs(0), a);
  Tensor y = map("copysign", kernels::Copysign{}, a, b, dest);
  if (!grad) return y;
  auto sy = grad.save_output(y);
  return grad.record("CopysignBackward0", y, [sa, sy](Grads& g) {
    if (g.wants(0)) {
      const Tensor a = sa.get(g);
      const Tensor ratio = sy.get(g) / a;
      g[0] = where(eq(a, wrapped_number(0.0)), wrapped_number(0.0), ratio) * g.out();
    }
    if (g.wants(1)) g[1] = zeros_like(g.out());
  });
}

namespace {
void check_floats(const char* op, const Tensor& a, const Tensor& b) {
  const DType t = promoted({&a, &b});
  if (!is_floating(t)) not_implemented(op, t);
}
}  // namespace

Tensor logaddexp(const Tensor& a, const Tensor& b, Dest dest) {
  check_floats("logaddexp_cpu", a, b);
  Grad grad({a, b}, dest);
  auto sa = grad.save(a), sb = grad.save(b);
  Tensor y = map("logaddexp", kernels::LogAddExp{}, a, b, dest);
  if (!grad) return y;
  return grad.record("LogaddexpBackward0", y, [sa, sb](Grads& g) {
    const Tensor a = sa.get(g), b = sb.get(g);
    if (g.wants(0)) g[0] = g.out() / (exp(b - a) + 1);
    if (g.wants(1)) g[1] = g.out() / (exp(a - b) + 1);
  });
}
Tensor logaddexp2(const Tensor& a, const Tensor& b, Dest dest) {
  check_floats("logaddexp2_cpu", a, b);
  Grad grad({a, b}, dest);
  auto sa = grad.save(a), sb = grad.save(b);
  Tensor y = map("logaddexp2", kernels::LogAddExp2{}, a, b, dest);
  if (!grad) return y;
  return grad.record("Logaddexp2Backward0", y, [sa, sb](Grads& g) {
    const Tensor a = sa.get(g), b = sb.get(g);
    if (g.wants(0)) g[0] = g.out() / (exp2(b - a) + 1);
    if (g.wants(1)) g[1] = g.out() / (exp2(a - b) + 1);
  });
}

Tensor xlogy(const Tensor& a, const Tensor& b, Dest dest) {
  Grad grad({a, b}, dest);
  auto sa = grad.save(a), sb = grad.save(b);
  Tensor y = map("xlogy", kernels::Xlogy{}, a, b, dest);
  if (!grad) return y;
  return grad.record("XlogyBackward0", y, [sa, sb](Grads& g) {
    const Tensor a = sa.get(g), b = sb.get(g);
    if (g.wants(0)) {
      const auto number = number_of(b);
      const Tensor slope = number ? g.out() * Scalar(std::log(*number)) : g.out() * log(b);
      g[0] = where(logical_and(eq(a, wrapped_number(0.0)), le(b, wrapped_number(0.0))), wrapped_number(0.0), slope);
    }
    if (g.wants(1)) g[1] = g.out() * a / b;
  });
}

Tensor heaviside(const Tensor& x, const Tensor& values, Dest dest) {
  check(x.dtype() == values.dtype(), "heaviside",
        "heaviside is not yet implemented for tensors with different dtypes.");
  Grad grad({x, values}, dest);
  Tensor y = map("heaviside", kernels::Heaviside{}, x, values, dest);
  return grad ? grad.record_no_derivative("heaviside", y) : y;
}
Tensor nextafter(const Tensor& a, const Tensor& b, Dest dest) {
  Grad grad({a, b}, dest);
  const DType t = promoted({&a, &b});
  kernels::Nextafter f;
  f.bfloat16 = t == DType::BFloat16;
  f.float16 = t == DType::Float16;
  auto sa = grad.save(a), sb = grad.save(b);  // before a is written
  Tensor y = map("nextafter", f, a, b, dest);
  if (!grad) return y;
  return grad.record("NextafterBackward0", y, [sa, sb](Grads& g) {
    if (g.wants(0)) g[0] = masked(g.out(), ne(sa.get(g), sb.get(g)));
    if (g.wants(1)) g[1] = zeros_like(g.out());
  });
}
Tensor ldexp(const Tensor& a, const Tensor& b, Dest dest) {
  if (!is_integral(b.dtype())) return mul(a, pow(wrapped_number(2.0), b), dest);
  const DType t = is_floating(a.dtype()) ? a.dtype() : default_dtype();
  check(!dest.is_in_place() || t == a.dtype(), "ldexp", "result type ", dtype_type_name(t),
        " can't be cast to the desired output type ", dtype_type_name(a.dtype()));
  // 2^b may be beyond the numbers where the product is not. Beyond +-2100 that is so in every dtype.
  const Tensor e = clamp(to_dtype(b, DType::Float64), Scalar(-2100.0), Scalar(2100.0)), two = wrapped_number(2.0);
  const Tensor third = trunc(e / 3.0), rest = pow(two, e - third * 2.0), step = pow(two, third);
  const Tensor y = to_dtype(to_dtype(a, DType::Float64) * step * step * rest, t);
  return dest.is_in_place() ? copy_(a, y) : dest ? copy_out("ldexp", y, dest) : y;
}
Tensor gcd(const Tensor& a, const Tensor& b, Dest dest) { return map("gcd", kernels::Gcd{}, a, b, dest); }
Tensor lcm(const Tensor& a, const Tensor& b, Dest dest) { return map("lcm", kernels::Lcm{}, a, b, dest); }

Tensor lerp(const Tensor& a, const Tensor& b, const Tensor& weight, Dest dest) {
  if (is_stored(a.dtype())) not_implemented("lerp_kernel_scalar", a.dtype());
  check(a.dtype() == b.dtype(), "lerp", "expected dtype ", a.dtype(), " for `end` but got dtype ", b.dtype());
  check(weight.impl()->wrapped_number || weight.dtype() == a.dtype(), "lerp", "expected dtype ", a.dtype(),
        " for `weight` but got dtype ", weight.dtype());
  const bool number = weight.impl()->wrapped_number;
  if (number && is_floating(a.dtype()) && !weight.device().is_meta())
    check_converts(weight.item(), compute_dtype(a.dtype()));
  Grad grad({a, b, weight}, dest);
  auto sw = grad.save(weight), sa = grad.save_if(grad.needs(2), a), sb = grad.save_if(grad.needs(2), b);
  Tensor y = map("lerp", kernels::Lerp{}, a, b, weight, dest);
  if (!grad) return y;
  return grad.record(number ? "LerpBackward0" : "LerpBackward1", y, [sa, sb, sw](Grads& g) {
    const Tensor w = sw.get(g);
    const auto number = number_of(w);
    if (g.wants(0)) g[0] = number ? g.out() * Scalar(1 - *number) : g.out() * (1 - w);
    if (g.wants(1)) g[1] = g.out() * w;
    if (g.wants(2)) g[2] = g.out() * (sb.get(g) - sa.get(g));
  });
}

Tensor addcmul(const Tensor& x, const Tensor& a, const Tensor& b, Scalar value, Dest dest) {
  if (const Autocast cast{"addcmul", x, dest}) [[unlikely]]
    return cast(addcmul, x, a, b, value, dest);
  check_converts(value, compute_dtype(promoted({&x, &a, &b})));
  Grad grad({x, a, b}, dest);
  auto sa = grad.save_if(grad.needs(2), a), sb = grad.save_if(grad.needs(1), b);
  Tensor y = map("addcmul", kernels::Addcmul{{}, number(value)}, x, a, b, dest);
  if (!grad) return y;
  return grad.record("AddcmulBackward0", y, [sa, sb, value](Grads& g) {
    if (g.wants(0)) g[0] = g.out();
    if (g.wants(1)) g[1] = g.out() * (sb.get(g) * value);
    if (g.wants(2)) g[2] = g.out() * (sa.get(g) * value);
  });
}

Tensor addcdiv(const Tensor& x, const Tensor& a, const Tensor& b, Scalar value, Dest dest) {
  if (const Autocast cast{"addcdiv", x, dest}) [[unlikely]]
    return cast(addcdiv, x, a, b, value, dest);
  check(is_floating(a.dtype()) || is_floating(b.dtype()), "addcdiv",
        "Integer division with addcdiv is no longer supported; use (input + value * torch.trunc(tensor1 / tensor2))");
  Grad grad({x, a, b}, dest);
  auto sa = grad.save_if(grad.needs(2), a), sb = grad.save(b);
  Tensor y = map("addcdiv", kernels::Addcdiv{{}, number(value)}, x, a, b, dest);
  if (!grad) return y;
  return grad.record("AddcdivBackward0", y, [sa, sb, value](Grads& g) {
    const Tensor b = sb.get(g);
    if (g.wants(0)) g[0] = g.out();
    if (g.wants(1)) g[1] = g.out() * (value / b);
    if (g.wants(2)) g[2] = -g.out() * (sa.get(g) * value / (b * b));
  });
}

Tensor clamp(const Tensor& x, std::optional<Scalar> min, std::optional<Scalar> max, Dest dest) {
  check(min || max, "", "torch.clamp: At least one of 'min' or 'max' must not be None");
  const bool floats = (min && min->is_float()) || (max && max->is_float());
  if (floats && !is_floating(x.dtype())) {  // cut to integers the bounds would be others
    check(!dest.is_in_place(), "", "result type Float can't be cast to the desired output type ",
          dtype_type_name(x.dtype()));
    return clamp(to_dtype(x, default_dtype()), min, max, dest);
  }
  if (x.dtype() == DType::Bool && !dest && ((min && min->is_int()) || (max && max->is_int())))
    return clamp(to_dtype(x, DType::Int64), min, max);
  if (min) check_converts(*min, x.dtype());
  if (max) check_converts(*max, x.dtype());
  kernels::Clamp f{};
  if (min) f.low = number(*min), f.has_low = true;
  if (max) f.high = number(*max), f.has_high = true;
  Grad grad({x}, dest);
  auto sx = grad.save(x);
  const bool no_number = (min && std::isnan(min->to_double())) || (max && std::isnan(max->to_double()));
  Tensor y = no_number ? map("clamp", kernels::Mul{}, x, wrapped_number(NAN), dest) : map("clamp", f, x, dest);
  if (!grad) return y;
  return grad.record("ClampBackward1", y, [sx, min, max](Grads& g) {
    const Tensor x = sx.get(g);
    Tensor inside;
    if (min) inside = ge(x, wrapped_number(*min));
    if (max) inside = min ? logical_and(inside, le(x, wrapped_number(*max))) : le(x, wrapped_number(*max));
    g[0] = masked(g.out(), inside);
  });
}

namespace {
// One bound: g goes to x where it is inside, the bound itself included, and to the bound where x is beyond it.
template <class F>
Tensor clamp_one(const char* op, const char* node, const F& f, const Tensor& x, const Tensor& bound, const Dest& dest,
                 Tensor (*inside)(const Tensor&, const Tensor&, Dest),
                 Tensor (*beyond)(const Tensor&, const Tensor&, Dest)) {
  Grad grad({x, bound}, dest);
  auto sx = grad.save(x), sb = grad.save(bound);
  Tensor y = map(op, f, x, bound, dest);
  if (!grad) return y;
  return grad.record(node, y, [sx, sb, inside, beyond](Grads& g) {
    const Tensor x = sx.get(g), bound = sb.get(g);
    if (g.wants(0)) g[0] = masked(g.out(), inside(x, bound, {}));
    if (g.wants(1)) g[1] = masked(g.out(), beyond(x, bound, {}));
  });
}
}  // namespace

Tensor clamp_tensor(const Tensor& x, const std::optional<Tensor>& min, const std::optional<Tensor>& max, Dest dest) {
  check(min || max, "", "torch.clamp: At least one of 'min' or 'max' must not be None");
  if (!max) return clamp_one("clamp_min", "ClampMinBackward1", kernels::Maximum{}, x, *min, dest, ge, lt);
  if (!min) return clamp_one("clamp_max", "ClampMaxBackward1", kernels::Minimum{}, x, *max, dest, le, gt);
  Grad grad({x, *min, *max}, dest);
  auto sx = grad.save(x), slow = grad.save(*min), shigh = grad.save(*max);
  Tensor y = map("clamp", kernels::ClampTensor{}, x, *min, *max, dest);
  if (!grad) return y;
  return grad.record("ClampBackward0", y, [sx, slow, shigh](Grads& g) {
    const Tensor x = sx.get(g), low = slow.get(g), high = shigh.get(g);
    if (g.wants(0)) g[0] = masked(g.out(), logical_and(ge(x, low), le(x, high)));
    if (g.wants(1)) g[1] = masked(g.out(), logical_and(lt(x, low), lt(low, high)));
    if (g.wants(2)) g[2] = masked(g.out(), logical_or(gt(x, high), lt(high, low)));
  });
}

Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b) {
  check(condition.dtype() == DType::Bool || condition.dtype() == DType::UInt8, "where",
        "expected condition to be a boolean tensor, but got a tensor with dtype ", dtype_type_name(condition.dtype()));
  const Tensor mask = condition.dtype() == DType::Bool ? condition : to_dtype(condition, DType::Bool);
  const DType t = promoted({&a, &b});
  for (const Tensor* x : {&a, &b})
    if (x->impl()->wrapped_number && !x->device().is_meta() && !is_float8(t))
      check_converts(x->item(), compute_dtype(t));
  Grad grad({mask, a, b});
  auto sm = grad.save(mask);
  const Tensor* inputs[] = {&mask, &a, &b};
  const Device device = common_device("where", inputs, 3);
  Tensor y = result_for("where", broadcast_all("where", inputs, 3), t, inputs, 3, {});
  const Recorded range("where", condition, a, b);
  Constant room[3];
  map_into("where", kernels::Where{},
           {{&y, t},
            operand_on(device, mask, DType::Bool, room[0]),
            operand_on(device, a, t, room[1]),
            operand_on(device, b, t, room[2])},
           1, t);
  if (!grad) return y;
  return grad.record("WhereBackward0", y, [sm](Grads& g) {
    const Tensor m = sm.get(g);
    const Tensor zero = wrapped_number(0.0);
    if (g.wants(1)) g[1] = where(m, g.out(), zero);
    if (g.wants(2)) g[2] = where(m, zero, g.out());
  });
}

Tensor masked_fill(const Tensor& x, const Tensor& mask, const Tensor& value, Dest dest) {
  check(mask.dtype() == DType::Bool, "masked_fill",
        "masked_fill_ only supports boolean masks, but got mask with dtype ", mask.dtype());
  check(value.dim() == 0, "masked_fill", "only supports a 0-dimensional value tensor, but got tensor with ",
        value.dim(), " dimension(s).");
  check(value.device() == x.device() || value.device().is_cpu(), "masked_fill",
        "Expected `value` to be on same device as `a`, but found ", value.device(), " and ", x.device());
  if (!value.device().is_meta()) check_converts(value.item(), x.dtype());
  if (dest.is_in_place())
    check(broadcast_shapes("masked_fill_", x.shape(), mask.shape()) == x.shape(), "masked_fill_", "output with shape ",
          x.shape(), " doesn't match the broadcast shape ", broadcast_shapes("masked_fill_", x.shape(), mask.shape()));
  const bool number = value.impl()->wrapped_number;
  Grad grad({x, mask, value}, dest);
  auto sm = grad.save(mask);
  Constant room;
  const MapOperand filling = operand_on(x.device(), value, x.dtype(), room);
  const auto fill = [&](const Tensor& y, const Tensor& from, const Tensor& m) {
    const Recorded range(dest.is_in_place() ? "masked_fill_" : "masked_fill", x, mask, value);
    map_into("masked_fill", kernels::Where{}, {{&y, x.dtype()}, {&m, DType::Bool}, filling, {&from, x.dtype()}}, 1,
             x.dtype());
  };
  Tensor y = x;
  if (const Tensor own = dest.is_in_place() ? without_repeats(x) : x; !own.same(x)) {
    // Elements that share memory are filled when one of them is masked.
    NoGrad guard;
    warn_of_expanded("masked_fill_", "tensor[mask] = scalar", x);
    check_same_device("masked_fill_", x, mask);
    Tensor any_of = expand(mask, x.shape());
    for (int d = 0; d < x.dim(); ++d)
      if (own.shape()[d] != x.shape()[d]) any_of = any(any_of, Dims{d}, true);
    x.impl()->bump_version();
    fill(own, own, any_of);
  } else {
    const Tensor* inputs[] = {&x, &mask};
    const Dims shape = broadcast_all("masked_fill", inputs, 2);
    y = dest ? result_for("masked_fill", shape, x.dtype(), inputs, 2, dest)
             : empty(shape, x.dtype(), common_device("masked_fill", inputs, 2));  // in C order, as in PyTorch
    fill(y, x, mask);
  }
  if (!grad) return y;
  return grad.record(number ? "MaskedFillBackward0" : "MaskedFillBackward1", y, [sm](Grads& g) {
    const Tensor m = sm.get(g);
    const Tensor zero = wrapped_number(0.0);
    if (g.wants(0)) g[0] = where(m, zero, g.out());
    if (g.wants(2)) g[2] = sum(where(m, g.out(), zero));
  });
}

}  // namespace cnn
