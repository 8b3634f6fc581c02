// Optimizers, with Python's defaults: a list of parameters, and steps from their gradients.
//
//   cnn::Adam optimizer(parameters, {.lr = 0.01});
//   optimizer.zero_grad();
//   cnn::backward({loss});
//   optimizer.step();
#pragma once

#include "cnn/tensor.h"

namespace cnn {

class CNN_API Optimizer {
 public:
  // RuntimeError for none, and for tensors that are no leaves with requires_grad.
  explicit Optimizer(Tensors parameters);
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;

  // Moves every parameter that has a gradient.
  virtual void step() = 0;
  // Takes the gradients away.
  void zero_grad();
  const Tensors& parameters() const { return parameters_; }

 protected:
  // Of the parameters that have a gradient: their numbers.
  std::vector<size_t> moving() const;
  Tensors parameters_;
};

struct SGDOptions {
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false, maximize = false;
};
// Stochastic gradient descent, with momentum (Sutskever et al. 2013).
class CNN_API SGD final : public Optimizer {
 public:
  explicit SGD(Tensors parameters, SGDOptions options = {});
  void step() override;
  SGDOptions options;

 private:
  Tensors buffers_;  // of momentum; undefined before a parameter's first step
};

struct AdamOptions {
  double lr = 1e-3, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool amsgrad = false, maximize = false;
};
// Adam (Kingma and Ba 2015), AMSGrad (Reddi et al. 2018).
class CNN_API Adam : public Optimizer {
 public:
  explicit Adam(Tensors parameters, AdamOptions options = {});
  void step() override;
  AdamOptions options;

 protected:
  Adam(Tensors parameters, AdamOptions options, bool decoupled);

 private:
  bool decoupled_;  // is the decay applied to the parameter, not to the gradient?
  Tensors means_, squares_, largest_, steps_;
};

// Adam with decoupled weight decay (Loshchilov and Hutter 2019).
class CNN_API AdamW final : public Adam {
 public:
  explicit AdamW(Tensors parameters, AdamOptions options = {.weight_decay = 1e-2})
      : Adam(std::move(parameters), options, true) {}
};

}  // namespace cnn
