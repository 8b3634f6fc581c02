#include "autograd/hooks.h"

#include <unordered_set>

#include "autograd/meta.h"

namespace cnn {

Ref<RefCounted> (*anomaly_trace)() = nullptr;
void (*anomaly_report)(const Node&, RefCounted*) = nullptr;
std::atomic<bool> anomaly_check_nan{true};

std::mutex& hooks_lock() {
  static std::mutex& lock = *new std::mutex;  // outlives everything
  return lock;
}

HookSet& hooks_of(Node& node) {
  HookSet* set = node.hooks();
  if (!set) node.hooks_.store(set = new HookSet, std::memory_order_release);
  return *set;
}

namespace {

HookSet& hooks_of_leaf(const Tensor& x) {
  AutogradMeta& meta = x.impl()->meta();
  HookSet* set = meta.hooks.load(std::memory_order_acquire);
  if (!set) meta.hooks.store(set = new HookSet, std::memory_order_release);
  return *set;
}

void check_requires_grad(const Tensor& x) {
  check(x.requires_grad(), "", "cannot register a hook on a tensor that doesn't require gradient");
}

}  // namespace

void add_hook(const Tensor& x, Ref<TensorHook> hook) {
  check_requires_grad(x);
  const Edge edge = history(x);
  std::lock_guard guard(hooks_lock());
  HookSet& set = edge.node ? hooks_of(*edge.node) : hooks_of_leaf(x);
  set.tensor.push_back({edge.index, std::move(hook)});
}

void add_hook(const Tensor& x, Ref<AccumulatedHook> hook) {
  check_requires_grad(x);
  check(x.is_leaf(), "", "post accumulate grad hooks cannot be registered on non-leaf tensors");
  std::lock_guard guard(hooks_lock());
  auto& hooks = hooks_of_leaf(x).accumulated;
  auto end = hooks.end();
  while (!hook->runs_last() && end != hooks.begin() && end[-1]->runs_last()) --end;
  hooks.insert(end, std::move(hook));
}

void add_hook(Node& node, Ref<NodePreHook> hook) {
  std::lock_guard guard(hooks_lock());
  hooks_of(node).before.push_back(std::move(hook));
}

void add_hook(Node& node, Ref<NodePostHook> hook) {
  std::lock_guard guard(hooks_lock());
  hooks_of(node).after.push_back(std::move(hook));
}

std::vector<bool> leaves_reached(const Tensors& roots, const Tensors& leaves) {
  std::unordered_set<const Node*> seen;
  std::vector<Ref<Node>> ahead;
  const auto visit = [&](const Ref<Node>& node) {
    if (node && seen.insert(node.get()).second) ahead.push_back(node);
  };
  for (const Tensor& root : roots) visit(gradient_edge(root).node);
  while (!ahead.empty()) {
    const Ref<Node> node = std::move(ahead.back());
    ahead.pop_back();
    for (const Edge& edge : node->edges()) visit(edge.node);
  }
  std::vector<bool> reached;
  for (const Tensor& leaf : leaves) {
    const Ref<Node> node = gradient_edge(leaf).node;
    reached.push_back(node && seen.count(node.get()));
  }
  return reached;
}

}  // namespace cnn
