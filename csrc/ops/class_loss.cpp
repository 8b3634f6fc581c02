// Losses of classification: negative log-likelihood and cross entropy.
#include "autograd/autocast.h"
#include "autograd/recorder.h"
#include "cnn/ops.h"
#include "kernels/activation.h"
#include "kernels/loss.h"
#include "ops/indexing.h"
#include "ops/map.h"
#include "ops/rows.h"

namespace cnn {
namespace {

enum Reduction : int64_t { kNone, kMean, kSum };

void fail_class(const Watch&, int64_t value, const char* when) {
  fail(ErrorKind::Index, "", "Target ", value, " is out of bounds.", when);
}

// One loss over input [N, classes, inner], all checked.
struct NllCall {
  Dims sizes;       // of the input
  DType dtype;      // of the input
  Dims shape;       // of the targets
  Tensor target;    // int64, dense
  Tensor weight;    // of the functor's T, dense; undefined for ones
  int64_t reduction, ignored;
  const char* node;

  DType key() const { return float_key(dtype); }
  int class_dim() const { return sizes.size() == 1 ? 0 : 1; }
  int64_t classes() const { return sizes[class_dim()]; }

  // Runs f for each target; IndexError for a class that does not exist.
  template <class F>
  void each(F f) const {
    int64_t inner = 1, n = 1;
    for (int d = class_dim() + 1; d < sizes.size(); ++d) inner *= sizes[d];
    for (int64_t size : shape) n *= size;
    check(target.numel() == n, node, "expected targets of shape ", shape, ", got ", target.shape());
    BoundedIndices indices;
    indices.add(target, {"", classes(), class_dim(), /*negative=*/false, ErrorKind::Index, fail_class});
    const bool all = indices.run(
        [&](const kernels::IndexValues* values) {
          f.place = {values[0], weight.defined() ? weight.raw() : nullptr, inner, ignored};
          return f;
        },
        n, key(), target.device());
    if (!all) [[unlikely]]
      fail_target();
  }

 private:
  [[noreturn]] void fail_target() const {
    NoGrad guard;
    const Tensor t = reshape(target, {-1});
    const Tensor outside = logical_or(lt(t, wrapped_number(0)), ge(t, wrapped_number(classes())));
    const Tensor bad = masked_select(t, logical_and(outside, ne(t, wrapped_number(ignored))));
    check_index(bad.numel() == 0, "", "Target ", bad.numel() ? select(bad, 0, 0).item().to_int() : 0,
                " is out of bounds.");
    fail(ErrorKind::Index, "", "A target is out of bounds, and was changed while it was used.");
  }
};

struct NllParts {
  Tensor losses, weights;  // one for each target
};

NllParts pick(const Tensor& x, const NllCall& call) {
  const Tensor from = contiguous(to_dtype(x, call.key()));
  const NllParts parts = {empty(call.shape, call.key(), x.device()), empty(call.shape, call.key(), x.device())};
  call.each(kernels::NllPick{{}, {}, from.raw(), parts.losses.raw(), parts.weights.raw()});
  return parts;
}

// The call as a closure keeps it: its tensors saved.
class SavedCall {
 public:
  SavedCall(Grad& grad, const NllCall& call) : call_(call), target_(grad.save(call.target)) {
    if (call.weight.defined()) weight_ = grad.save(call.weight);
    call_.target = call_.weight = Tensor();
  }
  NllCall get(Grads& g) const {
    NllCall call = call_;
    call.target = target_.get(g);
    if (weight_.defined()) call.weight = weight_.get(g);
    return call;
  }

