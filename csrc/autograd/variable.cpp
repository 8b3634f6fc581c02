// A tensor's side of autograd: requires_grad, grad, grad_fn, leaves and their accumulators.
#include "autograd/meta.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/view.h"

namespace cnn {

AutogradMeta& TensorImpl::meta() {
  if (!autograd) {
    autograd = std::make_unique<AutogradMeta>();
    autograd->owner = this;
  }
  return *autograd;
}

AutogradMeta::~AutogradMeta() {
  if (!retains_grad || !node || !node->hooks) return;
  auto& kept = node->hooks->retained;
  for (size_t i = kept.size(); i-- > 0;)
    if (kept[i].second == owner) kept.erase(kept.begin() + long(i));
}

// ---- The gradient of a leaf ----

namespace {

// Dense in the leaf's own order of dimensions?
bool lies_like(const Tensor& grad, const Tensor& leaf) {
  return grad.strides() == leaf.strides() || (grad.is_contiguous() && leaf.is_contiguous());
}

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(const Tensor& leaf) : Node("torch::autograd::AccumulateGrad"), leaf(leaf) {
    sequence_ = UINT64_MAX;  // as soon as it is ready
    outputs_.resize(1);
    outputs_[0] = {leaf.shape(), leaf.dtype(), leaf.device()};
  }

  void run(Grads& g) override {
    if (!g.has()) return;
    AutogradMeta& meta = leaf.impl()->meta();
    {
      const std::lock_guard<std::mutex> lock(meta.mutex);
      accumulate(meta, g);
    }
    for (size_t i = 0; i < meta.after_accumulate.size(); ++i) (*meta.after_accumulate[i])(leaf);
  }

  const Tensor leaf;

 private:
  void accumulate(AutogradMeta& meta, Grads& g) {
    const Tensor& grad = g.out();
    if (meta.grad.defined()) {
      if (grad_enabled()) meta.grad = add(meta.grad, grad);
      else add(meta.grad, grad, 1, Dest::in_place(meta.grad));
      return;
    }
    const TensorImpl& impl = *grad.impl();
    const bool sole = impl.use_count() == 1 && impl.storage->use_count() == 1 && !impl.base;
    if (!grad_enabled() && sole && lies_like(grad, leaf)) {
      meta.grad = grad;
    } else if (grad_enabled()) {
      meta.grad = clone(grad);
    } else {
      meta.grad = empty_strided_like_leaf(grad);
    }
  }
  Tensor empty_strided_like_leaf(const Tensor& grad) const {
    Tensor copy = empty_like(leaf, leaf.dtype());
    return copy_(copy, grad);
  }

  void last_ref_dropped() override {
    AutogradMeta& meta = leaf.impl()->meta();
    {
      const std::lock_guard<std::mutex> lock(meta.mutex);
      if (use_count() != 0) return;  // found again in the meantime
      if (meta.accumulator == this) meta.accumulator = nullptr;
    }
    Node::last_ref_dropped();
  }
};

}  // namespace

Ref<Node> accumulator_of(const Tensor& leaf) {
  AutogradMeta& meta = leaf.impl()->meta();
  const std::lock_guard<std::mutex> lock(meta.mutex);
  if (meta.accumulator) return Ref<Node>(meta.accumulator);
  Ref<Node> node(new AccumulateGrad(leaf));
  meta.accumulator = node.get();
  return node;
}

Tensor leaf_of(const Node& node) {
  const auto* accumulate = dynamic_cast<const AccumulateGrad*>(&node);
  return accumulate ? accumulate->leaf : Tensor();
}

// ---- Members of Tensor ----

Ref<Node> Tensor::grad_fn() const {
  TensorImpl& impl = *impl_;
  if (impl.base && !impl.inference && !impl.requires_grad && impl.view_version != impl.version()) {
    // What it views was written in place since: its history is now a view of the base's.
    const Tensor base(impl.base);
    if (is_floating(impl.dtype) && base.requires_grad()) {
      const EnableGrad guard;
      const Tensor again = as_strided(base, impl.sizes, impl.strides, impl.offset);
      impl.meta().node = again.impl()->autograd->node;
      impl.meta().output = 0;
      impl.view_version = impl.version();
    }
  }
  return impl.autograd ? impl.autograd->node : nullptr;
}

bool Tensor::requires_grad() const {
  if (!impl_) return false;
  return impl_->requires_grad || (impl_->autograd && impl_->autograd->node) || (impl_->base && grad_fn());
}

