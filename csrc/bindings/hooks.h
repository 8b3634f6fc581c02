// Hooks: Python callables that the graph runs on gradients.
#pragma once

#include "bindings/python.h"
#include "cnn/autograd.h"

namespace cnn::python {

// Tensors: `hook(grad)` may return another gradient.
PyObject* backward_hooks(PyObject* tensor);
void set_backward_hooks(PyObject* tensor, PyObject* hooks);

// Nodes. Returns a handle with remove().
PyObject* add_node_hook(Node& node, PyObject* hook, bool before);

}  // namespace cnn::python
