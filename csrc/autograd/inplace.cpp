// Writing in place: what is allowed, and how the history of views and their bases follows.
#include "autograd/copy_slices.h"
#include "autograd/meta.h"
#include "cnn/ops.h"

namespace cnn {
namespace {

Geometry geometry_of(const Tensor& x) { return {x.shape(), x.strides(), x.offset()}; }

}  // namespace

void check_view_mode(const Tensor& view, const Node* grad_fn, int output, bool indirect) {
  const ViewMode mode = view.impl()->view_mode;
  if (mode == ViewMode::Default) return;
  const char* changed = indirect ? "its base or another view of its base has been" : "is being";
  Message m;
  if (mode == ViewMode::Inference || mode == ViewMode::NoGrad || !grad_fn) {
    if (grad_fn)
      m << "Output " << output << " of " << grad_fn->forward_name() << " is a view of a view which was created in";
    else m << "A view was created in";
    if (mode == ViewMode::Inference) m << " inference mode and " << changed << " modified inplace in normal mode.";
    else m << " no_grad mode and " << changed << " modified inplace with grad mode enabled.";
  } else {
    m << "Output " << output << " of " << grad_fn->forward_name() << " is a view and " << changed
      << " modified inplace.";
  }
  if (mode == ViewMode::MultiOutput) {
    m << " This view is the output of a function that returns multiple views. Such functions do not allow the output "
         "views to be modified inplace. You should replace the inplace operation by an out-of-place one.";
  } else if (mode == ViewMode::Custom) {
    m << " This view was created inside a custom Function (or because an input was returned as-is) and the autograd "
         "logic to handle view+inplace would override the custom backward associated with the custom Function, leading "
         "to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom "
         "Function.";
  } else {
    m << " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving "
         "both the view and the inplace either both inside the "
      << (mode == ViewMode::Inference ? "inference_mode" : "no_grad")
      << " block (if you don't want the inplace to be tracked) or both outside (if you want the inplace to be "
         "tracked).";
  }
  throw GraphError(ErrorKind::Runtime, m.take());
}

void check_in_place(const Tensor& x) {
  if (x.is_view()) {
    const AutogradMeta* meta = meta_of(x);
    check_view_mode(x, meta ? meta->grad_fn.get() : nullptr, meta ? meta->output : 0, /*indirect=*/false);
    if (x.requires_grad() && Tensor(x.impl()->base).is_leaf())
      graph_error("a view of a leaf Variable that requires grad is being used in an in-place operation.");
  }
  if (x.requires_grad() && x.is_leaf())
    graph_error("a leaf Variable that requires grad is being used in an in-place operation.");
}

CopySlices::CopySlices(const Tensor& base, const Tensor& view, Ref<Node> writer)
    : Node("torch::autograd::CopySlices"),
      base_(geometry_of(base)),
      view_(geometry_of(view)),
      writer_(std::move(writer)) {
  edges().push_back(gradient_edge(base));
  for (size_t i = 1; i < writer_->edges().size(); ++i) edges().push_back(writer_->edges()[i]);
  if (!writer_->edges().empty()) writer_->edges()[0] = {};  // the view's old history: this node stands in for it
}

void CopySlices::run(Grads& g) {
  // The gradient in the base's layout, so that the view's geometry fits it.
  const GradShape& shape = outputs()[0];
  const Tensor whole = empty_strided(base_.sizes, base_.strides, shape.dtype, shape.device);
  copy_(whole, g.out());
  const auto written_part = [&] { return as_strided(whole, view_.sizes, view_.strides, view_.offset - base_.offset); };

  Grads inner;
  inner.node_ = writer_.get();
  inner.slices_ = this;
  inner.out_.push_back(clone(written_part()));
  inner.in_.resize(writer_->edges().size());
  for (int i = 0; i < inner.inputs(); ++i)
    if (i < g.inputs() && g.wants(i)) inner.set_wanted(i);
  writer_->run(inner);

  if (g.wants(0)) {
    // Elsewhere the base's gradient passes; in the view it is what the writer says of the old value.
    const bool used = inner.inputs() > 0 && inner[0].defined();
    if (used) copy_(written_part(), inner[0]);
    else zero_(written_part());
    g[0] = whole;
  }
  for (int i = 1; i < inner.inputs(); ++i) g[i] = std::move(inner[i]);
}

Tensor CopySlices::view_of_result(const Tensor& data) const {
  const Tensor base = detached_alias(data, /*share_version=*/true);
  base.impl()->set_geometry(base_.sizes, base_.strides, base_.offset);
  AutogradMeta& meta = base.impl()->meta();
  meta.grad_fn = Ref<Node>(const_cast<CopySlices*>(this));
  return as_strided(base, view_.sizes, view_.strides, view_.offset);
}

void rebase_history(const Tensor& x, Ref<Node> node, int index) {
  if (node->outputs().size() <= size_t(index)) node->outputs().resize(size_t(index) + 1);
  node->outputs()[size_t(index)] = grad_shape(x);
  if (!is_floating(x.dtype())) return;
  if (!x.is_view()) return replace_history(x, std::move(node), index);
  check(index == 0 && node->outputs().size() == 1, node->class_name().c_str(),
        "Functions which modify views in-place must return a single Variable");
  TensorImpl& impl = *x.impl();
  const Tensor base(impl.base);
  Ref<Node> slices(new CopySlices(base, x, std::move(node)));
  slices->outputs().push_back(grad_shape(base));
  replace_history(base, std::move(slices), 0);
  impl.meta();
  impl.view_version = impl.version() - 1;  // grad_fn makes the view's new history when it is asked for
}

}  // namespace cnn
