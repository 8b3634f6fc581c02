// What autograd knows of one tensor.
#pragma once

#include <mutex>
#include <vector>

#include "autograd/hooks.h"
#include "cnn/autograd.h"

namespace cnn {

struct AutogradMeta {
  ~AutogradMeta();

  TensorImpl* owner = nullptr;
  Tensor grad;
  Ref<Node> node;            // null: a leaf
  int output = 0;            // which output of the node
  bool retains_grad = false;

  // Of a leaf. The accumulator refers to the leaf, so the leaf only watches it.
  std::mutex mutex;
  Node* accumulator = nullptr;
  std::vector<Ref<TensorHook>> hooks;
  std::vector<Ref<LeafHook>> after_accumulate;
};

// Without the costs of a call: has x a history, or is it a leaf that asks for a gradient?
inline bool needs_grad(const Tensor& x) {
  const TensorImpl* impl = x.impl();
  if (!impl) return false;
  return impl->requires_grad || (impl->autograd && impl->autograd->node) || (impl->base && x.requires_grad());
}

// The accumulator of a leaf, made when there is none.
Ref<Node> accumulator_of(const Tensor& leaf);
// The leaf of an accumulator; undefined for other nodes.
CNN_API Tensor leaf_of(const Node& node);

}  // namespace cnn
