#include "cnn/ops/optim.h"

#include <cmath>

#include "cnn/autograd.h"
#include "cnn/ops/create.h"
#include "kernels/arithmetic.h"
#include "kernels/optim.h"
#include "ops/each.h"
#include "ops/map.h"

namespace cnn {
namespace {

constexpr int kMaxTensors = 5;  // of one parameter: itself, its gradient and up to three of state

bool one_layout(const Tensor& a, const Tensor& b) {
  return (a.is_contiguous() && b.is_contiguous()) || (a.strides() == b.strides() && is_dense(a.shape(), a.strides()));
}

// The tensors of all parameters: lists parallel to the first, that of the parameters. The second are the gradients, the
// others state. Null lists stand for state that is not kept.
class Group {
 public:
  Group(const char* op, std::initializer_list<const Tensors*> lists, const Tensors* steps = nullptr)
      : op_(op), steps_(steps) {
    for (const Tensors* list : lists) lists_[count_++] = list;
    for (int k = 1; k < count_; ++k)
      if (lists_[k]) check_size(*lists_[k]);
    if (steps) check_size(*steps);
    for (size_t i = 0; i < size(); ++i) check_parameter(i);
  }

  size_t size() const { return lists_[0]->size(); }

  // Counts a step of parameter i; returns its number, from 1.
  double advance(size_t i) const {
    NoGrad guard;
    const double t = (*steps_)[i].item().to_double() + 1;
    fill_((*steps_)[i], t);
    return t;
  }

  // Calls run(pointers, n, T) for parameter i, the pointers being null for state that is not kept. Tensors that are not
  // dense in one layout, or have 16 bits, take part as copies.
  template <class Run>
  void with(size_t i, Run run) const {
    const Tensor& p = (*lists_[0])[i];
    const DType key = compute_dtype(p.dtype());
    bool direct = key == p.dtype();
    for (int k = 1; k < count_; ++k) direct = direct && (!lists_[k] || one_layout(p, (*lists_[k])[i]));
    void* data[kMaxTensors] = {};
    Tensor copies[kMaxTensors];
    for (int k = 0; k < count_; ++k) {
      if (!lists_[k]) continue;
      const Tensor& x = (*lists_[k])[i];
      if (k != 1) x.impl()->bump_version();
      if (!direct) {
        copies[k] = empty(x.shape(), key, x.device());
        copy(x, copies[k], key);
      }
      data[k] = direct ? x.raw() : copies[k].raw();
    }
    run(data, p.numel(), key, p.device());
    if (direct) return;
    for (int k = 0; k < count_; ++k)
      if (lists_[k] && k != 1) copy(copies[k], (*lists_[k])[i], key);
  }

 private:
  void check_size(const Tensors& list) const {
    check(list.size() == size(), op_, "expected ", size(), " tensors in each list, as there are parameters, got ",
          list.size());
  }

  void check_parameter(size_t i) const {
    const Tensor& p = (*lists_[0])[i];
    check(is_floating(p.dtype()), op_, "expected floating-point parameters, got ", p.dtype(), " of shape ", p.shape());
    for (int k = 0; k < count_; ++k) {
      if (!lists_[k]) continue;
      const Tensor& x = (*lists_[k])[i];
      const char* what = k == 1 ? "gradient" : "state";
      check(x.shape() == p.shape(), op_, what, " of shape ", x.shape(), " for a parameter of shape ", p.shape());
      check(x.dtype() == p.dtype(), op_, what, " of dtype ", x.dtype(), " for a parameter of dtype ", p.dtype());
      check(x.device() == p.device(), op_, what, " on ", x.device(), " for a parameter on ", p.device());
      if (k != 1) check_no_internal_overlap(op_, x);
    }
    if (!steps_) return;
    const Tensor& step = (*steps_)[i];
    check(step.numel() == 1 && is_floating(step.dtype()) && !step.device().is_meta(), op_,
          "expected step counts of one floating-point element, got ", step.dtype(), " of shape ", step.shape(), " on ",
          step.device());
  }

  void copy(const Tensor& from, const Tensor& to, DType key) const {
    map_into(op_, kernels::Copy{}, {{&to, key}, {&from, key}}, 1, key);
  }

  const char* op_;
  const Tensors* lists_[kMaxTensors] = {};
  int count_ = 0;
  const Tensors* steps_;
};

const Tensors* kept(bool use, const Tensors& list) { return use ? &list : nullptr; }
double sign(bool maximize) { return maximize ? -1.0 : 1.0; }

}  // namespace

void _sgd_step(const Tensors& params, const Tensors& grads, const Tensors& momentum_buffers, double lr, double momentum,
               double dampening, double weight_decay, bool nesterov, bool maximize, bool first) {
  const Group group("_sgd_step", {&params, &grads, kept(momentum != 0, momentum_buffers)});
  for (size_t i = 0; i < group.size(); ++i) {
    group.with(i, [&](void** x, int64_t n, DType t, Device device) {
      each(kernels::SgdStep{x[0], x[1], x[2], lr, momentum, dampening, weight_decay, sign(maximize), nesterov, first},
           n, t, device);
    });
  }
}

void _adam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
                const Tensors& max_exp_avg_sqs, const Tensors& steps, double lr, double beta1, double beta2, double eps,
                double weight_decay, bool amsgrad, bool maximize, bool decoupled) {
  const Group group("_adam_step", {&params, &grads, &exp_avgs, &exp_avg_sqs, kept(amsgrad, max_exp_avg_sqs)}, &steps);
  for (size_t i = 0; i < group.size(); ++i) {
    const double t = group.advance(i);
    const double step_size = lr / (1 - std::pow(beta1, t));
    const double root_scale = 1 / std::sqrt(1 - std::pow(beta2, t));
    group.with(i, [&](void** x, int64_t n, DType key, Device device) {
      each(kernels::AdamStep{x[0], x[1], x[2], x[3], x[4], step_size, root_scale, beta1, beta2, eps, weight_decay,
                             sign(maximize), 1 - lr * weight_decay, decoupled},
           n, key, device);
    });
  }
}

void _adagrad_step(const Tensors& params, const Tensors& grads, const Tensors& sums, const Tensors& steps, double lr,
                   double lr_decay, double eps, double weight_decay, bool maximize) {
  const Group group("_adagrad_step", {&params, &grads, &sums}, &steps);
  for (size_t i = 0; i < group.size(); ++i) {
    const double rate = lr / (1 + (group.advance(i) - 1) * lr_decay);
    group.with(i, [&](void** x, int64_t n, DType key, Device device) {
      each(kernels::AdagradStep{x[0], x[1], x[2], rate, eps, weight_decay, sign(maximize)}, n, key, device);
    });
  }
}

void _rmsprop_step(const Tensors& params, const Tensors& grads, const Tensors& square_avgs, const Tensors& grad_avgs,
                   const Tensors& momentum_buffers, const Tensors& steps, double lr, double alpha, double eps,
                   double weight_decay, double momentum, bool centered, bool maximize) {
  const Group group("_rmsprop_step",
                    {&params, &grads, &square_avgs, kept(centered, grad_avgs), kept(momentum > 0, momentum_buffers)},
                    &steps);
  for (size_t i = 0; i < group.size(); ++i) {
    group.advance(i);
    group.with(i, [&](void** x, int64_t n, DType key, Device device) {
      each(kernels::RmspropStep{x[0], x[1], x[2], x[3], x[4], lr, alpha, eps, weight_decay, momentum, sign(maximize)},
           n, key, device);
    });
  }
}

}  // namespace cnn
