// Bindings of the optimizer steps: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/optim.h"

namespace cnn::python {

void bind_optim(Registry& ops) {
  ops.def_op<&cnn::_sgd_step>(
      "_sgd_step(Tensors params, Tensors grads, Tensors momentum_buffers, float lr, float momentum, float dampening, "
      "float weight_decay, bool nesterov, bool maximize, bool first) -> None",
      "One step of SGD over a group.", kFunctionOnly);
  ops.def_op<&cnn::_adam_step>(
      "_adam_step(Tensors params, Tensors grads, Tensors exp_avgs, Tensors exp_avg_sqs, Tensors max_exp_avg_sqs, "
      "Tensors steps, float lr, float beta1, float beta2, float eps, float weight_decay, bool amsgrad, bool maximize, "
      "bool decoupled) -> None",
      "One step of Adam or AdamW over a group.", kFunctionOnly);
  ops.def_op<&cnn::_adagrad_step>(
      "_adagrad_step(Tensors params, Tensors grads, Tensors sums, Tensors steps, float lr, float lr_decay, float eps, "
      "float weight_decay, bool maximize) -> None",
      "One step of Adagrad over a group.", kFunctionOnly);
  ops.def_op<&cnn::_rmsprop_step>(
      "_rmsprop_step(Tensors params, Tensors grads, Tensors square_avgs, Tensors grad_avgs, Tensors momentum_buffers, "
      "Tensors steps, float lr, float alpha, float eps, float weight_decay, float momentum, bool centered, "
      "bool maximize) -> None",
      "One step of RMSprop over a group.", kFunctionOnly);
}

}  // namespace cnn::python
