// AccumulateGrad: where the gradient of a leaf ends.
#include <mutex>

#include "autograd/meta.h"
#include "cnn/ops.h"

namespace cnn {
namespace {

bool is_dense(const Tensor& x) { return cnn::is_dense(x.shape(), x.strides()); }

// Has `grad` the strides that the leaf's gradient shall have: the leaf's own when it is dense, else C order?
bool has_layout_of(const Tensor& leaf, const Tensor& grad) {
  if (!is_dense(leaf)) return grad.is_contiguous();
  for (int i = 0; i < leaf.dim(); ++i)
    if (leaf.shape()[i] != 1 && leaf.strides()[i] != grad.strides()[i]) return false;
  return true;
}

bool nobody_else_holds(const Tensor& x) {
  const TensorImpl& impl = *x.impl();
  return impl.use_count() == 1 && impl.storage->use_count() == 1 && !impl.base && !impl.own_version && !impl.autograd &&
         !impl.wrapped_number && !impl.inference;
}

Tensor first_gradient(const Tensor& leaf, Tensor grad) {
  if (has_layout_of(leaf, grad)) {
    if (!grad_enabled() && nobody_else_holds(grad)) return grad;
    if (is_dense(grad)) return clone(grad);
  }
  const Dims strides = is_dense(leaf) ? leaf.strides() : contiguous_strides(leaf.shape());
  return copy_(empty_strided(leaf.shape(), strides, grad.dtype(), grad.device()), grad);
}

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(const Tensor& leaf) : Node("torch::autograd::AccumulateGrad"), leaf_(leaf) {
    sequence_ = UINT64_MAX;  // runs as soon as it is ready
    outputs().push_back(grad_shape(leaf_));
  }

  bool runs_undefined() const override { return true; }  // its hooks do

  void run(Grads& g) override {
    if (Tensor grad = g.take(); grad.defined()) {
      std::lock_guard guard(mutex_);
      const Tensor before = leaf_.grad();
      AutogradMeta& meta = *meta_of(leaf_);
      if (!before.defined()) store(meta, first_gradient(leaf_, std::move(grad)));
      else if (grad_enabled()) store(meta, add(before, grad));
      else add(before, grad, 1, Dest::in_place(before));
    }
    for (const auto& hook : live_hooks(&HookSet::accumulated, leaf_hooks(*this))) (*hook)(leaf_);
  }

  const Tensor& leaf() const { return leaf_; }

 protected:
  // The leaf knows its accumulator by a bare pointer, and may have handed it out again meanwhile.
  void last_ref_dropped() override {
    AutogradMeta& meta = *meta_of(leaf_);
    bool used_again;
    {
      std::lock_guard guard(meta.lock);
      used_again = use_count() > 1;
      if (!used_again && meta.accumulator.load(std::memory_order_relaxed) == this)
        meta.accumulator.store(nullptr, std::memory_order_relaxed);
    }
    if (used_again) drop_ref();
    else Node::last_ref_dropped();
  }

 private:
  static void store(AutogradMeta& meta, Tensor grad) {
    std::lock_guard guard(meta.lock);
    std::swap(meta.grad, grad);
  }

  Tensor leaf_;
  std::mutex mutex_;  // one gradient at a time
};

const AccumulateGrad* as_accumulator(const Node& node) {
  return node.sequence() == UINT64_MAX ? static_cast<const AccumulateGrad*>(&node) : nullptr;
}

// The accumulator that already serves the leaf, if any. `.data = ...` may have changed what the leaf is.
Ref<Node> known_accumulator(const AutogradMeta& meta, const Tensor& leaf) {
  Node* known = meta.accumulator.load(std::memory_order_relaxed);
  if (!known) return nullptr;
  const GradShape& shape = known->outputs()[0];
  const bool fits = shape.sizes == leaf.shape() && shape.dtype == leaf.dtype() && shape.device == leaf.device();
  return fits && known->try_add_ref() ? Ref<Node>::adopt(known) : nullptr;
}

}  // namespace

Ref<Node> accumulator_of(const Tensor& leaf) {
  AutogradMeta& meta = leaf.impl()->meta();
  if (meta.foreign_accumulator) return meta.foreign_accumulator;
  if (meta.accumulator.load(std::memory_order_relaxed)) {
    std::lock_guard guard(meta.lock);
    if (Ref<Node> known = known_accumulator(meta, leaf)) return known;
  }
  Ref<Node> made = make_ref<AccumulateGrad>(leaf);
  std::lock_guard guard(meta.lock);
  if (Ref<Node> known = known_accumulator(meta, leaf)) return known;  // another thread was faster
  meta.accumulator.store(made.get(), std::memory_order_relaxed);
  return made;
}

HookSet* leaf_hooks(const Node& node) {
  const AccumulateGrad* accumulator = as_accumulator(node);
  return accumulator ? meta_of(accumulator->leaf())->hooks.load(std::memory_order_acquire) : nullptr;
}

Tensor leaf_of(const Node& node) {
  const AccumulateGrad* accumulator = as_accumulator(node);
  return accumulator ? accumulator->leaf() : Tensor();
}

}  // namespace cnn
