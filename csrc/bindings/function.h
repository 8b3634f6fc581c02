// autograd.Function: nodes whose backward is written in Python.
#pragma once

#include "bindings/python.h"
#include "cnn/autograd.h"

namespace cnn::python {

// The `ctx` of a node made by Function.apply; null for other nodes. Borrowed.
PyObject* context_of(const Node& node);

void bind_function(PyObject* module);

}  // namespace cnn::python
