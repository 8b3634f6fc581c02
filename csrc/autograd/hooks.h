// What runs on gradients on their way. The bindings derive hooks that call Python.
#pragma once

#include <utility>
#include <vector>

#include "cnn/autograd.h"

namespace cnn {

// On the gradient of one tensor; may return another gradient, or an undefined tensor to leave it.
struct CNN_API TensorHook : RefCounted {
  virtual Tensor operator()(const Tensor& grad) = 0;
};
// On a leaf, after its gradient was accumulated.
struct CNN_API LeafHook : RefCounted {
  virtual void operator()(const Tensor& leaf) = 0;
};
// On a node: before it runs, and after; both may replace the gradients.
struct CNN_API NodeHook : RefCounted {
  virtual void before(std::vector<Tensor>&) {}
  virtual void after(std::vector<Tensor>&, const std::vector<Tensor>&) {}
};

struct Node::Hooks {
  std::vector<std::pair<int, Ref<TensorHook>>> tensor;   // by output
  std::vector<std::pair<int, TensorImpl*>> retained;     // whose .grad is kept; tensors leave when they die
  std::vector<Ref<NodeHook>> before, after;
};
CNN_API Node::Hooks& hooks_of(Node& node);

// A tensor's hook: with the leaf, or with the output of its node.
CNN_API void add_tensor_hook(const Tensor& x, Ref<TensorHook> hook);
CNN_API void add_leaf_hook(const Tensor& x, Ref<LeafHook> hook);

// saved_tensors_hooks: what stands in for a saved tensor, and back. The innermost pair of the thread counts.
struct CNN_API SavedHooks : RefCounted {
  virtual Ref<RefCounted> pack(const Tensor& x) = 0;
  virtual Tensor unpack(RefCounted& packed) = 0;
};
CNN_API void push_saved_hooks(Ref<SavedHooks> hooks);
CNN_API void pop_saved_hooks();

// Anomaly mode: `note_origin` is called for each new node, `report_origin` when its backward failed.
extern CNN_API Ref<RefCounted> (*note_origin)();
extern CNN_API void (*report_origin)(const Node& node);
extern CNN_API thread_local bool anomaly_checks_nan;

}  // namespace cnn
