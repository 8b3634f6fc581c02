// torch.device
#include <vector>

#include "bindings/types.h"

namespace cnn::python {

PyTypeObject device_type = blank_type();

namespace {

struct DeviceObject {
  PyObject_HEAD Device device;
};
Device device_of(PyObject* o) { return reinterpret_cast<DeviceObject*>(o)->device; }

Device with_index(Device device, long index) {
  check(device.index < 0, "",
        "type (string) must not include an index because index was passed explicitly: ", device_name(device));
  check(index >= 0 && index < 128, "", "Device index must not be negative, and below 128, got ", index);
  device.index = int8_t(index);
  return device;
}

PyObject* new_device(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    PyObject *type = nullptr, *index = nullptr;
    static const char* names[] = {"type", "index", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:device", const_cast<char**>(names), &type, &index)) {
      return nullptr;
    }
    if (is_device(type) && !index) return new_ref(type);
    if (!is_device_like(type)) {
      fail(ErrorKind::Type, "", "device(): argument 'type' (position 1) must be str, not ", type_name_of(type));
    }
    Device device = to_device(type);
    if (index && index != Py_None) {
      const long i = PyLong_AsLong(index);
      if (i == -1 && PyErr_Occurred()) return nullptr;
      device = with_index(device, i);
    }
    return device_object(device);
  });
}

PyObject* repr(PyObject* self) {
  const Device d = device_of(self);
  if (d.index < 0) return PyUnicode_FromFormat("device(type='%s')", device_type_name(d.type));
  return PyUnicode_FromFormat("device(type='%s', index=%d)", device_type_name(d.type), int(d.index));
}
PyObject* str(PyObject* self) { return PyUnicode_FromString(device_name(device_of(self)).c_str()); }

Py_hash_t hash(PyObject* self) { return Py_hash_t(device_of(self).type) * 256 + device_of(self).index + 1; }

PyObject* compare(PyObject* a, PyObject* b, int op) {
  if (!is_device(a) || !is_device(b) || (op != Py_EQ && op != Py_NE)) return new_ref(Py_NotImplemented);
  return PyBool_FromLong((device_of(a) == device_of(b)) == (op == Py_EQ));
}

PyObject* get_type(PyObject* self, void*) { return PyUnicode_FromString(device_type_name(device_of(self).type)); }
PyObject* get_index(PyObject* self, void*) {
  return device_of(self).index < 0 ? none() : PyLong_FromLong(device_of(self).index);
}

PyObject* reduce(PyObject* self, PyObject*) {
  const Device d = device_of(self);
  if (d.index < 0) return Py_BuildValue("O(s)", &device_type, device_type_name(d.type));
  return Py_BuildValue("O(si)", &device_type, device_type_name(d.type), int(d.index));
}

// ---- The default of this thread ----

thread_local std::optional<Device> default_of_thread;
thread_local std::vector<Device> contexts;  // of `with device:`, the innermost last

PyObject* enter(PyObject* self, PyObject*) {
  return guard([&] {
    contexts.push_back(device_of(self));
    return new_ref(self);
  });
}
PyObject* leave(PyObject*, PyObject*) {
  if (!contexts.empty()) contexts.pop_back();
  return none();
}
// @device: what the function makes without a device is made there.
PyObject* decorate(PyObject* self, PyObject* args, PyObject*) {
  return guard([&]() -> PyObject* {
    PyObject* function;
    if (!PyArg_ParseTuple(args, "O:device", &function)) return nullptr;
    const Object module = Object::steal(PyImport_ImportModule("cnn.utils._device"));
    return PyObject_CallMethod(module.get(), "device_decorator", "OO", self, function);
  });
}

PyObject* set_default(PyObject*, PyObject* device) {
  return guard([&] {
    if (device == Py_None) default_of_thread.reset();
    else default_of_thread = to_device(device);
    return none();
  });
}
PyObject* get_default(PyObject*, PyObject*) {
  return guard([] { return device_object(default_device()); });
}
PyMethodDef functions[] = {
    {"_set_default_device", set_default, METH_O, "Where this thread makes tensors that are given no device."},
    {"_get_default_device", get_default, METH_NOARGS, nullptr},
    {}};

PyGetSetDef properties[] = {{"type", get_type, nullptr, "The kind: 'cpu', 'cuda' or 'meta'.", nullptr},
                            {"index", get_index, nullptr, "Its number, or None.", nullptr},
                            {}};
PyMethodDef methods[] = {{"__reduce__", reduce, METH_NOARGS, nullptr},
                         {"__enter__", enter, METH_NOARGS, nullptr},
                         {"__exit__", leave, METH_VARARGS, nullptr},
                         {}};

}  // namespace

std::optional<Device> chosen_device() { return contexts.empty() ? default_of_thread : contexts.back(); }

PyObject* device_object(Device device) {
  DeviceObject* o = PyObject_New(DeviceObject, &device_type);
  if (!o) throw PythonError();
  o->device = device;
  return reinterpret_cast<PyObject*>(o);
}

Device to_device(PyObject* o) {
  if (is_device(o)) return device_of(o);
  if (PyUnicode_Check(o)) return parse_device(std::string(view(o)));
  const long index = PyLong_AsLong(o);
  if (index == -1 && PyErr_Occurred()) throw PythonError();
  return with_index(Device{DeviceType::Cuda, -1}, index);
}

void bind_device_type(PyObject* module) {
  Py_SET_TYPE(&device_type, &printed_meta);
  device_type.tp_name = "cnn.device";
  device_type.tp_basicsize = sizeof(DeviceObject);
  device_type.tp_flags = Py_TPFLAGS_DEFAULT;
  device_type.tp_doc = "device(type, index=None): where a tensor lies. 'cpu', 'cuda', 'cuda:0', 'meta'.";
  device_type.tp_new = new_device;
  device_type.tp_repr = repr;
  device_type.tp_str = str;
  device_type.tp_call = decorate;
  device_type.tp_hash = hash;
  device_type.tp_richcompare = compare;
  device_type.tp_getset = properties;
  device_type.tp_methods = methods;
  expect_ok(PyType_Ready(&device_type));
  expect_ok(PyModule_AddObjectRef(module, "device", reinterpret_cast<PyObject*>(&device_type)));
  expect_ok(PyModule_AddFunctions(module, functions));
}

}  // namespace cnn::python
