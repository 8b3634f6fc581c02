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

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "cnn/inline_array.h"
#include "cnn/tensor.h"

namespace cnn {

// ---- Modes: one thread-local word; zero is the default state (grad on, everything else off). ----

enum Mode : uint32_t {
  kNoGrad = 1,
  kInference = 2,
  kAnomaly = 4,
  kSavedHooks = 8,    // set while this thread has any
  kFunctionMode = 16,  // an interceptor of calls, which the bindings know, is in force in this thread
  kProfiler = 32,      // this thread writes down what it calls (csrc/autograd/recorder.h)
  kAutocastCpu = 64,   // listed ops choose the dtype they run in (autocast.h)
  kAutocastCuda = 128,
  kAutocast = kAutocastCpu | kAutocastCuda,
};
extern CNN_API thread_local constinit uint32_t mode_word __attribute__((tls_model("initial-exec")));

inline bool grad_enabled() { return !(mode_word & kNoGrad); }
inline void set_modes(uint32_t bits, uint32_t values) { mode_word = (mode_word & ~bits) | values; }

class ModeGuard {  // sets or clears bits for a scope
 public:
  ModeGuard(uint32_t bits, bool on) : bits_(bits), before_(mode_word & bits) { set_modes(bits, on ? bits : 0); }
  ~ModeGuard() { set_modes(bits_, before_); }
  ModeGuard(const ModeGuard&) = delete;

 private:
  uint32_t bits_, before_;
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

// Autocast is off inside an op: what it calls runs in the dtypes that it was given.
class WithoutAutocast {
 public:
  WithoutAutocast() : bits_(mode_word & kAutocast) {
    if (bits_) [[unlikely]]
      mode_word &= ~bits_;
  }
  ~WithoutAutocast() {
    if (bits_) [[unlikely]]
      mode_word |= bits_;
  }
  WithoutAutocast(const WithoutAutocast&) = delete;

 private:
  uint32_t bits_;
};

// ---- The graph ----

class CopySlices;
class Grads;
class GraphRun;
class Node;
struct HookSet;  // csrc/autograd/hooks.h

struct Edge {
  Ref<Node> node;  // null: no gradient wanted
  int index = 0;   // which output of that node
};

// What a gradient arriving for an output of a node must look like; undefined ones are zeros of this.
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
  std::string class_name() const;    // the name without namespaces
  std::string forward_name() const;  // and without "Backward0": of the op, as error texts say it

  virtual void run(Grads& g) = 0;
  // Frees what backward needed; a second run then raises if anything had been saved.
  virtual void release() {}
  // Does it run even when every gradient that reached it is undefined?
  virtual bool runs_undefined() const { return false; }

  // Parallel to the inputs of the op. Not to be changed once a tensor has this node.
  InlineArray<Edge, 2>& edges() { return edges_; }
  const InlineArray<Edge, 2>& edges() const { return edges_; }
  InlineArray<GradShape, 1>& outputs() { return outputs_; }
  const InlineArray<GradShape, 1>& outputs() const { return outputs_; }
  uint64_t sequence() const { return sequence_; }  // later nodes run first

  // Hooks on the node and on the tensors it produced; null until there are any.
  HookSet* hooks() const { return hooks_.load(std::memory_order_acquire); }
  std::atomic<void*> wrapper{nullptr};  // the Python object, if one lives

 protected:
  void last_ref_dropped() override;  // frees chains of nodes iteratively
  uint64_t sequence_;

