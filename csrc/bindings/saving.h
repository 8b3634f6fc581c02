// Checkpoints: what cnn.save hands to the core.
#pragma once

#include "bindings/python.h"

namespace cnn::python {

void bind_saving(PyObject* module);

}  // namespace cnn::python
