// Runs backward: counts dependencies in one pass, then runs ready nodes, the latest recorded first.
// All state is the run's own, so that threads may share nodes and runs may nest.
#include <algorithm>

#include "autograd/meta.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/unary.h"

namespace cnn {
namespace {

// One node's state in a run.
struct Task {
  Node* node = nullptr;
  int waits_for = 0;        // gradients on their way to it
  bool needed = true;       // does it lead to a wanted input?
  bool captured = false;    // is its incoming gradient itself wanted?
  std::vector<Tensor> grads;  // by output
};

// Node -> Task, in the order of discovery. Open addressing; tasks do not move in memory once discovery has ended.
class Tasks {
 public:
  Tasks() : slots_(64, -1) {}
  // The node's number; a new one is added.
  int find_or_add(Node* node, bool* added) {
    size_t at = place(node);
    if (slots_[at] >= 0) {
      *added = false;
      return slots_[at];
    }
    *added = true;
    if (tasks_.size() * 2 >= slots_.size()) {
      grow();
      at = place(node);
    }
    slots_[at] = int(tasks_.size());
    tasks_.emplace_back();
    tasks_.back().node = node;
    return slots_[at];
  }
  int find(Node* node) const { return slots_[place(node)]; }
  Task& operator[](int i) { return tasks_[size_t(i)]; }
  int size() const { return int(tasks_.size()); }

 private:
  size_t place(const Node* node) const {
    const size_t mask = slots_.size() - 1;
    size_t at = (reinterpret_cast<uintptr_t>(node) >> 4) * 0x9E3779B97F4A7C15ull >> 20 & mask;
    while (slots_[at] >= 0 && tasks_[size_t(slots_[at])].node != node) at = (at + 1) & mask;
    return at;
  }
  void grow() {
    slots_.assign(slots_.size() * 4, -1);
    for (size_t i = 0; i < tasks_.size(); ++i) slots_[place(tasks_[i].node)] = int(i);
  }
  std::vector<Task> tasks_;
  std::vector<int> slots_;
};

bool owned_alone(const Tensor& x) {
  return x.impl()->use_count() == 1 && x.impl()->storage->use_count() == 1 && !x.impl()->base;
}

}  // namespace

class Engine {
 public:
  Engine(bool retain_graph, bool create_graph) : retain_graph_(retain_graph), mode_(kNoGrad | kInference, false) {
    if (!create_graph) mode_word |= kNoGrad;
  }

  // `wanted` empty: everything reachable. Returns the gradients that reached them.
  Tensors run(const std::vector<Edge>& roots, const Tensors& gradients, const std::vector<Edge>& wanted, bool accumulate) {
    discover(roots);
    if (!wanted.empty()) restrict_to(wanted, accumulate);
    captured_.resize(wanted.size());
    wanted_ = &wanted;
    accumulate_ = accumulate;
    for (size_t i = 0; i < roots.size(); ++i) {
      Task& task = tasks_[tasks_.find(roots[i].node.get())];
      put(task, roots[i].index, gradients[i]);
      if (--task.waits_for == 0) push(tasks_.find(roots[i].node.get()));
    }
    while (!ready_.empty()) {
      std::pop_heap(ready_.begin(), ready_.end());
      const int at = ready_.back().second;
      ready_.pop_back();
      step(at);
    }
    return std::move(captured_);
  }

 private:
  void discover(const std::vector<Edge>& roots) {
    std::vector<int> stack;
    const auto visit = [&](const Edge& edge) {
      if (!edge.node) return;
      bool added;
      const int at = tasks_.find_or_add(edge.node.get(), &added);
      ++tasks_[at].waits_for;
      if (added) stack.push_back(at);
    };
    for (const Edge& root : roots) visit(root);
    while (!stack.empty()) {
      Node* node = tasks_[stack.back()].node;
      stack.pop_back();
      for (const Edge& edge : node->edges()) visit(edge);
    }
  }

  // Only nodes on a way to a wanted one run.
  void restrict_to(const std::vector<Edge>& wanted, bool accumulate) {
    for (int i = 0; i < tasks_.size(); ++i) tasks_[i].needed = false;
    for (const Edge& w : wanted) {
      const int at = tasks_.find(w.node.get());
      if (at < 0) continue;
      if (accumulate) tasks_[at].needed = true;
      else tasks_[at].captured = true;
    }
    // Depth first, a node after all that it leads to.
    std::vector<char> state(size_t(tasks_.size()), 0);
    std::vector<std::pair<int, size_t>> stack;
    for (int root = 0; root < tasks_.size(); ++root) {
      if (state[size_t(root)]) continue;
      stack.push_back({root, 0});
      state[size_t(root)] = 1;
      while (!stack.empty()) {
        auto& [at, edge] = stack.back();
        Node* node = tasks_[at].node;
        if (edge < node->edges().size()) {
          Node* next = node->edges()[edge++].node.get();
          if (!next) continue;
          const int to = tasks_.find(next);
          if (!state[size_t(to)]) {
            state[size_t(to)] = 1;
            stack.push_back({to, 0});
          }
          continue;
        }
        for (const Edge& e : node->edges()) {
          if (!e.node) continue;
          const Task& next = tasks_[tasks_.find(e.node.get())];
          if (next.needed || next.captured) tasks_[at].needed = true;
        }
        stack.pop_back();
      }
    }
  }

