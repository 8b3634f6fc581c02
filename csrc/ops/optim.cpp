#include "cnn/ops/optim.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <unordered_set>
#include <vector>

#include "cnn/autograd.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/reduce.h"
#include "kernels/arithmetic.h"
#include "kernels/optim.h"
#include "ops/each.h"
#include "ops/map.h"

namespace cnn {
namespace {

constexpr int kMaxTensors = 5;  // of one parameter: itself, its gradient and up to three of state

// Floats of 8 bits are only stored.
bool computes_in(DType t) { return is_floating(t) && !is_stored(t); }

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

  // The same of steps whose functor's numbers `of` follow by a formula from the rate, from the step's own number and
  // from numbers that are kept with it, a list for each. Where a count lies on a GPU, or the rate of a step that is not
  // counted, all of them are counted there in one launch.
  template <class Of, class Make>
  void run_counted(const Of& formula, double lr, const std::optional<Tensor>& rate, const Make& make,
                   std::initializer_list<const Tensors*> kept = {}) const {
    using F = decltype(make(size_t(0), static_cast<void**>(nullptr)));
    NoGrad guard;
    const auto on_gpu = [&](size_t i) {
      return steps_ ? (*steps_)[i].device().is_cuda() : rate.has_value() && (*lists_[0])[i].device().is_cuda();
    };
    for (const Tensors* list : kept) check_size(*list);
    bool some = false, others = false;
    for (size_t i = 0; i < size(); ++i) {
      (on_gpu(i) ? some : others) = true;
      for (const Tensors* list : kept) {
        const Tensor &x = (*list)[i], &step = (*steps_)[i];
        check_number(x, i);
        check(!on_gpu(i) || (x.device() == step.device() && x.dtype() == step.dtype()), op_,
              "expected numbers like the step count, of ", step.dtype(), " on ", step.device(), ", got ", x.dtype(),
              " on ", x.device());
      }
    }
    check(!rate || (rate->numel() == 1 && computes_in(rate->dtype())), op_,
          "expected a rate of one floating-point element");
    if (others) {
      const double own = rate ? rate->item().to_double() : lr;
      run_where([&](size_t i) { return !some || !on_gpu(i); },
                [&](size_t i, void** x) {
                  F f = make(i, x);
                  f.of = counted_here(formula, own, i, kept);
                  return f;
                });
    }
    if (!some) return;
    const Written written = counted_there(formula, lr, rate, on_gpu, kept);
    run_where(on_gpu, [&](size_t i, void** x) { return kernels::Counted<F>{make(i, x), written.at[i]}; });
  }

  // Runs the functor make(i, pointers) for each parameter, the pointers being null for state that is not kept: all of
  // them at once where the device likes that. Tensors that are not dense in one layout, or have 16 bits, take part as
  // copies.
  template <class Make>
  void run(const Make& make) const {
    run_where([](size_t) { return true; }, make);
  }

 private:
  template <class Where, class Make>
  void run_where(const Where& takes_part, const Make& make) const {
    using F = decltype(make(size_t(0), static_cast<void**>(nullptr)));
    std::vector<Part> parts;
    std::vector<F> functors;
    std::unordered_set<const void*> there;  // one that is given twice moves twice
    const auto flush = [&] {
      run_together(parts, functors);
      parts.clear();
      functors.clear();
      there.clear();
    };
    for (size_t i = 0; i < size(); ++i) {
      if (!takes_part(i)) continue;
      const Tensor& p = (*lists_[0])[i];
      if (!backend(p.device()).each_many) {
        Part part = part_of(i);
        each(make(i, part.data), part.n, part.key, part.device);
        give_back(part);
        continue;
      }
      const bool fits = parts.empty() || (parts[0].device == p.device() && parts[0].key == compute_dtype(p.dtype()));
      if (!fits || (p.numel() > 0 && there.count(p.raw()))) flush();
      there.insert(p.raw());
      Part part = part_of(i);
      functors.push_back(make(i, part.data));
      parts.push_back(std::move(part));
    }
    flush();
  }

