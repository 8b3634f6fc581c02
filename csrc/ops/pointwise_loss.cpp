// Losses of one element each, then reduced: one node a loss, as in PyTorch.
#include "autograd/autocast.h"
#include "cnn/ops/activation.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/unary.h"
#include "kernels/activation.h"
#include "kernels/loss.h"
#include "ops/each.h"
#include "ops/map.h"
#include "ops/rows.h"

namespace cnn {
namespace {

enum Reduction : int64_t { kNone, kMean, kSum };

Tensor reduced(const char* op, const Tensor& losses, int64_t reduction) {
  check_value(reduction >= kNone && reduction <= kSum, op, reduction, " is not a valid value for reduction");
  if (reduction == kNone) return losses;
  return reduction == kSum ? sum(losses) : mean(losses);
}

// What reaches one element: the incoming gradient, over the number of elements for a mean.
Tensor share(const Tensor& g, int64_t reduction, int64_t count) {
  return reduction == kMean ? g / Scalar(double(count)) : g;
}

// dl/dx times g, an op of (x, t) that depends on x - t alone.
using Slope = Tensor (*)(const Tensor& g, const Tensor& x, const Tensor& t, double parameter);

// l(x, t)
template <class F>
Tensor difference_loss(const char* op, const char* node, const F& f, const Tensor& x, const Tensor& t,
                       int64_t reduction, Slope slope, double parameter, std::optional<DType> result = {}) {
  Grad grad({x, t});
  auto sx = grad.save(x), st = grad.save(t);
  Tensor y, losses;
  {
    NoGrad guard;
    losses = map(op, f, x, t);
    if (result) losses = to_dtype(losses, *result);
    y = reduced(op, losses, reduction);
  }
  if (!grad) return y;
  return grad.record(node, y, [=, count = losses.numel()](Grads& g) {
    const Tensor d = slope(share(g.out(), reduction, count), sx.get(g), st.get(g), parameter);
    if (g.wants(0)) g[0] = d;
    if (g.wants(1)) g[1] = -d;
  });
}

void fail_unit(const Watch& w, int64_t which, const char* when) {
  fail(ErrorKind::Runtime, w.op, "all elements of ", which == 0 ? "input" : "target", " should be between 0 and 1",
       when);
}

// RuntimeError unless all elements of both are in [0, 1]; on a GPU a later call raises it.
void check_units(const char* op, const Tensor& x, const Tensor& t) {
  const Tensor* inputs[] = {&x, &t};
  const Device device = common_device(op, inputs, 2);
  const DType key = float_key(promoted({&x, &t}));
  const Tensor a = contiguous(to(x, key, device)), b = contiguous(to(t, key, device));
  const Watch watch = {fail_unit, op, ErrorKind::Runtime, 0, 0};
  kernels::Note here;
  each(kernels::CheckUnits{{}, a.raw(), b.raw(), note_on(device, watch, here)}, x.numel(), key, device);
  if (!here.empty()) fail_unit(watch, here.value(), "");
}

Tensor clamped_difference(const Tensor& x, const Tensor& t, double limit) {
  return clamp(x - t, Scalar(-limit), Scalar(limit));
}

}  // namespace

Tensor mse_loss(const Tensor& x, const Tensor& t, int64_t reduction) {
  if (const Autocast cast{"mse_loss", x}) [[unlikely]]
    return cast(mse_loss, x, t, reduction);
  return difference_loss(
      "mse_loss", "MseLossBackward0", kernels::SquaredError{}, x, t, reduction,
      [](const Tensor& g, const Tensor& x, const Tensor& t, double) {
        return grad_enabled() ? (x - t) * 2 * g : map("mse_loss_backward", kernels::SquaredErrorBackward{}, g, x, t);
      },
      0);
}

Tensor smooth_l1_loss(const Tensor& x, const Tensor& t, int64_t reduction, double beta) {
  if (const Autocast cast{"smooth_l1_loss", x}) [[unlikely]]
    return cast(smooth_l1_loss, x, t, reduction, beta);
  check(beta >= 0, "smooth_l1_loss", "smooth_l1_loss does not support negative values for beta.");
  return difference_loss(
      "smooth_l1_loss", "SmoothL1LossBackward0", kernels::SmoothL1{{}, beta}, x, t, reduction,
      [](const Tensor& g, const Tensor& x, const Tensor& t, double beta) {
        return (beta == 0 ? sign(x - t) : clamped_difference(x, t, beta) / beta) * g;
      },
      beta);
}

Tensor huber_loss(const Tensor& x, const Tensor& t, int64_t reduction, double delta) {
  if (const Autocast cast{"huber_loss", x}) [[unlikely]]
    return cast(huber_loss, x, t, reduction, delta);
  check(delta > 0, "huber_loss", "huber_loss does not support non-positive values for delta.");
  // Computed in the common dtype, given in the input's.
  const DType common = promoted({&x, &t});
  check(can_cast(common, x.dtype()), "", "result type ", dtype_type_name(common),
        " can't be cast to the desired output type ", dtype_type_name(x.dtype()));
  if (!is_floating(common)) not_implemented("huber_cpu", common);
  return difference_loss(
      "huber_loss", "HuberLossBackward0", kernels::Huber{{}, delta}, x, t, reduction,
      [](const Tensor& g, const Tensor& x, const Tensor& t, double delta) {
        return clamped_difference(x, t, delta) * g;
      },
      delta, x.dtype());
}

Tensor binary_cross_entropy(const Tensor& x, const Tensor& t, const std::optional<Tensor>& weight, int64_t reduction) {
  if (const Autocast cast{"binary_cross_entropy", x}) [[unlikely]]
    return cast(binary_cross_entropy, x, t, weight, reduction);
  check_value(x.shape() == t.shape(), "binary_cross_entropy", "Using a target size (", t.shape(),
              ") that is different to the input size (", x.shape(),
              ") is deprecated. Please ensure they have the same size.");
  if (!x.device().is_meta()) {
    NoGrad guard;
    check_units("binary_cross_entropy", x, t);
  }
  Grad grad({x, t});
  auto sx = grad.save(x), st = grad.save(t), sw = weight ? grad.save(*weight) : Saved();
  Tensor y, losses;
  {
    NoGrad guard;
    losses = map("binary_cross_entropy", kernels::BinaryCrossEntropy{}, x, t);
    if (weight) losses = losses * *weight;
    y = reduced("binary_cross_entropy", losses, reduction);
  }
  if (!grad) return y;
  const bool weighted = weight.has_value();
  return grad.record("BinaryCrossEntropyBackward0", y, [=, count = losses.numel()](Grads& g) {
    const Tensor x = sx.get(g), t = st.get(g);
    Tensor up = share(g.out(), reduction, count);
    if (weighted) up = up * sw.get(g);
    if (g.wants(0))
      g[0] = grad_enabled() ? up * ((x - t) / clamp((1 - x) * x, Scalar(1e-12)))
                            : map("binary_cross_entropy_backward", kernels::BinaryCrossEntropyBackward{}, up, x, t);
    if (g.wants(1)) g[1] = up * (log1p(-x) - log(x));
  });
}

Tensor binary_cross_entropy_with_logits(const Tensor& x, const Tensor& t, const std::optional<Tensor>& weight,
                                        const std::optional<Tensor>& pos_weight, int64_t reduction) {
  if (const Autocast cast{"binary_cross_entropy_with_logits", x}) [[unlikely]]
    return cast(binary_cross_entropy_with_logits, x, t, weight, pos_weight, reduction);
  check_value(x.shape() == t.shape(), "binary_cross_entropy_with_logits", "Target size (", t.shape(),
              ") must be the same as input size (", x.shape(), ")");
  Tensor losses;
  if (pos_weight) {  // (1 - t) x + (1 + (p - 1) t) log(1 + exp(-x))
    const Tensor factor = (*pos_weight - 1) * t + 1;
    losses = (1 - t) * x - factor * log_sigmoid(x);
    if (weight) losses = losses * *weight;
    return reduced("binary_cross_entropy_with_logits", losses, reduction);
  }
  Grad grad({x, t});
  auto sx = grad.save(x), st = grad.save(t), sw = weight ? grad.save(*weight) : Saved();
  Tensor y;
  {
    NoGrad guard;
    losses = map("binary_cross_entropy_with_logits", kernels::BceWithLogits{}, x, t);
    if (weight) losses = losses * *weight;
    y = reduced("binary_cross_entropy_with_logits", losses, reduction);
  }
  if (!grad) return y;
  const bool weighted = weight.has_value();
  return grad.record("BinaryCrossEntropyWithLogitsBackward0", y, [=, count = losses.numel()](Grads& g) {
    const Tensor x = sx.get(g), t = st.get(g);
    Tensor up = share(g.out(), reduction, count);
    if (weighted) up = up * sw.get(g);
    if (g.wants(0))
      g[0] = grad_enabled()
                 ? up * (sigmoid(x) - t)
                 : map("binary_cross_entropy_with_logits_backward", kernels::BceWithLogitsBackward{}, up, x, t);
    if (g.wants(1)) g[1] = up * -x;
  });
}

}  // namespace cnn
