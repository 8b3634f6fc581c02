// Normalisation of channels over the batch.
#include "cnn/ops.h"
#include "kernels/binary.h"
#include "kernels/reduce.h"
#include "ops/channel_norm.h"
#include "ops/group_kernels.h"
#include "ops/heavy.h"
#include "ops/map.h"
#include "ops/reduce.h"
#include "ops/relu.h"
#include "ops/rows.h"

namespace cnn {
namespace {

// All dimensions but the channels'.
Dims batch_dims(int ndim) {
  Dims dims = {0};
  for (int d = 2; d < ndim; ++d) dims.push_back(d);
  return dims;
}

// v[C] against x[N, C, ...]
Tensor over_channels(const Tensor& v, int ndim) {
  Dims shape = Dims::filled(ndim, 1);
  shape[1] = v.numel();
  return reshape(v, shape);
}

// weight or bias, whatever their shape is.
Tensor in_a_line(const char* name, const std::optional<Tensor>& t, const Tensor& x) {
  if (!t) return {};
  const int64_t channels = x.shape()[1];
  check(t->numel() == channels, "", name, " should contain ", channels, " elements not ", t->numel());
  return t->dim() == 1 ? *t : reshape(*t, {-1});
}

struct Statistics {
  Tensor mean, var;  // [C], in double, var biased
};

Statistics batch_statistics(const Tensor& x) {
  const Dims shape = {x.shape()[1]};
  const Statistics s = {empty(shape, DType::Float64, x.device()), empty(shape, DType::Float64, x.device())};
  kernels::Moments f;
  f.correction = 0;
  reduce_into("batch_norm", f, x, ReducedDims("batch_norm", x, batch_dims(x.dim())), float_key(x.dtype()), s.var,
              s.mean);
  return s;
}

void move_towards(const Tensor& running, const Tensor& value, double momentum) {
  const Tensor* inputs[] = {&running, &value};
  const Tensor y = result_for("batch_norm", running.shape(), running.dtype(), inputs, 2, Dest::in_place(running));
  const Tensor number = wrapped_number(momentum);
  map_into("batch_norm", kernels::Lerp{},
           {{&y, DType::Float64},
            {&running, DType::Float64},
            {&value, DType::Float64},
            {&number, DType::Float64, &momentum}},
           1, DType::Float64);
}

// What the closure keeps besides tensors.
struct BatchNormCall {
  bool training;
  double eps;
};

bool has_kernels(const Tensor& x) { return has_heavy(x, &HeavyTable::channel_norm_forward); }
ChannelNormArgs kernel_args(const Tensor& x, const BatchNormCall& call) {
  ChannelNormArgs a;
  a.dtype = x.dtype();
  a.batch = x.shape()[0], a.channels = x.shape()[1], a.positions = x.numel() / (a.batch * a.channels);
  a.channels_last = memory_format_of(x) != MemoryFormat::Contiguous;
  a.training = call.training, a.eps = call.eps;
  return a;
}

NormGrads batch_norm_backward_by_kernels(const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor& mean,
                                         const Tensor& rstd, const BatchNormCall& call, const bool wants[3],
                                         const Tensor& shift_before_relu) {
  const MemoryFormat format = memory_format_of(x);
  const Tensor from = contiguous(x, format), dy = contiguous(to_dtype(g, x.dtype()), format),
               w = weight.defined() ? contiguous(weight) : weight, m = contiguous(mean), r = contiguous(rstd);
  NormGrads grads;
  ChannelNormArgs a = kernel_args(x, call);
  const DType parameters = w.defined() ? w.dtype() : m.dtype();
  if (wants[0]) grads.x = empty(x.shape(), x.dtype(), x.device(), format), a.dx = grads.x.raw();
  if (wants[1]) grads.weight = empty(m.shape(), parameters, x.device());
  if (wants[2]) grads.bias = empty(m.shape(), parameters, x.device());
  a.d_weight = vector_of(grads.weight), a.d_bias = vector_of(grads.bias);
  a.x = from.raw(), a.dy = dy.raw(), a.mean = m.raw(), a.rstd = r.raw(), a.weight = vector_of(w);
  a.relu = shift_before_relu.defined();
  if (a.relu) a.shift = shift_before_relu.raw();
  run_heavy("batch_norm_backward", x.device(), &HeavyTable::channel_norm_backward, a);
  return grads;
}

// The gradients by their kernels. `mean` and `rstd` are those that the forward pass used.
NormGrads batch_norm_backward(const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor& mean,
                              const Tensor& rstd, const BatchNormCall& call, const bool wants[3],
                              const Tensor& shift_before_relu) {
  NoGrad guard;
  if (has_kernels(x)) return batch_norm_backward_by_kernels(g, x, weight, mean, rstd, call, wants, shift_before_relu);
  const Channels channels(x);
  const Tensor scale = weight.defined() ? weight * rstd : rstd;
  NormGrads grads;
  Tensor sum_g, sum_gx;
  if (call.training || wants[1] || wants[2]) {
    const Channels::Sums s = channels.sums(g, x, mean, scale, shift_before_relu);
    sum_g = sum(s.g, Dims{0});
    sum_gx = sum(s.gx, Dims{0});
  }
  if (wants[1]) grads.weight = sum_gx * rstd;
  if (wants[2]) grads.bias = sum_g;
  if (!wants[0]) return grads;
  if (!call.training) {
    grads.x = channels.scaled(g, {}, scale, {}, x.dtype());
    return grads;
  }
  const Scalar count(double(x.numel()) / double(channels.channels()));
  const Tensor a = scale, b = -(scale * rstd * rstd * sum_gx / count), c = -(scale * sum_g / count);
  grads.x = channels.gradient(g, x, mean, a, b, c, shift_before_relu);
  return grads;
}

// The same as formulas of ops, for gradients of gradients.
NormGrads batch_norm_backward_composed(const Tensor& g, const Tensor& x, const Tensor& weight,
                                       const Tensor& running_mean, const Tensor& running_rstd,
                                       const BatchNormCall& call, const bool wants[3]) {
  const Dims dims = batch_dims(x.dim());
  const Tensor d = x - (call.training ? mean(x, dims, true) : over_channels(running_mean, x.dim()));
  const Tensor rstd =
      call.training ? rsqrt(mean(d * d, dims, true) + Scalar(call.eps)) : over_channels(running_rstd, x.dim());
  const Tensor xhat = d * rstd;
  NormGrads grads;
  if (wants[0]) {
    const Tensor gw = weight.defined() ? g * over_channels(weight, x.dim()) : g;
    grads.x = call.training ? rstd * (gw - mean(gw, dims, true) - xhat * mean(gw * xhat, dims, true)) : gw * rstd;
  }
  if (wants[1]) grads.weight = sum(g * xhat, dims);
  if (wants[2]) grads.bias = sum(g, dims);
  return grads;
}

Tensor normalized(const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
                  const std::optional<Tensor>& running_mean, const std::optional<Tensor>& running_var, bool training,
                  double momentum, double eps, bool with_relu) {
  if (x.dim() == 1 && x.numel() == 0) return clone(x);  // no channels, as PyTorch sees it
  check_index(x.dim() >= 2, "", "Dimension out of range (expected to be in range of [-", x.dim(), ", ", x.dim() - 1,
              "], but got 1)");
  check(training || running_mean, "", "running_mean must be defined in evaluation mode");
  check(training || running_var, "", "running_var must be defined in evaluation mode");
  check_channels("running_mean", running_mean, x);
  check_channels("running_var", running_var, x);
  const Tensor w = in_a_line("weight", weight, x), b = in_a_line("bias", bias, x);
  if (!is_floating(x.dtype())) not_implemented("batch_norm", x.dtype());
  check_norm_parameters("batch_norm", x, {&weight, &bias, &running_mean, &running_var});

  Grad grad({x, w, b});
  Tensor y, mean, rstd, shift;  // the shift, if nobody else can change it
  {
    NoGrad guard;
    const Channels rows(x);
    const auto apply = [&](const Normalizer* exact) {
      const Tensor scale = w.defined() ? w * rstd : rstd;
      const Tensor all = exact ? exact->shift(scale, b) : b;
      y = rows.scaled(x, mean, scale, all, x.dtype(), with_relu);
      if (with_relu && x.dtype() == DType::Float32 && !all.same(b)) shift = all;
    };
    const auto is_dense = [](const std::optional<Tensor>& t) { return !t || t->is_contiguous(); };
    if (has_kernels(x) && is_dense(running_mean) && is_dense(running_var)) {
      const MemoryFormat format = memory_format_of(x);
      const Tensor from = contiguous(x, format), dense_w = w.defined() ? contiguous(w) : w,
                   dense_b = b.defined() ? contiguous(b) : b;
      y = empty(x.shape(), x.dtype(), x.device(), format);
      const auto running = [&](const std::optional<Tensor>& t) {
        if (!t) return ChannelVector();
        const Tensor* const inputs[] = {&*t};
        return vector_of(training ? result_for("batch_norm", t->shape(), t->dtype(), inputs, 1, Dest::in_place(*t))
                                  : *t);
      };
      ChannelNormArgs a = kernel_args(x, {training, eps});
      a.relu = with_relu, a.momentum = momentum;
      a.x = from.raw(), a.y = y.raw(), a.weight = vector_of(dense_w), a.bias = vector_of(dense_b);
      a.running_mean = running(running_mean), a.running_var = running(running_var);
      const auto kept = [&](Tensor& t) {
        t = empty({a.channels}, float_key(x.dtype()), x.device());
        return t.raw();
      };
      if (grad) a.mean = kept(mean), a.rstd = kept(rstd);
      if (grad && training && with_relu && x.dtype() == DType::Float32) a.shift = kept(shift);
      run_heavy("batch_norm", x.device(), &HeavyTable::channel_norm_forward, a);
    } else if (training) {
      const Statistics s = batch_statistics(x);
      const Normalizer exact(s.mean, s.var, eps, float_key(x.dtype()));
      mean = exact.mean;
      rstd = x.numel() ? exact.rstd : zeros_like(exact.rstd);  // an empty batch has zero gradients
      const double n = double(rows.positions()) * double(x.shape()[0]);
      if (running_mean && n > 0) move_towards(*running_mean, s.mean, momentum);
      if (running_var && n > 0) move_towards(*running_var, s.var * Scalar(n / (n - 1)), momentum);
      apply(&exact);
    } else {
      mean = to_dtype(*running_mean, float_key(x.dtype()));
      rstd = rsqrt(to_dtype(*running_var, float_key(x.dtype())) + Scalar(eps));
      if (grad && mean.same(*running_mean)) mean = clone(mean);  // what a later training step must not move
      apply(nullptr);
    }
  }
  if (!grad) return y;
  auto sx = grad.save(x), sw = w.defined() ? grad.save(w) : Saved(), sm = grad.save(mean), sr = grad.save(rstd);
  const BatchNormCall call = {training, eps};
  // Before a ReLU: stands for the result of the norm, which is not in memory.
  const Tensor norm = with_relu ? detach(y) : y;
  grad.record("NativeBatchNormBackward0", norm, [=](Grads& g) {
    const bool wants[] = {g.wants(0), g.wants(1), g.wants(2)};
    const Tensor x = sx.get(g), w = sw.defined() ? sw.get(g) : Tensor(), mean = sm.get(g), rstd = sr.get(g);
    const NormGrads d =
        grad_enabled() ? batch_norm_backward_composed(g.out(), x, w, mean, rstd, call, wants)
                       : batch_norm_backward(g.out(), x, w, mean, rstd, call, wants, g.is_left() ? shift : Tensor());
    g[0] = d.x;
    if (wants[1]) g[1] = d.weight;
    if (wants[2]) g[2] = d.bias;
  });
  if (!with_relu) return y;
  Grad after({norm});
  return record_relu(after, y, shift.defined());
}

}  // namespace

Tensor batch_norm(const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
                  const std::optional<Tensor>& running_mean, const std::optional<Tensor>& running_var, bool training,
                  double momentum, double eps) {
  return normalized(x, weight, bias, running_mean, running_var, training, momentum, eps, false);
}
Tensor batch_norm_relu(const Tensor& x, const std::optional<Tensor>& weight, const std::optional<Tensor>& bias,
                       const std::optional<Tensor>& running_mean, const std::optional<Tensor>& running_var,
                       bool training, double momentum, double eps) {
  return normalized(x, weight, bias, running_mean, running_var, training, momentum, eps, true);
}

}  // namespace cnn
