// Running backward: order, accumulation, checks. No recursion over the graph.
#include "autograd/engine.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "autograd/autocast.h"
#include "autograd/meta.h"
#include "autograd/recorder.h"
#include "cnn/ops.h"
#include "core/cuda_plugin.h"

namespace cnn {
namespace {

constexpr int kMaxNesting = 40;  // runs on one stack

thread_local constinit int nesting = 0;
thread_local constinit Node* running_node = nullptr;
thread_local constinit GraphRun *current_run = nullptr, *outermost_run = nullptr;
std::atomic<int64_t> run_count{0};

// May a gradient of shape `from` be summed to `to`: was `to` broadcast to `from`?
bool was_broadcast(const Dims& to, const Dims& from) {
  const int extra = from.size() - to.size();
  if (extra < 0) return false;
  for (int i = 0; i < to.size(); ++i)
    if (to[i] != 1 && to[i] != from[i + extra]) return false;
  return true;
}

// Makes the gradient that `node` returned at `index` what its receiver expects.
void fit(const Node& node, size_t index, Tensor& grad, const GradShape& expected) {
  if (grad.shape() != expected.sizes) {
    if (!was_broadcast(expected.sizes, grad.shape()))
      graph_error("Function ", node.name(), " returned an invalid gradient at index ", index, " - got ", grad.shape(),
                  " but expected shape compatible with ", expected.sizes);
    grad = sum_to_size(grad, expected.sizes);
  }
  if (grad.dtype() != expected.dtype) grad = to_dtype(grad, expected.dtype);
  if (grad.device() == expected.device) return;
  if (grad.dim() != 0)
    graph_error("Function ", node.name(), " returned an invalid gradient at index ", index, " - expected device ",
                expected.device, " but got ", grad.device());
  grad = to_device(grad, expected.device);
}

bool may_write_into(const Tensor& x) {
  const TensorImpl& impl = *x.impl();
  return !grad_enabled() && impl.use_count() == 1 && impl.storage->use_count() == 1 && impl.contiguous && !impl.base &&
         !impl.own_version && !impl.autograd && !impl.inference;
}

std::string type_text(const Tensor& x) {
  return std::string("torch.") + (x.device().is_cuda() ? "cuda." : "") + dtype_type_name(x.dtype()) + "Tensor";
}

Tensor call(TensorHook& hook, const Tensor& grad) {
  Tensor changed = hook(grad);
  if (!changed.defined()) return grad;
  if (!grad.defined()) return changed;
  const bool same_type = changed.dtype() == grad.dtype() && changed.device() == grad.device();
  if (same_type && changed.shape() == grad.shape()) return changed;
  const std::string name = hook.name(), who = name.empty() ? "hook" : "hook '" + name + "'";
  check(same_type, "", who, " has changed the type of value (was ", type_text(grad), " got ", type_text(changed), ")");
  fail(ErrorKind::Runtime, "", who, " has changed the size of value");
}

// What tensors registered, on the gradients of the node's outputs.
void call_tensor_hooks(HookSet* set, InlineArray<Tensor, 2>& out) {
  if (!set) return;
  for (const auto& [output, hook] : live_hooks(&HookSet::tensor, set)) {
    Tensor& grad = out[size_t(output)];
    grad = call(*hook, grad);
  }
  for (const auto& [output, slot] : live_hooks(&HookSet::retained, set)) {
    const Tensor& grad = out[size_t(output)];
    if (!grad.defined()) continue;
    const Tensor before = slot->get();
    slot->set(before.defined() ? add(before, grad) : clone(grad));
  }
}

template <class Array>
Tensors listed(const Array& values) {
  return Tensors(values.begin(), values.end());
}
template <class Array>
void unlist(Array& values, Tensors& list) {
  check(list.size() == values.size(), "", "a hook has changed the number of gradients");
  for (size_t i = 0; i < list.size(); ++i) values[i] = std::move(list[i]);
}

void check_nan(const Node& node, const Tensor& grad, int index) {
  if (!grad.defined() || !is_floating(grad.dtype()) || grad.device().is_meta()) return;
  NoGrad guard;
  if (any(isnan(grad)).item().to_bool())
    graph_error("Function '", node.name(), "' returned nan values in its ", index, "th output.");
}

[[gnu::cold]] void report_anomaly(const Node& node) {
  Ref<RefCounted> trace;
  {
    std::lock_guard guard(hooks_lock());
    if (node.hooks()) trace = node.hooks()->trace;
  }
  if (anomaly_report) return anomaly_report(node, trace.get());
  warn("Error detected in " + node.name() +
       ". No forward pass information available. Enable detect anomaly during forward pass for more information.");
}

}  // namespace

// ---- Grads ----

Tensor Grads::out_or_zeros(int i) const {
  if (out_[size_t(i)].defined()) return out_[size_t(i)];
  const GradShape& shape = node_->outputs()[size_t(i)];
  return zeros(shape.sizes, shape.dtype, shape.device);
}

void Grads::set_wanted(int i) {
  if (i < 64) {
    wanted_ |= uint64_t(1) << i;
    return;
  }
  if (!more_wanted_) more_wanted_ = std::make_unique<bool[]>(in_.size() - 64);
  more_wanted_[size_t(i) - 64] = true;
}

Node* current_node() { return running_node; }
int64_t current_run_number() { return current_run ? current_run->number() : -1; }
bool current_run_computes(Node& node) {
  check(current_run, "", "there is no backward that runs in this thread");
  return current_run->computes(node);
}

void add_hook(Ref<FinishedHook> hook, bool outermost) {
  check(current_run, "", "Final callbacks can only be installed during backward pass.");
  (outermost ? outermost_run : current_run)->when_finished(std::move(hook));
}

bool Grads::may_leave(int i) const { return run_ && run_->passes_unseen(*node_, node_->edges()[size_t(i)]); }
bool Grads::may_pass_over(int i) const { return may_leave(i) && node_->edges()[size_t(i)].node->edges().size() == 1; }

void Grads::pass_over(int i, Tensor gradient) {
  passed_over_ = i;
  in_[size_t(i)] = std::move(gradient);
}

void Grads::leave(int i) {
  left_to_ = i;
  in_[size_t(i)] = take();
}

// ---- Before the run ----

void GraphRun::add_root(const Edge& edge, Tensor gradient, size_t number) {
  held_.push_back(edge.node);
  NodeState* state = state_of(edge.node.get());
  if (!state->visited) {
    state->visited = true;
    roots_.push_back(state);
  }
  fit(*edge.node, number, gradient, edge.node->outputs()[size_t(edge.index)]);
  add_gradient(*state, size_t(edge.index), std::move(gradient));
}

void GraphRun::capture(const Edge& edge, Tensor* into) {
  stop_at(edge);
  NodeState* state = state_of(edge.node.get());
  captures_.push_back({edge.index, into, state->captures});
  state->captures = int(captures_.size()) - 1;
}

void GraphRun::stop_at(const Edge& edge) {
  held_.push_back(edge.node);
  selective_ = true;
  state_of(edge.node.get())->ends_here = true;
}

// One walk that counts the edges into every node, and finds which nodes lead to a target.
void GraphRun::count_edges() {
  struct Visit {
    NodeState* state;
    size_t edge;
  };
  std::vector<Visit> path;
  path.reserve(32);
  const auto enter = [&](NodeState* state) {
    state->visited = true;
    state->runs |= !selective_;
    path.push_back({state, 0});
  };
  for (NodeState* root : roots_) root->visited = false;
  for (NodeState* root : roots_) {
    if (!root->visited) enter(root);
    while (!path.empty()) {
      auto& [state, next] = path.back();
      const auto& edges = state->node->edges();
      if (next < edges.size()) {
        Node* child = edges[next++].node.get();
        if (!child) continue;
        NodeState* below = state_of(child);
        ++below->waiting;
        if (!below->visited) enter(below);
        else state->runs |= below->runs || below->ends_here;  // no cycles: it has been left already
        continue;
      }
      const bool needed = state->runs || state->ends_here;
      path.pop_back();
      if (!path.empty()) path.back().state->runs |= needed;
    }
  }
}

Dest Grads::over(int i) const { return may_write_into(out_[i]) ? Dest::in_place(out_[i]) : Dest(); }

// ---- The run ----

GraphRun::GraphRun(bool retain_graph) : number_(run_count++), retain_graph_(retain_graph) {}

bool GraphRun::computes(Node& node) const {
  const NodeState* state = find(&node);
  return state && state->visited && (state->runs || state->ends_here);
}

void GraphRun::execute() {
  if (nesting < kMaxNesting) return execute_here();
  // Runs inside runs inside runs: a fresh stack.
  std::exception_ptr error;
  std::thread helper([this, &error, outermost = outermost_run, modes = mode_word & ~kFunctionMode,
                      hooks = thread_saved_hooks(), lower = AutocastState::of_thread(),
                      session = recorder_session()]() mutable {
    outermost_run = outermost;
    mode_word = modes;
    lower.enter();
    const RecordedThread recorded(session);
    thread_saved_hooks() = std::move(hooks);
    try {
      execute_here();
    } catch (...) {
      error = std::current_exception();
    }
    thread_saved_hooks().clear();
  });
  helper.join();
  if (error) std::rethrow_exception(error);
}

void GraphRun::execute_here() {
  struct Nested {
    Node* outer_node = running_node;
    GraphRun *outer_run = current_run, *outermost = outermost_run;
    explicit Nested(GraphRun* run) {
      ++nesting;
      current_run = run;
      if (!outermost) outermost_run = run;
    }
    ~Nested() {
      --nesting;
      running_node = outer_node;
      current_run = outer_run;
      outermost_run = outermost;
    }
  } nested(this);
  const JoinedStreams streams;
  count_edges();
  for (NodeState* root : roots_)
    if (root->waiting == 0) make_ready(root);
  while (!ready_.empty()) {
    std::pop_heap(ready_.begin(), ready_.end());
    NodeState* state = ready_.back().state;
    ready_.pop_back();
    run(*state);
  }
  running_node = nested.outer_node;
  for (size_t i = 0; i < finished_.size(); ++i) {  // one may add another
    const Ref<FinishedHook> hook = finished_[i];
    (*hook)();
  }
}

void GraphRun::make_ready(NodeState* state) {
  ready_.push_back({state->node->sequence(), arrivals_++, state});
  std::push_heap(ready_.begin(), ready_.end());
}

void GraphRun::run(NodeState& state) {
  Node& node = *state.node;
  if (!state.runs && !state.ends_here) return;
  const Recorded evaluation(RangeKind::Evaluate, node);
  Grads g;
  g.node_ = &node;
  g.run_ = this;
  g.is_left_ = state.left;
  g.out_.resize(node.outputs().size());
  for (size_t i = 0; i < state.gradients.size(); ++i) g.out_[i] = std::move(state.gradients[i]);

  if (state.runs) hand_out(state, g);  // as they come: hooks are for those further down
  call_tensor_hooks(leaf_hooks(node), g.out_);
  call_tensor_hooks(node.hooks(), g.out_);
  if (!state.runs) hand_out(state, g);
  const bool accumulates = state.ends_here && state.captures < 0 && leaf_of(node).defined();
  if (!state.runs && !accumulates) return;

  g.in_.resize(node.edges().size());
  for (size_t i = 0; i < node.edges().size(); ++i) {
    Node* child = node.edges()[i].node.get();
    if (!child) continue;
    if (selective_) {
      const NodeState* below = find(child);
      if (!below->runs && !below->ends_here) continue;
    }
    g.set_wanted(int(i));
  }
  run_node(node, g);
  finish(node);
  state.finished = true;
  pass_on(node, g);
}

void GraphRun::run_node(Node& node, Grads& g) {
  running_node = &node;
  try {
    HookSet* hooks = node.hooks();
    for (const auto& hook : live_hooks(&HookSet::before, hooks)) {
      Tensors out = listed(g.out_);
      (*hook)(out);
      unlist(g.out_, out);
    }
    const auto after = live_hooks(&HookSet::after, hooks);
    const Tensors out = after.empty() ? Tensors() : listed(g.out_);
    bool any_defined = node.runs_undefined();
    for (const Tensor& grad : g.out_) any_defined |= grad.defined();
    if (any_defined) {
      Recorded range(RangeKind::Node, node);
      if (range.wants_arguments()) [[unlikely]]
        for (const Tensor& grad : g.out_) ArgumentWriter(range.event().arguments)(grad);
      node.run(g);
    }
    for (const auto& hook : after) {
      Tensors in = listed(g.in_);
      (*hook)(in, out);
      unlist(g.in_, in);
    }
    if (mode_word & kAnomaly && anomaly_check_nan)
      for (int i = 0; i < g.inputs(); ++i) check_nan(node, g[i], i);
  } catch (const GraphError&) {
    if (mode_word & kAnomaly) report_anomaly(node);
    throw;
  } catch (const Error& e) {
    if (mode_word & kAnomaly) report_anomaly(node);
    const std::string text = e.what(), name = node.class_name();
    throw GraphError(e.kind(), text.find(name) == std::string::npos ? text + " (in " + name + ")" : text);
  } catch (...) {
    if (mode_word & kAnomaly) report_anomaly(node);
    throw;
  }
  g.out_.clear();  // so that a gradient passed on unchanged has one holder
}

void GraphRun::hand_out(const NodeState& state, const Grads& g) {
  for (int c = state.captures; c >= 0; c = captures_[size_t(c)].next)
    *captures_[size_t(c)].into = g.out(captures_[size_t(c)].output);
}

bool GraphRun::passes_unseen(const Node& node, const Edge& edge) const {
  if (grad_enabled() || mode_word & kAnomaly || !edge.node || node.hooks() || edge.node->hooks()) return false;
  if (edge.node->outputs().size() != 1) return false;
  const NodeState& below = *find(edge.node.get());
  return below.runs && !below.ends_here && below.waiting == 1 && below.gradients.empty();
}

void GraphRun::pass_on(Node& node, Grads& g) {
  for (size_t i = 0; i < node.edges().size(); ++i) {
    const Edge& edge = node.edges()[i];
    if (!edge.node) continue;
    NodeState* below = find(edge.node.get());
    if (selective_ && !below->runs && !below->ends_here) continue;
    if (g.passed_over_ == int(i)) {
      pass_over(*below, std::move(g.in_[i]));
      continue;
    }
    below->left = g.left_to_ == int(i);
    if (g.in_[i].defined()) {
      fit(node, i, g.in_[i], edge.node->outputs()[size_t(edge.index)]);
      add_gradient(*below, size_t(edge.index), std::move(g.in_[i]));
    }
    if (--below->waiting == 0) make_ready(below);
  }
}

// The node of `state` counts as run, with this gradient of its input.
void GraphRun::pass_over(NodeState& state, Tensor gradient) {
  Grads g;
  g.in_.resize(1);
  g.in_[0] = std::move(gradient);
  finish(*state.node);
  state.finished = true;
  pass_on(*state.node, g);
}

void GraphRun::add_gradient(NodeState& state, size_t output, Tensor gradient) {
  if (state.gradients.empty()) state.gradients.resize(state.node->outputs().size());
  Tensor& sum = state.gradients[output];
  if (!sum.defined()) sum = std::move(gradient);
  else if (may_write_into(sum)) add(sum, gradient, 1, Dest::in_place(sum));
  else if (may_write_into(gradient)) sum = add(gradient, sum, 1, Dest::in_place(gradient));
  else sum = add(sum, gradient);
}

}  // namespace cnn
