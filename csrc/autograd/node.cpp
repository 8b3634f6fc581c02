// Nodes: names, order, and an end that does not recurse.
#include "autograd/meta.h"
#include "autograd/recorder.h"
#include "cnn/autograd.h"

namespace cnn {

thread_local constinit uint32_t mode_word = 0;

namespace {

thread_local constinit uint64_t next_sequence = 0;

// Nodes of this thread that nobody refers to any more, linked by `state_`.
struct DeadNodes {
  void* first;
  bool freeing;
};
thread_local constinit DeadNodes dead_nodes{};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

uint64_t next_node_sequence() { return next_sequence; }

Node::Node(const char* name) : sequence_(next_sequence++), name_(name) {
  if (!(mode_word & kAnomaly)) [[likely]]
    return;
  Ref<RefCounted> trace = anomaly_trace ? anomaly_trace() : nullptr;
  std::lock_guard guard(hooks_lock());
  hooks_of(*this).trace = std::move(trace);
}

Node::~Node() { delete hooks_.load(std::memory_order_relaxed); }

// Deleting a node drops its edges, and with the closure the tensors it saved: their nodes come here while the first is
// still being deleted, and wait in the list.
void Node::last_ref_dropped() {
  DeadNodes& dead = dead_nodes;
  state_ = dead.first;
  dead.first = this;
  if (dead.freeing) return;
  dead.freeing = true;
  while (dead.first) {
    Node* node = static_cast<Node*>(dead.first);
    dead.first = node->state_;
    delete node;
  }
  dead.freeing = false;
}

std::string Node::class_name() const {
  const std::string full = name();
  const size_t colon = full.rfind(':');
  return colon == std::string::npos ? full : full.substr(colon + 1);
}

std::string Node::forward_name() const {
  std::string text = name();
  size_t end = text.size();
  while (end > 0 && is_digit(text[end - 1])) --end;
  constexpr size_t kSuffix = sizeof("Backward") - 1;
  if (end > kSuffix && text.compare(end - kSuffix, kSuffix, "Backward") == 0) text.resize(end - kSuffix);
  return text;
}

void throw_released(const Node&) {
  graph_error(
      "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
      "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
      "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
      "saved tensors after calling backward.");
}

}  // namespace cnn
