// PyTorch's indexing: x[key] and x[key] = value.
#pragma once

#include "bindings/python.h"
#include "cnn/tensor.h"

namespace cnn::python {

Tensor index_get(const Tensor& x, PyObject* key);
void index_set(const Tensor& x, PyObject* key, PyObject* value);

}  // namespace cnn::python
