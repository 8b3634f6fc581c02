#include "bindings/torch_function.h"

#include "bindings/function_modes.h"
#include "bindings/recursion.h"

namespace cnn::python {

thread_local int torch_function_disabled = 0;

namespace {

uint32_t epoch = 1;
PyObject* attribute_name = nullptr;  // "__torch_function__"
PyObject* disabled_impl = nullptr;   // _disabled_torch_function_impl

struct Disabled {
  Disabled() { ++torch_function_disabled; }
  ~Disabled() { --torch_function_disabled; }
};

// The override of any object; null when it has none or has switched it off.
Object override_of(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  if (type == tensor_type || type == &PyLong_Type || type == &PyFloat_Type || type == &PyBool_Type ||
      type == &PyUnicode_Type || type == &PyTuple_Type || type == &PyList_Type || o == Py_None) {
    return {};
  }
  PyObject* found = PyObject_GetAttr(reinterpret_cast<PyObject*>(type), attribute_name);
  if (!found && PyErr_ExceptionMatches(PyExc_AttributeError)) {
    PyErr_Clear();
    return {};
  }
  Object method = Object::steal(found);
  if (found == disabled_impl) return {};
  return method;
}

// Subclasses come before their bases; one of each type. Objects are held: a metaclass may run Python code meanwhile,
// which may change the list that they stand in.
void collect(PyObject* o, std::vector<Object>& found) {
  if (PyTuple_Check(o) || PyList_Check(o)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
      const Object item = Object::borrow(PySequence_Fast_GET_ITEM(o, i));
      if (!PyTuple_Check(item.get()) && !PyList_Check(item.get())) collect(item.get(), found);
    }
    return;
  }
  if (!override_of(o)) return;
  size_t at = found.size();
  for (size_t i = 0; i < found.size(); ++i) {
    PyTypeObject* const known = Py_TYPE(found[i].get());
    if (known == Py_TYPE(o)) return;
    if (at == found.size() && PyType_IsSubtype(Py_TYPE(o), known)) at = i;
  }
  found.insert(found.begin() + Py_ssize_t(at), Object::borrow(o));
}

}  // namespace

std::vector<Object> overloaded(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  std::vector<Object> found;
  if (torch_function_disabled) return found;
  if (self) collect(self, found);
  const Py_ssize_t all = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  for (Py_ssize_t i = 0; i < all; ++i) collect(args[i], found);
  return found;
}

void forget_torch_functions() { ++epoch; }

bool is_plain_class(PyTypeObject* type) {
  auto* t = reinterpret_cast<TensorTypeObject*>(type);
  if (t->epoch == epoch) return t->plain;
  const Object held = Object::borrow(reinterpret_cast<PyObject*>(type));
  const Object found = Object::steal(PyObject_GetAttr(held.get(), attribute_name));
  t->plain = found.get() == disabled_impl;
  t->epoch = epoch;
  return t->plain;
}

bool any_overloaded(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return function_mode_on() || !overloaded(self, args, n, kwnames).empty();
}

PyObject* ask_overriders(PyObject* func, std::string_view name, const std::vector<Object>& objects,
                         PyObject* positional, PyObject* keywords) {
  const Object types = Object::steal(PyTuple_New(Py_ssize_t(objects.size())));
  for (size_t i = 0; i < objects.size(); ++i) {
    PyTuple_SET_ITEM(types.get(), Py_ssize_t(i), new_ref(reinterpret_cast<PyObject*>(Py_TYPE(objects[i].get()))));
  }
  const auto ask = [&](PyObject* overrider) {
    const Object method = Object::steal(PyObject_GetAttr(overrider, attribute_name));
    PyObject* const call[] = {func, types.get(), positional, keywords};
    return run_python([&] { return PyObject_Vectorcall(method.get(), call, 4, nullptr); });
  };
  std::string asked;
  const auto note = [&](const char* what, PyObject* o) {
    asked += std::string("\n  - ") + what + std::string(view(Object::steal(PyObject_Repr(o)).get()));
  };
  if (function_mode_on()) {
    const WithoutInnermostMode scope;
    Object result = ask(scope.mode());
    if (result.get() != Py_NotImplemented) return result.release();
    note("mode object ", scope.mode());
  }
  for (const Object& object : objects) {
    Object result = ask(object.get());
    if (result.get() != Py_NotImplemented) return result.release();
    note("tensor subclass ", reinterpret_cast<PyObject*>(Py_TYPE(object.get())));
  }
  fail(ErrorKind::Type, "", "Multiple dispatch failed for 'torch.", name,
       "'; all __torch_function__ handlers returned NotImplemented:\n", asked);
}

PyObject* call_torch_function(PyObject* func, const char* name, PyObject* self, PyObject* const* args, Py_ssize_t n,
                              PyObject* kwnames) {
  const Py_ssize_t shift = self ? 1 : 0;
  const Object positional = Object::steal(PyTuple_New(n + shift));
  if (self) PyTuple_SET_ITEM(positional.get(), 0, new_ref(self));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(positional.get(), i + shift, new_ref(args[i]));
  const Object keywords = Object::steal(PyDict_New());
  for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i) {
    expect_ok(PyDict_SetItem(keywords.get(), PyTuple_GET_ITEM(kwnames, i), args[n + i]));
  }
  return ask_overriders(func, name, overloaded(self, args, n, kwnames), positional.get(), keywords.get());
}

