// One run of backward over a graph.
#pragma once

#include <memory>
#include <vector>

#include "autograd/hooks.h"

namespace cnn {

// What a run knows of one node.
struct NodeState {
  explicit NodeState(Node* n) : node(n) {}
  Node* node;
  int waiting = 0;        // edges over which a gradient is still to come
  int captures = -1;      // first of the run's captures at this node
  bool visited = false;
  bool runs = false;      // it is needed for what this run computes
  bool ends_here = false;  // its outputs' gradients are wanted themselves
  bool finished = false;   // has run, and is no longer claimed
  bool left = false;       // Grads::is_left
  InlineArray<Tensor, 1> gradients;  // of its outputs; empty until the first arrives
};

// States at fixed addresses: the first within the arena, the others in blocks that double.
class StateArena {
 public:
  StateArena() = default;
  StateArena(const StateArena&) = delete;
  ~StateArena();
  NodeState* make(Node* node);
  template <class F>
  void for_each(F f) {
    for (size_t b = 0; b <= blocks_.size(); ++b)
      for (size_t i = 0; i < (b < blocks_.size() ? capacity(b) : used_); ++i) f(block(b)[i]);
  }

 private:
  static constexpr size_t kFirst = 32;
  static size_t capacity(size_t block) { return block < 8 ? kFirst << block : size_t(8192); }
  NodeState* block(size_t b) { return b ? blocks_[b - 1] : reinterpret_cast<NodeState*>(first_); }
  alignas(NodeState) unsigned char first_[kFirst * sizeof(NodeState)];
  std::vector<NodeState*> blocks_;  // from the second on
  size_t used_ = 0;                 // in the last block
};

// Node to state, for nodes that another run keeps its state in.
class StateTable {
 public:
  NodeState* find(const Node* node) const;
  void insert(NodeState* state);

 private:
  size_t slot_of(const Node* node) const;
  std::vector<NodeState*> slots_;  // a power of two, open addressing
  size_t count_ = 0;
};

// Roots and targets first, then execute(). State lives here, so runs may nest and threads may share nodes: a run claims
// the nodes that no other has claimed and keeps its state for them at hand; for the others it has a table. Grad mode is
// the caller's.
class GraphRun {
 public:
  explicit GraphRun(bool retain_graph);
  GraphRun(const GraphRun&) = delete;
  ~GraphRun();

  void add_root(const Edge& edge, Tensor gradient, size_t number);
  void capture(const Edge& edge, Tensor* into);  // grad(): hands this gradient out
  void stop_at(const Edge& edge);                // backward(inputs=...): ends here
  void execute();
  // Will nobody see the gradient that goes from the node to the one below, which has no other output?
  bool passes_unseen(const Node& node, const Edge& below) const;
  void when_finished(Ref<FinishedHook> hook) { finished_.push_back(std::move(hook)); }
  int64_t number() const { return number_; }  // no other run has it
  bool computes(Node& node) const;  // does it run the node, or hand its outputs' gradients out?

 private:
  struct Capture {
    int output;
    Tensor* into;
    int next;
  };
  struct Ready {
    uint64_t sequence;
    uint64_t arrival;
    NodeState* state;
    bool operator<(const Ready& other) const {
      return sequence != other.sequence ? sequence < other.sequence : arrival > other.arrival;
    }
  };

  void execute_here();
  NodeState* state_of(Node* node);  // makes it when there is none
  NodeState* find(Node* node) const;
  void count_edges();
  void make_ready(NodeState* state);
  void run(NodeState& state);
  void run_node(Node& node, Grads& g);
  void hand_out(const NodeState& state, const Grads& g);
  void pass_on(Node& node, Grads& g);
  void pass_over(NodeState& state, Tensor gradient);
  void add_gradient(NodeState& state, size_t output, Tensor gradient);
  void finish(Node& node);
  void give_up(Node& node);

  const int64_t number_;
  bool retain_graph_;
  bool selective_ = false;  // only what leads to given inputs
  StateArena states_;
  StateTable table_;
  std::vector<NodeState*> roots_;
  std::vector<Ref<Node>> held_;  // roots and targets; they hold the rest
  std::vector<Capture> captures_;
  std::vector<Ready> ready_;
  std::vector<Ref<FinishedHook>> finished_;
  uint64_t arrivals_ = 0;
};

}  // namespace cnn
