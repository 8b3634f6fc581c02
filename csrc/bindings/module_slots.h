#pragma once

#include "bindings/python.h"

namespace cnn::python {

// Adds `_set_module_methods` and `_shorten_module_slots`, for nn.Module.
void bind_module_slots(PyObject* module);

}  // namespace cnn::python