bool Tensor::is_leaf() const { return !requires_grad() || !grad_fn(); }

void Tensor::set_requires_grad(bool value) const {
  if (value == impl_->requires_grad && !grad_fn()) return;
  check(value || is_leaf(), "", "you can only change requires_grad flags of leaf variables. If you want to use a computed "
        "variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach().");
  if (!is_leaf()) return;  // it requires grad already
  check(!value || is_floating(dtype()), "", "only Tensors of floating point dtype can require gradients");
  check(!value || !impl_->inference || mode_word & kInference, "", "Setting requires_grad=True on inference tensor outside "
        "InferenceMode is not allowed.");
  impl_->requires_grad = value;
}

Tensor Tensor::grad() const { return impl_->autograd ? impl_->autograd->grad : Tensor(); }

void Tensor::set_grad(const Tensor& grad) const {
  if (!grad.defined()) {
    if (impl_->autograd) impl_->autograd->grad = Tensor();
    return;
  }
  check(!grad.same(*this), "", "can't assign Variable as its own grad");
  check(grad.dtype() == dtype(), "", "attempting to assign a gradient with dtype '", grad.dtype(), "' to a tensor with dtype '",
        dtype(), "'. The gradient must match the tensor's dtype.");
  check(grad.device().type == device().type, "", "attempting to assign a gradient with device type '",
        device_type_name(grad.device().type), "' to a tensor with device type '", device_type_name(device().type),
        "'. Please ensure that the gradient and the tensor are on the same device");
  check(grad.shape() == shape(), "", "assigned grad has data of a different size: ", grad.shape(), " for a tensor of size ",
        shape());
  impl_->meta().grad = grad;
}

Edge gradient_edge(const Tensor& x) {
  if (Ref<Node> node = x.grad_fn()) return {std::move(node), x.impl()->autograd->output};
  if (x.impl()->requires_grad) return {accumulator_of(x), 0};
  return {};
}

int output_number(const Tensor& x) { return x.impl()->autograd ? x.impl()->autograd->output : 0; }

void set_history(const Tensor& y, const Ref<Node>& node, int output) {
  TensorImpl& impl = *y.impl();
  AutogradMeta& meta = impl.meta();
  if (meta.retains_grad && meta.node && meta.node->hooks && meta.node != node) {  // written in place: .grad is of the new value
    auto& kept = meta.node->hooks->retained;
    for (size_t i = kept.size(); i-- > 0;)
      if (kept[i].second == &impl) kept.erase(kept.begin() + long(i));
    hooks_of(*node).retained.push_back({output, &impl});
  }
  meta.node = node;
  meta.output = output;
  if (node->outputs().size() <= size_t(output)) node->outputs().resize(size_t(output) + 1);
  node->outputs()[size_t(output)] = {impl.sizes, impl.dtype, impl.device};
  if (impl.base && !impl.inference) impl.view_version = impl.version();
}

void retain_grad(const Tensor& x) {
  check(x.requires_grad(), "", "can't retain_grad on Tensor that has requires_grad=False");
  if (x.is_leaf()) return;
  AutogradMeta& meta = x.impl()->meta();
  if (meta.retains_grad) return;
  meta.retains_grad = true;
  hooks_of(*x.grad_fn()).retained.push_back({meta.output, x.impl()});
}
bool retains_grad(const Tensor& x) { return x.impl()->autograd && x.impl()->autograd->retains_grad; }

void add_tensor_hook(const Tensor& x, Ref<TensorHook> hook) {
  check(x.requires_grad(), "", "cannot register a hook on a tensor that doesn't require gradient");
  if (const Ref<Node> node = x.grad_fn()) hooks_of(*node).tensor.push_back({output_number(x), std::move(hook)});
  else x.impl()->meta().hooks.push_back(std::move(hook));
}
void add_leaf_hook(const Tensor& x, Ref<LeafHook> hook) { x.impl()->meta().after_accumulate.push_back(std::move(hook)); }

Tensor detach(const Tensor& x) { return detached_alias(x, true); }

void detach_(const Tensor& x) {
  check(!x.is_view() || !x.requires_grad(), "", "Can't detach views in-place. Use detach() instead.");
  if (x.impl()->autograd) {
    x.impl()->autograd->node = nullptr;
    x.impl()->autograd->output = 0;
  }
  x.impl()->requires_grad = false;
}

}  // namespace cnn
