// Hooks: Python callables that the graph runs on gradients.
#pragma once

#include <vector>

#include "autograd/hooks.h"
#include "bindings/python.h"

namespace cnn::python {

class Registry;

// A callable that the core holds. Its reference goes when the hook is removed, not under the core's locks.
class Callable {
 public:
  explicit Callable(PyObject* o) : handle_(Object::borrow(o)) {}
  PyObject* get() const { return handle_.get(); }
  void drop() { handle_ = Handle(); }
  // Null when the hook was removed meanwhile.
  Object call(PyObject* const* args, size_t n) const;
  std::string name() const;  // its `__name__`; empty without one

 private:
  Handle handle_;
};

// The hooks that were registered through a tensor's wrapper: for _backward_hooks and for the collector.
struct TensorHooks {
  struct Entry {
    Ref<Hook> hook;
    Callable* callable;  // inside the hook
    const Node* node;    // that it hangs on, to be compared only; null for a leaf
    int64_t id;
    bool on_gradient;    // not after accumulation
  };
  std::vector<Entry> entries;
};

PyObject* backward_hooks(PyObject* tensor);
void set_backward_hooks(PyObject* tensor, PyObject* hooks);
// On a node; returns a handle with remove().
PyObject* add_node_hook(Node& node, PyObject* hook, bool before);

// When the backward that this thread runs has computed its gradients.
void call_at_end(PyObject* callable, bool outermost);
// callable(number) after backward has added to the leaf's gradient and all other hooks have run; a handle.
PyObject* call_when_added(const Tensor& leaf, PyObject* callable, PyObject* number);

void bind_hooks(PyObject* module);
void bind_hook_methods(Registry& ops);

}  // namespace cnn::python
