// What an op's call records.
#include "autograd/meta.h"
#include "cnn/autograd.h"

namespace cnn {

Grad::Grad(std::initializer_list<GradInput> inputs, const Dest& dest) : dest_(&dest), count_(int(inputs.size())) {
  if (count_ > 6) more_.resize(size_t(count_));
  int i = 0;
  for (const GradInput& input : inputs) collect(input.tensor, i++);
  if (dest) check_destination(dest);
}

Grad::Grad(const Tensors& inputs) : count_(int(inputs.size())) {
  if (count_ > 6) more_.resize(size_t(count_));
  for (int i = 0; i < count_; ++i) collect(&inputs[size_t(i)], i);
}

void Grad::collect(const Tensor* t, int i) {
  if (more_.empty()) inline_[i] = t;
  else more_[size_t(i)] = t;
  if (grad_enabled() && needs_grad(*t)) {
    needed_ = true;
    if (i < 64) mask_ |= uint64_t(1) << i;
  }
}

void Grad::check_destination(const Dest& dest) const {
  const Tensor& target = dest.target();
  check(!target.impl()->inference || mode_word & kInference, "", "Inplace update to inference tensor outside InferenceMode "
        "is not allowed.You can make a clone to get a normal tensor before doing inplace update.");
  if (!grad_enabled()) return;
  if (dest.is_out()) {
    check(!needed_ && !needs_grad(target), "", "functions with out=... arguments don't support automatic differentiation, "
          "but one of the arguments requires grad.");
    return;
  }
  check(!target.impl()->requires_grad || (target.impl()->autograd && target.impl()->autograd->node), "",
        "a leaf Variable that requires grad is being used in an in-place operation.");
  if (!target.is_view()) return;
  const Tensor base(target.impl()->base);
  check(!base.impl()->requires_grad || (base.impl()->autograd && base.impl()->autograd->node), "",
        "a view of a leaf Variable that requires grad is being used in an in-place operation.");
  if (!needed_ && !needs_grad(target)) return;
  const char* why = nullptr;
  switch (target.impl()->view_origin) {
    case ViewOrigin::MultiOutput:
      why = "This view is the output of a function that returns multiple views. Such functions do not allow the output views "
            "to be modified inplace. You should replace the inplace operation by an out-of-place one.";
      break;
    case ViewOrigin::NoGrad:
      why = "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that this use case "
            "is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view and the inplace "
            "either both inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if you want "
            "the inplace to be tracked).";
      break;
    case ViewOrigin::Inference:
      why = "A view was created in inference mode and is being modified inplace in normal mode.";
      break;
    case ViewOrigin::CustomFunction:
      why = "A view that was created inside a custom Function is being modified inplace. Return a clone of it instead.";
      break;
    case ViewOrigin::Default:
      return;
  }
  fail(ErrorKind::Runtime, "", why);
}

void Grad::attach(Ref<Node> node, const Tensors& outputs) {
  Node& n = *node;
  n.edges().resize(size_t(count_));
  for (int i = 0; i < count_; ++i)
    if (needs_grad(input(i))) n.edges()[size_t(i)] = gradient_edge(input(i));
  n.outputs().resize(outputs.size());
  if (dest_ && dest_->is_in_place() && outputs.size() == 1 && outputs[0].same(dest_->target())) {
    rebase_history(outputs[0], std::move(node));
    return;
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& y = outputs[i];
    if (!y.defined() || !is_floating(y.dtype())) continue;
    set_history(y, node, int(i));
    if (outputs.size() > 1 && y.is_view() && y.impl()->view_origin == ViewOrigin::Default)
      y.impl()->view_origin = ViewOrigin::MultiOutput;
  }
}

}  // namespace cnn
