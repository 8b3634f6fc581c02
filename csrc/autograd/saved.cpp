// Tensors kept for backward.
#include <vector>

#include "autograd/hooks.h"
#include "autograd/meta.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"

namespace cnn {
namespace {

struct Packed final : RefCounted {
  Packed(Ref<SavedHooks> h, Ref<RefCounted> c) : hooks(std::move(h)), content(std::move(c)) {}
  Ref<SavedHooks> hooks;
  Ref<RefCounted> content;
};

std::vector<Ref<SavedHooks>>& saved_hooks() {
  static thread_local std::vector<Ref<SavedHooks>> stack;
  return stack;
}

Ref<RefCounted> pack(const Tensor& x) {
  const Ref<SavedHooks> hooks = saved_hooks().back();
  const ModeGuard off(kSavedHooks, false);
  return make_ref<Packed>(hooks, hooks->pack(x));
}

}  // namespace

void push_saved_hooks(Ref<SavedHooks> hooks) {
  saved_hooks().push_back(std::move(hooks));
  mode_word |= kSavedHooks;
}
void pop_saved_hooks() {
  saved_hooks().pop_back();
  if (saved_hooks().empty()) mode_word &= ~kSavedHooks;
}

Saved Grad::save_if(bool wanted, const Tensor& x) {
  Saved s;
  if (!needed_ || !wanted || !x.defined()) return s;
  check(!x.impl()->inference || mode_word & kInference, "", "Inference tensors cannot be saved for backward. To work "
        "around you can make a clone to get a normal tensor and use it in autograd.");
  saved_ = true;
  if (dest_ && dest_->is_in_place() && x.same(dest_->target())) {
    // x is about to be overwritten: its values are kept in a copy that has x's history.
    const Edge edge = needs_grad(x) ? gradient_edge(x) : Edge();
    NoGrad guard;
    s.tensor_ = clone(x);
    if (edge.node) {
      s.tensor_.impl()->meta().node = edge.node;
      s.tensor_.impl()->meta().output = edge.index;
    }
  } else {
    s.tensor_ = x;
  }
  s.version_ = s.tensor_.impl()->inference ? 0 : s.tensor_.impl()->version();
  if (mode_word & kSavedHooks) {
    s.packed_ = pack(s.tensor_);
    s.tensor_ = Tensor();
  }
  return s;
}

Saved Grad::save_output(const Tensor& y, int index) {
  Saved s;
  if (!needed_) return s;
  saved_ = true;
  s.tensor_ = detached_alias(y, true);
  s.version_ = y.impl()->inference ? 0 : y.impl()->version();
  s.output_ = index;
  if (mode_word & kSavedHooks) {
    s.packed_ = pack(s.tensor_);
    s.tensor_ = Tensor();
  }
  return s;
}

Tensor Saved::get(Grads& g) const {
  Tensor x = tensor_;
  if (packed_) {
    Packed& packed = static_cast<Packed&>(*packed_);
    x = packed.hooks->unpack(*packed.content);
  } else if (!x.defined()) {
    return x;
  } else if (!x.impl()->inference && x.impl()->version() != version_) {
    const Ref<Node> node = output_ >= 0 ? Ref<Node>(&g.node()) : x.grad_fn();
    Message which;
    if (node) which << ", which is output " << (output_ >= 0 ? output_ : output_number(x)) << " of " << node->name() << ",";
    fail(ErrorKind::Runtime, "", "one of the variables needed for gradient computation has been modified by an inplace "
         "operation: [torch.", dtype_type_name(x.dtype()), "Tensor ", x.shape(), "]", which.take(), " is at version ",
         int64_t(x.impl()->version()), "; expected version ", int64_t(version_), " instead. Hint: enable anomaly detection to "
         "find the operation that failed to compute its gradient, with torch.autograd.set_detect_anomaly(True).");
  }
  if (output_ < 0 || !grad_enabled()) return x;
  Tensor y = detached_alias(x, true);  // the output again, as an output of this node
  set_history(y, Ref<Node>(&g.node()), output_);
  return y;
}

Tensor Grads::out_or_zeros(int i) const {
  if (out_[size_t(i)].defined()) return out_[size_t(i)];
  const GradShape& shape = node_->outputs()[size_t(i)];
  return zeros(shape.sizes, shape.dtype, shape.device);
}

}  // namespace cnn
