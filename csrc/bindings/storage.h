// torch.UntypedStorage
#pragma once

#include "bindings/python.h"
#include "cnn/tensor.h"

namespace cnn::python {

class Registry;

bool is_storage(PyObject* o);
PyObject* wrap_storage(Ref<Storage> storage);  // one object per storage
const Ref<Storage>& storage_of(PyObject* o);
// All of it, as a vector.
Tensor storage_as_tensor(PyObject* storage, DType dtype);

void bind_storage(PyObject* module);
void bind_storage_methods(Registry& ops);

}  // namespace cnn::python
