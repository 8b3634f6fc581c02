#include "bindings/overridable.h"

#include <structmember.h>

#include <cstddef>

#include "bindings/autocast.h"
#include "bindings/recording.h"
#include "bindings/torch_function.h"

namespace cnn::python {

namespace {

// Stands for a function and shows all its attributes; `__wrapped__` is the function itself.
struct Overridable {
  PyObject_HEAD PyObject* function;
  bool is_event;  // is it one op of PyTorch's, which profiles show by the function's name?
  vectorcallfunc call;
  const CastPolicies* policies;  // of the op whose work it does, if autocast lists that
};

PyTypeObject overridable_type = blank_type();

Overridable* of(PyObject* self) { return reinterpret_cast<Overridable*>(self); }

// What certainly takes nothing over. Other arguments, lists for one, have to be looked into.
bool is_plain(PyObject* o) {
  const PyTypeObject* const type = Py_TYPE(o);
  return is_exact_tensor(o) || o == Py_None || type == &PyLong_Type || type == &PyFloat_Type || type == &PyBool_Type ||
         type == &PyUnicode_Type || (is_tensor(o) && (torch_function_disabled || is_plain_class(Py_TYPE(o))));
}

bool are_plain(PyObject* const* args, Py_ssize_t count) {
  for (Py_ssize_t i = 0; i < count; ++i)
    if (!is_plain(args[i])) return false;
  return true;
}

PyObject* call_plain(const CastPolicies* policies, PyObject* function, PyObject* const* args, size_t flagged,
                     PyObject* kwnames) {
  if (mode_word & kAutocast && policies) [[unlikely]]
    return call_cast(*policies, function, args, PyVectorcall_NARGS(flagged), kwnames);
  return PyObject_Vectorcall(function, args, flagged, kwnames);
}

PyObject* call_recorded(const CastPolicies* policies, PyObject* function, PyObject* const* args, size_t flagged,
                        PyObject* kwnames) {
  const Object name = Object::steal(PyObject_GetAttrString(function, "__name__"));
  PythonRange range(RangeKind::Op, view(name.get()));
  const Py_ssize_t count = PyVectorcall_NARGS(flagged) + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  for (Py_ssize_t i = 0; range.wants_arguments() && i < count; ++i) range.argument(args[i]);
  const Object result = run_python([&] { return call_plain(policies, function, args, flagged, kwnames); });
  if (range.wants_arguments()) range.result(result.get());
  return new_ref(result.get());
}

PyObject* call(PyObject* self, PyObject* const* args, size_t flagged, PyObject* kwnames) {
  return guard([&] {
    const Py_ssize_t n = PyVectorcall_NARGS(flagged);
    const Py_ssize_t count = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
    PyObject* const function = of(self)->function;
    if ((function_mode_on() || !are_plain(args, count)) && any_overloaded(nullptr, args, n, kwnames)) [[unlikely]] {
      const Object name = Object::steal(PyObject_GetAttrString(function, "__name__"));
      return call_torch_function(self, std::string(view(name.get())).c_str(), nullptr, args, n, kwnames);
    }
    if (mode_word & kProfiler && of(self)->is_event) [[unlikely]]
      return call_recorded(of(self)->policies, function, args, flagged, kwnames);
    return call_plain(of(self)->policies, function, args, flagged, kwnames);
  });
}

PyObject* make(PyTypeObject* type, PyObject* args, PyObject*) {
  PyObject* function;
  const char* op = "";
  int is_event = 0;
  if (!PyArg_ParseTuple(args, "O!|sp", &PyFunction_Type, &function, &op, &is_event)) return nullptr;
  PyObject* self = type->tp_alloc(type, 0);
  if (!self) return nullptr;
  of(self)->function = new_ref(function);
  of(self)->is_event = is_event != 0;
  of(self)->call = call;
  of(self)->policies = function_policies(op);
  return self;
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(of(self)->function);
  return 0;
}
int clear(PyObject* self) {
  Py_CLEAR(of(self)->function);
  return 0;
}
void dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  clear(self);
  Py_TYPE(self)->tp_free(self);
}

bool is_own(std::string_view name) {
  return name == "__class__" || name == "__wrapped__" || name == "__reduce__" || name == "__reduce_ex__" ||
         name == "__get__" || name == "__call__";
}
PyObject* get_attribute(PyObject* self, PyObject* name) {
  return guard([&] {
    return is_own(view(name)) ? PyObject_GenericGetAttr(self, name) : PyObject_GetAttr(of(self)->function, name);
  });
}
int set_attribute(PyObject* self, PyObject* name, PyObject* value) {
  return PyObject_SetAttr(of(self)->function, name, value);
}

PyObject* repr(PyObject* self) { return PyObject_Repr(of(self)->function); }

// As a method, where it stands in a class.
PyObject* bound(PyObject* self, PyObject* instance, PyObject*) {
  return !instance || instance == Py_None ? new_ref(self) : PyMethod_New(self, instance);
}

// Pickled by its path, as functions are.
PyObject* reduce(PyObject* self, PyObject*) { return PyObject_GetAttrString(of(self)->function, "__qualname__"); }

PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr}, {}};
PyMemberDef members[] = {
    {"__wrapped__", T_OBJECT_EX, offsetof(Overridable, function), READONLY, "The function itself."}, {}};

}  // namespace

void bind_overridable(PyObject* module) {
  PyTypeObject& type = overridable_type;
  type.tp_name = "cnn._C._overridable";
  type.tp_basicsize = sizeof(Overridable);
  type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR;
  type.tp_doc =
      "_overridable(function, op='', is_event=False): the same function, taken over by __torch_function__ where there "
      "is one, cast by autocast as the op of that name, and shown by profiles if it is an event.";
  type.tp_new = make;
  type.tp_dealloc = dealloc;
  type.tp_traverse = traverse;
  type.tp_clear = clear;
  type.tp_call = PyVectorcall_Call;
  type.tp_vectorcall_offset = offsetof(Overridable, call);
  type.tp_getattro = get_attribute;
  type.tp_setattro = set_attribute;
  type.tp_repr = repr;
  type.tp_descr_get = bound;
  type.tp_methods = methods;
  type.tp_members = members;
  expect_ok(PyType_Ready(&type));
  expect_ok(PyModule_AddObjectRef(module, "_overridable", reinterpret_cast<PyObject*>(&type)));
}

}  // namespace cnn::python
