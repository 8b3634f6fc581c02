// torch.finfo and torch.iinfo
#pragma once

#include "bindings/python.h"

namespace cnn::python {

void bind_number_info(PyObject* module);

}  // namespace cnn::python
