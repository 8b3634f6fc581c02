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

// A tensor over the memory of a NumPy array, or of anything else with the buffer protocol. Warns, if it is to be
// handed out, of memory that must not be written to.
Tensor tensor_from_array(PyObject* array, bool handed_out = false);
// How many bytes a view of other memory reaches; ValueError for strides below 0 and for more than there can be.
size_t bytes_reached(const char* op, const Dims& sizes, const Dims& strides, int item_size);
// The memory of an object with the buffer protocol, as bytes.
Ref<Storage> storage_of_buffer(PyObject* object);
bool is_array(PyObject* o);  // a NumPy array or scalar
bool holds_numbers(PyObject* array);  // and not texts, dates or objects
// The array of a vector that knows its own, as a Series or an Index of pandas; null for anything else.
Object array_of_vector(PyObject* o);

void bind_from_data(PyObject* module);

}  // namespace cnn::python
