// Tensor's side of the graph: requires_grad, grad, grad_fn, detach, retain_grad.
#include "autograd/meta.h"
#include "cnn/ops.h"
#include "core/process_lock.h"

namespace cnn {

AutogradMeta& TensorImpl::meta() {
  if (autograd) return *autograd;
  std::lock_guard guard(process_lock<AutogradMeta>());  // two threads may use one view for the first time
  if (!autograd) autograd = std::make_unique<AutogradMeta>();
  return *autograd;
}

Edge history(const Tensor& x) {
  TensorImpl& impl = *x.impl();
  AutogradMeta* meta = impl.autograd.get();
  if (!impl.base) [[likely]]
    return meta ? Edge{meta->grad_fn, meta->output} : Edge{};
  const Tensor base(impl.base);
  Edge known;
  if (meta) {
    std::lock_guard guard(meta->lock);
    known = {meta->grad_fn, meta->output};
  }
  const uint32_t version = impl.version();
  // Without gradient in the base no write was recorded: a view of a leaf that is itself a view keeps its way to it.
  if (impl.inference || impl.view_version == version || !base.requires_grad()) return known;
  if (!is_floating(impl.dtype) || impl.dtype != base.dtype()) return known;
  // The data changed since: the view is now what as_strided makes of its base.
  check_view_mode(x, known.node.get(), known.index, /*indirect=*/true);
  EnableGrad guard;
  const Edge fresh = history(as_strided(base, x.shape(), x.strides(), x.offset()));
  AutogradMeta& own = impl.meta();
  {
    std::lock_guard lock(own.lock);
    if (impl.view_version == version) return {own.grad_fn, own.output};  // another thread was faster
  }
  replace_history(x, fresh.node, fresh.index);
  impl.view_version = version;
  return fresh;
}

void replace_history(const Tensor& x, Ref<Node> node, int index) {
  AutogradMeta& meta = x.impl()->meta();
  x.impl()->requires_grad = false;
  {
    std::lock_guard guard(meta.lock);
    std::swap(meta.grad_fn, node);
    meta.output = index;
  }
  if (!meta.retained) return;
  std::lock_guard guard(hooks_lock());
  if (node && node->hooks())
    std::erase_if(node->hooks()->retained, [&](const auto& entry) { return entry.slot == meta.retained; });
  if (meta.grad_fn) hooks_of(*meta.grad_fn).retained.push_back({index, meta.retained});
}

void set_history(const Tensor& x, Ref<Node> node, int index) {
  if (node->outputs().size() <= size_t(index)) node->outputs().resize(size_t(index) + 1);
  TensorImpl& impl = *x.impl();
  GradShape& expected = node->outputs()[size_t(index)];
  expected.sizes = impl.sizes;
  expected.dtype = impl.dtype;
  expected.device = impl.device;
  if (!is_floating(impl.dtype)) return;
  if (impl.base) impl.view_version = impl.version();
  if (impl.autograd) return replace_history(x, std::move(node), index);
  // A new result, which no other thread has yet: without the lock.
  if (impl.use_count() == 1) impl.autograd = std::make_unique<AutogradMeta>();
  AutogradMeta& meta = impl.meta();
  meta.grad_fn = std::move(node);
  meta.output = index;
}

Tensor output_of(Ref<Node> node, int index) {
  const int count = int(node->outputs().size());
  check_index(index >= 0 && index < count, "", node->name(), " has no output ", index, ", only ", count);
  if (const Tensor leaf = leaf_of(*node); leaf.defined()) return leaf;
  const GradShape& shape = node->outputs()[size_t(index)];
  const Tensor y = empty(shape.sizes, shape.dtype, shape.device);
  y.impl()->autograd = std::make_unique<AutogradMeta>();
  AutogradMeta& meta = y.impl()->meta();
  meta.grad_fn = std::move(node);
  meta.output = index;
  return y;
}

Edge gradient_edge(const Tensor& x) {
  if (!x.defined()) return {};
  if (Edge edge = history(x); edge.node) return edge;
  return x.impl()->requires_grad ? Edge{accumulator_of(x), 0} : Edge{};
}

bool Tensor::requires_grad() const {
  const TensorImpl& x = *impl();
  if (x.requires_grad || (x.autograd && x.autograd->grad_fn)) return true;
  return x.base && is_floating(x.dtype) && (x.base->requires_grad || (x.base->autograd && x.base->autograd->grad_fn));
}

void Tensor::set_requires_grad(bool value) const {
  if (!is_leaf()) {
    check(value, "",
          "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
          "in a subgraph that doesn't require differentiation use var_no_grad = var.detach().");
    return;
  }
  check(!value || is_floating(dtype()), "", "only Tensors of floating point dtype can require gradients");
  check(!value || !impl()->inference || mode_word & kInference, "",
        "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
  if (value) impl()->meta();  // now, while no other thread has it
  impl()->requires_grad = value;
}

bool Tensor::is_leaf() const { return !history(*this).node; }

Ref<Node> Tensor::grad_fn() const { return history(*this).node; }

Tensor Tensor::grad() const {
  AutogradMeta* meta = impl()->autograd.get();
  if (!meta) return {};
  if (meta->retained) return meta->retained->get();
  std::lock_guard guard(meta->lock);
  return meta->grad;
}

namespace {

// dtypes as set_grad's error spells them.
const char* element_name(DType t) {
  switch (t) {
    case DType::UInt8:
      return "unsigned char";
    case DType::Int8:
      return "signed char";
    case DType::Int16:
      return "short";
    case DType::Int32:
      return "int";
    case DType::Int64:
      return "long";
    case DType::Bool:
      return "bool";
    case DType::Float16:
      return "c10::Half";
    case DType::BFloat16:
      return "c10::BFloat16";
    case DType::Float32:
      return "float";
    case DType::Float64:
      return "double";
    case DType::Float8E4M3FN:
      return "c10::Float8_e4m3fn";
    case DType::Float8E5M2:
      return "c10::Float8_e5m2";
    case DType::Float8E4M3FNUZ:
      return "c10::Float8_e4m3fnuz";
    case DType::Float8E5M2FNUZ:
      return "c10::Float8_e5m2fnuz";
    case DType::Float8E8M0FNU:
      return "c10::Float8_e8m0fnu";
    case DType::UInt16:
      return "unsigned short";
    case DType::UInt32:
      return "unsigned int";
    case DType::UInt64:
      return "unsigned long";
  }
  return "";
}

}  // namespace

void Tensor::set_grad(const Tensor& grad) const {
  if (grad.defined()) {
    check(!same(grad), "", "can't assign Variable as its own grad");
    check(grad.dtype() == dtype(), "", "attempting to assign a gradient with dtype '", element_name(grad.dtype()),
          "' to a tensor with grad_dtype '", dtype_type_name(dtype()),
          "'. The gradient must match the tensor's dtype.");
    check(grad.device().type == device().type, "", "attempting to assign a gradient with device type '",
          device_type_name(grad.device().type), "' to a tensor with device type '", device_type_name(device().type),
          "'. Please ensure that the gradient and the tensor are on the same device");
    check(grad.shape() == shape(), "", "attempting to assign a gradient of size '", grad.shape(),
          "' to a tensor of size '", shape(), "'. Please ensure that the gradient and the tensor are the same size");
    check(grad.device() == device(), "", "attempting to assign a gradient located on device '", grad.device(),
          "' to a tensor located on device '", device(),
          "'. Please ensure that the gradient and the tensor are on the same device");
  } else if (!impl()->autograd) {
    return;
  }
  AutogradMeta& meta = impl()->meta();
  if (meta.retained) return meta.retained->set(grad);
  Tensor before = grad;
  std::lock_guard guard(meta.lock);
  std::swap(meta.grad, before);
}

Tensor detach(const Tensor& x) { return detached_alias(x, /*share_version=*/true); }

Tensor detach_(const Tensor& x) {
  check(!x.is_view(), "", "Can't detach views in-place. Use detach() instead.");
  x.impl()->requires_grad = false;
  if (meta_of(x)) replace_history(x, nullptr, 0);
  return x;
}

void retain_grad(const Tensor& x) {
  check(x.requires_grad(), "", "can't retain_grad on Tensor that has requires_grad=False");
  const Edge edge = history(x);
  if (!edge.node || retains_grad(x)) return;
  AutogradMeta& meta = *meta_of(x);
  auto slot = make_ref<GradSlot>();
  slot->set(x.grad());
  std::lock_guard guard(hooks_lock());
  hooks_of(*edge.node).retained.push_back({edge.index, slot});
  meta.retained = std::move(slot);
}

bool retains_grad(const Tensor& x) { return meta_of(x) && meta_of(x)->retained; }

int output_number(const Tensor& x) { return history(x).index; }

}  // namespace cnn
