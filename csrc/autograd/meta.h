// What autograd knows of one tensor.
#pragma once

#include <mutex>

#include "autograd/hooks.h"
#include "autograd/spin_lock.h"
#include "cnn/autograd.h"

namespace cnn {

struct AutogradMeta {
  AutogradMeta() = default;
  ~AutogradMeta() { delete hooks.load(std::memory_order_relaxed); }

  Ref<Node> grad_fn;
  int output = 0;  // which output of grad_fn
  SpinLock lock;   // guards grad, accumulator and, of a view, grad_fn
  Tensor grad;
  std::atomic<Node*> accumulator{nullptr};  // the leaf's AccumulateGrad while one lives
  Ref<Node> foreign_accumulator;     // of an unpacked saved leaf: where the original's gradient goes
  Ref<GradSlot> retained;            // after retain_grad
  std::atomic<HookSet*> hooks{nullptr};  // of a leaf; other tensors' hang on their node
};

inline Tensor tensor_of(TensorImpl* impl) { return Tensor(Ref<TensorImpl>(impl)); }
inline AutogradMeta* meta_of(const Tensor& x) { return x.impl()->autograd.get(); }
inline GradShape grad_shape(const Tensor& x) { return {x.shape(), x.dtype(), x.device()}; }

// x.grad_fn and its output number; brings the history of a view up to date with writes into its base.
Edge history(const Tensor& x);
// Replaces x's history, and takes retain_grad along.
void replace_history(const Tensor& x, Ref<Node> node, int index);

// ---- inplace.cpp ----

// RuntimeError when autograd cannot follow a write into x.
void check_in_place(const Tensor& x);
// RuntimeError when the history of a view made like this cannot be changed; `indirect`: its base was written.
void check_view_mode(const Tensor& view, const Node* grad_fn, int output, bool indirect);
// x has been written by `node`: it becomes x's history, and that of the tensor x is a view of.
void rebase_history(const Tensor& x, Ref<Node> node, int index);

// ---- accumulate.cpp ----

Ref<Node> accumulator_of(const Tensor& leaf);
HookSet* leaf_hooks(const Node& node);  // of the leaf of an AccumulateGrad; null for other nodes, or without hooks

// ---- saved.cpp ----

std::vector<Ref<SavedHooks>>& thread_saved_hooks();  // of the calling thread, innermost last

// An error whose text already says where it comes from.
class GraphError final : public Error {
 public:
  using Error::Error;
};
template <class... Parts>
[[noreturn]] void graph_error(const Parts&... parts) {
  Message m;
  (void)(m << ... << parts);
  throw GraphError(ErrorKind::Runtime, m.take());
}

}  // namespace cnn
