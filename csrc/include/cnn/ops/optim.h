// One step of an optimizer over all parameters of a group. The formulas stand in csrc/kernels/optim.h.
//
// Lists run parallel to `params`; a list of state that the options do not use is empty. `steps` are 0-d tensors that
// count the steps of each parameter, and are advanced first: on the CPU, or on the parameter's GPU, where a graph goes
// on counting. `rate` stands for `lr` where that is a tensor. Nothing is recorded. RuntimeError when lengths, shapes,
// dtypes or devices differ, before anything is written.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

// `momentum_buffers` is empty without momentum; `first`: they hold nothing yet.
CNN_API void _sgd_step(const Tensors& params, const Tensors& grads, const Tensors& momentum_buffers, double lr,
                       double momentum, double dampening, double weight_decay, bool nesterov, bool maximize, bool first,
                       const std::optional<Tensor>& rate = {});
CNN_API void _adam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs,
                        const Tensors& exp_avg_sqs, const Tensors& max_exp_avg_sqs, const Tensors& steps, double lr,
                        double beta1, double beta2, double eps, double weight_decay, bool amsgrad, bool maximize,
                        bool decoupled, const std::optional<Tensor>& rate = {});
CNN_API void _adagrad_step(const Tensors& params, const Tensors& grads, const Tensors& sums, const Tensors& steps,
                           double lr, double lr_decay, double eps, double weight_decay, bool maximize,
                           const std::optional<Tensor>& rate = {});
CNN_API void _rmsprop_step(const Tensors& params, const Tensors& grads, const Tensors& square_avgs,
                           const Tensors& grad_avgs, const Tensors& momentum_buffers, const Tensors& steps, double lr,
                           double alpha, double eps, double weight_decay, double momentum, bool centered, bool maximize,
                           const std::optional<Tensor>& rate = {});

CNN_API void _adadelta_step(const Tensors& params, const Tensors& grads, const Tensors& square_avgs,
                            const Tensors& acc_deltas, const Tensors& steps, double lr, double rho, double eps,
                            double weight_decay, bool maximize, const std::optional<Tensor>& rate = {});
CNN_API void _adamax_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_infs,
                          const Tensors& steps, double lr, double beta1, double beta2, double eps, double weight_decay,
                          bool maximize, const std::optional<Tensor>& rate = {});
// `mu_products`, as well as `mus` and `etas` below, are numbers like the steps.
CNN_API void _nadam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs,
                         const Tensors& exp_avg_sqs, const Tensors& mu_products, const Tensors& steps, double lr,
                         double beta1, double beta2, double eps, double weight_decay, double momentum_decay,
                         bool decoupled, bool maximize, const std::optional<Tensor>& rate = {});
CNN_API void _radam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs,
                         const Tensors& exp_avg_sqs, const Tensors& steps, double lr, double beta1, double beta2,
                         double eps, double weight_decay, bool decoupled, bool maximize,
                         const std::optional<Tensor>& rate = {});
CNN_API void _rprop_step(const Tensors& params, const Tensors& grads, const Tensors& prevs, const Tensors& step_sizes,
                         const Tensors& steps, double etaminus, double etaplus, double step_size_min,
                         double step_size_max, bool maximize);
CNN_API void _asgd_step(const Tensors& params, const Tensors& grads, const Tensors& axs, const Tensors& mus,
                        const Tensors& etas, const Tensors& steps, double lr, double lambd, double alpha, double t0,
                        double weight_decay, bool maximize, const std::optional<Tensor>& rate = {});

// Multiplies all of them by a number that may lie on a GPU, in place. With a `max_norm` that number is a norm, and they
// are multiplied by max_norm / (norm + 1e-6), but by 1 at most.
CNN_API void _scale_all_(const Tensors& tensors, const Tensor& factor, std::optional<double> max_norm = {});

// The Euclidean norm of all elements of tensors of one dtype and device.
CNN_API Tensor _norm_of_all(const Tensors& tensors);

}  // namespace cnn
