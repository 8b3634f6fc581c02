// GPUs: what cnn.cuda asks of them, and arrays of other libraries in their memory.
#pragma once

#include "bindings/python.h"
#include "cnn/tensor.h"

namespace cnn::python {

// Over the memory of an object with `__cuda_array_interface__`.
Tensor tensor_from_cuda_array(PyObject* exporter);
bool is_cuda_array(PyObject* o);
// Moves the tensor's memory, which nobody else has yet, to pinned memory.
void pin_memory_of(const Tensor& t);

void bind_cuda(PyObject* module);

}  // namespace cnn::python
