#include "cnn/ops/compare.h"

#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/reduce.h"
#include "kernels/binary.h"
#include "ops/map.h"

namespace cnn {
namespace {

// The result is never differentiable, but written in place it cuts the history of what it overwrites.
template <class F>
Tensor compare(const char* op, const F& f, const Tensor& a, const Tensor& b, const Dest& dest) {
  Grad grad({a, b}, dest.is_in_place() ? dest : Dest());
  Tensor y = map(op, f, a, b, dest);
  if (!grad || !dest.is_in_place()) return y;
  return grad.record("ComparisonBackward0", y, [](Grads& g) { g[0] = zeros_like(g.out()); });
}

template <class F>
Tensor bitwise(const char* op, const F& f, const Tensor& a, const Tensor& b, const Dest& dest) {
  Promotion p;
  p.add(a);
  p.add(b);
  check_implemented(!is_floating(p.result()), "", "\"", op, "_cpu\" not implemented for '", dtype_type_name(p.result()),
                    "'");
  return map(op, f, a, b, dest);
}

}  // namespace

Tensor eq(const Tensor& a, const Tensor& b, Dest dest) { return compare("eq", kernels::Eq{}, a, b, dest); }
Tensor ne(const Tensor& a, const Tensor& b, Dest dest) { return compare("ne", kernels::Ne{}, a, b, dest); }
Tensor lt(const Tensor& a, const Tensor& b, Dest dest) { return compare("lt", kernels::Lt{}, a, b, dest); }
Tensor le(const Tensor& a, const Tensor& b, Dest dest) { return compare("le", kernels::Le{}, a, b, dest); }
Tensor gt(const Tensor& a, const Tensor& b, Dest dest) { return compare("gt", kernels::Gt{}, a, b, dest); }
Tensor ge(const Tensor& a, const Tensor& b, Dest dest) { return compare("ge", kernels::Ge{}, a, b, dest); }
Tensor logical_and(const Tensor& a, const Tensor& b, Dest dest) {
  return compare("logical_and", kernels::LogicalAnd{}, a, b, dest);
}
Tensor logical_or(const Tensor& a, const Tensor& b, Dest dest) {
  return compare("logical_or", kernels::LogicalOr{}, a, b, dest);
}
Tensor logical_xor(const Tensor& a, const Tensor& b, Dest dest) {
  return compare("logical_xor", kernels::LogicalXor{}, a, b, dest);
}
Tensor bitwise_and(const Tensor& a, const Tensor& b, Dest dest) {
  return bitwise("bitwise_and", kernels::BitwiseAnd{}, a, b, dest);
}
Tensor bitwise_or(const Tensor& a, const Tensor& b, Dest dest) {
  return bitwise("bitwise_or", kernels::BitwiseOr{}, a, b, dest);
}
Tensor bitwise_xor(const Tensor& a, const Tensor& b, Dest dest) {
  return bitwise("bitwise_xor", kernels::BitwiseXor{}, a, b, dest);
}
Tensor bitwise_left_shift(const Tensor& a, const Tensor& b, Dest dest) {
  return bitwise("lshift", kernels::ShiftLeft{}, a, b, dest);
}
Tensor bitwise_right_shift(const Tensor& a, const Tensor& b, Dest dest) {
  return bitwise("rshift", kernels::ShiftRight{}, a, b, dest);
}

Tensor isclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  check(a.dtype() == b.dtype(), "isclose", a.dtype(), " did not match ", b.dtype());
  check(rtol >= 0, "isclose", "rtol must be greater than or equal to zero, but got ", rtol);
  check(atol >= 0, "isclose", "atol must be greater than or equal to zero, but got ", atol);
  NoGrad guard;
  if (a.dtype() == DType::UInt64) {  // far from each other as floats, unless they are equal
    const Tensor da = to_dtype(a, DType::Float64), db = to_dtype(b, DType::Float64);
    return logical_or(eq(a, b), isclose(da, db, rtol, atol, equal_nan));
  }
  if (a.dtype() >= DType::UInt16)
    return isclose(to_dtype(a, DType::Int64), to_dtype(b, DType::Int64), rtol, atol, equal_nan);
  return map("isclose", kernels::IsClose{{}, rtol, atol, equal_nan}, a, b);
}
bool allclose(const Tensor& a, const Tensor& b, double rtol, double atol, bool equal_nan) {
  return all(isclose(a, b, rtol, atol, equal_nan)).item().to_bool();
}
bool equal(const Tensor& a, const Tensor& b) {
  check_device("equal", a.device(), b.device());
  if (a.shape() != b.shape()) return false;
  NoGrad guard;
  return all(eq(a, b)).item().to_bool();
}

}  // namespace cnn
