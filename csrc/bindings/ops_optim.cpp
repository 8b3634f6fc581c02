// Bindings of the optimizer steps: a line per op, and nothing else.
#include "bindings/def_op.h"
#include "bindings/ops.h"
#include "cnn/ops/optim.h"

namespace cnn::python {

void bind_optim(Registry& ops) {
  ops.def_op<&cnn::_sgd_step>(
      "_sgd_step(Tensors params, Tensors grads, Tensors momentum_buffers, float lr, float momentum, float dampening, "
      "float weight_decay, bool nesterov, bool maximize, bool first, Tensor? rate=None) -> None",
      "One step of SGD over a group.", kFunctionOnly);
  ops.def_op<&cnn::_adam_step>(
      "_adam_step(Tensors params, Tensors grads, Tensors exp_avgs, Tensors exp_avg_sqs, Tensors max_exp_avg_sqs, "
      "Tensors steps, float lr, float beta1, float beta2, float eps, float weight_decay, bool amsgrad, bool maximize, "
      "bool decoupled, Tensor? rate=None) -> None",
      "One step of Adam or AdamW over a group.", kFunctionOnly);
  ops.def_op<&cnn::_adagrad_step>(
      "_adagrad_step(Tensors params, Tensors grads, Tensors sums, Tensors steps, float lr, float lr_decay, float eps, "
      "float weight_decay, bool maximize, Tensor? rate=None) -> None",
      "One step of Adagrad over a group.", kFunctionOnly);
  ops.def_op<&cnn::_rmsprop_step>(
      "_rmsprop_step(Tensors params, Tensors grads, Tensors square_avgs, Tensors grad_avgs, Tensors momentum_buffers, "
      "Tensors steps, float lr, float alpha, float eps, float weight_decay, float momentum, bool centered, "
      "bool maximize, Tensor? rate=None) -> None",
      "One step of RMSprop over a group.", kFunctionOnly);
  ops.def_op<&cnn::_adadelta_step>(
      "_adadelta_step(Tensors params, Tensors grads, Tensors square_avgs, Tensors acc_deltas, Tensors steps, float lr, "
      "float rho, float eps, float weight_decay, bool maximize, Tensor? rate=None) -> None",
      "One step of Adadelta over a group.", kFunctionOnly);
  ops.def_op<&cnn::_adamax_step>(
      "_adamax_step(Tensors params, Tensors grads, Tensors exp_avgs, Tensors exp_infs, Tensors steps, float lr, "
      "float beta1, float beta2, float eps, float weight_decay, bool maximize, Tensor? rate=None) -> None",
      "One step of Adamax over a group.", kFunctionOnly);
  ops.def_op<&cnn::_nadam_step>(
      "_nadam_step(Tensors params, Tensors grads, Tensors exp_avgs, Tensors exp_avg_sqs, Tensors mu_products, "
      "Tensors steps, float lr, float beta1, float beta2, float eps, float weight_decay, float momentum_decay, "
      "bool decoupled, bool maximize, Tensor? rate=None) -> None",
      "One step of NAdam over a group.", kFunctionOnly);
  ops.def_op<&cnn::_radam_step>(
      "_radam_step(Tensors params, Tensors grads, Tensors exp_avgs, Tensors exp_avg_sqs, Tensors steps, float lr, "
      "float beta1, float beta2, float eps, float weight_decay, bool decoupled, bool maximize, "
      "Tensor? rate=None) -> None",
      "One step of RAdam over a group.", kFunctionOnly);
  ops.def_op<&cnn::_rprop_step>(
      "_rprop_step(Tensors params, Tensors grads, Tensors prevs, Tensors step_sizes, Tensors steps, float etaminus, "
      "float etaplus, float step_size_min, float step_size_max, bool maximize) -> None",
      "One step of Rprop over a group.", kFunctionOnly);
  ops.def_op<&cnn::_asgd_step>(
      "_asgd_step(Tensors params, Tensors grads, Tensors axs, Tensors mus, Tensors etas, Tensors steps, float lr, "
      "float lambd, float alpha, float t0, float weight_decay, bool maximize, Tensor? rate=None) -> None",
      "One step of ASGD over a group.", kFunctionOnly);
  ops.def_op<&cnn::_scale_all_>(
      "_scale_all_(Tensors tensors, Tensor factor, float? max_norm=None) -> None",
      "Multiplies all of them by one number, in place; with max_norm, by what clips that norm.", kFunctionOnly);
  ops.def_op<&cnn::_norm_of_all>("_norm_of_all(Tensors tensors) -> Tensor",
                                 "The Euclidean norm of all elements of tensors of one dtype and device.",
                                 kFunctionOnly);
}

}  // namespace cnn::python
