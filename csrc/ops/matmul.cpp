#include "cnn/ops/matmul.h"

#include <atomic>

#include "autograd/autocast.h"
#include "autograd/recorder.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/view.h"
#include "ops/heavy.h"
#include "ops/map.h"
#include "ops/tf32.h"

namespace cnn {
namespace {

std::atomic<MatmulPrecision> matmul_precision{MatmulPrecision::Highest};
thread_local int tf32_allowed = -1;  // by Tf32Products; -1: as is said of matrix products
thread_local bool operands_are_halves = false;  // bfloat16 in float32: rounding them again loses nothing

struct HalvesInFloats {
  const bool before = operands_are_halves;
  explicit HalvesInFloats(bool halves) { operands_are_halves = halves; }
  ~HalvesInFloats() { operands_are_halves = before; }
};

enum class Flip : bool { No, Yes };  // is the transpose of an operand meant?

// A matrix, or a batch of them, of any strides.
struct Matrix {
  int64_t batch = 1, rows, cols;
  int64_t batch_stride = 0, row_stride, col_stride;
  Matrix(const Tensor& x, Flip flip) {
    const int d = x.dim() - 2;
    if (d == 1) batch = x.shape()[0], batch_stride = x.strides()[0];
    rows = x.shape()[d], cols = x.shape()[d + 1];
    row_stride = x.strides()[d], col_stride = x.strides()[d + 1];
    if (flip == Flip::Yes) std::swap(rows, cols), std::swap(row_stride, col_stride);
  }
};

constexpr int64_t kWorthKeeping = 1 << 12;  // elements

// y = a b (+ bias along the last dimension). `Keep::Yes` says that b is a weight, and that nothing is recorded.
enum class Keep : bool { No, Yes };
void product_into(const Tensor& y, const Tensor& a, Flip flip_a, const Tensor& b, Flip flip_b, const Tensor* bias,
                  Keep keep) {
  if (y.numel() == 0) return;
  const Matrix ma(a, flip_a), mb(b, flip_b), mc(y, Flip::No);
  GemmArgs args;
  args.dtype = y.dtype();
  args.rounds =
      y.dtype() == DType::Float32 && (operands_are_halves || float32_matmul_precision() == MatmulPrecision::Medium);
  args.tf32 = tf32_allowed < 0 ? float32_matmul_precision() != MatmulPrecision::Highest : tf32_allowed != 0;
  args.batch = mc.batch;
  args.m = mc.rows;
  args.n = mc.cols;
  args.k = ma.cols;
  args.a = a.raw();
  args.a_batch = ma.batch_stride, args.a_row = ma.row_stride, args.a_col = ma.col_stride;
  args.b = b.raw();
  args.b_batch = mb.batch_stride, args.b_row = mb.row_stride, args.b_col = mb.col_stride;
  args.c = y.raw();
  args.c_batch = mc.batch_stride, args.c_row = mc.row_stride, args.c_col = mc.col_stride;
  if (bias) {
    args.bias = bias->raw();
    args.bias_stride = bias->strides()[0];
  }
  if (keep == Keep::Yes && b.numel() >= kWorthKeeping) args.keeper = b.storage().get();
  run_heavy("addmm_impl_cpu_", y.device(), &HeavyTable::gemm, args);
}

// Floats of 8 bits have no products of their own.
bool goes_through_float(const Tensor& a) { return is_float8(a.dtype()) && a.dtype() != DType::Float8E8M0FNU; }

// The product of matrices or batches of them, new and dense, nothing recorded.
Tensor product(const Tensor& a, Flip flip_a, const Tensor& b, Flip flip_b, const Tensor* bias = nullptr,
               Keep keep = Keep::No) {
  const DType t = a.dtype();
  if (goes_through_float(a)) {
    NoGrad guard;
    const Tensor wide = bias ? to_dtype(*bias, DType::Float32) : Tensor();
    return to_dtype(
        product(to_dtype(a, DType::Float32), flip_a, to_dtype(b, DType::Float32), flip_b, bias ? &wide : nullptr), t);
  }
  const Matrix ma(a, flip_a), mb(b, flip_b);
  Tensor y = empty(a.dim() == 3 ? Dims{ma.batch, ma.rows, mb.cols} : Dims{ma.rows, mb.cols}, t, a.device());
  product_into(y, a, flip_a, b, flip_b, bias, keep);
  return y;
}
Tensor product(const Tensor& a, const Tensor& b) { return product(a, Flip::No, b, Flip::No); }

void check_dtypes(const char* op, const Tensor& a, const Tensor& b) {
  check(a.dtype() == b.dtype(), op, "expected m1 and m2 to have the same dtype, but got: ", a.dtype(),
        " != ", b.dtype());
  check(a.dtype() != DType::Bool, op, "\"", op, "\" not implemented for 'Bool'");
  check_device(op, a.device(), b.device());
}

Tensor deliver(const char* op, const Tensor& y, const Dest& dest) {
  if (!dest) return y;
  const Tensor* inputs[] = {&y};
  return copy_(result_for(op, y.shape(), y.dtype(), inputs, 1, dest), y);
}

Tensor transposed(const Tensor& x) { return transpose(x, -2, -1); }
Tensor flipped(const Tensor& x, Flip flip) { return flip == Flip::Yes ? transposed(x) : x; }

// The product of two matrices, or batches, in a gradient: without views of them where nothing is recorded.
Tensor times(const Tensor& a, Flip flip_a, const Tensor& b, Flip flip_b) {
  if (!grad_enabled()) {
    const bool batched = a.dim() == 3;
    const Recorded range(batched ? "bmm" : "mm", TransposedIf{a, flip_a == Flip::Yes},
                         TransposedIf{b, flip_b == Flip::Yes});
    return product(a, flip_a, b, flip_b);
  }
  return a.dim() == 3 ? bmm(flipped(a, flip_a), flipped(b, flip_b)) : mm(flipped(a, flip_a), flipped(b, flip_b));
}

}  // namespace

Tf32Products::Tf32Products(bool allowed) : before_(tf32_allowed) { tf32_allowed = allowed; }
Tf32Products::~Tf32Products() { tf32_allowed = before_; }

MatmulPrecision float32_matmul_precision() { return matmul_precision.load(std::memory_order_relaxed); }
void set_float32_matmul_precision(MatmulPrecision precision) {
  matmul_precision.store(precision, std::memory_order_relaxed);
}

Tensor mm(const Tensor& a, const Tensor& b, Dest dest) {
  if (const Autocast cast{"mm", a, dest}) [[unlikely]]
    return cast(mm, a, b, dest);
  check(a.dim() == 2, "mm", "self must be a matrix, got ", a.shape());
  check(b.dim() == 2, "mm", "mat2 must be a matrix, got ", b.shape());
  check(a.shape()[1] == b.shape()[0], "mm", "mat1 and mat2 shapes cannot be multiplied (", a.shape()[0], "x",
        a.shape()[1], " and ", b.shape()[0], "x", b.shape()[1], ")");
  check_dtypes("mm", a, b);
  const Recorded range("mm", a, b);
  Grad grad({a, b}, dest);
  auto sa = grad.save_if(grad.needs(1), a), sb = grad.save_if(grad.needs(0), b);
  Tensor y = deliver("mm", product(a, b), dest);
  if (!grad) return y;
  return grad.record("MmBackward0", y, [sa, sb](Grads& g) {
    if (g.wants(0)) g[0] = times(g.out(), Flip::No, sb.get(g), Flip::Yes);
    if (g.wants(1)) g[1] = times(sa.get(g), Flip::Yes, g.out(), Flip::No);
  });
}

Tensor bmm(const Tensor& a, const Tensor& b, Dest dest) {
  if (const Autocast cast{"bmm", a, dest}) [[unlikely]]
    return cast(bmm, a, b, dest);
  check(a.dim() == 3, "bmm", "batch1 must be a 3D tensor, got ", a.shape());
  check(b.dim() == 3, "bmm", "batch2 must be a 3D tensor, got ", b.shape());
  check(a.shape()[0] == b.shape()[0] && a.shape()[2] == b.shape()[1], "bmm",
        "Expected size for first two dimensions of batch2 tensor to be: ", Dims{a.shape()[0], a.shape()[2]},
        " but got: ", Dims{b.shape()[0], b.shape()[1]}, ".");
  check_dtypes("bmm", a, b);
  const Recorded range("bmm", a, b);
  Grad grad({a, b}, dest);
  auto sa = grad.save_if(grad.needs(1), a), sb = grad.save_if(grad.needs(0), b);
  Tensor y = deliver("bmm", product(a, b), dest);
  if (!grad) return y;
  return grad.record("BmmBackward0", y, [sa, sb](Grads& g) {
    if (g.wants(0)) g[0] = times(g.out(), Flip::No, sb.get(g), Flip::Yes);
    if (g.wants(1)) g[1] = times(sa.get(g), Flip::Yes, g.out(), Flip::No);
  });
}

Tensor mv(const Tensor& a, const Tensor& v, Dest dest) {
  if (const Autocast cast{"mv", a, dest}) [[unlikely]]
    return cast(mv, a, v, dest);
  check(a.dim() == 2 && v.dim() == 1, "mv", "vector + matrix @ vector expected, got ", a.dim(), ", ", v.dim());
  check(a.shape()[1] == v.shape()[0], "mv", "size mismatch, got input (", a.shape()[0], "), mat (", a.shape()[0], "x",
        a.shape()[1], "), vec (", v.shape()[0], ")");
  check_dtypes("mv", a, v);
  Grad grad({a, v}, dest);
  auto sa = grad.save_if(grad.needs(1), a), sv = grad.save_if(grad.needs(0), v);
  Tensor y;
  {
    NoGrad guard;
    y = deliver("mv", squeeze(product(a, unsqueeze(v, 1)), Dims{1}), dest);
    if (!dest) y = detached_alias(y, true);
  }
  if (!grad) return y;
  return grad.record("MvBackward0", y, [sa, sv](Grads& g) {
    if (g.wants(0)) g[0] = outer(g.out(), sv.get(g));
    if (g.wants(1)) g[1] = mv(transposed(sa.get(g)), g.out());
  });
}

Tensor dot(const Tensor& a, const Tensor& b, Dest dest) {
  if (const Autocast cast{"dot", a, dest}) [[unlikely]]
    return cast(dot, a, b, dest);
  check(a.dim() == 1 && b.dim() == 1, "dot", "1D tensors expected, but got ", a.dim(), "D and ", b.dim(), "D tensors");
  check(a.dtype() == b.dtype(), "dot", "expected both vectors to have same dtype, but found ",
        dtype_type_name(a.dtype()), " and ", dtype_type_name(b.dtype()));
  check(a.numel() == b.numel(), "dot", "inconsistent tensor size, expected tensor ", a.shape(), " and src ", b.shape(),
        " to have the same number of elements, but got ", a.numel(), " and ", b.numel(), " elements respectively");
  check_dtypes("dot", a, b);
  Grad grad({a, b}, dest);
  auto sa = grad.save_if(grad.needs(1), a), sb = grad.save_if(grad.needs(0), b);
  Tensor y;
  {
    NoGrad guard;
    const Tensor p = product(unsqueeze(a, 0), unsqueeze(b, 1));
    y = detached_alias(p, true);
    y.impl()->set_geometry(Dims(), Dims(), 0);
    y = deliver("dot", y, dest);
  }
  if (!grad) return y;
  return grad.record("DotBackward0", y, [sa, sb](Grads& g) {
    if (g.wants(0)) g[0] = g.out() * sb.get(g);
    if (g.wants(1)) g[1] = g.out() * sa.get(g);
  });
}

Tensor outer(const Tensor& a, const Tensor& b, Dest dest) {
  check(a.dim() == 1, "outer", "Expected 1-D argument self, but got ", a.dim(), "-D");
  check(b.dim() == 1, "outer", "Expected 1-D argument vec2, but got ", b.dim(), "-D");
  return mul(unsqueeze(a, 1), b, dest);
}

Tensor matmul(const Tensor& a, const Tensor& b, Dest dest) {
  if (const Autocast cast{"matmul", a, dest}) [[unlikely]]
    return cast(matmul, a, b, dest);
  check(a.dim() > 0 && b.dim() > 0, "matmul", "both arguments to matmul need to be at least 1D, but they are ", a.dim(),
        "D and ", b.dim(), "D");
  if (dest) {
    check(!grad_enabled() || !(a.requires_grad() || b.requires_grad()), "matmul",
          "functions with out=... arguments don't support automatic differentiation, ",
          "but one of the arguments requires grad.");
    const WithoutAutocast inside;
    return deliver("matmul", matmul(a, b), dest);
  }
  if (a.dim() == 1 && b.dim() == 1) return dot(a, b);
  if (a.dim() == 2 && b.dim() == 1) return mv(a, b);
  if (a.dim() == 1 && b.dim() == 2) return squeeze(mm(unsqueeze(a, 0), b), Dims{0});
  if (a.dim() == 2 && b.dim() == 2) return mm(a, b);
  if (a.dim() >= 3 && b.dim() <= 2) {  // one matrix for all of a: fold the batch into the rows
    check(a.shape().back() == b.shape()[0], "matmul", "mat1 and mat2 shapes cannot be multiplied: ", a.shape(), " and ",
          b.shape());
    Dims shape = a.shape();
    const int64_t k = shape.back();
    int64_t rows = 1;
    for (int i = 0; i + 1 < shape.size(); ++i) rows *= shape[i];
    const Tensor flat = reshape(a, {rows, k});
    if (b.dim() == 1) {
      shape.erase(shape.size() - 1);
      return reshape(mv(flat, b), shape);
    }
    shape[shape.size() - 1] = b.shape()[1];
    return reshape(mm(flat, b), shape);
  }
  // Batches: broadcast the leading dimensions, flatten them into one.
  const Tensor left = a.dim() == 1 ? unsqueeze(a, 0) : a, right = b.dim() == 1 ? unsqueeze(b, 1) : b;
  const int la = left.dim(), lb = right.dim();
  const int64_t m = left.shape()[la - 2], k = left.shape()[la - 1], n = right.shape()[lb - 1];
  check(k == right.shape()[lb - 2], "matmul", "mat1 and mat2 shapes cannot be multiplied: ", a.shape(), " and ",
        b.shape());
  const Dims batch = broadcast_shapes("matmul", Dims(left.shape().data(), la - 2), Dims(right.shape().data(), lb - 2));
  int64_t count = 1;
  for (int64_t s : batch) count *= s;
  Dims left_shape = batch, right_shape = batch, shape = batch;
  left_shape.push_back(m), left_shape.push_back(k);
  right_shape.push_back(k), right_shape.push_back(n);
  if (a.dim() > 1) shape.push_back(m);
  if (b.dim() > 1) shape.push_back(n);
  const Tensor y =
      bmm(reshape(expand(left, left_shape), {count, m, k}), reshape(expand(right, right_shape), {count, k, n}));
  return reshape(y, shape);
}

Tensor linear(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias) {
  if (const Autocast cast{"linear", x}) [[unlikely]]
    return cast(linear, x, weight, bias);
  check(weight.dim() == 2 || weight.dim() == 1, "linear", "weight must be 1D or 2D, got ", weight.shape());
  check(x.dim() >= 1, "linear", "input must be at least 1D, got ", x.shape());
  if (weight.dim() == 1) {
    const Tensor y = matmul(x, weight);
    return bias ? y + *bias : y;
  }
  const int64_t in = weight.shape()[1], out = weight.shape()[0];
  int64_t rows = 1;
  for (int i = 0; i + 1 < x.dim(); ++i) rows *= x.shape()[i];
  check(x.shape().back() == in, "linear", "mat1 and mat2 shapes cannot be multiplied (", rows, "x", x.shape().back(),
        " and ", in, "x", out, ")");
  check_dtypes("linear", x, weight);
  if (bias) {
    check(bias->dim() <= 1 && (bias->numel() == out || bias->numel() == 1), "linear", "bias of shape ", bias->shape(),
          " does not fit ", out, " output features");
    check_dtypes("linear", x, *bias);
  }
  if (x.dim() != 2) {
    Dims shape = x.shape();
    shape[shape.size() - 1] = out;
    return reshape(linear(reshape(x, {rows, in}), weight, bias), shape);
  }
  if (!bias) {
    if (grad_enabled()) return mm(x, transposed(weight));
    const Recorded range("mm", x, TransposedIf{weight});
    return product(x, Flip::No, weight, Flip::Yes, nullptr, Keep::Yes);
  }
  const Recorded range("addmm", *bias, x, TransposedIf{weight});
  Grad grad({*bias, x, weight});
  auto sx = grad.save_if(grad.needs(2), x), sw = grad.save_if(grad.needs(1), weight);
  const Tensor y = [&] {
    const Keep keep = grad ? Keep::No : Keep::Yes;
    if (bias->numel() == out && bias->dim() == 1) return product(x, Flip::No, weight, Flip::Yes, &*bias, keep);
    NoGrad guard;
    const Tensor wide = expand(*bias, {out});
    return product(x, Flip::No, weight, Flip::Yes, &wide, keep);
  }();
  if (!grad) return y;
  return grad.record("AddmmBackward0", y, [sx, sw](Grads& g) {
    if (g.wants(0)) g[0] = sum(g.out(), Dims{0});
    if (g.wants(1)) g[1] = times(g.out(), Flip::No, sw.get(g), Flip::No);
    if (g.wants(2)) g[2] = times(g.out(), Flip::Yes, sx.get(g), Flip::No);
  });
}

namespace {

// beta input + alpha product, nothing recorded, rounded to the input's dtype at the end; with beta 0 the input is not
// read (nan does not spread).
Tensor combine(const char* op, const Tensor& input, const Tensor& product, Scalar beta, Scalar alpha,
               const Dest& dest) {
  NoGrad guard;
  check(broadcast_shapes(op, input.shape(), product.shape()) == product.shape(), op, "input of shape ", input.shape(),
        " cannot be broadcast to ", product.shape());
  const Tensor left = to_dtype(input, product.dtype());
  const Tensor right = alpha.to_double() == 1 ? product : product * alpha;
  const Tensor y = beta.to_double() == 0 ? right : beta.to_double() == 1 ? left + right : left * beta + right;
  return deliver(op, to_dtype(y, input.dtype()), dest);
}

Tensor scaled(const Tensor& x, Scalar by) { return by.to_double() == 1 ? x : x * by; }

// A factor as a product of this dtype takes it: integers cut its fraction.
Scalar factor_of(Scalar s, DType t) {
  check_converts(s, compute_dtype(t));
  return is_floating(t) ? s : Scalar(s.to_int());
}

// The common frame of these ops: `multiply` gives the product, `slopes` its two gradients from that of the product.
template <class Multiply, class Slopes>
Tensor add_product(const char* op, const char* node, const Tensor& input, const Tensor& a, const Tensor& b, Scalar beta,
                   Scalar alpha, const Dest& dest, Multiply multiply, Slopes slopes) {
  const Tensor* const inputs[] = {&input, &a, &b};
  const Recorded range(op, dest, inputs, 3);
  Grad grad({input, a, b}, dest);
  auto sa = grad.save_if(grad.needs(2), a), sb = grad.save_if(grad.needs(1), b);
  check(input.dtype() == b.dtype(), op, "self and mat2 must have the same dtype, but got ", input.dtype(), " and ",
        b.dtype());
  for (Scalar* factor : {&beta, &alpha}) *factor = factor_of(*factor, input.dtype());
  Tensor product;
  {
    NoGrad guard;
    const HalvesInFloats halves(a.dtype() == DType::BFloat16);
    const bool wide = is_reduced(a.dtype()) && a.dtype() == b.dtype();
    product = wide ? multiply(to_dtype(a, DType::Float32), to_dtype(b, DType::Float32)) : multiply(a, b);
  }
  const Tensor y = combine(op, input, product, beta, alpha, dest);
  if (!grad) return y;
  return grad.record(node, y, [sa, sb, beta, alpha, slopes](Grads& g) {
    if (g.wants(0)) g[0] = scaled(g.out(), beta);
    if (!g.wants(1) && !g.wants(2)) return;
    const Tensor up = scaled(g.out(), alpha);
    if (g.wants(1)) g[1] = slopes(up, Tensor(), sb.get(g));
    if (g.wants(2)) g[2] = slopes(up, sa.get(g), Tensor());
  });
}

}  // namespace

Tensor addmm(const Tensor& input, const Tensor& a, const Tensor& b, Scalar beta, Scalar alpha, Dest dest) {
  if (const Autocast cast{"addmm", input, dest}) [[unlikely]]
    return cast(addmm, input, a, b, beta, alpha, dest);
  check(a.dim() == 2 && b.dim() == 2, "addmm", "mat1 and mat2 must be matrices, got ", a.shape(), " and ", b.shape());
  check(a.shape()[1] == b.shape()[0], "addmm", "mat1 and mat2 shapes cannot be multiplied (", a.shape()[0], "x",
        a.shape()[1], " and ", b.shape()[0], "x", b.shape()[1], ")");
  const bool plain = beta.to_double() == 1 && alpha.to_double() == 1 && input.dim() == 1 && !dest;
  if (plain && input.shape()[0] == b.shape()[1] && input.dtype() == a.dtype() && a.dtype() == b.dtype())
    return linear(a, transposed(b), input);
  return add_product(
      "addmm", "AddmmBackward0", input, a, b, beta, alpha, dest,
      [](const Tensor& a, const Tensor& b) { return mm(a, b); },
      [](const Tensor& up, const Tensor& a, const Tensor& b) {
        return a.defined() ? mm(transposed(a), up) : mm(up, transposed(b));
      });
}
Tensor addmv(const Tensor& input, const Tensor& a, const Tensor& v, Scalar beta, Scalar alpha, Dest dest) {
  if (const Autocast cast{"addmv", input, dest}) [[unlikely]]
    return cast(addmv, input, a, v, beta, alpha, dest);
  return add_product(
      "addmv", "AddmvBackward0", input, a, v, beta, alpha, dest,
      [](const Tensor& a, const Tensor& v) { return mv(a, v); },
      [](const Tensor& up, const Tensor& a, const Tensor& v) {
        return a.defined() ? mv(transposed(a), up) : outer(up, v);
      });
}
Tensor addr(const Tensor& input, const Tensor& a, const Tensor& b, Scalar beta, Scalar alpha, Dest dest) {
  if (const Autocast cast{"addr", input, dest}) [[unlikely]]
    return cast(addr, input, a, b, beta, alpha, dest);
  check(a.dim() == 1 && b.dim() == 1, "addr", "Expected 1-D vectors, but got ", a.dim(), "-D and ", b.dim(), "-D");
  const DType t = promoted({&input, &a, &b});
  for (const auto& [name, s] : {std::pair("beta", beta), std::pair("alpha", alpha)})
    check(!s.is_float() || is_floating(t), "", "For integral input tensors, argument ", name,
          " must not be a floating point number.");
  return add_product(
      "addr", "AddrBackward0", to_dtype(input, t), to_dtype(a, t), to_dtype(b, t), beta, alpha, dest,
      [](const Tensor& a, const Tensor& b) { return outer(a, b); },
      [](const Tensor& up, const Tensor& a, const Tensor& b) {
        return a.defined() ? mv(transposed(up), a) : mv(up, b);
      });
}
Tensor baddbmm(const Tensor& input, const Tensor& a, const Tensor& b, Scalar beta, Scalar alpha, Dest dest) {
  if (const Autocast cast{"baddbmm", input, dest}) [[unlikely]]
    return cast(baddbmm, input, a, b, beta, alpha, dest);
  return add_product(
      "baddbmm", "BaddbmmBackward0", input, a, b, beta, alpha, dest,
      [](const Tensor& a, const Tensor& b) { return bmm(a, b); },
      [](const Tensor& up, const Tensor& a, const Tensor& b) {
        return a.defined() ? bmm(transposed(a), up) : bmm(up, transposed(b));
      });
}
Tensor addbmm(const Tensor& input, const Tensor& a, const Tensor& b, Scalar beta, Scalar alpha, Dest dest) {
  if (const Autocast cast{"addbmm", input, dest}) [[unlikely]]
    return cast(addbmm, input, a, b, beta, alpha, dest);
  return add_product(
      "addbmm", "AddbmmBackward0", input, a, b, beta, alpha, dest,
      [](const Tensor& a, const Tensor& b) { return sum(bmm(a, b), Dims{0}, false, a.dtype()); },
      [](const Tensor& up, const Tensor& a, const Tensor& b) {
        const int64_t batch = (a.defined() ? a : b).shape()[0];
        const Tensor each = expand(up, {batch, up.shape()[0], up.shape()[1]});
        return a.defined() ? bmm(transposed(a), each) : bmm(each, transposed(b));
      });
}

}  // namespace cnn