  template <class Of>
  auto counted_here(const Of& formula, double lr, size_t i, std::initializer_list<const Tensors*> kept) const {
    double t = 0, held[2] = {};
    if (steps_) {
      t = (*steps_)[i].item().to_double() + 1;
      fill_((*steps_)[i], t);
    }
    int k = 0;
    for (const Tensors* list : kept) held[k++] = (*list)[i].item().to_double();
    const bool wide = k > 0 && (**kept.begin())[i].dtype() == DType::Float64;
    const auto of = wide ? formula.template at<double>(t, lr, held) : formula.template at<float>(t, lr, held);
    k = 0;
    for (const Tensors* list : kept) fill_((*list)[i], held[k++]);
    return of;
  }

  // Where the numbers of each parameter stand on its GPU.
  struct Written {
    Tensors memory;
    std::vector<void*> at;
  };
  template <class Of, class Where>
  Written counted_there(const Of& formula, double lr, const std::optional<Tensor>& rate, const Where& on_gpu,
                        std::initializer_list<const Tensors*> kept) const {
    using Numbers = decltype(formula.template at<float>(0, 0, nullptr));
    constexpr int64_t kSlot = 4;  // doubles
    static_assert(sizeof(Numbers) <= kSlot * sizeof(double));
    Written written{{}, std::vector<void*>(size())};
    Tensor memory, own;  // on the device at hand
    std::vector<kernels::Count<Of>> functors;
    DType key = DType::Float32;
    std::unordered_set<const void*> there;  // a count that is given twice counts twice
    const auto flush = [&] {
      if (functors.empty()) return;
      std::vector<EachCall> calls(functors.size());
      for (size_t k = 0; k < calls.size(); ++k) {
        calls[k].functor = &functors[k];
        calls[k].n = 1;
        calls[k].dtype = key;
      }
      backend(memory.device()).each_many(kernels::IdOf<kernels::Count<Of>>::value, calls.data(), int(calls.size()));
      functors.clear();
      there.clear();
    };
    for (size_t i = 0; i < size(); ++i) {
      if (!on_gpu(i)) continue;
      const Device device = (*lists_[0])[i].device();
      const Tensor* const step = steps_ ? &(*steps_)[i] : nullptr;
      const DType t = step ? step->dtype() : DType::Float32;
      const bool fits = memory.defined() && memory.device() == device && key == t;
      if (!fits || (step && there.count(step->raw()))) flush();
      if (!memory.defined() || memory.device() != device) {
        memory = empty({int64_t(size()) * kSlot}, DType::Float64, device);
        written.memory.push_back(memory);
        if (rate) {
          own = to(*rate, DType::Float64, device);
          written.memory.push_back(own);
        }
      }
      key = t;
      kernels::Count<Of> f{formula, nullptr, {}, rate ? static_cast<const double*>(own.raw()) : nullptr, lr, nullptr};
      f.numbers = written.at[i] = static_cast<double*>(memory.raw()) + int64_t(i) * kSlot;
      if (step) {
        f.step = step->raw();
        there.insert(f.step);
        step->impl()->bump_version();
      }
      int k = 0;
      for (const Tensors* list : kept) {
        f.kept[k++] = (*list)[i].raw();
        (*list)[i].impl()->bump_version();
      }
      functors.push_back(f);
    }
    flush();
    return written;
  }

  void check_size(const Tensors& list) const {
    check(list.size() == size(), op_, "expected ", size(), " tensors in each list, as there are parameters, got ",
          list.size());
  }

  void check_parameter(size_t i) const {
    const Tensor& p = (*lists_[0])[i];
    check(computes_in(p.dtype()), op_, "expected floating-point parameters, got ", p.dtype(), " of shape ", p.shape());
    check_no_internal_overlap(op_, p);
    for (int k = 0; k < count_; ++k) {
      if (!lists_[k]) continue;
      const Tensor& x = (*lists_[k])[i];
      const char* what = k == 1 ? "gradient" : "state";
      check(x.shape() == p.shape(), op_, what, " of shape ", x.shape(), " for a parameter of shape ", p.shape());
      check(x.dtype() == p.dtype(), op_, what, " of dtype ", x.dtype(), " for a parameter of dtype ", p.dtype());
      check(x.device() == p.device(), op_, what, " on ", x.device(), " for a parameter on ", p.device());
      if (k != 1) check_no_internal_overlap(op_, x);
    }
    if (steps_) check_number((*steps_)[i], i);
  }

