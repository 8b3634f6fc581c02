// What the collector may see through a tensor: Python objects that only this tensor keeps alive.
#pragma once

#include "bindings/python.h"
#include "cnn/tensor.h"

namespace cnn::python {

int visit_python_parts(const Tensor& t, visitproc visit, void* arg);
void clear_python_parts(const Tensor& t);

}  // namespace cnn::python
