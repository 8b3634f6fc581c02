// Autocast as Python sees it: its state, and functions written in Python that stand in its lists.
#pragma once

#include <string_view>

#include "autograd/autocast.h"
#include "bindings/python.h"

namespace cnn::python {

// The policies of a Python function that bears, or does the work of, an op of that name; null without.
const CastPolicies* function_policies(std::string_view op);
// Calls it, with its tensors cast where autocast is on for one of them.
PyObject* call_cast(const CastPolicies& policies, PyObject* function, PyObject* const* args, Py_ssize_t n,
                    PyObject* kwnames);

void bind_autocast(PyObject* module);

}  // namespace cnn::python
