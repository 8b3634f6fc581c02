// Tensors kept for backward: version checks, and the hooks that may store them elsewhere.
#include "autograd/copy_slices.h"
#include "autograd/meta.h"
#include "cnn/ops.h"

namespace cnn {
namespace {

thread_local std::vector<Ref<SavedHooks>> saved_hooks;
thread_local std::optional<std::string> hooks_disabled;

// What is kept of a tensor that went through `pack`.
struct Packed final : RefCounted {
  Ref<SavedHooks> hooks;
  Ref<RefCounted> object;
  Edge edge;  // of a tensor that is no output of its node
  Dims sizes;
  DType dtype;
  Device device;
  bool contiguous;

  explicit Packed(const Tensor& x)
      : sizes(x.shape()), dtype(x.dtype()), device(x.device()), contiguous(x.is_contiguous()) {}
  // What `unpack` made of it, which may be anything: raises unless backward can take it for the tensor that was saved.
  Tensor unpacked() const {
    const Tensor data = hooks->unpack(*object);
    check(data.defined(), "", "A saved tensor unpack hook returned no tensor");
    check(data.shape() == sizes && data.dtype() == dtype && data.device() == device, "",
          "A saved tensor unpack hook must return a tensor like the one that was packed: expected ", dtype,
          " of shape ", sizes, " on ", device, ", got ", data.dtype(), " of shape ", data.shape(), " on ",
          data.device());
    NoGrad guard;
    return contiguous ? cnn::contiguous(data) : data;
  }
};

// The same data with another history.
Tensor with_history(const Tensor& data, Edge edge) {
  Tensor x = detached_alias(data, /*share_version=*/true);
  AutogradMeta& meta = x.impl()->meta();
  if (leaf_of(*edge.node).defined()) {
    x.impl()->requires_grad = true;
    meta.foreign_accumulator = std::move(edge.node);
  } else {
    meta.grad_fn = std::move(edge.node);
    meta.output = edge.index;
  }
  return x;
}

}  // namespace

void push_saved_hooks(Ref<SavedHooks> hooks) {
  if (hooks_disabled) fail(ErrorKind::Runtime, "", *hooks_disabled);
  saved_hooks.push_back(std::move(hooks));
  mode_word |= kSavedHooks;
}

void pop_saved_hooks() {
  check(!saved_hooks.empty(), "pop_saved_hooks", "there are no hooks to take away");
  const Ref<SavedHooks> last = std::move(saved_hooks.back());
  saved_hooks.pop_back();
  if (saved_hooks.empty()) mode_word &= ~kSavedHooks;
}

void disable_saved_hooks(std::optional<std::string> error) {
  if (error && !saved_hooks.empty()) fail(ErrorKind::Runtime, "", *error);
  hooks_disabled = std::move(error);
}
const std::optional<std::string>& saved_hooks_error() { return hooks_disabled; }

std::vector<Ref<SavedHooks>>& thread_saved_hooks() { return saved_hooks; }

void Saved::keep(const Tensor& x) {
  check(!x.impl()->inference, "",
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
        "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it "
        "in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`.");
  if (mode_word & kSavedHooks && saved_hooks.back()) [[unlikely]] {
    auto packed = make_ref<Packed>(x);
    packed->hooks = saved_hooks.back();
    if (output_ < 0) packed->edge = gradient_edge(x);
    NoGrad guard;
    const uint32_t before = x.impl()->version();
    packed->object = packed->hooks->pack(output_ < 0 ? detach(x) : x);
    check(x.impl()->version() == before, "",
          "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook can not be "
          "modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if you "
          "need to perform in-place operations on the input to a pack hook.");
    packed_ = std::move(packed);
    return;
  }
  tensor_ = x;
  version_ = x.impl()->version();
}

Saved Saved::output(const Tensor& y, int index) {
  Saved s;
  s.output_ = is_floating(y.dtype()) ? index : -1;
  s.keep(detach(y));  // holding y itself would be a cycle through its node
  return s;
}

Saved Saved::of(const Tensor& x, const Node* owner) {
  if (!x.defined()) return {};
  if (owner) {
    const Edge edge = history(x);
    if (edge.node.get() == owner) return output(x, edge.index);
  }
  Saved s;
  s.keep(x);
  return s;
}

void Saved::check_version(const Node* owner) const {
  const uint32_t now = tensor_.impl()->version();
  if (now == version_) [[likely]]
    return;
  Message m;
  m << "one of the variables needed for gradient computation has been modified by an inplace operation: [torch."
    << (tensor_.device().is_cuda() ? "cuda." : "") << dtype_type_name(tensor_.dtype()) << "Tensor " << tensor_.shape()
    << "]";
  Edge edge = output_ < 0 ? history(tensor_) : Edge{};
  if (edge.node) m << ", which is output " << edge.index << " of " << edge.node->forward_name() << ",";
  else if (output_ >= 0) m << ", which is output " << output_ << " of " << owner->forward_name() << ",";
  m << " is at version " << now << "; expected version " << version_ << " instead. ";
  if (mode_word & kAnomaly)
    m << "Hint: the backtrace further above shows the operation that failed to compute its gradient. The variable in "
         "question was changed in there or anywhere later. Good luck!";
  else
    m << "Hint: enable anomaly detection to find the operation that failed to compute its gradient, with "
         "torch.autograd.set_detect_anomaly(True, check_nan=False).";
  throw GraphError(ErrorKind::Runtime, m.take());
}

Tensor Saved::unpack_hooked(Node* owner) const {
  const Packed& packed = static_cast<const Packed&>(*packed_);
  const Tensor data = packed.unpacked();
  if (output_ >= 0) return with_history(data, {Ref<Node>(owner), output_});
  return packed.edge.node ? with_history(data, packed.edge) : detach(data);
}

Tensor Saved::unpack(Node& owner) const {
  if (packed_) return unpack_hooked(&owner);
  if (!tensor_.defined()) return {};
  check_version(&owner);
  return output_ < 0 ? tensor_ : with_history(tensor_, {Ref<Node>(&owner), output_});
}

Tensor Saved::get(Grads& g) const {
  if (packed_) [[unlikely]]
    return unpack_hooked(&g.node());
  if (!tensor_.defined()) return {};
  check_version(&g.node());
  if (output_ < 0 || !grad_enabled()) return tensor_;
  // The result of a write into a view: its history leads through the tensor viewed.
  if (g.slices_) return g.slices_->view_of_result(tensor_);
  return with_history(tensor_, {Ref<Node>(&g.node()), output_});
}

}  // namespace cnn
