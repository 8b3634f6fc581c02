// Reverse-mode differentiation, as an op's author sees it.
//
//   Tensor mul(const Tensor& a, const Tensor& b, Dest dest) {
//     Grad grad({a, b}, dest);                               // what is needed; checks in-place legality
//     auto sa = grad.save_if(grad.needs(1), a), sb = grad.save_if(grad.needs(0), b);
//     Tensor y = map("mul", kernels::Mul{}, a, b, dest);
//     if (!grad) return y;
//     return grad.record("MulBackward0", y, [sa, sb](Grads& g) {
//       if (g.wants(0)) g[0] = mul(g.out(), sb.get(g));      // the engine undoes broadcasting
//       if (g.wants(1)) g[1] = mul(g.out(), sa.get(g));
//     });
//   }
//
// Closures call public ops only, so higher orders come from leaving grad mode on.
#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "cnn/tensor.h"

namespace cnn {

// ---- Modes: one thread-local word; zero is the default state (grad on, everything else off). ----

enum Mode : uint32_t {
  kNoGrad = 1, kInference = 2, kAutocast = 4, kProfile = 8, kTrace = 16, kAnomaly = 32, kSavedHooks = 64,
};
extern CNN_API thread_local constinit uint32_t mode_word __attribute__((tls_model("initial-exec")));

inline bool grad_enabled() { return !(mode_word & kNoGrad); }

class ModeGuard {  // sets or clears bits for a scope
 public:
  ModeGuard(uint32_t bits, bool on) : before_(mode_word) { mode_word = on ? before_ | bits : before_ & ~bits; }
  ~ModeGuard() { mode_word = before_; }
  ModeGuard(const ModeGuard&) = delete;

 private:
  uint32_t before_;
};
struct NoGrad : ModeGuard {
  NoGrad() : ModeGuard(kNoGrad, true) {}
};
struct EnableGrad : ModeGuard {
  EnableGrad() : ModeGuard(kNoGrad, false) {}
};
struct InferenceMode : ModeGuard {
  InferenceMode() : ModeGuard(kNoGrad | kInference, true) {}
};

// ---- The graph ----

class Grads;
struct Edge {
  Ref<Node> node;  // null: no gradient wanted
  int index = 0;   // which output of that node
};

// A short list with its first elements inline: a node is one allocation.
template <class T, int kInline>
class Few {
 public:
  Few() = default;
  Few(const Few&) = delete;
  Few& operator=(const Few&) = delete;
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  T* begin() { return more_ ? more_.get() : inline_; }
  T* end() { return begin() + count_; }
  const T* begin() const { return more_ ? more_.get() : inline_; }
  const T* end() const { return begin() + count_; }
  T& operator[](size_t i) { return begin()[i]; }
  const T& operator[](size_t i) const { return begin()[i]; }
  void resize(size_t n) {
    if (n > kInline && n > room_) {
      std::unique_ptr<T[]> bigger(new T[n]);
      for (size_t i = 0; i < count_; ++i) bigger[i] = std::move(begin()[i]);
      more_ = std::move(bigger);
      room_ = n;
    }
    for (size_t i = n; i < count_; ++i) begin()[i] = T();
    count_ = n;
  }

 private:
  size_t count_ = 0, room_ = 0;
  T inline_[kInline];
  std::unique_ptr<T[]> more_;
};

// What a gradient for an output must look like.
struct GradShape {
  Dims sizes;
  DType dtype = DType::Float32;
  Device device;
};

// One step of the backward graph. Subclasses: closures of ops, AccumulateGrad, CopySlices, Python functions.
class CNN_API Node : public RefCounted {
 public:
  explicit Node(const char* name);
  ~Node() override;

  virtual std::string name() const { return name_; }
  virtual void run(Grads& g) = 0;
  // Frees what backward needed; a second run then raises if anything had been saved.
  virtual void release() {}
  // Must it run even when no gradient reached it? (functions that materialise zeros)
  virtual bool runs_without_gradient() const { return false; }

  Few<Edge, 3>& edges() { return edges_; }
  const Few<Edge, 3>& edges() const { return edges_; }
  Few<GradShape, 1>& outputs() { return outputs_; }  // one for each output
  uint64_t sequence() const { return sequence_; }    // later nodes run first

  // Hooks on the node and on the tensors it produced, made when first needed; csrc/autograd/hooks.h.
  struct Hooks;
  Hooks* hooks = nullptr;
  std::atomic<void*> wrapper{nullptr};  // the Python object, if one lives
  Ref<RefCounted> origin;               // in anomaly mode: where the forward op was called

 protected:
  void last_ref_dropped() override;  // frees chains of nodes iteratively
  const char* name_;
  uint64_t sequence_;
  Few<Edge, 3> edges_;
  Few<GradShape, 1> outputs_;
};

// The gradients of one node in one run of backward.
class CNN_API Grads {
 public:
  bool has(int i = 0) const { return out_[i].defined(); }
  const Tensor& out(int i = 0) const { return out_[i]; }  // may be undefined when the node has several outputs
  Tensor out_or_zeros(int i = 0) const;
  bool wants(int i) const { return i < 64 ? wanted_ >> i & 1 : many_[size_t(i)]; }  // needed by this run?
  Tensor& operator[](int i) { return in_[i]; }  // left undefined: no gradient
  Node& node() const { return *node_; }
  int outputs() const { return int(out_.size()); }
  int inputs() const { return int(in_.size()); }