 private:
  friend class GraphRun;
  friend HookSet& hooks_of(Node& node);
  const char* name_;
  InlineArray<Edge, 2> edges_;
  InlineArray<GradShape, 1> outputs_;
  std::atomic<HookSet*> hooks_{nullptr};
  // The run of backward that keeps its state for this node in `state_` (csrc/autograd/engine.h).
  std::atomic<uintptr_t> claim_{0};
  void* state_ = nullptr;  // also links dead nodes on their way to being freed
};

// The gradients of one node in one run of backward.
class CNN_API Grads {
 public:
  bool has(int i = 0) const { return out_[i].defined(); }
  const Tensor& out(int i = 0) const { return out_[i]; }  // may be undefined when the node has several outputs
  Tensor out_or_zeros(int i = 0) const;
  Tensor take(int i = 0) { return std::move(out_[i]); }  // out(i), given away
  // For a gradient made element by element from out(i): into the memory of out(i), if nobody else holds it.
  Dest over(int i = 0) const;
  bool wants(int i) const { return i < 64 ? wanted_ >> i & 1 : more_wanted_ && more_wanted_[i - 64]; }
  Tensor& operator[](int i) { return in_[i]; }  // left undefined: no gradient
  // For an op that can do the work of the node below in the same kernel. True when nobody would see the gradient that
  // goes from here to that node: no hook, no capture, no other part of its sum, no second order.
  bool may_pass_over(int i) const;
  // Gives the gradient of the input of the node below, which then does not run.
  void pass_over(int i, Tensor gradient);
  // The other way round: out() goes to the node below as it is, which finds `is_left` and does the work of both. May be
  // where pass_over may, whatever the number of that node's inputs.
  bool may_leave(int i) const;
  void leave(int i);
  bool is_left() const { return is_left_; }
  Node& node() const { return *node_; }
  int outputs() const { return int(out_.size()); }
  int inputs() const { return int(in_.size()); }

 private:
  friend class CopySlices;
  friend class GraphRun;
  friend class Saved;
  void set_wanted(int i);
  Node* node_ = nullptr;
  GraphRun* run_ = nullptr;
  const CopySlices* slices_ = nullptr;  // set when the node wrote into a view
  int passed_over_ = -1;  // the input whose node has had its work done
  int left_to_ = -1;  // the input whose node does ours
  bool is_left_ = false;
  InlineArray<Tensor, 2> out_, in_;
  uint64_t wanted_ = 0;  // bit i: input i is needed by this run
  std::unique_ptr<bool[]> more_wanted_;
};

// A tensor kept for backward. `get` checks that it was not changed in place since, and unpacks it.
class CNN_API Saved {
 public:
  Saved() = default;
  // x as it is; when x is an output of `owner`, without a cycle. For nodes made by hand.
  static Saved of(const Tensor& x, const Node* owner = nullptr);
  Tensor get(Grads& g) const;
  // The same outside a run: `owner` is the node that holds it.
  Tensor unpack(Node& owner) const;
  bool defined() const { return tensor_.defined() || packed_; }

 private:
  friend class Grad;
  static Saved output(const Tensor& y, int index);
  void keep(const Tensor& x);
  void check_version(const Node* owner) const;
  Tensor unpack_hooked(Node* owner) const;
  Tensor tensor_;
  Ref<RefCounted> packed_;  // instead of the tensor, under saved-tensor hooks
  uint32_t version_ = 0;
  int output_ = -1;  // which output of the node this is; -1: none
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
  // `op` is for that error's text.
  explicit Grad(std::initializer_list<GradInput> inputs, const Dest& dest = {}, const char* op = nullptr) {
    if (grad_enabled() || dest) start(inputs.begin(), inputs.size(), dest, op);
  }
  explicit Grad(const Tensors& inputs, const Dest& dest = {}, const char* op = nullptr);

  explicit operator bool() const { return needed_; }  // must this call be recorded?
  bool needs(int i) const { return needed_ && (mask_ >> i & 1); }  // does input i need a gradient? (i < 64)

  // Keeps x for the closure. Under an in-place Dest, operand 0 is cloned before the write.
  Saved save(const Tensor& x) { return save_if(needed_, x); }
  Saved save_if(bool wanted, const Tensor& x) { return wanted && x.defined() ? keep(x) : Saved(); }
  // Keeps the op's own output number `index` without a cycle.
  Saved save_output(const Tensor& y, int index = 0);

