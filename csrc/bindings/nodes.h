// Nodes of the graph, as Python sees them.
#pragma once

#include "bindings/python.h"
#include "cnn/autograd.h"

namespace cnn::python {

extern PyTypeObject node_type;

PyObject* wrap_node(Ref<Node> node);  // one object per node; None for null
bool is_node(PyObject* o);
const Ref<Node>& node_of(PyObject* o);
PyObject* next_functions(const Node& node);

void bind_nodes(PyObject* module);

}  // namespace cnn::python
