// What an op does for autograd: check, save, attach.
#include "autograd/meta.h"
#include "cnn/ops.h"

namespace cnn {

Grad::Grad(const Tensors& inputs, const Dest& dest, const char* op) {
  if (!grad_enabled() && !dest) return;
  std::vector<GradInput> list(inputs.begin(), inputs.end());
  start(list.data(), list.size(), dest, op);
}

void Grad::start(const GradInput* inputs, size_t count, const Dest& dest, const char* op) {
  if (dest && dest.target().impl()->inference && !(mode_word & kInference))
    graph_error(
        "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal "
        "tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details.");
  if (!grad_enabled()) return;
  for (size_t i = 0; i < count; ++i) {
    const Tensor& x = *inputs[i].tensor;
    if (!x.defined() || !x.requires_grad()) continue;
    needed_ = true;
    if (i < 64) mask_ |= uint64_t(1) << i;
  }
  if (dest.is_out() && (needed_ || dest.target().requires_grad()))
    graph_error(op ? op : "", op ? "(): " : "",
                "functions with out=... arguments don't support automatic differentiation, but one of the arguments "
                "requires grad.");
  if (!needed_) return;
  for (size_t i = 0; i < count; ++i) inputs_.push_back(inputs[i].tensor);
  if (!dest.is_in_place()) return;
  check_in_place(dest.target());
  written_ = dest.target().impl();
  for (const Tensor* x : inputs_) early_edges_.push_back(gradient_edge(*x));
}

Saved Grad::keep(const Tensor& x) {
  saved_ = true;
  return Saved::of(x.impl() == written_ ? clone(x) : x);
}

Saved Grad::save_output(const Tensor& y, int index) {
  if (!needed_) return {};
  saved_ = true;
  return Saved::output(y, index);
}

void Grad::attach(Ref<Node> node, const Tensor* outputs, size_t count) {
  if (!needed_) return;
  auto& edges = node->edges();
  if (written_)
    for (Edge& edge : early_edges_) edges.push_back(std::move(edge));
  else
    for (const Tensor* x : inputs_) edges.push_back(gradient_edge(*x));
  for (size_t i = 0; i < count; ++i) {
    if (outputs[i].impl() == written_) {
      rebase_history(outputs[i], node, int(i));
      continue;
    }
    set_history(outputs[i], i + 1 < count ? node : std::move(node), int(i));
    TensorImpl& y = *outputs[i].impl();
    if (count > 1 && y.base && y.view_mode == ViewMode::Default) y.view_mode = ViewMode::MultiOutput;
  }
}

bool connect(Node& node, const Tensors& inputs) {
  bool needed = false;
  for (const Tensor& x : inputs) {
    needed |= x.defined() && x.requires_grad();
    node.edges().push_back(gradient_edge(x));
  }
  return needed && grad_enabled();
}

namespace {

bool contains(const Tensors& list, const Tensor& x) {
  for (const Tensor& y : list)
    if (y.same(x)) return true;
  return false;
}

// x as a view of itself, made as if without gradient.
Tensor view_as_self(const Tensor& x) {
  NoGrad guard;
  return alias(x, x.shape(), x.strides(), x.offset());
}

void rebase_dirty(const Tensor& x, Ref<Node> node, int index, bool is_input, size_t outputs) {
  if (x.requires_grad() && !x.is_view() && x.is_leaf())
    graph_error("a leaf Variable that requires grad has been used in an in-place operation.");
  if (!is_input)
    warn(
        "Only input Tensors should be given to ctx.mark_dirty(). If a Tensor is not an input, there is no need to pass "
        "it to mark_dirty().");
  check(
      !x.is_view() || outputs == 1, "",
      "If your Function modifies inplace an input that is a view of another Tensor, your Function cannot return more "
      "than one Tensor. This is not supported by the current autograd engine. You should either make sure the input "
      "is not a view (using .clone() for example) or make your Function only return one Tensor (potentially splitting "
      "it into two Functions: one doing the inplace that returns a single Tensor and a second one that does the other "
      "operations).");
  check_in_place(x);
  rebase_history(x, std::move(node), index);
}

}  // namespace

Tensors attach_custom(Ref<Node> node, const Tensors& inputs, const Tensors& outputs, const Tensors& dirty,
                      const Tensors& non_differentiable) {
  for (const Tensor& x : dirty) x.impl()->bump_version();
  Tensors result;
  for (size_t i = 0; i < outputs.size(); ++i) {
    Tensor y = outputs[i];
    if (!y.defined()) {
      if (node && node->outputs().size() <= i) node->outputs().resize(i + 1);
      result.push_back(y);
      continue;
    }
    const bool is_input = contains(inputs, y), is_dirty = contains(dirty, y);
    const bool differentiable = node && is_floating(y.dtype()) && !contains(non_differentiable, y);
    if (!differentiable) {
      if (node) {
        if (node->outputs().size() <= i) node->outputs().resize(i + 1);
        node->outputs()[i] = grad_shape(y);
      }
      if (!y.requires_grad()) {
        if (is_input && !is_dirty) y = view_as_self(y);
      } else if (is_input) {
        y = detach(y);
      } else if (!y.is_view()) {
        detach_(y);
      }
    } else if (is_dirty) {
      rebase_dirty(y, node, int(i), is_input, outputs.size());
    } else {
      if (is_input) y = view_as_self(y);
      y.impl()->requires_grad = false;
      set_history(y, node, int(i));
    }
    if (!is_dirty && y.is_view()) y.impl()->view_mode = ViewMode::Custom;
    result.push_back(y);
  }
  return result;
}

}  // namespace cnn
