// Bindings of the activation ops: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/activation.h"

namespace cnn::python {

void bind_activation(Registry& ops) {
  ops.def_op<&cnn::relu>("relu(Tensor input) -> Tensor", "max(input, 0).", kNoOut);
  ops.def_op<&cnn::threshold>("threshold(Tensor input, Number threshold, Number value) -> Tensor",
                              "input where above threshold, else value.", kFunctionOnly);
  ops.def_op<&cnn::leaky_relu>("leaky_relu(Tensor input, Number negative_slope=0.01) -> Tensor",
                               "input, times the slope where negative.", kFunctionOnly);
  ops.def_op<&cnn::prelu>("prelu(Tensor input, Tensor weight) -> Tensor", "leaky_relu with a learnt slope a channel.");
  ops.def_op<&cnn::elu>("elu(Tensor input, Number alpha=1, Number scale=1, Number input_scale=1) -> Tensor",
                        "input, alpha * (exp(input) - 1) where negative.", kFunctionOnly);
  ops.def_op<&cnn::selu>("selu(Tensor input) -> Tensor", "Self-normalising elu (Klambauer et al. 2017).",
                         kFunctionOnly | kNoOut);
  ops.def_op<&cnn::celu>("celu(Tensor input, Number alpha=1.0) -> Tensor",
                         "max(0, x) + min(0, alpha * (exp(x / alpha) - 1)).", kFunctionOnly | kNoOut);
  ops.def_op<&cnn::gelu>("gelu(Tensor input, *, str approximate='none') -> Tensor",
                         "x * Phi(x) (Hendrycks and Gimpel 2016).", kFunctionOnly);
  ops.def_op<&cnn::silu>("silu(Tensor input) -> Tensor", "x * sigmoid(x).", kFunctionOnly);
  ops.def_op<&cnn::mish>("mish(Tensor input) -> Tensor", "x * tanh(softplus(x)) (Misra 2019).", kFunctionOnly);
  ops.def_op<&cnn::softplus>("softplus(Tensor input, Number beta=1, Number threshold=20) -> Tensor",
                             "log(1 + exp(beta * x)) / beta.", kFunctionOnly | kNoInPlace);
  ops.def_op<&cnn::log_sigmoid>("log_sigmoid(Tensor input) -> Tensor", "log(sigmoid(x)).", kFunctionOnly | kNoInPlace);
  ops.def_op<&cnn::hardtanh>("hardtanh(Tensor input, Number min_val=-1, Number max_val=1) -> Tensor",
                             "Limited to [min_val, max_val].", kFunctionOnly);
  ops.def_op<&cnn::hardswish>("hardswish(Tensor input) -> Tensor", "x * relu6(x + 3) / 6 (Howard et al. 2019).",
                              kFunctionOnly);
  ops.def_op<&cnn::hardsigmoid>("hardsigmoid(Tensor input) -> Tensor", "relu6(x + 3) / 6.", kFunctionOnly);
  ops.def_op<&cnn::hardshrink>("hardshrink(Tensor input, Number lambd=0.5) -> Tensor", "0 within [-lambd, lambd].",
                               kNoInPlace);
  ops.def_op<&cnn::softshrink>("softshrink(Tensor input, Number lambd=0.5) -> Tensor", "Moved towards 0 by lambd.",
                               kFunctionOnly | kNoInPlace);
  ops.def_op<&cnn::mse_loss>("mse_loss(Tensor input, Tensor target, int reduction=1) -> Tensor", "Squared error.",
                             kFunctionOnly);
  ops.def_op<&cnn::smooth_l1_loss>(
      "smooth_l1_loss(Tensor input, Tensor target, int reduction=1, float beta=1.0) -> Tensor",
      "Squared below beta, absolute above (Girshick 2015).", kFunctionOnly);
  ops.def_op<&cnn::huber_loss>("huber_loss(Tensor input, Tensor target, int reduction=1, float delta=1.0) -> Tensor",
                               "Squared below delta, linear above (Huber 1964).", kFunctionOnly);
  ops.def_op<&cnn::binary_cross_entropy>(
      "binary_cross_entropy(Tensor input, Tensor target, Tensor? weight=None, int reduction=1) -> Tensor",
      "-(t log x + (1 - t) log(1 - x)).", kFunctionOnly);
  ops.def_op<&cnn::binary_cross_entropy_with_logits>(
      "binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight=None, Tensor? pos_weight=None, "
      "int reduction=1) -> Tensor",
      "binary_cross_entropy of sigmoid(input), stable.", kFunctionOnly);
}

}  // namespace cnn::python
