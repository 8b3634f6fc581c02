// `__torch_function__`: how subclasses, and other objects that define it, take over calls.
#pragma once

#include "bindings/tensor_type.h"

namespace cnn::python {

// A tensor class, with what is known of its __torch_function__.
struct TensorTypeObject {
  PyHeapTypeObject type;
  uint32_t epoch;  // when `plain` was found out; 0: never
  bool plain;      // calls are not to be intercepted for this class
};

// While positive, subclasses are treated as Tensor (DisableTorchFunctionSubclass). Per thread, under the GIL.
extern thread_local int torch_function_disabled;

// A class changed: look anew.
void forget_torch_functions();
bool is_plain_class(PyTypeObject* type);
// Must a call with this tensor go to __torch_function__?
inline bool intercepts(PyObject* tensor) {
  return !is_exact_tensor(tensor) && !torch_function_disabled && !is_plain_class(Py_TYPE(tensor));
}
// Is there any argument, of whatever type (or in a list), that defines __torch_function__?
bool any_overloaded(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames);
// Asks the arguments' __torch_function__ in turn. `args` may lack `self`, which then comes first.
PyObject* call_torch_function(PyObject* func, const char* name, PyObject* self, PyObject* const* args, Py_ssize_t n,
                              PyObject* kwnames);
// The same for a special method or a property of Tensor, told by its name.
PyObject* call_torch_function_slot(const char* name, PyObject* self, std::initializer_list<PyObject*> args);

void bind_torch_function(PyObject* module);

}  // namespace cnn::python
