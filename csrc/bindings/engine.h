// Running backward from Python.
#pragma once

#include "bindings/python.h"

namespace cnn::python {

void bind_engine(PyObject* module);

}  // namespace cnn::python
