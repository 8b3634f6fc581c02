// `__torch_function__`: how subclasses, and other objects that define it, take over calls.
#pragma once

#include <vector>

#include "bindings/tensor_type.h"
#include "cnn/autograd.h"

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
inline bool function_mode_on() { return mode_word & kFunctionMode; }
// What takes calls out of their short ways: a mode asks about them, or they are written down.
inline constexpr uint32_t kDoor = kFunctionMode | kProfiler;
inline bool class_intercepts(PyObject* tensor) {
  return !is_exact_tensor(tensor) && !torch_function_disabled && !is_plain_class(Py_TYPE(tensor));
}
// Must a call with this tensor go to __torch_function__, of a mode or of the tensor's class?
inline bool intercepts(PyObject* tensor) { return function_mode_on() || class_intercepts(tensor); }
// The arguments of whatever type (or in a list) that define __torch_function__; subclasses before their bases, one of
// each type.
std::vector<Object> overloaded(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames);
// Is there a mode, or any such argument?
bool any_overloaded(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames);
// Asks the innermost mode, then the objects' __torch_function__ in turn. `name` is for the TypeError when none answers.
PyObject* ask_overriders(PyObject* func, std::string_view name, const std::vector<Object>& objects,
                         PyObject* positional, PyObject* keywords);
// The same of a call's arguments. `args` may lack `self`, which then comes first.
PyObject* call_torch_function(PyObject* func, const char* name, PyObject* self, PyObject* const* args, Py_ssize_t n,
                              PyObject* kwnames);
// The same for a special method or a property of Tensor, told by its name.
PyObject* call_torch_function_slot(const char* name, PyObject* self, std::initializer_list<PyObject*> args);

void bind_torch_function(PyObject* module);

}  // namespace cnn::python