 private:
  friend class Engine;
  friend class CopySlices;
  friend struct GradsAccess;
  Node* node_ = nullptr;
  std::vector<Tensor> out_, in_;
  uint64_t wanted_ = 0;      // bit i: input i is needed by this run
  std::vector<bool> many_;  // the same, for nodes with more than 64 inputs
};

// A tensor kept for backward. `get` checks that it was not changed in place since, and unpacks it.
class CNN_API Saved {
 public:
  Saved() = default;
  Tensor get(Grads& g) const;
  bool defined() const { return tensor_.defined() || bool(packed_); }

 private:
  friend class Grad;
  friend struct SavedAccess;
  Tensor tensor_;            // an output is kept without its history, so that there is no cycle
  Ref<RefCounted> packed_;   // what saved-tensor hooks made of it instead
  uint32_t version_ = 0;
  int output_ = -1;          // which output of the node it is; -1: an input
};

// One argument of Grad({a, b}): refers, does not own.
struct GradInput {
  GradInput(const Tensor& t) : tensor(&t) {}
  const Tensor* tensor;
};

// What one call of an op must do for autograd.
class CNN_API Grad {
 public:
  // Raises when `dest` may not be written: a leaf that requires grad, a view of several outputs, out= with grad.
  explicit Grad(std::initializer_list<GradInput> inputs, const Dest& dest = {});
  explicit Grad(const Tensors& inputs);

  explicit operator bool() const { return needed_; }       // must this call be recorded?
  bool needs(int i) const { return needed_ && (mask_ >> i & 1); }  // does input i need a gradient? (i < 64)

  // Keeps x for the closure. Under an in-place Dest, operand 0 is cloned before the write.
  Saved save(const Tensor& x) { return save_if(needed_, x); }
  Saved save_if(bool wanted, const Tensor& x);
  // Keeps the op's own output number `index` without a cycle.
  Saved save_output(const Tensor& y, int index = 0);

  // Attaches the closure `fn(Grads&)` to y (or rebases y's history when it was written in place); returns y.
  template <class F>
  Tensor record(const char* name, const Tensor& y, F fn);
  // Several outputs; those of integer dtype are never differentiable.
  template <class F>
  void record(const char* name, const Tensors& outputs, F fn);
  // The same for a node made by hand.
  void attach(Ref<Node> node, const Tensors& outputs);
  // Like record, for an output that is a view of input 0.
  template <class F>
  Tensor record_view(const char* name, const Tensor& view, F fn) {
    return record(name, view, std::move(fn));
  }

 private:
  bool needed_ = false;
  bool saved_ = false;
  uint64_t mask_ = 0;
  const Dest* dest_ = nullptr;
  int count_ = 0;
  const Tensor* inline_[6];
  std::vector<const Tensor*> more_;

  void collect(const Tensor* t, int i);
  void check_destination(const Dest& dest) const;
  const Tensor& input(int i) const { return more_.empty() ? *inline_[i] : *more_[size_t(i)]; }
};

// The node of a closure: one allocation.
template <class F>
class ClosureNode final : public Node {
 public:
  ClosureNode(const char* name, bool saved, F fn) : Node(name), saved_(saved), fn_(std::move(fn)) {}
  ~ClosureNode() override {
    if (!released_) fn_.~F();
  }
  void run(Grads& g) override;
  void release() override {
    if (!saved_ || released_) return;
    released_ = true;
    fn_.~F();
  }

 private:
  bool saved_;
  bool released_ = false;
  union {
    F fn_;
  };
};

[[noreturn]] CNN_API void throw_released(const Node& node);  // "Trying to backward through the graph a second time ..."

template <class F>
void ClosureNode<F>::run(Grads& g) {
  if (released_) throw_released(*this);
  fn_(g);
}
template <class F>
Tensor Grad::record(const char* name, const Tensor& y, F fn) {
  attach(Ref<Node>(new ClosureNode<F>(name, saved_, std::move(fn))), {y});
  return y;
}
template <class F>
void Grad::record(const char* name, const Tensors& outputs, F fn) {
  attach(Ref<Node>(new ClosureNode<F>(name, saved_, std::move(fn))), outputs);
}

// ---- Running backward ----

// Adds into the .grad of leaves (of `inputs` only, when given). Undefined `gradients` mean 1 for scalars.
CNN_API void backward(const Tensors& roots, const Tensors& gradients = {}, bool retain_graph = false,
                      bool create_graph = false, const Tensors& inputs = {}, bool accumulate_all = true);
// Gradients of the outputs with respect to `inputs`; undefined where unused (an error unless allow_unused).
CNN_API Tensors grad(const Tensors& outputs, const Tensors& inputs, const Tensors& gradients = {},
                     bool retain_graph = false, bool create_graph = false, bool allow_unused = false);

// What a gradient of x flows into: its node, or the accumulator of a leaf; no node where none is required.
CNN_API Edge gradient_edge(const Tensor& x);
// Makes `node` the origin of y.
CNN_API void set_history(const Tensor& y, const Ref<Node>& node, int output);
// The same after y was written in place: through the history of what it views.
CNN_API void rebase_history(const Tensor& y, Ref<Node> node);
CNN_API void retain_grad(const Tensor& x);
CNN_API bool retains_grad(const Tensor& x);
CNN_API int output_number(const Tensor& x);

// A new tensor that shares memory and version, without history.
CNN_API Tensor detach(const Tensor& x);
// Forgets the history of x itself.
CNN_API void detach_(const Tensor& x);

}  // namespace cnn
