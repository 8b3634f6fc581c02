// torch.Generator
#pragma once

#include "bindings/python.h"
#include "cnn/random.h"

namespace cnn::python {

void bind_generator(PyObject* module);

}  // namespace cnn::python
