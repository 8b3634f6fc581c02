#include "cnn/ops/softmax.h"

#include "autograd/autocast.h"
#include "cnn/ops.h"
#include "kernels/rows.h"
#include "ops/map.h"
#include "ops/reduce.h"
#include "ops/rows.h"

namespace cnn {
namespace {

using BackwardOp = Tensor (*)(const Tensor& grad_output, const Tensor& output, int64_t dim, DType input_dtype);

template <class F>
Tensor normalized(const char* op, const char* node, BackwardOp backward, const Tensor& given, int64_t dim,
                  const std::optional<DType>& dtype, const Dest& dest) {
  const Tensor x = dtype ? to_dtype(given, *dtype) : given;
  const int d = normalize_dim(op, dim, x.dim());
  check_implemented(is_floating(x.dtype()), "", "\"", op, d == x.dim() - 1 ? "_lastdim" : "",
                    "_kernel_impl\" not implemented for '", dtype_type_name(x.dtype()), "'");
  Grad grad({x}, dest);
  const Tensor from = x.is_contiguous() ? x : contiguous(detach(x));
  const ReduceResult y(op, x.shape(), x.dtype(), x, dest, ReduceResult::Out::Exact);
  rows_into(op, F(), {{&y.tensor()}, {&from}}, 1, x.shape(), d, float_key(x.dtype()));
  const Tensor out = y.done();
  if (!grad) return out;
  auto saved = grad.save_output(out);
  return grad.record(node, out, [=, t = x.dtype()](Grads& g) { g[0] = backward(g.out(), saved.get(g), d, t); });
}

// The gradient by its kernel; as a formula of ops where it must itself have a gradient.
template <class F>
Tensor backward_data(const char* op, Tensor (*formula)(const Tensor& g, const Tensor& y, int64_t dim), const Tensor& g,
                     const Tensor& y, int64_t dim, DType input_dtype) {
  const int d = normalize_dim(op, dim, y.dim());
  check(g.shape() == y.shape(), op, "grad_output ", g.shape(), " must have the shape of output ", y.shape());
  check_same_device(op, g, y);
  if (Grad({g, y})) return to_dtype(formula(g, y, d), input_dtype);
  const Tensor from = contiguous(g), out = contiguous(y);
  const Tensor dx = empty(y.shape(), input_dtype, y.device());
  rows_into(op, F(), {{&dx}, {&from}, {&out}}, 1, y.shape(), d, float_key(y.dtype()));
  return dx;
}

Tensor softmax_formula(const Tensor& g, const Tensor& y, int64_t d) {
  const Tensor gy = g * y;
  return gy - y * sum(gy, Dims{d}, true);
}
Tensor log_softmax_formula(const Tensor& g, const Tensor& y, int64_t d) { return g - exp(y) * sum(g, Dims{d}, true); }

}  // namespace

Tensor softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype, Dest dest) {
  if (const Autocast cast{"softmax", x, dest}) [[unlikely]]
    return cast(softmax, x, dim, dtype, dest);
  return normalized<kernels::Softmax>("softmax", "SoftmaxBackward0", _softmax_backward_data, x, dim, dtype, dest);
}
Tensor log_softmax(const Tensor& x, int64_t dim, std::optional<DType> dtype, Dest dest) {
  if (const Autocast cast{"log_softmax", x, dest}) [[unlikely]]
    return cast(log_softmax, x, dim, dtype, dest);
  return normalized<kernels::LogSoftmax>("log_softmax", "LogSoftmaxBackward0", _log_softmax_backward_data, x, dim,
                                         dtype, dest);
}

Tensor _softmax_backward_data(const Tensor& g, const Tensor& y, int64_t dim, DType input_dtype) {
  return backward_data<kernels::SoftmaxGrad>("_softmax_backward_data", softmax_formula, g, y, dim, input_dtype);
}
Tensor _log_softmax_backward_data(const Tensor& g, const Tensor& y, int64_t dim, DType input_dtype) {
  return backward_data<kernels::LogSoftmaxGrad>("_log_softmax_backward_data", log_softmax_formula, g, y, dim,
                                                input_dtype);
}

Tensor logsumexp(const Tensor& given, const Dims& dim, bool keepdim, Dest dest) {
  if (const Autocast cast{"logsumexp", given, dest}) [[unlikely]]
    return cast(logsumexp, given, dim, keepdim, dest);
  const Tensor x = is_floating(given.dtype()) ? given : to_dtype(given, default_dtype());
  const ReducedDims dims("logsumexp", x, dim);
  Grad grad({x}, dest);
  auto saved = grad.save(x);
  const ReduceResult y("logsumexp", dims.shape(x, keepdim), x.dtype(), x, dest);
  {
    NoGrad guard;
    Dims order;  // the reduced dimensions last
    for (int d = 0; d < x.dim(); ++d)
      if (!dims.reduces(d)) order.push_back(d);
    for (int d = 0; d < x.dim(); ++d)
      if (dims.reduces(d)) order.push_back(d);
    const Dims rows = {y.tensor().numel(), dims.count(x)};
    const Tensor from = reshape(contiguous(permute(x, order)), rows);
    const Tensor out = view(y.tensor(), {rows[0]});
    rows_into("logsumexp", kernels::LogSumExp{}, {{&out, RowKind::Single}, {&from}}, 1, rows, 1, float_key(x.dtype()));
  }
  const Tensor out = y.done();
  if (!grad) return out;
  auto result = grad.save_output(out);
  return grad.record("LogsumexpBackward0", out, [=](Grads& g) {
    const Tensor x = saved.get(g), y = with_reduced_dims(result.get(g), x.shape(), dims, keepdim);
    g[0] = with_reduced_dims(g.out(), x.shape(), dims, keepdim) * exp(x - y);
  });
}

}  // namespace cnn