  void check_number(const Tensor& x, size_t i) const {
    const DType t = x.dtype();
    check(x.numel() == 1 && computes_in(t) && !x.device().is_meta(), op_,
          "expected step counts of one floating-point element, got ", t, " of shape ", x.shape(), " on ", x.device());
    if (x.device().is_cpu()) return;
    const Device device = (*lists_[0])[i].device();
    check(x.device() == device, op_, "a step count on ", x.device(), " for a parameter on ", device);
    check(t == DType::Float32 || t == DType::Float64, op_, "expected step counts of float32 or float64 on a GPU, got ",
          t);
  }

  // Parameter i as functors see it.
  struct Part {
    size_t i;
    int64_t n;
    DType key;
    Device device;
    bool direct;
    void* data[kMaxTensors] = {};
    Tensor copies[kMaxTensors] = {};
  };

  Part part_of(size_t i) const {
    const Tensor& p = (*lists_[0])[i];
    Part part{i, p.numel(), compute_dtype(p.dtype()), p.device(), true};
    part.direct = part.key == p.dtype() && is_dense(p.shape(), p.strides());
    for (int k = 1; k < count_; ++k) part.direct &= !lists_[k] || one_layout(p, (*lists_[k])[i]);
    for (int k = 0; k < count_; ++k) {
      if (!lists_[k]) continue;
      const Tensor& x = (*lists_[k])[i];
      if (k != 1) x.impl()->bump_version();
      if (!part.direct) {
        part.copies[k] = empty(x.shape(), part.key, x.device());
        copy(x, part.copies[k], part.key);
      }
      part.data[k] = part.direct ? x.raw() : part.copies[k].raw();
    }
    return part;
  }

  void give_back(const Part& part) const {
    if (part.direct) return;
    for (int k = 0; k < count_; ++k)
      if (lists_[k] && k != 1) copy(part.copies[k], (*lists_[k])[part.i], part.key);
  }

