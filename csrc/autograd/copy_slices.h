// The node of a tensor one of whose views was written in place.
#pragma once

#include "cnn/autograd.h"

namespace cnn {

struct Geometry {
  Dims sizes, strides;
  int64_t offset = 0;
};

class CopySlices final : public Node {
 public:
  // `view` of `base` was written by `writer`, whose input 0 is the view's old value.
  CopySlices(const Tensor& base, const Tensor& view, Ref<Node> writer);

  void run(Grads& g) override;
  void release() override { writer_->release(); }
  // `data` is what the writer put into the view: the same with the history that leads through this node.
  Tensor view_of_result(const Tensor& data) const;

 private:
  Geometry base_, view_;
  Ref<Node> writer_;
};

}  // namespace cnn
