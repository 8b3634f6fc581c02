// User code that backward calls. The bindings subclass these; so may C++ programs.
#pragma once

#include <mutex>
#include <optional>
#include <vector>

#include "cnn/autograd.h"

namespace cnn {

// What all hooks share: once removed, they are never called again, wherever they hang.
struct CNN_API Hook : RefCounted {
  void remove() { removed_.store(true, std::memory_order_release); }
  virtual std::string name() const { return {}; }  // for error texts
  bool removed() const { return removed_.load(std::memory_order_acquire); }

 private:
  std::atomic<bool> removed_{false};
};

// On the gradient of one tensor; an undefined result leaves it as it is. The gradient may be undefined.
struct CNN_API TensorHook : Hook {
  virtual Tensor operator()(const Tensor& grad) = 0;
};
// After a leaf has its .grad.
struct CNN_API AccumulatedHook : Hook {
  virtual void operator()(const Tensor& leaf) = 0;
  virtual bool runs_last() const { return false; }  // after those that do not
};
// Before a node runs: may change the gradients of its outputs.
struct CNN_API NodePreHook : Hook {
  virtual void operator()(Tensors& outputs) = 0;
};
// After a node ran: may change the gradients of its inputs.
struct CNN_API NodePostHook : Hook {
  virtual void operator()(Tensors& inputs, const Tensors& outputs) = 0;
};

// At the end of a run of backward, which computed what it was to compute.
struct CNN_API FinishedHook : Hook {
  virtual void operator()() = 0;
};

CNN_API void add_hook(const Tensor& x, Ref<TensorHook> hook);       // RuntimeError without requires_grad
CNN_API void add_hook(const Tensor& x, Ref<AccumulatedHook> hook);  // RuntimeError for non-leaves
CNN_API void add_hook(Node& node, Ref<NodePreHook> hook);
CNN_API void add_hook(Node& node, Ref<NodePostHook> hook);
// On the backward that the calling thread runs, or on the one around all others: once, in the order of the calls.
// RuntimeError outside of any.
CNN_API void add_hook(Ref<FinishedHook> hook, bool outermost = false);

// ---- saved_tensors_hooks ----

struct CNN_API SavedHooks : RefCounted {
  // Gets the tensor without history; what it returns is kept instead.
  virtual Ref<RefCounted> pack(const Tensor& x) = 0;
  virtual Tensor unpack(RefCounted& packed) = 0;
};
// The calling thread's innermost pair applies to every tensor saved. Null is allowed: saves plainly.
CNN_API void push_saved_hooks(Ref<SavedHooks> hooks);  // RuntimeError with the text below while they are disabled
CNN_API void pop_saved_hooks();
CNN_API void disable_saved_hooks(std::optional<std::string> error);  // none enables them again
CNN_API const std::optional<std::string>& saved_hooks_error();

// ---- Anomaly mode (Mode::kAnomaly) ----

// What is kept with each node made in anomaly mode: the trace of its forward call.
extern CNN_API Ref<RefCounted> (*anomaly_trace)();
// Tells the user where the forward of a failed node was. `trace` may be null.
extern CNN_API void (*anomaly_report)(const Node& node, RefCounted* trace);
extern CNN_API std::atomic<bool> anomaly_check_nan;  // also fail at the first node that makes a NaN
// The node that the calling thread's backward is running, or null.
CNN_API Node* current_node();
// The number of that backward, -1 where there is none; and whether it computes the node's gradients. RuntimeError
// outside of any.
CNN_API int64_t current_run_number();
CNN_API bool current_run_computes(Node& node);
// Of each leaf: would backward from these tensors reach it?
CNN_API std::vector<bool> leaves_reached(const Tensors& roots, const Tensors& leaves);

// ---- Where hooks hang ----

// The .grad of a tensor that is no leaf, shared by the tensor and its node.
class GradSlot final : public RefCounted {
 public:
  Tensor get() {
    std::lock_guard guard(lock_);
    return grad_;
  }
  void set(Tensor grad) {
    std::lock_guard guard(lock_);
    std::swap(grad_, grad);
  }

 private:
  std::mutex lock_;
  Tensor grad_;
};

// The hooks of a node, or of a leaf. Guarded by hooks_lock(); whoever runs them takes a copy first.
struct HookSet {
  struct OnOutput {
    int output;
    Ref<TensorHook> hook;
  };
  struct Retained {
    int output;
    Ref<GradSlot> slot;
  };
  std::vector<OnOutput> tensor;
  std::vector<Retained> retained;
  std::vector<Ref<NodePreHook>> before;
  std::vector<Ref<NodePostHook>> after;
  std::vector<Ref<AccumulatedHook>> accumulated;
  Ref<RefCounted> trace;
};

std::mutex& hooks_lock();
HookSet& hooks_of(Node& node);  // makes the set when there is none; under the lock
inline bool is_removed(const HookSet::OnOutput& entry) { return entry.hook->removed(); }
inline bool is_removed(const HookSet::Retained&) { return false; }
template <class T>
bool is_removed(const Ref<T>& hook) {
  return hook->removed();
}

// A copy of `list` without those removed, which are dropped outside the lock: that may run user code.
template <class T>
std::vector<T> live_hooks(std::vector<T> HookSet::* list, HookSet* set) {
  std::vector<T> live, dead;
  if (!set) return live;
  std::lock_guard guard(hooks_lock());
  for (const T& hook : set->*list) (is_removed(hook) ? dead : live).push_back(hook);
  if (!dead.empty()) set->*list = live;
  return live;
}

}  // namespace cnn