  template <class F>
  void run_together(const std::vector<Part>& parts, const std::vector<F>& functors) const {
    if (parts.empty()) return;
    std::vector<EachCall> calls;
    for (size_t k = 0; k < parts.size(); ++k) {
      if (parts[k].n == 0) continue;
      EachCall& call = calls.emplace_back();
      call.functor = &functors[k];
      call.n = parts[k].n;
      call.dtype = parts[k].key;
    }
    if (!calls.empty()) backend(parts[0].device).each_many(kernels::IdOf<F>::value, calls.data(), int(calls.size()));
    for (const Part& part : parts) give_back(part);
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
kernels::Moments moments(void** x, double beta1, double beta2, double eps, double weight_decay, bool decoupled,
                         bool maximize) {
  return {x[0], x[1], x[2], x[3], beta1, beta2, eps, weight_decay, sign(maximize), decoupled};
}

}  // namespace

void _sgd_step(const Tensors& params, const Tensors& grads, const Tensors& momentum_buffers, double lr, double momentum,
               double dampening, double weight_decay, bool nesterov, bool maximize, bool first,
               const std::optional<Tensor>& rate) {
  const Group group("_sgd_step", {&params, &grads, kept(momentum != 0, momentum_buffers)});
  group.run_counted(kernels::OfSgd{}, lr, rate, [&](size_t, void** x) {
    return kernels::SgdStep{x[0], x[1], x[2], momentum, dampening, weight_decay, sign(maximize), nesterov, first};
  });
}

void _adam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
                const Tensors& max_exp_avg_sqs, const Tensors& steps, double lr, double beta1, double beta2, double eps,
                double weight_decay, bool amsgrad, bool maximize, bool decoupled, const std::optional<Tensor>& rate) {
  const Group group("_adam_step", {&params, &grads, &exp_avgs, &exp_avg_sqs, kept(amsgrad, max_exp_avg_sqs)}, &steps);
  group.run_counted(kernels::OfAdam{beta1, beta2, weight_decay}, lr, rate, [&](size_t, void** x) {
    return kernels::AdamStep{moments(x, beta1, beta2, eps, weight_decay, decoupled, maximize), x[4]};
  });
}

void _adagrad_step(const Tensors& params, const Tensors& grads, const Tensors& sums, const Tensors& steps, double lr,
                   double lr_decay, double eps, double weight_decay, bool maximize, const std::optional<Tensor>& rate) {
  const Group group("_adagrad_step", {&params, &grads, &sums}, &steps);
  group.run_counted(kernels::OfAdagrad{lr_decay}, lr, rate, [&](size_t, void** x) {
    return kernels::AdagradStep{x[0], x[1], x[2], eps, weight_decay, sign(maximize)};
  });
}

void _rmsprop_step(const Tensors& params, const Tensors& grads, const Tensors& square_avgs, const Tensors& grad_avgs,
                   const Tensors& momentum_buffers, const Tensors& steps, double lr, double alpha, double eps,
                   double weight_decay, double momentum, bool centered, bool maximize,
                   const std::optional<Tensor>& rate) {
  const Group group("_rmsprop_step",
                    {&params, &grads, &square_avgs, kept(centered, grad_avgs), kept(momentum > 0, momentum_buffers)},
                    &steps);
  group.run_counted(kernels::OfRmsprop{}, lr, rate, [&](size_t, void** x) {
    return kernels::RmspropStep{x[0], x[1], x[2], x[3], x[4], alpha, eps, weight_decay, momentum, sign(maximize)};
  });
}

void _adadelta_step(const Tensors& params, const Tensors& grads, const Tensors& square_avgs, const Tensors& acc_deltas,
                    const Tensors& steps, double lr, double rho, double eps, double weight_decay, bool maximize,
                    const std::optional<Tensor>& rate) {
  const Group group("_adadelta_step", {&params, &grads, &square_avgs, &acc_deltas}, &steps);
  group.run_counted(kernels::OfAdadelta{}, lr, rate, [&](size_t, void** x) {
    return kernels::AdadeltaStep{x[0], x[1], x[2], x[3], rho, eps, weight_decay, sign(maximize)};
  });
}

void _adamax_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_infs,
                  const Tensors& steps, double lr, double beta1, double beta2, double eps, double weight_decay,
                  bool maximize, const std::optional<Tensor>& rate) {
  const Group group("_adamax_step", {&params, &grads, &exp_avgs, &exp_infs}, &steps);
  group.run_counted(kernels::OfAdamax{beta1}, lr, rate, [&](size_t, void** x) {
    return kernels::AdamaxStep{x[0], x[1], x[2], x[3], beta1, beta2, eps, weight_decay, sign(maximize)};
  });
}

void _nadam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
                 const Tensors& mu_products, const Tensors& steps, double lr, double beta1, double beta2, double eps,
                 double weight_decay, double momentum_decay, bool decoupled, bool maximize,
                 const std::optional<Tensor>& rate) {
  const Group group("_nadam_step", {&params, &grads, &exp_avgs, &exp_avg_sqs}, &steps);
  group.run_counted(kernels::OfNadam{beta1, beta2, weight_decay, momentum_decay}, lr, rate,
                    [&](size_t, void** x) {
                      return kernels::NadamStep{moments(x, beta1, beta2, eps, weight_decay, decoupled, maximize)};
                    },
                    {&mu_products});
}

void _radam_step(const Tensors& params, const Tensors& grads, const Tensors& exp_avgs, const Tensors& exp_avg_sqs,
                 const Tensors& steps, double lr, double beta1, double beta2, double eps, double weight_decay,
                 bool decoupled, bool maximize, const std::optional<Tensor>& rate) {
  const Group group("_radam_step", {&params, &grads, &exp_avgs, &exp_avg_sqs}, &steps);
  group.run_counted(kernels::OfRadam{beta1, beta2, weight_decay}, lr, rate, [&](size_t, void** x) {
    return kernels::RadamStep{moments(x, beta1, beta2, eps, weight_decay, decoupled, maximize)};
  });
}

