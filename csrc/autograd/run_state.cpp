// Where a run of backward keeps what it knows of each node.
#include <sched.h>

#include <algorithm>

#include "autograd/engine.h"

namespace cnn {
namespace {

// Values of Node::claim_ besides 0 (nobody's) and a run's address, whose lowest bit says that other runs know the node.
constexpr uintptr_t kShared = 1;     // used by several runs at once: belongs to none any more, and is never released
constexpr uintptr_t kReleasing = 2;  // its owner is freeing what it saved

}  // namespace

StateArena::~StateArena() {
  for_each([](NodeState& s) { s.~NodeState(); });
  for (NodeState* made : blocks_) ::operator delete(made);
}

NodeState* StateArena::make(Node* node) {
  if (used_ == capacity(blocks_.size())) {
    blocks_.push_back(static_cast<NodeState*>(::operator new(capacity(blocks_.size() + 1) * sizeof(NodeState))));
    used_ = 0;
  }
  return new (&block(blocks_.size())[used_++]) NodeState(node);
}

size_t StateTable::slot_of(const Node* node) const {
  const size_t mask = slots_.size() - 1;
  size_t i = (reinterpret_cast<uintptr_t>(node) >> 4) * 0x9e3779b97f4a7c15u >> 20 & mask;
  while (slots_[i] && slots_[i]->node != node) i = (i + 1) & mask;
  return i;
}

NodeState* StateTable::find(const Node* node) const { return slots_.empty() ? nullptr : slots_[slot_of(node)]; }

void StateTable::insert(NodeState* state) {
  if (2 * (count_ + 1) > slots_.size()) {
    std::vector<NodeState*> before(std::max<size_t>(64, 2 * slots_.size()));
    before.swap(slots_);
    for (NodeState* s : before)
      if (s) slots_[slot_of(s->node)] = s;
  }
  slots_[slot_of(state->node)] = state;
  ++count_;
}

NodeState* GraphRun::state_of(Node* node) {
  const uintptr_t me = reinterpret_cast<uintptr_t>(this);
  uintptr_t owner = node->claim_.load(std::memory_order_acquire);
  for (;;) {
    if ((owner & ~kShared) == me) return static_cast<NodeState*>(node->state_);
    if (owner == 0) {
      if (!node->claim_.compare_exchange_weak(owner, me, std::memory_order_acq_rel)) continue;
      NodeState* state = states_.make(node);
      node->state_ = state;
      return state;
    }
    if (owner == kReleasing) {
      sched_yield();
      owner = node->claim_.load(std::memory_order_acquire);
      continue;
    }
    if (owner & kShared || node->claim_.compare_exchange_weak(owner, owner | kShared, std::memory_order_acq_rel)) break;
  }
  NodeState* state = table_.find(node);
  if (!state) table_.insert(state = states_.make(node));
  return state;
}

NodeState* GraphRun::find(Node* node) const {
  const uintptr_t owner = node->claim_.load(std::memory_order_relaxed);
  if ((owner & ~kShared) == reinterpret_cast<uintptr_t>(this)) return static_cast<NodeState*>(node->state_);
  return table_.find(node);
}

// The node has run. Frees what it saved, unless another run may be using it right now.
void GraphRun::finish(Node& node) {
  uintptr_t me = reinterpret_cast<uintptr_t>(this);
  if (!retain_graph_ && node.claim_.compare_exchange_strong(me, kReleasing, std::memory_order_acq_rel)) {
    node.release();
    node.claim_.store(0, std::memory_order_release);
    return;
  }
  give_up(node);
}

void GraphRun::give_up(Node& node) {
  const uintptr_t me = reinterpret_cast<uintptr_t>(this);
  uintptr_t owner = me;
  if (node.claim_.compare_exchange_strong(owner, 0, std::memory_order_acq_rel)) return;
  if (owner == (me | kShared)) node.claim_.store(kShared, std::memory_order_release);
}

GraphRun::~GraphRun() {
  states_.for_each([this](NodeState& s) {
    if (!s.finished) give_up(*s.node);
  });
}

}  // namespace cnn
