// Writing in place into a view changes the history of what it views.
#include "autograd/meta.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/view.h"

namespace cnn {

// The base after a view of it was rewritten by `inner`: outside the view the gradient passes as it is; inside, it goes
// through `inner` to the view's former value and to the other inputs.
class CopySlices final : public Node {
 public:
  CopySlices(const Tensor& base, const Tensor& view, Ref<Node> inner)
      : Node("CopySlices"), base_sizes_(base.shape()), base_strides_(base.strides()), sizes_(view.shape()),
        strides_(view.strides()), offset_(view.offset() - base.offset()), inner_(std::move(inner)) {
    edges_.resize(inner_->edges().size());
    edges_[0] = gradient_edge(base);
    for (size_t i = 1; i < edges_.size(); ++i) edges_[i] = inner_->edges()[i];
  }

  void run(Grads& g) override {
    if (!inner_) throw_released(*this);
    Tensor whole = empty_strided(base_sizes_, base_strides_, g.out().dtype(), g.out().device());
    copy_(whole, g.out());
    const Tensor part = as_strided(whole, sizes_, strides_, offset_);
    Grads inside;
    inside.node_ = inner_.get();
    inside.out_ = {clone(part)};
    inside.in_.resize(edges_.size());
    inside.wanted_ = g.wanted_;
    inside.many_ = g.many_;
    inner_->run(inside);
    if (g.wants(0)) {
      Tensor former = inside.in_[0];
      if (former.defined() && former.shape() != sizes_) former = sum_to_size(former, sizes_);
      copy_(part, former.defined() ? former : zeros_like(part));
      g[0] = whole;
    }
    for (size_t i = 1; i < edges_.size(); ++i) g[int(i)] = inside.in_[i];
  }
  void release() override {
    if (inner_) inner_->release();
  }

 private:
  Dims base_sizes_, base_strides_, sizes_, strides_;
  int64_t offset_;
  Ref<Node> inner_;
};

void rebase_history(const Tensor& y, Ref<Node> node) {
  if (!y.is_view()) {
    set_history(y, node, 0);
    return;
  }
  node->outputs().resize(1);
  node->outputs()[0] = {y.shape(), y.dtype(), y.device()};
  const Tensor base(y.impl()->base);
  Ref<Node> slices(new CopySlices(base, y, std::move(node)));
  base.impl()->requires_grad = false;  // it has a history now
  set_history(base, slices, 0);
  y.impl()->view_version = y.impl()->version() - 1;  // so that its own history is made anew
  y.grad_fn();
}

}  // namespace cnn
