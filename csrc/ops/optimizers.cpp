#include "cnn/autograd.h"
#include "cnn/check.h"
#include "cnn/ops/create.h"
#include "cnn/ops/optim.h"
#include "cnn/optim.h"

namespace cnn {

namespace {

Tensors chosen(const Tensors& all, const std::vector<size_t>& which) {
  Tensors some;
  for (const size_t i : which) some.push_back(all[i]);
  return some;
}

Tensors gradients(const Tensors& parameters) {
  Tensors grads;
  for (const Tensor& p : parameters) grads.push_back(p.grad());
  return grads;
}

void check_range(const char* op, const char* what, double value, bool below_one = false) {
  check_value(value >= 0 && !(below_one && value >= 1), op, "Invalid ", what, ": ", value);
}

}  // namespace

Optimizer::Optimizer(Tensors parameters) : parameters_(std::move(parameters)) {
  check_value(!parameters_.empty(), "Optimizer", "optimizer got an empty parameter list");
  for (const Tensor& p : parameters_) check_value(p.is_leaf(), "Optimizer", "can't optimize a non-leaf Tensor");
}

void Optimizer::zero_grad() {
  for (const Tensor& p : parameters_) p.set_grad(Tensor());
}

std::vector<size_t> Optimizer::moving() const {
  std::vector<size_t> which;
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (parameters_[i].grad().defined()) which.push_back(i);
  return which;
}

SGD::SGD(Tensors parameters, SGDOptions given)
    : Optimizer(std::move(parameters)), options(given), buffers_(parameters_.size()) {
  check_range("SGD", "learning rate", options.lr);
  check_range("SGD", "momentum value", options.momentum);
  check_range("SGD", "weight_decay value", options.weight_decay);
  check_value(!options.nesterov || (options.momentum > 0 && options.dampening == 0), "SGD",
              "Nesterov momentum requires a momentum and zero dampening");
}

void SGD::step() {
  NoGrad guard;
  const auto move = [this](const std::vector<size_t>& which, const Tensors& buffers, bool first) {
    if (which.empty()) return;
    const Tensors params = chosen(parameters_, which);
    _sgd_step(params, gradients(params), buffers, options.lr, options.momentum, options.dampening, options.weight_decay,
              options.nesterov, options.maximize, first);
  };
  if (options.momentum == 0) return move(moving(), {}, false);
  std::vector<size_t> fresh, known;
  for (const size_t i : moving()) (buffers_[i].defined() ? known : fresh).push_back(i);
  Tensors made;
  for (const size_t i : fresh) made.push_back(zeros_like(parameters_[i]));
  move(fresh, made, true);
  for (size_t i = 0; i < fresh.size(); ++i) buffers_[fresh[i]] = made[i];
  move(known, chosen(buffers_, known), false);
}

Adam::Adam(Tensors parameters, AdamOptions given) : Adam(std::move(parameters), given, false) {}

Adam::Adam(Tensors parameters, AdamOptions given, bool decoupled)
    : Optimizer(std::move(parameters)), options(given), decoupled_(decoupled) {
  check_range("Adam", "learning rate", options.lr);
  check_range("Adam", "epsilon value", options.eps);
  check_range("Adam", "beta parameter at index 0", options.beta1, true);
  check_range("Adam", "beta parameter at index 1", options.beta2, true);
  check_range("Adam", "weight_decay value", options.weight_decay);
  for (const Tensor& p : parameters_) {
    means_.push_back(zeros_like(p));
    squares_.push_back(zeros_like(p));
    if (options.amsgrad) largest_.push_back(zeros_like(p));
    steps_.push_back(zeros({}, DType::Float32));
  }
}

void Adam::step() {
  const std::vector<size_t> which = moving();
  if (which.empty()) return;
  NoGrad guard;
  const Tensors params = chosen(parameters_, which);
  _adam_step(params, gradients(params), chosen(means_, which), chosen(squares_, which),
             options.amsgrad ? chosen(largest_, which) : Tensors(), chosen(steps_, which), options.lr, options.beta1,
             options.beta2, options.eps, options.weight_decay, options.amsgrad, options.maximize, decoupled_);
}

}  // namespace cnn
