// DLPack: sharing memory with other array libraries.
#pragma once

#include "bindings/python.h"

namespace cnn::python {

class Registry;

void bind_dlpack(PyObject* module);
void bind_dlpack_methods(Registry& ops);

}  // namespace cnn::python