void _rprop_step(const Tensors& params, const Tensors& grads, const Tensors& prevs, const Tensors& step_sizes,
                 const Tensors& steps, double etaminus, double etaplus, double step_size_min, double step_size_max,
                 bool maximize) {
  const Group group("_rprop_step", {&params, &grads, &prevs, &step_sizes}, &steps);
  group.run_counted(kernels::OfRprop{}, 0, {}, [&](size_t, void** x) {
    return kernels::RpropStep{x[0], x[1], x[2], x[3], etaminus, etaplus, step_size_min, step_size_max, sign(maximize)};
  });
}

void _asgd_step(const Tensors& params, const Tensors& grads, const Tensors& axs, const Tensors& mus,
                const Tensors& etas, const Tensors& steps, double lr, double lambd, double alpha, double t0,
                double weight_decay, bool maximize, const std::optional<Tensor>& rate) {
  const Group group("_asgd_step", {&params, &grads, &axs}, &steps);
  group.run_counted(kernels::OfAsgd{lambd, alpha, t0}, lr, rate,
                    [&](size_t, void** x) { return kernels::AsgdStep{x[0], x[1], x[2], weight_decay, sign(maximize)}; },
                    {&mus, &etas});
}

void _scale_all_(const Tensors& tensors, const Tensor& factor, std::optional<double> max_norm) {
  const Group group("_scale_all_", {&tensors});
  check(factor.numel() == 1 && computes_in(factor.dtype()), "_scale_all_", "expected one floating-point factor, got ",
        factor.dtype(), " of shape ", factor.shape());
  check(!max_norm || *max_norm >= 0, "_scale_all_", "expected a norm of at least 0, got ", max_norm.value_or(0));
  NoGrad guard;
  Tensor own = factor;  // where and in what the tensor at hand is computed
  group.run([&](size_t i, void** x) {
    const DType key = compute_dtype(tensors[i].dtype());
    if (own.dtype() != key || own.device() != tensors[i].device()) own = to(factor, key, tensors[i].device());
    return kernels::ScaleBy{x[0], own.raw(), max_norm.value_or(-1)};
  });
}

Tensor _norm_of_all(const Tensors& tensors) {
  NoGrad guard;
  check(!tensors.empty(), "_norm_of_all", "expected at least one tensor");
  const DType t = tensors[0].dtype(), key = compute_dtype(t);
  const Device device = tensors[0].device();
  check(computes_in(t), "_norm_of_all", "expected floating-point tensors, got ", t);
  Tensors dense;
  int64_t parts = 0;
  for (const Tensor& x : tensors) {
    check(x.dtype() == t && x.device() == device, "_norm_of_all", "expected tensors of ", t, " on ", device, ", got ",
          x.dtype(), " on ", x.device());
    const Tensor own = to_dtype(x, key);
    dense.push_back(is_dense(own.shape(), own.strides()) ? own : contiguous(own));
    parts += kernels::PartNorm::parts(x.numel());
  }
  const Tensor norms = empty({parts}, key, device);
  std::vector<kernels::PartNorm> functors;
  char* out = static_cast<char*>(norms.raw());
  for (const Tensor& x : dense) {
    if (x.numel() == 0) continue;
    functors.push_back({x.raw(), x.numel(), out});
    out += kernels::PartNorm::parts(x.numel()) * item_size(key);
  }
  std::vector<EachCall> calls(functors.size());
  for (size_t k = 0; k < calls.size(); ++k) {
    calls[k].functor = &functors[k];
    calls[k].n = kernels::PartNorm::parts(functors[k].n);
    calls[k].dtype = key;
    calls[k].cost = kernels::PartNorm::kCost;
  }
  const Backend& b = backend(device);
  constexpr int kId = kernels::IdOf<kernels::PartNorm>::value;
  if (b.each_many && !calls.empty()) b.each_many(kId, calls.data(), int(calls.size()));
  if (!b.each_many)
    for (const EachCall& call : calls) b.each(kId, call);
  return to_dtype(linalg_vector_norm(norms, 2), t);
}

}  // namespace cnn