  void push(int at) {
    ready_.push_back({tasks_[at].node->sequence(), at});
    std::push_heap(ready_.begin(), ready_.end());
  }

  // Adds a gradient to what has arrived for one output.
  void put(Task& task, int output, const Tensor& grad) {
    if (task.grads.size() <= size_t(output)) task.grads.resize(size_t(output) + 1);
    Tensor& have = task.grads[size_t(output)];
    if (!have.defined()) {
      have = grad;
    } else if (!grad_enabled() && owned_alone(have) && have.dtype() == grad.dtype() && have.shape() == grad.shape()) {
      add(have, grad, 1, Dest::in_place(have));
    } else {
      have = add(have, grad);
    }
  }

  void step(int at) {
    Node& node = *tasks_[at].node;
    const Ref<Node> alive(&node);
    std::vector<Tensor> grads = std::move(tasks_[at].grads);
    grads.resize(std::max(grads.size(), node.outputs().size()));
    run_tensor_hooks(node, grads);
    if (tasks_[at].captured) capture(node, grads);

    bool any = node.runs_without_gradient();
    for (const Tensor& g : grads) any |= g.defined();
    Grads g;
    if (tasks_[at].needed && any) {
      g.node_ = &node;
      g.out_ = std::move(grads);
      g.in_.resize(node.edges().size());
      want(node, g);
      run_node(node, g);
      if (!retain_graph_) node.release();
    } else {
      g.in_.resize(node.edges().size());
    }
    g.out_.clear();
    const bool routes = !g.in_.empty();
    for (size_t i = 0; routes && i < node.edges().size(); ++i) {
      const Edge& edge = node.edges()[i];
      if (!edge.node) continue;
      const int to = tasks_.find(edge.node.get());
      Task& next = tasks_[to];
      if (g.in_[i].defined() && (next.needed || next.captured)) {
        Tensor grad = std::move(g.in_[i]);
        g.in_[i] = Tensor();
        conform(node, int(i), edge, grad);
        put_moved(next, edge.index, std::move(grad));
      }
      if (--next.waits_for == 0) push(to);
    }
  }

  void put_moved(Task& task, int output, Tensor grad) {
    if (task.grads.size() <= size_t(output)) task.grads.resize(size_t(output) + 1);
    if (!task.grads[size_t(output)].defined()) task.grads[size_t(output)] = std::move(grad);
    else put(task, output, grad);
  }

  void want(const Node& node, Grads& g) {
    const size_t n = node.edges().size();
    if (n > 64) g.many_.resize(n);
    for (size_t i = 0; i < n; ++i) {
      Node* next = node.edges()[i].node.get();
      if (!next) continue;
      const Task& task = tasks_[tasks_.find(next)];
      if (!task.needed && !task.captured) continue;
      if (i < 64) g.wanted_ |= uint64_t(1) << i;
      if (n > 64) g.many_[i] = true;
    }
  }

  void run_node(Node& node, Grads& g) {
    if (node.hooks)
      for (const auto& hook : std::vector<Ref<NodeHook>>(node.hooks->before)) hook->before(g.out_);
    const bool after = node.hooks && !node.hooks->after.empty();
    const std::vector<Tensor> outs = after ? g.out_ : std::vector<Tensor>();
    if (!(mode_word & kAnomaly)) {
      node.run(g);
    } else {
      try {
        node.run(g);
      } catch (...) {
        if (report_origin) report_origin(node);
        throw;
      }
      if (anomaly_checks_nan) check_nan(node, g);
    }
    if (after)
      for (const auto& hook : std::vector<Ref<NodeHook>>(node.hooks->after)) hook->after(g.in_, outs);
  }

  static void check_nan(const Node& node, Grads& g) {
    const NoGrad guard;
    for (size_t i = 0; i < g.in_.size(); ++i) {
      if (!g.in_[i].defined() || !any(isnan(g.in_[i])).item().to_bool()) continue;
      if (report_origin) report_origin(node);
      fail(ErrorKind::Runtime, "", "Function '", node.name(), "' returned nan values in its ", int64_t(i), "th output.");
    }
  }

  // The gradient as the input's node expects it: broadcasting undone, dtype and device the input's.
  static void conform(const Node& node, int i, const Edge& edge, Tensor& grad) {
    const GradShape& want = edge.node->outputs()[size_t(edge.index)];
    if (grad.shape() != want.sizes) {
      bool fits = grad.dim() >= want.sizes.size();
      for (int d = 1; fits && d <= want.sizes.size(); ++d) {
        const int64_t w = want.sizes[want.sizes.size() - d], have = grad.shape()[grad.dim() - d];
        fits = w == 1 || w == have;
      }
      check(fits, "", "Function ", node.name(), " returned an invalid gradient at index ", i, " - got ", grad.shape(),
            " but expected shape compatible with ", want.sizes);
      grad = sum_to_size(grad, want.sizes);
    }
    if (grad.dtype() != want.dtype) grad = to_dtype(grad, want.dtype);
    if (!(grad.device() == want.device)) {
      check(grad.dim() == 0 || want.sizes.empty(), "", "Function ", node.name(), " returned an invalid gradient at index ", i,
            " - expected device ", want.device, " but got ", grad.device());
      grad = to_device(grad, want.device);
    }
  }

