// What Python sees of the graph: nodes and the hooks of tensors.
#pragma once

#include "bindings/python.h"
#include "cnn/autograd.h"

namespace cnn::python {

PyObject* wrap_node(Ref<Node> node);  // one object per node; None for null
bool is_node(PyObject* o);
bool retains_grad(const Tensor& t);
int output_number(const Tensor& t);
PyObject* backward_hooks(PyObject* tensor);
void set_backward_hooks(PyObject* tensor, PyObject* hooks);

void bind_nodes(PyObject* module);

}  // namespace cnn::python
