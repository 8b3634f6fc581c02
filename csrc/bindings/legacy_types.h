// The names of old PyTorch: FloatTensor, LongTensor, ... and Tensor(2, 3).
#pragma once

#include <string>

#include "bindings/python.h"
#include "cnn/device.h"
#include "cnn/dtype.h"

namespace cnn::python {

std::string legacy_type_name(DType dtype, Device device);  // "torch.FloatTensor"
// A dtype, a legacy class or its name. ValueError "invalid type: 'x'" otherwise.
DType dtype_of_legacy_type(PyObject* o);

class Registry;

void bind_legacy_types(PyObject* module);
void bind_legacy_methods(Registry& ops);

}  // namespace cnn::python
