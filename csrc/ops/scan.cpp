#include "cnn/ops/scan.h"

#include "autograd/autocast.h"
#include "cnn/ops.h"
#include "kernels/scan.h"
#include "ops/reduce.h"
#include "ops/rows.h"

namespace cnn {
namespace {

Tensor running_sum(const Tensor& x, int d, bool reversed, DType result, const Dest& dest = {}) {
  Grad grad({x}, dest);
  const Tensor from = contiguous(detach(is_floating(result) ? x : to_dtype(x, result)));
  const ReduceResult y("cumsum", x.shape(), result, x, dest);
  kernels::CumSum f;
  f.reversed = reversed;
  rows_into("cumsum", f, {{&y.tensor()}, {&from}}, 1, x.shape(), d, reduce_key(result));
  const Tensor out = y.done();
  if (!grad) return out;
  return grad.record("CumsumBackward0", out,
                     [=, t = x.dtype()](Grads& g) { g[0] = running_sum(g.out(), d, !reversed, t); });
}

// sum over k >= i of g[k] prod of x[j], j <= k, j != i. O(n^2), but right to any order where elements are zero.
Tensor cumprod_backward_composed(const Tensor& g, const Tensor& x, int d) {
  const int64_t n = x.shape()[d];
  const Tensor one = ones_like(narrow(x, d, 0, 1));
  Tensors parts;
  for (int64_t k = 0; k < n; ++k) {
    const Tensor before = k == 0 ? one : prod(narrow(x, d, 0, k), d, true);
    const Tensor after = k + 1 == n ? one : cat({one, cumprod(narrow(x, d, k + 1, n - k - 1), d)}, d);
    parts.push_back(sum(narrow(g, d, k, n - k) * (before * after), Dims{d}, true));
  }
  return cat(parts, d);
}

Tensor cumprod_backward(const Tensor& g, const Tensor& x, int d) {
  const auto from_here_on = [d](const Tensor& v) { return running_sum(v, d, true, v.dtype()); };
  const Tensor zero = eq(detach(x), wrapped_number(0));
  if (x.device().is_meta() || !any(zero).item().to_bool()) return from_here_on(g * cumprod(x, d)) / x;
  if (grad_enabled()) return cumprod_backward_composed(g, x, d);
  // Before the first zero nothing after it counts; at it, it is left out; behind it all is zero.
  const Tensor seen = cumsum(zero, d), none = zeros({}, g.dtype(), g.device());
  const Tensor before = eq(seen, wrapped_number(0));
  const Tensor first = logical_and(zero, eq(seen, wrapped_number(1)));
  // From the second zero on no product moves, whatever stands there.
  const Tensor without =
      masked_fill(cumprod(masked_fill(x, first, wrapped_number(1)), d), gt(seen, wrapped_number(1)), wrapped_number(0));
  const Tensor early = from_here_on(where(before, g * without, none)) / x;
  return where(before, early, where(first, from_here_on(g * without), none));
}

// (values, indices) of a running extremum.
template <class F>
std::pair<Tensor, Tensor> running_best(const char* op, const char* node, const Tensor& x, int64_t dim,
                                       const Dest& values, const Dest& indices) {
  const int d = normalize_dim(op, dim, x.dim());
  Grad grad({x}, values);
  const Tensor from = contiguous(detach(x));
  ReduceResult::check_exact(op, DType::Int64, x, indices);
  const ReduceResult y(op, x.shape(), x.dtype(), x, values, ReduceResult::Out::Exact),
      at(op, x.shape(), DType::Int64, x, indices, ReduceResult::Out::Exact);
  rows_into(op, F(), {{&y.tensor()}, {&at.tensor(), RowKind::Whole, true}, {&from}}, 2, x.shape(), d,
            reduce_key(x.dtype()));
  const std::pair<Tensor, Tensor> out = {y.done(), at.done()};
  if (!grad) return out;
  auto saved = grad.save(out.second);
  grad.record(node, Tensors{out.first, out.second}, [=, sizes = x.shape()](Grads& g) {
    const Tensor from = g.out_or_zeros(0);
    g[0] = sizes.empty() ? from : scatter_add(zeros(sizes, from.dtype(), from.device()), d, saved.get(g), from);
  });
  return out;
}

// Given, or that of the destination, or the input's, with integers summed in int64.
DType running_dtype(const char* op, const Tensor& x, std::optional<DType> dtype, const Dest& dest) {
  if (dest.is_out()) {
    const DType out = dest.target().dtype();
    check(!dtype || *dtype == out, op, "Expected out tensor to have dtype ", dtype_type_name(dtype.value_or(out)),
          ", but got ", dtype_type_name(out), " instead");
    check_implemented(out != DType::Bool, "", "\"", op, "_out_cpu\" not implemented for 'Bool'");
    return out;
  }
  if (dtype) {
    check(!dest.is_in_place() || *dtype == x.dtype(), op, "Bad in-place call: input tensor dtype ", x.dtype(),
          " and output tensor dtype ", *dtype, " should match");
    return *dtype;
  }
  return dest.is_in_place() || is_floating(x.dtype()) ? x.dtype() : DType::Int64;
}

}  // namespace

Tensor cumsum(const Tensor& x, int64_t dim, std::optional<DType> dtype, Dest dest) {
  if (const Autocast cast{"cumsum", x, dest}) [[unlikely]]
    return cast(cumsum, x, dim, dtype, dest);
  const int d = normalize_dim("cumsum", dim, x.dim());
  return running_sum(x, d, false, running_dtype("cumsum", x, dtype, dest), dest);
}

Tensor cumprod(const Tensor& x, int64_t dim, std::optional<DType> dtype, Dest dest) {
  if (const Autocast cast{"cumprod", x, dest}) [[unlikely]]
    return cast(cumprod, x, dim, dtype, dest);
  const int d = normalize_dim("cumprod", dim, x.dim());
  const DType result = running_dtype("cumprod", x, dtype, dest);
  Grad grad({x}, dest);
  auto saved = grad.save(x);
  const Tensor from = contiguous(detach(is_floating(result) ? x : to_dtype(x, result)));
  const ReduceResult y("cumprod", x.shape(), result, x, dest);
  rows_into("cumprod", kernels::CumProd{}, {{&y.tensor()}, {&from}}, 1, x.shape(), d, reduce_key(result));
  const Tensor out = y.done();
  if (!grad) return out;
  return grad.record("CumprodBackward0", out, [=](Grads& g) {
    const Tensor x = saved.get(g);
    g[0] = x.dim() == 0 || x.numel() == 0 ? g.out() : cumprod_backward(g.out(), x, d);
  });
}

std::pair<Tensor, Tensor> cummax(const Tensor& x, int64_t dim, Dest values, Dest indices) {
  return running_best<kernels::CumMax>("cummax", "CummaxBackward0", x, dim, values, indices);
}
std::pair<Tensor, Tensor> cummin(const Tensor& x, int64_t dim, Dest values, Dest indices) {
  return running_best<kernels::CumMin>("cummin", "CumminBackward0", x, dim, values, indices);
}

Tensor logcumsumexp(const Tensor& x, int64_t dim, Dest dest) {
  const int d = normalize_dim("logcumsumexp", dim, x.dim());
  check_implemented(is_floating(x.dtype()), "", "\"logcumsumexp_out_cpu\" not implemented for '",
                    dtype_type_name(x.dtype()), "'");
  Grad grad({x}, dest);
  const bool exact = x.dtype() == DType::Float64;
  auto saved = grad.save(x);
  const Tensor from = contiguous(detach(x));
  const ReduceResult y("logcumsumexp", x.shape(), x.dtype(), x, dest);
  rows_into("logcumsumexp", kernels::LogCumSumExp{}, {{&y.tensor()}, {&from}}, 1, x.shape(), d, float_key(x.dtype()));
  const Tensor out = y.done();
  if (!grad) return out;
  auto result = exact ? grad.save_output(out) : Saved();
  return grad.record("LogcumsumexpBackward0", out, [=](Grads& g) {
    // exp(x[i]) sum over k >= i of g[k] exp(-y[k]), in logarithms, for the positive and negative g apart. In float64:
    // exp would keep the rounding of a large y whole.
    const Tensor x = to_dtype(saved.get(g), DType::Float64), y = exact ? result.get(g) : logcumsumexp(x, d);
    const Tensor go = to_dtype(g.out(), DType::Float64), zero = wrapped_number(0), low = wrapped_number(-1e30);
    const auto part = [&](const Tensor& v) {
      const Tensor positive = gt(detach(v), zero);
      const Tensor logs = where(positive, log(where(positive, v, ones_like(v))), low);
      return exp(flip(logcumsumexp(flip(logs - y, {d}), d), {d}) + x);
    };
    g[0] = x.dim() == 0 || x.numel() == 0 ? go : part(go) - part(-go);
  });
}

}  // namespace cnn
