#include "bindings/legacy_types.h"

#include "bindings/def_op.h"
#include "bindings/fresh.h"
#include "bindings/from_data.h"
#include "bindings/storage.h"
#include "bindings/tensor_type.h"
#include "bindings/types.h"
#include "cnn/autograd.h"
#include "cnn/ops.h"

namespace cnn::python {

namespace {

// A class such as FloatTensor: calling it makes a tensor of its dtype, isinstance looks at the dtype.
struct LegacyType {
  PyObject_HEAD DType dtype;
};
PyTypeObject legacy_type = blank_type();

DType dtype_of_marker(PyObject* o) { return reinterpret_cast<LegacyType*>(o)->dtype; }

std::string name_of(DType dtype) { return std::string(dtype_type_name(dtype)) + "Tensor"; }

// What `Tensor(...)` and `FloatTensor(...)` make: of sizes, of data, of another tensor.
Tensor construct(const char* name, PyObject* args, PyObject* kwargs, DType dtype, bool any_dtype = false,
                 Device device = kCpu) {
  Object given;  // held: reading it may run Python code, which may change kwargs
  if (kwargs) {
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (PyDict_Next(kwargs, &at, &key, &value)) {
      const std::string_view keyword = view(key);
      if (keyword == "device") {
        check_type(value == Py_None || is_device_like(value), "", name,
                   "(): argument 'device' must be torch.device, not ", type_name_of(value));
        if (value != Py_None) device = to_device(value);
      } else {
        check_type(keyword == "data" && !given, "", name, "() got an unexpected keyword argument '", keyword, "'");
        given = Object::borrow(value);
      }
    }
  }
  const Py_ssize_t n = PyTuple_GET_SIZE(args);
  if (n == 0 && !given) return empty(Dims{0}, dtype, device);
  PyObject* const data = given ? given.get() : PyTuple_GET_ITEM(args, 0);
  if (n >= 1 && is_int_like(data) && !is_tensor(data)) {
    const Dims sizes = sequence_to_dims(args, "new", "size");
    for (const int64_t size : sizes)
      check(size >= 0, "", "Trying to create tensor with negative dimension ", size, ": ", sizes);
    return fresh(empty(sizes, dtype, device));
  }
  check_type(n <= 1, "", name, "() takes sizes, or one argument with the data");
  if (Py_TYPE(data) == &size_type) return empty(sequence_to_dims(data, name, "size"), dtype, device);
  if (is_tensor(data)) {
    const Tensor& x = tensor_of(data);
    check_type(any_dtype || x.dtype() == dtype, "", name, "(): expected a tensor of dtype ", dtype, ", got ",
               x.dtype());
    check(any_dtype || x.device() == device, name, "expected a tensor on ", device, ", got one on ", x.device());
    return detached_alias(x, true);
  }
  if (is_storage(data)) return storage_as_tensor(data, dtype);
  check_type(!PyUnicode_Check(data), "", "new(): invalid data type 'str'");
  check_type(PySequence_Check(data), "", "new(): data must be a sequence (got ", type_name_of(data), ")");
  return tensor_from_data(data, dtype, device);
}

PyObject* call_marker(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guard(
      [&] { return wrap(construct(name_of(dtype_of_marker(self)).c_str(), args, kwargs, dtype_of_marker(self))); });
}
PyObject* marker_instancecheck(PyObject* self, PyObject* o) {
  return PyBool_FromLong(is_tensor(o) && tensor_of(o).dtype() == dtype_of_marker(self) &&
                         tensor_of(o).device().is_cpu());
}
PyObject* marker_subclasscheck(PyObject*, PyObject*) { return PyBool_FromLong(0); }
PyObject* marker_repr(PyObject* self) {
  return PyUnicode_FromFormat("<class 'torch.%s'>", name_of(dtype_of_marker(self)).c_str());
}
PyObject* marker_dtype(PyObject* self, void*) { return dtype_object(dtype_of_marker(self)); }
PyObject* marker_name(PyObject* self, void*) { return PyUnicode_FromString(name_of(dtype_of_marker(self)).c_str()); }
PyObject* marker_module(PyObject*, void*) {
  return PyObject_GetAttrString(reinterpret_cast<PyObject*>(tensor_type), "__module__");
}
PyObject* marker_reduce(PyObject* self, PyObject*) { return marker_name(self, nullptr); }

// LongTensor | None, as annotations have it: a typing.Union, since the marker is no class.
PyObject* marker_or(PyObject* a, PyObject* b) {
  return guard([&] {
    const Object typing = Object::steal(PyImport_ImportModule("typing"));
    const Object form = Object::steal(PyObject_GetAttrString(typing.get(), "Union"));
    const Object parts = Object::steal(PyTuple_Pack(2, a, b));
    return PyObject_GetItem(form.get(), parts.get());
  });
}
PyNumberMethods marker_number;

PyMethodDef marker_methods[] = {{"__instancecheck__", marker_instancecheck, METH_O, nullptr},
                                {"__subclasscheck__", marker_subclasscheck, METH_O, nullptr},
                                {"__reduce__", marker_reduce, METH_NOARGS, nullptr},
                                {}};
PyGetSetDef marker_properties[] = {{"dtype", marker_dtype, nullptr, "The element type.", nullptr},
                                   {"__name__", marker_name, nullptr, nullptr, nullptr},
                                   {"__qualname__", marker_name, nullptr, nullptr, nullptr},
                                   {"__module__", marker_module, nullptr, nullptr, nullptr},
                                   {}};

PyObject* markers[kComputingDTypes];

// x.new(...): as the constructor of x's own kind.
PyObject* new_like(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  const Tensor& t = tensor_of(self);
  check_type(!kwnames, "", "new() takes its arguments by position");
  const Object all = Object::steal(PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(all.get(), i, new_ref(args[i]));
  return wrap(construct("new", all.get(), nullptr, t.dtype(), false, t.device()));
}

}  // namespace

void bind_legacy_methods(Registry& ops) {
  ops.def_method("new", new_like, "new(*sizes) or new(data): a tensor of this one's dtype and device.");
}

PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guard([&] {
    const Tensor made = construct("Tensor", args, kwargs, default_dtype(), true);
    return type == tensor_type ? wrap(made) : wrap_as(type, made);
  });
}

std::string legacy_type_name(DType dtype, Device device) {
  return std::string(device.is_cuda() ? "torch.cuda." : "torch.") + name_of(dtype);
}

DType dtype_of_legacy_type(PyObject* o) {
  if (is_dtype_like(o)) return to_dtype(o);
  if (Py_TYPE(o) == &legacy_type) return dtype_of_marker(o);
  if (o == reinterpret_cast<PyObject*>(tensor_type)) return default_dtype();
  check_type(PyUnicode_Check(o), "", "dtype must be a type, str, or dtype object");
  for (int i = 0; i < kDTypes; ++i) {
    if (view(o) == legacy_type_name(DType(i), kCpu)) return DType(i);
  }
  fail(ErrorKind::Value, "", "invalid type: '", view(o), "'");
}

void bind_legacy_types(PyObject* module) {
  Py_SET_TYPE(&legacy_type, &printed_meta);
  legacy_type.tp_name = "cnn.tensortype";
  legacy_type.tp_basicsize = sizeof(LegacyType);
  legacy_type.tp_flags = Py_TPFLAGS_DEFAULT;
  legacy_type.tp_doc = "The class of FloatTensor and its like.";
  legacy_type.tp_call = call_marker;
  marker_number.nb_or = marker_or;
  legacy_type.tp_as_number = &marker_number;
  legacy_type.tp_repr = marker_repr;
  legacy_type.tp_methods = marker_methods;
  legacy_type.tp_getset = marker_properties;
  expect_ok(PyType_Ready(&legacy_type));
  for (int i = 0; i < kComputingDTypes; ++i) {
    markers[i] = Object::steal(reinterpret_cast<PyObject*>(PyObject_New(LegacyType, &legacy_type))).release();
    reinterpret_cast<LegacyType*>(markers[i])->dtype = DType(i);
    expect_ok(PyModule_AddObjectRef(module, name_of(DType(i)).c_str(), markers[i]));
  }
}

}  // namespace cnn::python
