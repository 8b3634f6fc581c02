// Short ways for the subclasses of nn.Module: `self.weight` finds a parameter, and a call runs forward, without passing
// through Module.__getattr__ and Module.__call__ where those would do just that. What is out of the ordinary goes to
// them. Python puts its own slot back when a class gets another `__getattr__`, `__getattribute__` or `__call__`.
#include "bindings/module_slots.h"

namespace cnn::python {

namespace {

struct Names {
  PyObject* tables[3];  // where Module.__getattr__ looks
  PyObject* hooks[4];  // a module's own hooks around forward
  PyObject *forward, *call, *getattr, *getattribute;
} names;

// Of nn.Module.
PyObject* get_missing = nullptr;  // __getattr__
PyObject* full_call = nullptr;  // __call__
PyObject* note_error = nullptr;  // note_error(error, module): writes the module's path on the error
PyObject* global_hooks = nullptr;  // a tuple of dicts: the hooks of all modules

// dict[key], or null. Held: a key of the dict may run Python code when it is compared.
Object find(PyObject* dict, PyObject* key) {
  PyObject* found = PyDict_GetItemWithError(dict, key);
  if (!found && PyErr_Occurred()) throw PythonError();
  return Object::borrow(found);
}
Object attributes(PyObject* self) { return Object::steal(PyObject_GenericGetDict(self, nullptr)); }
bool is_plain_dict(PyObject* o) { return PyDict_CheckExact(o) || PyODict_CheckExact(o); }

// An attribute of the object or an entry of its tables, or null.
Object find_own(PyObject* self, PyObject* name) {
  const Object own = attributes(self);
  if (Object found = find(own.get(), name)) return found;
  for (PyObject* key : names.tables) {
    const Object table = find(own.get(), key);
    if (!table) continue;
    if (!is_plain_dict(table.get())) return {};
    if (Object found = find(table.get(), name)) return found;
  }
  return {};
}

PyObject* get_attribute(PyObject* self, PyObject* name) {
  return guard([&]() -> PyObject* {
    if (!_PyType_Lookup(Py_TYPE(self), name)) {
      if (Object found = find_own(self, name)) return found.release();
    }
    if (PyObject* found = PyObject_GenericGetAttr(self, name)) return found;
    if (!PyErr_ExceptionMatches(PyExc_AttributeError)) return nullptr;
    PyErr_Clear();
    PyObject* const args[] = {self, name};
    return PyObject_Vectorcall(get_missing, args, 2, nullptr);
  });
}

bool has_hooks(PyObject* own) {
  for (PyObject* key : names.hooks) {
    const Object hooks = find(own, key);
    if (!hooks || !is_plain_dict(hooks.get()) || PyDict_GET_SIZE(hooks.get())) return true;
  }
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(global_hooks); ++i)
    if (PyDict_GET_SIZE(PyTuple_GET_ITEM(global_hooks, i))) return true;
  return false;
}

constexpr Py_ssize_t kFewArguments = 8;

// self.forward(*args, **kwargs), without a bound method where that is possible.
PyObject* call_forward(PyObject* self, PyObject* own, PyObject* args, PyObject* kwargs) {
  const Object forward = Object::borrow(_PyType_Lookup(Py_TYPE(self), names.forward));
  const Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (!kwargs && n < kFewArguments && forward && PyFunction_Check(forward.get()) && !find(own, names.forward)) {
    PyObject* all[kFewArguments] = {self};
    for (Py_ssize_t i = 0; i < n; ++i) all[i + 1] = PyTuple_GET_ITEM(args, i);
    return PyObject_Vectorcall(forward.get(), all, size_t(n) + 1, nullptr);
  }
  const Object bound = Object::steal(PyObject_GetAttr(self, names.forward));
  return PyObject_Call(bound.get(), args, kwargs);
}

void note(PyObject* self) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  if (traceback) PyException_SetTraceback(value, traceback);
  if (PyErr_GivenExceptionMatches(type, PyExc_Exception)) {
    PyObject* const args[] = {value, self};
    PyObject* noted = PyObject_Vectorcall(note_error, args, 2, nullptr);
    if (!noted) {  // its error counts, as that of an `except` block would
      Py_DECREF(type), Py_DECREF(value), Py_XDECREF(traceback);
      return;
    }
    Py_DECREF(noted);
  }
  PyErr_Restore(type, value, traceback);
}

PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    const Object own = attributes(self);
    if (has_hooks(own.get())) {
      const Object bound = Object::steal(PyMethod_New(full_call, self));
      return PyObject_Call(bound.get(), args, kwargs);
    }
    PyObject* result = call_forward(self, own.get(), args, kwargs);
    if (!result) note(self);
    return result;
  });
}

// _set_module_methods(getattr, call, note_error, global_hooks)
PyObject* set_methods(PyObject*, PyObject* args) {
  PyObject *missing, *full, *noted, *hooks;
  if (!PyArg_ParseTuple(args, "OOOO!", &missing, &full, &noted, &PyTuple_Type, &hooks)) return nullptr;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(hooks); ++i) {
    if (PyDict_Check(PyTuple_GET_ITEM(hooks, i))) continue;
    PyErr_SetString(PyExc_TypeError, "_set_module_methods: the hooks of all modules are dicts");
    return nullptr;
  }
  Py_XSETREF(get_missing, new_ref(missing));
  Py_XSETREF(full_call, new_ref(full));
  Py_XSETREF(note_error, new_ref(noted));
  Py_XSETREF(global_hooks, new_ref(hooks));
  return none();
}

// _calls_only(module, forward): does a call of the module run this forward of its class, and nothing else?
PyObject* calls_only(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *self, *forward;
    if (!PyArg_ParseTuple(args, "OO", &self, &forward)) return nullptr;
    PyTypeObject* type = Py_TYPE(self);
    if (_PyType_Lookup(type, names.call) != full_call || _PyType_Lookup(type, names.forward) != forward)
      Py_RETURN_FALSE;
    const Object own = attributes(self);
    return PyBool_FromLong(!has_hooks(own.get()) && !find(own.get(), names.forward));
  });
}

// Gives a class the short ways, as far as it has Module's methods.
PyObject* shorten_slots(PyObject*, PyObject* cls) {
  return guard([&] {
    check_type(PyType_Check(cls) && full_call, "", "_shorten_module_slots: expected a subclass of Module");
    auto* type = reinterpret_cast<PyTypeObject*>(cls);
    if (_PyType_Lookup(type, names.getattribute) != _PyType_Lookup(&PyBaseObject_Type, names.getattribute)) {
      return none();
    }
    if (_PyType_Lookup(type, names.getattr) == get_missing) type->tp_getattro = get_attribute;
    if (_PyType_Lookup(type, names.call) == full_call) type->tp_call = call;
    PyType_Modified(type);
    return none();
  });
}

PyMethodDef functions[] = {
    {"_set_module_methods", set_methods, METH_VARARGS, "_set_module_methods(getattr, call, note_error, global_hooks)"},
    {"_calls_only", calls_only, METH_VARARGS,
     "Does a call of the module run this forward of its class, and nothing else?"},
    {"_shorten_module_slots", shorten_slots, METH_O, "Lets lookups and calls skip Module's methods where they can."},
    {}};

PyObject* interned(const char* name) { return PyUnicode_InternFromString(name); }

}  // namespace

void bind_module_slots(PyObject* module) {
  names = {{interned("_parameters"), interned("_buffers"), interned("_modules")},
           {interned("_forward_hooks"), interned("_forward_pre_hooks"), interned("_backward_hooks"),
            interned("_backward_pre_hooks")},
           interned("forward"),
           interned("__call__"),
           interned("__getattr__"),
           interned("__getattribute__")};
  expect_ok(PyModule_AddFunctions(module, functions));
}

}  // namespace cnn::python
