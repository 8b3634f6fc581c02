// The Python object of a tensor, and how it and the TensorImpl keep each other alive.
//
// Usually the wrapper owns a reference to the impl, and the impl knows its wrapper. When Python lets go of a wrapper
// that holds more than the tensor (a subclass, attributes, weak references) while C++ still uses the impl, the two
// change places: the impl then owns the wrapper (`owns_wrapper`), until Python asks for it again.
#pragma once

#include "bindings/python.h"
#include "cnn/tensor.h"

namespace cnn::python {

struct TensorHooks;  // bindings/hooks.h

struct TensorObject {
  PyObject_HEAD Tensor tensor;  // counted unless tensor.impl()->owns_wrapper
  PyObject* dict;
  PyObject* weakrefs;
  TensorHooks* hooks;  // null until register_hook
};

extern PyTypeObject* tensor_type;  // _C.Tensor

inline bool is_exact_tensor(PyObject* o) { return Py_TYPE(o) == tensor_type; }
inline bool is_tensor(PyObject* o) { return is_exact_tensor(o) || PyType_IsSubtype(Py_TYPE(o), tensor_type); }
inline const Tensor& tensor_of(PyObject* o) { return reinterpret_cast<TensorObject*>(o)->tensor; }

// The wrapper of t: the one it has, else a new Tensor. None when t is undefined.
PyObject* wrap(Tensor t);
// A new wrapper of a subclass; t must not have one yet.
PyObject* wrap_as(PyTypeObject* type, Tensor t);
// Makes the collector look at a tensor that came to hold Python objects.
void track(PyObject* tensor);

// Creates the type and its metaclass; called once.
PyTypeObject* make_tensor_type();

// Parts of the type, by topic.
extern PyNumberMethods tensor_number_methods;  // tensor_number.cpp
extern PyMappingMethods tensor_mapping_methods;  // tensor_number.cpp
extern PySequenceMethods tensor_sequence_methods;  // tensor_number.cpp
extern PyBufferProcs tensor_buffer_methods;  // buffer.cpp
PyObject* tensor_richcompare(PyObject* a, PyObject* b, int op);
PyObject* tensor_iter(PyObject* self);
PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs);  // legacy_types.cpp
PyGetSetDef* tensor_properties();  // tensor_properties.cpp

}  // namespace cnn::python
