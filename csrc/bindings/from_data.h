// Tensors from Python's data: numbers, nested sequences, arrays.
#pragma once

#include <optional>

#include "bindings/python.h"
#include "cnn/tensor.h"

namespace cnn::python {

// A new tensor holding a copy of the data. Without a dtype, PyTorch's inference.
Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype, Device device = kCpu);
// The same, but a tensor or an array that needs no change is not copied.
Tensor tensor_sharing_data(PyObject* data, std::optional<DType> dtype, std::optional<Device> device);

// A tensor over the memory of a NumPy array, or of anything else with the buffer protocol.
Tensor tensor_from_array(PyObject* array);
bool is_array(PyObject* o);  // a NumPy array or scalar

void bind_from_data(PyObject* module);

}  // namespace cnn::python