 private:
  NllCall call_;
  Saved target_, weight_;
};

// g times the weight of each position's class, and over the total weight for a mean.
Tensor weigh(const Tensor& g, const NllCall& call, const Tensor& total_weight) {
  const Tensor from = contiguous(to_dtype(g, call.key())), s = empty(call.shape, call.key(), g.device());
  call.each(kernels::NllWeigh{
      {}, {}, from.raw(), call.reduction != kNone, s.raw(), call.reduction == kMean ? total_weight.raw() : nullptr});
  return s;
}

// Takes s from dx where the targets are.
void take_at_targets(const Tensor& s, const NllCall& call, const Tensor& dx) {
  call.each(kernels::NllTake{{}, {}, s.raw(), dx.raw()});
}

Tensor nll(const Tensor& x, const NllCall& call, bool of_log_softmax = false);

// The adjoint of nll, which is linear in its input.
Tensor nll_backward(const Tensor& g, const NllCall& call, const Tensor& total_weight) {
  const Recorded range("nll_loss_backward", g, call.target);
  Grad grad({g});
  Tensor dx;
  {
    NoGrad guard;
    dx = zeros(call.sizes, call.key(), g.device());
    take_at_targets(weigh(g, call, total_weight), call, dx);
    dx = to_dtype(dx, call.dtype);
  }
  if (!grad) return dx;
  const SavedCall saved(grad, call);
  return grad.record("NllLossBackwardBackward0", dx, [saved](Grads& g) { g[0] = nll(g.out(), saved.get(g)); });
}

// The gradients of nll and of the log-softmax before it, whose result is `logs`, in one kernel:
// s (softmax - 1 at the target), s as in `weigh`.
Tensor cross_entropy_backward(const Tensor& g, const Tensor& logs, const NllCall& call, const Tensor& total_weight) {
  const Recorded range("cross_entropy_backward", g, logs, call.target);
  NoGrad guard;
  const DType key = call.key();
  const Tensor s = weigh(g, call, total_weight), dx = empty(call.sizes, key, g.device());
  Dims along = call.sizes;
  along[call.class_dim()] = 1;
  const Tensor each_class = view(s, along);
  map_into("cross_entropy_loss", kernels::ScaledProbability{}, {{&dx, key}, {&logs, key}, {&each_class, key}}, 1, key);
  take_at_targets(s, call, dx);
  return to_dtype(dx, call.dtype);
}

Tensor nll(const Tensor& x, const NllCall& call, bool of_log_softmax) {
  const Recorded range("nll_loss_forward", x, call.target);
  Grad grad({x});
  Tensor y, total;
  {
    NoGrad guard;
    const NllParts parts = pick(x, call);
    if (call.reduction == kMean) total = sum(parts.weights);
    y = call.reduction == kNone ? parts.losses : sum(parts.losses);
    if (call.reduction == kMean) y = y / total;
    y = to_dtype(y, call.dtype);
  }
  if (!grad) return y;
  const SavedCall saved(grad, call);
  const Saved logs = grad.save_if(of_log_softmax, x);
  return grad.record(call.node, y, [=](Grads& g) {
    if (logs.defined() && g.may_pass_over(0))
      g.pass_over(0, cross_entropy_backward(g.out(), logs.get(g), saved.get(g), total));
    else g[0] = nll_backward(g.out(), saved.get(g), total);
  });
}

// A loss record for factors that are numbers, under the names that PyTorch gives them.
Tensor times_number(const Tensor& x, double factor) {
  Grad grad({x});
  Tensor y;
  {
    NoGrad guard;
    y = x * Scalar(factor);
  }
  if (!grad) return y;
  return grad.record("MulBackward1", y, [factor](Grads& g) { g[0] = times_number(g.out(), factor); });
}
Tensor over_number(const Tensor& x, double divisor) {
  Grad grad({x});
  Tensor y;
  {
    NoGrad guard;
    y = x / Scalar(divisor);
  }
  if (!grad) return y;
  return grad.record("DivBackward1", y, [divisor](Grads& g) { g[0] = over_number(g.out(), divisor); });
}

// weight[classes] against an input of this many dimensions.
Tensor along_classes(const Tensor& weight, int ndim, int class_dim) {
  Dims shape = Dims::filled(ndim, 1);
  shape[class_dim] = weight.numel();
  return reshape(weight, shape);
}

void check_class_weight(const char* op, const std::optional<Tensor>& weight, int64_t classes) {
  check(!weight || (weight->dim() == 1 && weight->numel() == classes), "", op,
        "weight tensor should be defined either "
        "for all ",
        classes, " classes or no classes but got weight tensor of shape: ", weight ? weight->shape() : Dims());
}

void check_reduction(const char* op, int64_t reduction) {
  check_value(reduction >= kNone && reduction <= kSum, op, reduction, " is not a valid value for reduction");
}

Tensor probability_loss(const Tensor& logits, const Tensor& target, const std::optional<Tensor>& weight,
                        int64_t reduction, double smoothing) {
  const int d = logits.dim() == 1 ? 0 : 1;
  check(is_floating(target.dtype()), "", "Expected floating point type for target with class probabilities, got ",
        dtype_type_name(target.dtype()));
  const double classes = double(logits.shape()[d]);
  check_class_weight("cross_entropy: ", weight, logits.shape()[d]);
  const Tensor t = smoothing > 0 ? target * Scalar(1 - smoothing) + Scalar(smoothing / classes) : target;
  const Tensor logs = log_softmax(logits, d);
  Tensor terms = logs * t;
  if (weight) terms = terms * along_classes(*weight, logits.dim(), d);
  if (reduction == kNone) return -sum(terms, Dims{d});
  const Tensor total = -sum(terms);
  return reduction == kSum ? total : over_number(total, double(logits.numel()) / classes);
}

Tensor smoothed_loss(const Tensor& logits, const Tensor& target, const std::optional<Tensor>& weight, int64_t reduction,
                     int64_t ignored, double smoothing) {
  const int d = logits.dim() == 1 ? 0 : 1;
  const Tensor logs = log_softmax(logits, d);
  const Tensor hard = nll_loss_nd(logs, target, weight, reduction, ignored);
  const Tensor all = -sum(weight ? logs * along_classes(*weight, logits.dim(), d) : logs, Dims{d});
  const Tensor skipped = eq(target, wrapped_number(ignored));
  Tensor smooth = masked_fill(all, skipped, wrapped_number(0.0));
  if (reduction != kNone) smooth = sum(smooth);
  if (reduction == kMean) {
    Tensor count;
    if (weight) {
      const Tensor known = masked_fill(target, skipped, wrapped_number(0));
      const Tensor weights = reshape(index_select(*weight, 0, reshape(known, {-1})), known.shape());
      count = sum(masked_fill(weights, skipped, wrapped_number(0.0)));
    } else {
      count = sum(logical_not(skipped));
    }
    smooth = smooth / count;
  }
  return times_number(hard, 1 - smoothing) + times_number(smooth, smoothing / double(logits.shape()[d]));
}

// nll_loss; `of_log_softmax`: x is the result of log_softmax along its classes, and nobody else has it.
Tensor class_loss(const Tensor& x, const Tensor& target, const std::optional<Tensor>& weight, int64_t reduction,
                  int64_t ignored, bool of_log_softmax) {
  check_reduction("nll_loss", reduction);
  check_value(x.dim() >= 1, "", "Expected 1 or more dimensions (got ", x.dim(), ")");
  const bool images = x.dim() > 2;
  check_value(x.dim() == 1 || (target.dim() > 0 && x.shape()[0] == target.shape()[0]), "",
              "Expected input batch_size (", x.shape()[0], ") to match target batch_size (",
              target.dim() ? target.shape()[0] : 0, ").");
  if (images) {
    Dims expected = x.shape();
    expected.erase(1);
    check(target.shape() == expected, "", "Expected target size ", expected, ", got ", target.shape());
  } else {
    check(target.dim() <= 1, "", "0D or 1D target tensor expected, multi-target not supported");
    check_value(x.dim() == 2 || target.numel() == 1, "",
                "For 1D input, 1D target must have size 1, but got target size: ", target.numel());
  }
  check(target.dtype() == DType::Int64 || target.dtype() == DType::UInt8, "",
        "expected target dtype to be Long or Byte, but got ", dtype_type_name(target.dtype()));
  check_implemented(is_floating(x.dtype()), "", "\"nll_loss_out_frame\" not implemented for '",
                    dtype_type_name(x.dtype()), "'");
  const int64_t classes = x.shape()[x.dim() == 1 ? 0 : 1];
  check_class_weight("", weight, classes);
  check(!weight || weight->dtype() == x.dtype(), "", "expected scalar type ", dtype_type_name(x.dtype()), " but found ",
        dtype_type_name(weight ? weight->dtype() : x.dtype()));
  check(!weight || weight->device() == x.device(), "nll_loss", "weight must be on the input's device, ", x.device());
  check_device("nll_loss", x.device(), target.device());

  NllCall call;
  call.reduction = reduction;
  call.ignored = ignored;
  call.dtype = x.dtype();
  call.node = images ? "NllLoss2DBackward0" : "NllLossBackward0";
  const bool flattened = images && x.dim() != 4;  // any number of dimensions, seen as an image
  call.sizes =
      flattened ? Dims{x.shape()[0], classes, 1, target.numel() / (x.shape()[0] ? x.shape()[0] : 1)} : x.shape();
  call.shape = target.shape();
  if (x.dim() == 1) call.shape = reduction == kNone ? target.shape() : Dims();
  if (flattened) call.shape = {call.sizes[0], 1, call.sizes[3]};
  {
    NoGrad guard;
    call.target = contiguous(to_dtype(target, DType::Int64));
    if (weight) call.weight = contiguous(to_dtype(*weight, call.key()));
  }
  if (!flattened) return nll(x, call, of_log_softmax);
  const Tensor y = nll(view(contiguous(x), call.sizes), call);
  return reduction == kNone ? view(y, target.shape()) : y;
}

}  // namespace

Tensor nll_loss_nd(const Tensor& x, const Tensor& target, const std::optional<Tensor>& weight, int64_t reduction,
                   int64_t ignored) {
  if (const Autocast cast{"nll_loss", x}) [[unlikely]]
    return cast(nll_loss_nd, x, target, weight, reduction, ignored);
  return class_loss(x, target, weight, reduction, ignored, false);
}

Tensor cross_entropy_loss(const Tensor& x, const Tensor& target, const std::optional<Tensor>& weight, int64_t reduction,
                          int64_t ignored, double smoothing) {
  // Listed itself, or made of log_softmax and nll_loss that are.
  for (const char* op : {"cross_entropy_loss", "nll_loss"})
    if (const Autocast cast{op, x}) [[unlikely]]
      return cast(cross_entropy_loss, x, target, weight, reduction, ignored, smoothing);
  check_reduction("cross_entropy_loss", reduction);
  check(smoothing >= 0 && smoothing <= 1, "", "label_smoothing must be between 0.0 and 1.0. Got: ", smoothing);
  if (x.shape() == target.shape() && x.dim() > 0) {
    check(ignored < 0, "", "ignore_index is not supported for floating point target");
    return probability_loss(x, target, weight, reduction, smoothing);
  }
  check_value(x.dim() >= 1, "", "Expected 1 or more dimensions (got ", x.dim(), ")");
  if (smoothing > 0) {
    check_class_weight("cross_entropy: ", weight, x.shape()[x.dim() == 1 ? 0 : 1]);
    return smoothed_loss(x, target, weight, reduction, ignored, smoothing);
  }
  return class_loss(log_softmax(x, x.dim() == 1 ? 0 : 1), target, weight, reduction, ignored, true);
}

}  // namespace cnn