  // Attaches the closure `fn(Grads&)` to y (or rebases y's history when it was written in place); returns y.
  template <class F>
  Tensor record(const char* name, const Tensor& y, F fn);
  template <class F>
  Tensor record(const char* name, Tensor& y, F fn);  // y itself, given away
  // Several outputs; those of integer dtype are never differentiable.
  template <class F>
  void record(const char* name, const Tensors& outputs, F fn);
  // For ops without a derivative: backward raises "derivative for aten::<op> is not implemented".
  Tensor record_no_derivative(const char* op, const Tensor& y);
  // The same for a node made by hand.
  void attach(Ref<Node> node, const Tensors& outputs) { attach(std::move(node), outputs.data(), outputs.size()); }
  void attach(Ref<Node> node, const Tensor& output) { attach(std::move(node), &output, 1); }
  // Like record, for an output that is a view of input 0.
  template <class F>
  Tensor record_view(const char* name, const Tensor& view, F fn) {
    return record(name, view, std::move(fn));
  }

 private:
  void start(const GradInput* inputs, size_t count, const Dest& dest, const char* op);
  Saved keep(const Tensor& x);
  void attach(Ref<Node> node, const Tensor* outputs, size_t count);

  WithoutAutocast inside_;
  bool needed_ = false;
  bool saved_ = false;
  uint64_t mask_ = 0;
  TensorImpl* written_ = nullptr;  // the target of an in-place Dest
  InlineArray<const Tensor*, 6> inputs_;
  InlineArray<Edge, 2> early_edges_;  // of the inputs, as they were before a write in place
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
  const WithoutAutocast inside;
  fn_(g);
}
template <class F>
Tensor Grad::record(const char* name, const Tensor& y, F fn) {
  attach(make_ref<ClosureNode<F>>(name, saved_, std::move(fn)), &y, 1);
  return y;
}
template <class F>
Tensor Grad::record(const char* name, Tensor& y, F fn) {
  attach(make_ref<ClosureNode<F>>(name, saved_, std::move(fn)), &y, 1);
  return std::move(y);
}
template <class F>
void Grad::record(const char* name, const Tensors& outputs, F fn) {
  attach(make_ref<ClosureNode<F>>(name, saved_, std::move(fn)), outputs);
}

// ---- History of tensors ----

// Where a gradient of x goes: its node and output number, or its accumulator for a leaf. Null without gradient.
CNN_API Edge gradient_edge(const Tensor& x);
// Makes x output `index` of a node.
CNN_API void set_history(const Tensor& x, Ref<Node> node, int index);
// A new tensor that shares memory and version, without history.
CNN_API Tensor detach(const Tensor& x);
// Forgets x's history in place. RuntimeError for views.
CNN_API Tensor detach_(const Tensor& x);
// Backward then fills x.grad though x is no leaf. RuntimeError without gradient.
CNN_API void retain_grad(const Tensor& x);
CNN_API bool retains_grad(const Tensor& x);
CNN_API int output_number(const Tensor& x);  // which output of grad_fn x is
CNN_API Tensor leaf_of(const Node& node);  // of AccumulateGrad; undefined for other nodes

// A tensor without values that stands for an output of the node, where backward may begin or end.
CNN_API Tensor output_of(Ref<Node> node, int index);

// Functions written by hand. `connect`, before their forward runs, gives the node its edges and says whether any
// input needs a gradient; `attach_custom` (with a null node if none did) then gives the outputs their history.
// What it returns are the outputs to hand out: an input returned as it came becomes a view of itself.
CNN_API bool connect(Node& node, const Tensors& inputs);
CNN_API Tensors attach_custom(Ref<Node> node, const Tensors& inputs, const Tensors& outputs, const Tensors& dirty = {},
                              const Tensors& non_differentiable = {});

// ---- Running backward ----

// Adds into the .grad of leaves (of `inputs` only, when given). Undefined `gradients` mean 1 for scalars.
// With `accumulate_all` false, `inputs` may not be empty. create_graph keeps the graph.
CNN_API void backward(const Tensors& roots, const Tensors& gradients = {}, bool retain_graph = false,
                      bool create_graph = false, const Tensors& inputs = {}, bool accumulate_all = true);
// Gradients of the outputs with respect to `inputs`; undefined where unused (an error unless allow_unused).
CNN_API Tensors grad(const Tensors& outputs, const Tensors& inputs, const Tensors& gradients = {},
                     bool retain_graph = false, bool create_graph = false, bool allow_unused = false);

}  // namespace cnn
