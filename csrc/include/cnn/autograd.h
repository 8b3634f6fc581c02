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

// What a gradient arriving over an edge, or for an output, must look like.
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

  const std::vector<Edge>& edges() const { return edges_; }
  std::vector<Edge>& edges() { return edges_; }
  // Of each input: what its gradient must look like (parallel to edges()).
  std::vector<GradShape>& inputs() { return inputs_; }
  // Of each output: what undefined gradients are materialised as.
  std::vector<GradShape>& outputs() { return outputs_; }
  uint64_t sequence() const { return sequence_; }  // later nodes run first

  // Hooks on a node (register_hook, register_prehook) and on the tensors it produced; csrc/autograd/hooks.h.
  struct Hooks;
  std::unique_ptr<Hooks> hooks;
  std::atomic<void*> wrapper{nullptr};  // the Python object, if one lives

 protected:
  void last_ref_dropped() override;  // frees chains of nodes iteratively
  const char* name_;
  uint64_t sequence_ = 0;
  std::vector<Edge> edges_;
  std::vector<GradShape> inputs_, outputs_;
  friend class Grad;
};

// The gradients of one node in one run of backward.
class CNN_API Grads {
 public:
  bool has(int i = 0) const { return out_[i].defined(); }
  const Tensor& out(int i = 0) const { return out_[i]; }  // may be undefined when the node has several outputs
  Tensor out_or_zeros(int i = 0) const;
  bool wants(int i) const { return wanted_ >> (i < 63 ? i : 63) & 1 ? wants_slow(i) : false; }
  Tensor& operator[](int i) { return in_[i]; }  // left undefined: no gradient
  Node& node() const { return *node_; }
  int outputs() const { return int(out_.size()); }
  int inputs() const { return int(in_.size()); }

 private:
  friend class Engine;
  friend class CopySlices;
  bool wants_slow(int i) const;
  Node* node_ = nullptr;
  std::vector<Tensor> out_, in_;
  uint64_t wanted_ = 0;  // bit i: input i is needed by this run (bit 63 stands for all from 63 on)
};

// A tensor kept for backward. `get` checks that it was not changed in place since, and unpacks it.
class CNN_API Saved {
 public:
  Saved() = default;
  Tensor get(Grads& g) const;
  bool defined() const;

 private:
  friend class Grad;
  struct Slot;  // the tensor, its version, its output number, unpack hooks
  std::shared_ptr<Slot> slot_;
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

// A new tensor that shares memory and version, without history.
CNN_API Tensor detach(const Tensor& x);

}  // namespace cnn