PyObject* call_torch_function_slot(const char* name, PyObject* self, std::initializer_list<PyObject*> args) {
  Object func = Object::borrow(PyDict_GetItemString(tensor_type->tp_dict, name));
  if (!func) {
    PyErr_Format(PyExc_AttributeError, "type object 'Tensor' has no attribute '%s'", name);
    throw PythonError();
  }
  if (Py_TYPE(func.get()) == &PyGetSetDescr_Type)
    func = Object::steal(PyObject_GetAttrString(func.get(), args.size() ? "__set__" : "__get__"));
  return call_torch_function(func.get(), name, self, args.begin(), Py_ssize_t(args.size()), nullptr);
}

namespace {

// func(*positional, **keywords), as if there were no subclass: of any iterable and any mapping, as in Python.
Object call_disabled(PyObject* func, PyObject* positional, PyObject* keywords) {
  const Object args = Object::steal(positional ? PySequence_Tuple(positional) : PyTuple_New(0));
  Object kwargs;
  if (keywords && keywords != Py_None) {
    check_type(PyDict_Check(keywords) || PyObject_HasAttrString(keywords, "keys"), "",
               "__torch_function__(): argument 'kwargs' must be a mapping, not ", type_name_of(keywords));
    kwargs = Object::steal(PyDict_New());
    expect_ok(PyDict_Update(kwargs.get(), keywords));
  }
  const Disabled scope;
  return run_python([&] { return PyObject_Call(func, args.get(), kwargs.get()); });
}

PyObject* disabled_torch_function(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *func, *types, *positional = nullptr, *keywords = nullptr;
    if (!PyArg_ParseTuple(args, "OO|OO", &func, &types, &positional, &keywords)) return nullptr;
    return call_disabled(func, positional, keywords).release();
  });
}

// Results become instances of the class: alone, or in tuples and lists.
Object convert(Object result, PyTypeObject* cls) {
  PyObject* r = result.get();
  if (is_tensor(r) && !PyType_IsSubtype(Py_TYPE(r), cls)) {
    return run_python([&] { return PyObject_CallMethod(r, "as_subclass", "O", cls); });
  }
  if (!PyTuple_Check(r) && !PyList_Check(r)) return result;
  const Deeper level(" while the results of __torch_function__ were converted");
  const Object items = Object::steal(PyList_New(0));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(r); ++i) {
    const Object item = convert(Object::borrow(PySequence_Fast_GET_ITEM(r, i)), cls);
    expect_ok(PyList_Append(items.get(), item.get()));
  }
  return run_python([&] { return PyObject_CallOneArg(reinterpret_cast<PyObject*>(Py_TYPE(r)), items.get()); });
}

// Getters whose result is a tensor with a class of its own.
bool keeps_class(PyObject* func) {
  PyObject* owner = PyObject_GetAttrString(func, "__self__");
  if (!owner) return PyErr_Clear(), false;
  const Object descriptor = Object::steal(owner);
  if (Py_TYPE(owner) != &PyGetSetDescr_Type) return false;
  const std::string_view name = reinterpret_cast<PyGetSetDescrObject*>(owner)->d_getset->name;
  return name == "grad" || name == "_base" || name == "_grad";
}

PyObject* default_torch_function(PyObject* cls, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    PyObject *func, *types, *positional = nullptr, *keywords = nullptr;
    static const char* names[] = {"func", "types", "args", "kwargs", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|OO", const_cast<char**>(names), &func, &types, &positional,
                                     &keywords)) {
      return nullptr;
    }
    const Object listed = Object::steal(PySequence_Tuple(types));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(listed.get()); ++i) {
      const int related = PyObject_IsSubclass(cls, PyTuple_GET_ITEM(listed.get(), i));
      expect_ok(related);
      if (!related) return new_ref(Py_NotImplemented);
    }
    Object result = call_disabled(func, positional, keywords);
    auto* type = reinterpret_cast<PyTypeObject*>(cls);
    if (type == tensor_type || keeps_class(func)) return result.release();
    const Disabled scope;
    return convert(std::move(result), type).release();
  });
}

PyMethodDef disabled_def = {"_disabled_torch_function_impl", disabled_torch_function, METH_VARARGS,
                            "A __torch_function__ that runs the function as if there were no subclass."};
PyMethodDef default_def = {"__torch_function__",
                           reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(default_torch_function)),
                           METH_VARARGS | METH_KEYWORDS | METH_CLASS,
                           "Runs the function and makes the tensors it returns instances of the class."};

}  // namespace

void bind_torch_function(PyObject* module) {
  attribute_name = PyUnicode_InternFromString("__torch_function__");
  const Object module_name = text("cnn._C");
  disabled_impl = Object::steal(PyCFunction_NewEx(&disabled_def, nullptr, module_name.get())).release();
  expect_ok(PyModule_AddObjectRef(module, "_disabled_torch_function_impl", disabled_impl));
  const Object method = Object::steal(PyDescr_NewClassMethod(tensor_type, &default_def));
  expect_ok(PyObject_SetAttrString(reinterpret_cast<PyObject*>(tensor_type), "__torch_function__", method.get()));
}

}  // namespace cnn::python
