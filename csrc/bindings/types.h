// The small Python types of the tensor world: dtype, device, Size, layout, memory_format.
#pragma once

#include <optional>

#include "bindings/python.h"
#include "cnn/device.h"
#include "cnn/layout.h"
#include "cnn/dtype.h"
#include "cnn/shape.h"

namespace cnn::python {

extern PyTypeObject dtype_type, device_type, size_type, layout_type, memory_format_type, generator_type;

// A static type whose class prints as "<class 'torch.Name'>".
extern PyTypeObject printed_meta;

inline bool is_dtype(PyObject* o) { return Py_TYPE(o) == &dtype_type; }
inline bool is_device(PyObject* o) { return Py_TYPE(o) == &device_type; }
inline bool is_generator(PyObject* o) { return Py_TYPE(o) == &generator_type; }
inline bool is_layout(PyObject* o) { return Py_TYPE(o) == &layout_type; }
inline bool is_memory_format(PyObject* o) { return Py_TYPE(o) == &memory_format_type; }

// Also Python's own float, int and bool.
inline bool is_dtype_like(PyObject* o) {
  return is_dtype(o) || o == reinterpret_cast<PyObject*>(&PyFloat_Type) ||
         o == reinterpret_cast<PyObject*>(&PyLong_Type) || o == reinterpret_cast<PyObject*>(&PyBool_Type);
}
PyObject* dtype_object(DType t);  // new reference, one object each
DType to_dtype(PyObject* dtype_like);

// A device, a string, or the number of a CUDA device.
inline bool is_device_like(PyObject* o) {
  return is_device(o) || PyUnicode_Check(o) || (PyLong_Check(o) && !PyBool_Check(o));
}
PyObject* device_object(Device device);
Device to_device(PyObject* device_like);
// Where this thread makes tensors that are given no device, if it has said so: `with torch.device(...)`,
// set_default_device.
std::optional<Device> chosen_device();
inline Device default_device() { return chosen_device().value_or(kCpu); }

PyObject* size_object(const Dims& sizes);

// Is it contiguous_format (not preserve_format)? NotImplementedError for channels-last.
MemoryFormat to_memory_format(PyObject* o);
PyObject* memory_format_object(MemoryFormat format);  // a new reference
extern PyObject* strided_layout;

void bind_types(PyObject* module);

}  // namespace cnn::python