  void run_tensor_hooks(Node& node, std::vector<Tensor>& grads) {
    const auto apply = [](TensorHook& hook, Tensor& grad) {
      Tensor other = hook(grad);
      if (!other.defined()) return;
      check(other.shape() == grad.shape(), "", "hook has changed the size of value: ", grad.shape(), " became ", other.shape());
      grad = std::move(other);
    };
    if (const Tensor leaf = node.sequence() == UINT64_MAX ? leaf_of(node) : Tensor(); leaf.defined()) {
      if (grads[0].defined() && !leaf.impl()->meta().hooks.empty())
        for (const auto& hook : std::vector<Ref<TensorHook>>(leaf.impl()->meta().hooks)) apply(*hook, grads[0]);
      return;
    }
    if (!node.hooks) return;
    for (const auto& [output, hook] : std::vector<std::pair<int, Ref<TensorHook>>>(node.hooks->tensor))
      if (grads[size_t(output)].defined()) apply(*hook, grads[size_t(output)]);
    for (const auto& [output, tensor] : node.hooks->retained) {
      const Tensor& grad = grads[size_t(output)];
      if (!grad.defined()) continue;
      AutogradMeta& meta = tensor->meta();
      if (!meta.grad.defined()) meta.grad = grad_enabled() ? grad : clone(grad);
      else meta.grad = add(meta.grad, grad);
    }
  }

  void capture(const Node& node, const std::vector<Tensor>& grads) {
    for (size_t i = 0; i < wanted_->size(); ++i)
      if ((*wanted_)[i].node.get() == &node) captured_[i] = grads[size_t((*wanted_)[i].index)];
  }

  bool retain_graph_, accumulate_ = true;
  ModeGuard mode_;
  Tasks tasks_;
  std::vector<std::pair<uint64_t, int>> ready_;
  const std::vector<Edge>* wanted_ = nullptr;
  Tensors captured_;
};

namespace {

struct Start {
  std::vector<Edge> roots;
  Tensors gradients;
};

Start make_start(const Tensors& outputs, const Tensors& gradients) {
  Start start;
  check(gradients.empty() || gradients.size() == outputs.size(), "", "got ", int64_t(outputs.size()), " tensors and ",
        int64_t(gradients.size()), " gradients");
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& y = outputs[i];
    check(y.requires_grad(), "", "element ", int64_t(i), " of tensors does not require grad and does not have a grad_fn");
    const Tensor given = gradients.empty() ? Tensor() : gradients[i];
    if (!given.defined()) {
      check(y.numel() == 1, "", "grad can be implicitly created only for scalar outputs");
      const NoGrad guard;
      start.gradients.push_back(ones(y.shape(), y.dtype(), y.device()));
    } else {
      check(given.shape() == y.shape(), "", "Mismatch in shape: grad_output[", int64_t(i), "] has a shape of ", given.shape(),
            " and output[", int64_t(i), "] has a shape of ", y.shape(), ".");
      check(is_floating(given.dtype()), "", "grad_output[", int64_t(i), "] must be of a floating-point dtype, got ",
            given.dtype());
      start.gradients.push_back(given.dtype() == y.dtype() ? given : to_dtype(given, y.dtype()));
    }
    start.roots.push_back(gradient_edge(y));
  }
  return start;
}

}  // namespace

void backward(const Tensors& roots, const Tensors& gradients, bool retain_graph, bool create_graph, const Tensors& inputs,
              bool) {
  Start start = make_start(roots, gradients);
  std::vector<Edge> wanted;
  for (const Tensor& x : inputs) {
    check(x.requires_grad(), "", "One of the differentiated Tensors does not require grad");
    if (!x.is_leaf()) retain_grad(x);
    wanted.push_back(gradient_edge(x));
  }
  Engine engine(retain_graph, create_graph);
  engine.run(start.roots, start.gradients, wanted, /*accumulate=*/true);
}

Tensors grad(const Tensors& outputs, const Tensors& inputs, const Tensors& gradients, bool retain_graph, bool create_graph,
             bool allow_unused) {
  Start start = make_start(outputs, gradients);
  std::vector<Edge> wanted;
  for (const Tensor& x : inputs) {
    check(x.requires_grad(), "", "One of the differentiated Tensors does not require grad");
    wanted.push_back(gradient_edge(x));
  }
  Tensors result;
  {
    Engine engine(retain_graph, create_graph);
    result = engine.run(start.roots, start.gradients, wanted, /*accumulate=*/false);
  }
  for (const Tensor& g : result)
    check(allow_unused || g.defined(), "", "One of the differentiated Tensors appears to not have been used in the graph. Set "
          "allow_unused=True if this is the desired behavior.");
  return result;
}

}  // namespace cnn
