#include "cnn/ops/activation.h"

#include "autograd/autocast.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/unary.h"
#include "cnn/ops/view.h"
#include "kernels/activation.h"
#include "ops/map.h"
#include "ops/relu.h"

namespace cnn {
namespace {

// These have no kernels for integers in PyTorch, whose name for the kernel the error tells.
void check_floating(const char* kernel, const Tensor& x) {
  if (!is_floating(x.dtype())) not_implemented(kernel, x.dtype());
}

// dx = F(g, x), a fused first derivative. Differentiating it again needs the second derivative, stated as an op of x:
// `curvature(g, x)` is g f''(x); null means that it is zero almost everywhere.
using Curvature = Tensor (*)(const Tensor& g, const Tensor& x);

template <class F>
Tensor slope(const char* op, const char* node, const F& f, const Tensor& g, const Tensor& x, Curvature curvature,
             const Dest& dest) {
  Grad grad({g, x});
  auto sg = grad.save_if(grad.needs(1) && curvature, g), sx = grad.save(x);
  Tensor dx = map(op, f, g, x, dest);
  if (!grad) return dx;
  return grad.record(node, dx, [=](Grads& gs) {
    const Tensor x = sx.get(gs);
    if (gs.wants(0)) gs[0] = slope(op, node, f, gs.out(), x, curvature, {});
    if (gs.wants(1)) gs[1] = curvature ? gs.out() * curvature(sg.get(gs), x) : zeros_like(x);
  });
}

// y = f(x), dx = slope(g, x).
template <class F, class B>
Tensor activate(const char* op, const char* node, const char* second, const F& f, const B& backward, const Tensor& x,
                const Dest& dest, Curvature curvature = nullptr) {
  Grad grad({x}, dest);
  auto sx = grad.save(x);
  Tensor y = map(op, f, x, dest);
  if (!grad) return y;
  return grad.record(node, y,
                     [=](Grads& g) { g[0] = slope(op, second, backward, g.out(), sx.get(g), curvature, g.over()); });
}

}  // namespace

Tensor relu(const Tensor& x, Dest dest) {
  check(x.dtype() != DType::Bool, "relu", "Boolean inputs not supported for relu");
  Grad grad({x}, dest);
  Tensor y = map("relu", kernels::Relu{}, x, dest);
  return record_relu(grad, y);
}

Tensor record_relu(Grad& grad, Tensor& y, bool below_masks) {
  if (!grad) return y;
  auto sy = grad.save_output(y);  // y > 0 exactly where x > 0, so x need not be kept
  return grad.record("ReluBackward0", y, [sy, below_masks](Grads& g) {
    const Tensor result = sy.get(g);
    if (below_masks && !(mode_word & kProfiler) && g.may_leave(0)) return g.leave(0);
    g[0] = slope("threshold_backward", "ThresholdBackwardBackward0", kernels::ThresholdBackward{}, g.out(), result,
                 nullptr, g.over());
  });
}

Tensor threshold(const Tensor& x, Scalar threshold, Scalar value, Dest dest) {
  check_converts(threshold, x.dtype());
  check_converts(value, x.dtype());
  return activate("threshold", "ThresholdBackward0", "ThresholdBackwardBackward0",
                  kernels::Threshold{{}, number(threshold), number(value)},
                  kernels::ThresholdBackward{{}, number(threshold)}, x, dest);
}

Tensor leaky_relu(const Tensor& x, Scalar slope, Dest dest) {
  check_floating("leaky_relu_cpu", x);
  check_converts(slope, compute_dtype(x.dtype()));
  const double s = slope.to_double();
  check(!dest.is_in_place() || s >= 0 || !x.requires_grad() || !grad_enabled(), "leaky_relu_",
        "In-place leakyReLu backward calculation is triggered with a negative slope which is not supported.");
  return activate("leaky_relu", "LeakyReluBackward0", "LeakyReluBackwardBackward0", kernels::LeakyRelu{{}, s},
                  kernels::LeakyReluBackward{{}, s}, x, dest);
}

namespace {
// dx of prelu; by x it is flat.
Tensor prelu_slope(const Tensor& g, const Tensor& x, const Tensor& w) {
  Grad grad({g, x, w});
  auto sg = grad.save_if(grad.needs(2), g), sx = grad.save(x), sw = grad.save(w);
  Tensor dx;
  {
    NoGrad guard;
    dx = where(gt(x, wrapped_number(0.0)), g, g * w);
  }
  if (!grad) return dx;
  return grad.record("PreluKernelBackwardBackward0", dx, [sg, sx, sw](Grads& g) {
    const Tensor x = sx.get(g);
    if (g.wants(0)) g[0] = prelu_slope(g.out(), x, sw.get(g));
    if (g.wants(1)) g[1] = zeros_like(x);
    if (g.wants(2)) g[2] = where(gt(x, wrapped_number(0.0)), wrapped_number(0.0), g.out() * sg.get(g));
  });
}
}  // namespace

Tensor prelu(const Tensor& x, const Tensor& weight) {
  if (const Autocast cast{"prelu", x}) [[unlikely]]
    return cast(prelu, x, weight);
  check(x.dtype() == weight.dtype(), "prelu", "Type promoting not supported. Got ", x.dtype(), " and ", weight.dtype());
  check_floating("prelu_cpu", x);
  Tensor w = weight;
  if (weight.numel() != 1) {
    check(x.dim() > 0, "prelu", "Not allow zero-dim input tensor.");
    const int64_t channels = x.dim() > 1 ? x.shape()[1] : 1;
    check(weight.numel() == channels, "prelu",
          "Mismatch of parameter numbers and input channel size. Found parameter "
          "numbers = ",
          weight.numel(), " and channel size = ", channels, ".");
  }
  check(weight.dim() <= 1, "prelu", "Expected `weight` to be a scalar or 1D tensor, but got: ndim = ", weight.dim());
  Dims shape = Dims::filled(x.dim() > 1 ? x.dim() : 1, 1);
  if (x.dim() > 1) shape[1] = weight.numel();
  if (x.dim() == 0) shape = Dims();
  else if (x.dim() == 1) shape[0] = weight.numel();
  w = view(weight, shape);
  Grad grad({x, w});
  auto sx = grad.save(x), sw = grad.save(w);
  Tensor y = map("prelu", kernels::Prelu{}, x, w);
  if (!grad) return y;
  return grad.record("PreluKernelBackward0", y, [sx, sw](Grads& g) {
    const Tensor x = sx.get(g);
    if (g.wants(0)) g[0] = prelu_slope(g.out(), x, sw.get(g));
    if (g.wants(1)) g[1] = where(gt(x, wrapped_number(0.0)), wrapped_number(0.0), g.out() * x);
  });
}

namespace {
Tensor elu_slope(const Tensor& g, const Tensor& y, const kernels::EluBackward& f) {
  Grad grad({g, y});
  auto sg = grad.save_if(grad.needs(1), g), sy = grad.save(y);
  Tensor dx = map("elu_backward", f, g, y);
  if (!grad) return dx;
  return grad.record("EluBackwardBackward0", dx, [sg, sy, f](Grads& g) {
    const Tensor y = sy.get(g);
    if (g.wants(0)) g[0] = elu_slope(g.out(), y, f);
    if (g.wants(1)) {
      const Tensor down = le(y, wrapped_number(0.0));
      Tensor d = g.out() * sg.get(g) * f.input_scale;
      if (!f.is_result) d = d * f.input_scale * f.alpha * f.scale * exp(y * f.input_scale);
      g[1] = where(down, d, wrapped_number(0.0));
    }
  });
}
Tensor elu_named(const char* name, const Tensor& x, double alpha, double scale, double input_scale, const Dest& dest) {
  check_floating("elu_cpu", x);
  for (double number : {alpha, scale, input_scale}) check_converts(number, compute_dtype(x.dtype()));
  check(!dest.is_in_place() || alpha >= 0 || !x.requires_grad() || !grad_enabled(), "elu_",
        "In-place elu backward calculation is triggered with a negative slope which is not supported.");
  Grad grad({x}, dest);
  const bool by_result = dest.is_in_place();  // x is gone then
  auto sx = grad.save_if(!by_result, x);
  Tensor y = map("elu", kernels::Elu{{}, alpha, scale, input_scale}, x, dest);
  if (!grad) return y;
  auto sy = by_result ? grad.save_output(y) : Saved();
  const kernels::EluBackward f{{}, alpha, scale, input_scale, by_result};
  return grad.record(name, y, [=](Grads& g) { g[0] = elu_slope(g.out(), (f.is_result ? sy : sx).get(g), f); });
}
}  // namespace

Tensor elu(const Tensor& x, Scalar alpha, Scalar scale, Scalar input_scale, Dest dest) {
  return elu_named("EluBackward0", x, alpha.to_double(), scale.to_double(), input_scale.to_double(), dest);
}
Tensor selu(const Tensor& x, Dest dest) {  // Klambauer et al. 2017
  return elu_named("EluBackward0", x, 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1, dest);
}
Tensor celu(const Tensor& x, Scalar alpha, Dest dest) {
  check(alpha.to_double() != 0, "celu", "ZeroDivisionError: alpha cannot be 0 for CELU");
  return elu_named("EluBackward0", x, alpha.to_double(), 1, 1 / alpha.to_double(), dest);
}

Tensor gelu(const Tensor& x, const std::string& approximate, Dest dest) {
  check_floating("GeluKernelImpl", x);
  if (approximate == "tanh")
    return activate("gelu", "GeluBackward0", "GeluBackwardBackward0", kernels::GeluTanh{}, kernels::GeluTanhBackward{},
                    x, dest, [](const Tensor& g, const Tensor& x) {
                      // u = k (x + c x^3), f = x/2 (1 + tanh u): f'' = s^2 u' + x/2 (s^2 u'' - 2 t s^2 u'^2),
                      // s^2 = 1 - t^2
                      const double k = 0.79788456080286535588, c = 0.044715;
                      const Tensor x2 = x * x, t = tanh((x + x2 * x * c) * k), s2 = 1 - t * t;
                      const Tensor u1 = (x2 * (3 * c) + 1) * k, u2 = x * (6 * c * k);
                      return g * (s2 * u1 + x * 0.5 * (s2 * u2 - t * s2 * u1 * u1 * 2));
                    });
  check(approximate == "none", "gelu", "approximate argument must be either none or tanh, got ", approximate);
  return activate("gelu", "GeluBackward0", "GeluBackwardBackward0", kernels::Gelu{}, kernels::GeluBackward{}, x, dest,
                  [](const Tensor& g, const Tensor& x) {  // phi(x) (2 - x^2)
                    return g * exp(x * x * -0.5) * 0.39894228040143267794 * (2 - x * x);
                  });
}

Tensor silu(const Tensor& x, Dest dest) {
  check_floating("silu_cpu", x);
  return activate("silu", "SiluBackward0", "SiluBackwardBackward0", kernels::Silu{}, kernels::SiluBackward{}, x, dest,
                  [](const Tensor& g, const Tensor& x) {
                    const Tensor s = sigmoid(x), d = s * (1 - s);
                    return g * d * (x * (1 - s * 2) + 2);
                  });
}

Tensor mish(const Tensor& x, Dest dest) {  // Misra 2019
  check_floating("mish_cpu", x);
  Grad grad({x}, dest);
  auto sx = grad.save(x);
  Tensor y = map("mish", kernels::Mish{}, x, dest);
  if (!grad) return y;
  return grad.record("MishBackward0", y, [sx](Grads& g) {
    const Tensor x = sx.get(g), t = tanh(softplus(x));
    g[0] = g.out() * (t + x * sigmoid(x) * (1 - t * t));
  });
}

Tensor softplus(const Tensor& x, Scalar beta, Scalar threshold, Dest dest) {
  if (const Autocast cast{"softplus", x, dest}) [[unlikely]]
    return cast(softplus, x, beta, threshold, dest);
  check_floating("softplus_cpu", x);
  for (Scalar number : {beta, threshold}) check_converts(number, compute_dtype(x.dtype()));
  const double b = beta.to_double(), limit = threshold.to_double();
  const kernels::SoftplusBackward backward{{}, b, limit};
  Grad grad({x}, dest);
  auto sx = grad.save(x);
  Tensor y = map("softplus", kernels::Softplus{{}, b, limit}, x, dest);
  if (!grad) return y;
  return grad.record("SoftplusBackward0", y, [sx, backward](Grads& g) {
    const Tensor x = sx.get(g);
    if (!grad_enabled()) {
      g[0] = map("softplus_backward", backward, g.out(), x);
      return;
    }
    const Tensor z = x * backward.beta;
    g[0] = where(gt(z, wrapped_number(backward.threshold)), g.out(), g.out() * sigmoid(z));
  });
}

Tensor log_sigmoid(const Tensor& x, Dest dest) {
  check_floating("log_sigmoid_cpu", x);
  Grad grad({x}, dest);
  auto sx = grad.save(x);
  Tensor y =
      map("log_sigmoid", kernels::LogSigmoid{}, dest ? x : contiguous(detach(x)), dest);  // in C order, as PyTorch
  if (!grad) return y;
  return grad.record("LogSigmoidBackward0", y, [sx](Grads& g) { g[0] = g.out() * sigmoid(-sx.get(g)); });
}

Tensor hardtanh(const Tensor& x, Scalar min_val, Scalar max_val, Dest dest) {
  check(x.dtype() != DType::Bool, "hardtanh", "Bool inputs not supported for hardtanh");
  for (Scalar bound : {min_val, max_val}) check_converts(bound, x.dtype());
  check_value(min_val.to_double() <= max_val.to_double(), "hardtanh", "min_val cannot be greater than max_val");
  return activate("hardtanh", "HardtanhBackward0", "HardtanhBackwardBackward0",
                  kernels::Hardtanh{{}, number(min_val), number(max_val)},
                  kernels::HardtanhBackward{{}, number(min_val), number(max_val)}, x, dest);
}
Tensor hardswish(const Tensor& x, Dest dest) {
  check_floating("hardswish_cpu", x);
  return activate("hardswish", "HardswishBackward0", "HardswishBackwardBackward0", kernels::Hardswish{},
                  kernels::HardswishBackward{}, x, dest, [](const Tensor& g, const Tensor& x) {
                    const Tensor inside = logical_and(gt(x, wrapped_number(-3.0)), lt(x, wrapped_number(3.0)));
                    return where(inside, g * (1.0 / 3), wrapped_number(0.0));
                  });
}
Tensor hardsigmoid(const Tensor& x, Dest dest) {
  check_floating("hardsigmoid_cpu", x);
  return activate("hardsigmoid", "HardsigmoidBackward0", "HardsigmoidBackwardBackward0", kernels::Hardsigmoid{},
                  kernels::HardsigmoidBackward{}, x, dest);
}
Tensor hardshrink(const Tensor& x, Scalar lambd, Dest dest) {
  check_floating("hardshrink_cpu", x);
  check_converts(lambd, x.dtype());
  return activate("hardshrink", "HardshrinkBackward0", "HardshrinkBackwardBackward0",
                  kernels::Hardshrink{{}, lambd.to_double()}, kernels::ShrinkBackward{{}, lambd.to_double()}, x, dest);
}
Tensor softshrink(const Tensor& x, Scalar lambd, Dest dest) {
  check_floating("softshrink_check", x);
  check(lambd.to_double() >= 0, "softshrink", "lambda must be greater or equal to 0, but found to be ",
        lambd.to_double(), ".");
  return activate("softshrink", "SoftshrinkBackward0", "SoftshrinkBackwardBackward0",
                  kernels::Softshrink{{}, lambd.to_double()}, kernels::ShrinkBackward{{}, lambd.to_double()}, x, dest);
}

}  // namespace cnn
