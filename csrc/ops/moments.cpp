// Variance and standard deviation, alone and with the mean.
#include <cmath>

#include "cnn/ops.h"
#include "kernels/reduce.h"
#include "ops/reduce.h"

namespace cnn {
namespace {

// What one call asks for; copied into its closure.
struct Spread {
  ReducedDims dims;
  double correction;
  bool root, keepdim;
  bool all;  // is no dimension named?
};

struct SpreadResult {
  Tensor spread, mean;
};

SpreadResult compute(const char* op, const Tensor& x, const Spread& s, bool with_mean, const Dest& dest) {
  if (double(s.dims.count(x)) - s.correction <= 0 && x.numel() > 0) {
    Message m;
    m << op << "(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input "
      << "numel divided by output numel).";
    warn(m.take());
  }
  const Dims shape = s.dims.shape(x, s.keepdim);
  const ReduceResult y(op, shape, x.dtype(), x, dest);
  const Tensor mean = with_mean ? empty(shape, x.dtype(), x.device()) : Tensor();
  kernels::Moments f;
  f.correction = s.correction;
  f.take_root = s.root;
  reduce_into(op, f, x, s.dims, reduce_key(x.dtype()), y.tensor(), mean);
  return {y.done(), mean};
}

// d var = 2 (x - mean) / (n - correction); of the root, that over 2 std, and 0 where nothing spreads. Without degrees
// of freedom it is what PyTorch gives.
Tensor spread_backward(const Tensor& g, const Tensor& x, const Tensor& y, const Spread& s) {
  Tensor up = g;
  if (s.root) up = masked_fill(g / (y * 2), eq(detach(y), wrapped_number(0)), wrapped_number(0.0));
  const Dims sizes = x.shape();
  Dims all;
  for (int d = 0; d < x.dim(); ++d)
    if (s.dims.reduces(d)) all.push_back(d);
  const Tensor center = x.dim() ? mean(x, all, true) : x;
  const double free = double(s.dims.count(x)) - s.correction;
  up = with_reduced_dims(up, sizes, s.dims, s.keepdim);
  if (free <= 0 && (s.all || x.dim() == 0)) {
    const Tensor slope = full(x.shape(), Scalar(HUGE_VAL), x.dtype(), x.device());
    return up * masked_fill(slope, eq(detach(x), detach(center)), wrapped_number(NAN));
  }
  Tensor d = x - center;
  if (x.dim()) {  // far from zero the mean is rounded, and its rest is what the distances have in common
    const Tensor rest = mean(d, all, true);
    d = d - masked_fill(rest, logical_not(isfinite(detach(rest))), wrapped_number(0.0));
  }
  return up * Scalar(2.0 / free) * d;
}

double checked_correction(const char* message, const Tensor& x, const std::optional<Scalar>& correction) {
  check(is_floating(x.dtype()), "", message);
  return correction ? correction->to_double() : 1.0;
}

Tensor spread_of(const char* op, const char* node, bool root, const Tensor& x, const std::optional<Dims>& dim,
                 const std::optional<Scalar>& correction, bool keepdim, const Dest& dest) {
  const double c = checked_correction("std and var only support floating point and complex dtypes", x, correction);
  const Spread s = {ReducedDims(op, x, dim), c, root, keepdim, !dim};
  Grad grad({x}, dest);
  auto saved = grad.save(x);
  const Tensor y = compute(op, x, s, false, dest).spread;
  if (!grad) return y;
  auto result = root ? grad.save_output(y) : Saved();
  return grad.record(
      node, y, [=](Grads& g) { g[0] = spread_backward(g.out(), saved.get(g), s.root ? result.get(g) : Tensor(), s); });
}

std::pair<Tensor, Tensor> with_mean(const char* op, const char* node, const char* message, bool root, const Tensor& x,
                                    const std::optional<Dims>& dim, const std::optional<Scalar>& correction,
                                    bool keepdim) {
  const double c = checked_correction(message, x, correction);
  const Spread s = {ReducedDims(op, x, dim), c, root, keepdim, !dim};
  Grad grad({x});
  auto saved = grad.save(x);
  const SpreadResult y = compute(op, x, s, true, {});
  if (!grad) return {y.spread, y.mean};
  auto result = root ? grad.save_output(y.spread) : Saved();
  grad.record(node, Tensors{y.spread, y.mean}, [=](Grads& g) {
    const Tensor x = saved.get(g);
    if (g.has(0)) g[0] = spread_backward(g.out(0), x, s.root ? result.get(g) : Tensor(), s);
    if (!g.has(1)) return;
    const Tensor share = expand_reduced(g.out(1) / Scalar(double(s.dims.count(x))), x.shape(), s.dims, s.keepdim);
    g[0] = g[0].defined() ? g[0] + share : share;
  });
  return {y.spread, y.mean};
}

}  // namespace

Tensor var(const Tensor& x, std::optional<Dims> dim, std::optional<Scalar> correction, bool keepdim, Dest dest) {
  return spread_of("var", "VarBackward0", false, x, dim, correction, keepdim, dest);
}
Tensor std(const Tensor& x, std::optional<Dims> dim, std::optional<Scalar> correction, bool keepdim, Dest dest) {
  return spread_of("std", "StdBackward0", true, x, dim, correction, keepdim, dest);
}
std::pair<Tensor, Tensor> var_mean(const Tensor& x, std::optional<Dims> dim, std::optional<Scalar> correction,
                                   bool keepdim) {
  return with_mean("var_mean", "VarMeanBackward0", "var_mean only support floating point and complex dtypes", false, x,
                   dim, correction, keepdim);
}
std::pair<Tensor, Tensor> std_mean(const Tensor& x, std::optional<Dims> dim, std::optional<Scalar> correction,
                                   bool keepdim) {
  return with_mean("std_mean", "StdMeanBackward0", "std_mean only support floating point and complex dtypes", true, x,
                   dim, correction, keepdim);
}

}  // namespace cnn
