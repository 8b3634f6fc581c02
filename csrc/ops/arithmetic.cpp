#include "cnn/ops/arithmetic.h"

#include "kernels/arithmetic.h"
#include "ops/map.h"

namespace cnn {
namespace {

bool is_one(Scalar s) { return s.is_float() ? s.to_double() == 1.0 : s.to_int() == 1; }

// alpha must be an integer where the operands are.
void check_alpha(const char* op, const Tensor& a, const Tensor& b, Scalar alpha) {
  if (alpha.is_int() && is_one(alpha)) return;
  const DType t = promoted({&a, &b});
  check(!alpha.is_float() || is_floating(t), op,
        "For integral input tensors, argument alpha must not be a floating point number.");
  check(!alpha.is_bool() || t == DType::Bool, op, "Boolean alpha only supported for Boolean results.");
  check_converts(alpha, t);
}

Tensor scaled(const Tensor& g, Scalar alpha) { return is_one(alpha) ? g : mul(g, wrapped_number(alpha)); }

}  // namespace

Tensor add(const Tensor& a, const Tensor& b, Scalar alpha, Dest dest) {
  check_alpha("add", a, b, alpha);
  Grad grad({a, b}, dest);
  Tensor y = is_one(alpha) ? map("add", kernels::Add{}, a, b, dest)
                           : map("add", kernels::AddScaled{{}, number(alpha)}, a, b, dest);
  if (!grad) return y;
  return grad.record("AddBackward0", y, [alpha](Grads& g) {
    if (g.wants(0)) g[0] = g.out();
    if (g.wants(1)) g[1] = scaled(g.out(), alpha);
  });
}

Tensor sub(const Tensor& a, const Tensor& b, Scalar alpha, Dest dest) {
  check(a.dtype() != DType::Bool || b.dtype() != DType::Bool, "sub",
        "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
        "operator instead.");
  check(a.dtype() != DType::Bool && b.dtype() != DType::Bool, "sub",
        "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use "
        "the `~` or `logical_not()` operator instead.");
  check_alpha("sub", a, b, alpha);
  Grad grad({a, b}, dest);
  const Scalar minus =
      alpha.is_float() ? Scalar(-alpha.to_double()) : Scalar(int64_t(uint64_t(0) - uint64_t(alpha.to_int())));
  Tensor y = is_one(alpha) ? map("sub", kernels::Sub{}, a, b, dest)
                           : map("sub", kernels::AddScaled{{}, number(minus)}, a, b, dest);
  if (!grad) return y;
  return grad.record(a.impl()->wrapped_number ? "RsubBackward1" : "SubBackward0", y, [minus](Grads& g) {
    if (g.wants(0)) g[0] = g.out();
    if (g.wants(1)) g[1] = minus.to_double() == -1 ? neg(g.out()) : scaled(g.out(), minus);
  });
}

Tensor mul(const Tensor& a, const Tensor& b, Dest dest) {
  Grad grad({a, b}, dest);
  auto sa = grad.save_if(grad.needs(1), a), sb = grad.save_if(grad.needs(0), b);
  Tensor y = map("mul", kernels::Mul{}, a, b, dest);
  if (!grad) return y;
  return grad.record("MulBackward0", y, [sa, sb](Grads& g) {
    if (g.wants(0)) g[0] = mul(g.out(), sb.get(g));
    if (g.wants(1)) g[1] = mul(g.out(), sa.get(g));
  });
}

Tensor div(const Tensor& a, const Tensor& b, Dest dest) {
  Grad grad({a, b}, dest);
  auto sa = grad.save_if(grad.needs(1), a), sb = grad.save(b);
  Tensor y = map("div", kernels::Div{}, a, b, dest);
  if (!grad) return y;
  return grad.record("DivBackward0", y, [sa, sb](Grads& g) {
    const Tensor d = sb.get(g);
    if (g.wants(0)) g[0] = div(g.out(), d);
    if (g.wants(1)) g[1] = mul(neg(g.out()), div(div(sa.get(g), d), d));
  });
}

Tensor neg(const Tensor& x, Dest dest) {
  check(x.dtype() != DType::Bool, "neg",
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the "
        "`~` or `logical_not()` operator instead.");
  Grad grad({x}, dest);
  Tensor y = map("neg", kernels::Neg{}, x, dest);
  if (!grad) return y;
  return grad.record("NegBackward0", y, [](Grads& g) { g[0] = neg(g.out()); });
}

}  // namespace cnn
