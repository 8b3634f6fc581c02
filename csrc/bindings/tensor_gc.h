// What the collector may see through a tensor: Python objects that only this tensor keeps alive.
#pragma once

#include "bindings/python.h"
#include "cnn/tensor.h"

namespace cnn::python {

struct TensorHooks;

int visit_python_parts(const Tensor& t, const TensorHooks* hooks, visitproc visit, void* arg);
void clear_python_parts(TensorHooks* hooks);

}  // namespace cnn::python
