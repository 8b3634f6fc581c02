// Functions of Python that modes and subclasses may take over, as they may an op.
#pragma once

#include "bindings/python.h"

namespace cnn::python {

void bind_overridable(PyObject* module);

}  // namespace cnn::python
