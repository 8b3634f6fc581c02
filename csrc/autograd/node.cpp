#include <vector>

#include "autograd/hooks.h"
#include "autograd/meta.h"

namespace cnn {

thread_local constinit uint32_t mode_word __attribute__((tls_model("initial-exec"))) = 0;

Ref<RefCounted> (*note_origin)() = nullptr;
void (*report_origin)(const Node& node) = nullptr;
thread_local bool anomaly_checks_nan = true;

namespace {

thread_local uint64_t next_sequence = 0;
thread_local std::vector<Node*>* doomed = nullptr;  // nodes that wait for their end, while one is being freed

}  // namespace

Node::Node(const char* name) : name_(name), sequence_(next_sequence++) {
  if (mode_word & kAnomaly && note_origin) origin = note_origin();
}

Node::~Node() { delete hooks; }

// A chain of a million nodes would free itself a million calls deep: the nested ends are queued instead.
void Node::last_ref_dropped() {
  if (doomed) {
    doomed->push_back(this);
    return;
  }
  std::vector<Node*> queue;
  doomed = &queue;
  delete this;
  while (!queue.empty()) {
    Node* next = queue.back();
    queue.pop_back();
    delete next;
  }
  doomed = nullptr;
}

Node::Hooks& hooks_of(Node& node) {
  if (!node.hooks) node.hooks = new Node::Hooks;
  return *node.hooks;
}

void throw_released(const Node&) {
  fail(ErrorKind::Runtime, "",
       "Trying to backward through the graph a second time (or directly access saved tensors after they have already been "
       "freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). Specify "
       "retain_graph=True if you need to backward through the graph a second time or if you need to access saved tensors "
       "after calling backward.");
}

}  // namespace cnn
