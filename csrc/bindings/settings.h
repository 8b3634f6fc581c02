// Modes, defaults and facts about the machine.
#pragma once

#include "bindings/python.h"

namespace cnn::python {

void bind_settings(PyObject* module);

}  // namespace cnn::python
