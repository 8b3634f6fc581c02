// torch.Size: a tuple of ints that slices and adds to its own kind.
#include "bindings/signature.h"
#include "bindings/types.h"

namespace cnn::python {

PyTypeObject size_type = blank_type();

namespace {

// A Size of a tuple's items. Takes over the reference; anything but a tuple passes through.
PyObject* as_size(PyObject* tuple) {
  if (!tuple || !PyTuple_CheckExact(tuple)) return tuple;
  return guard([&] {
    const Object source = Object::steal(tuple);
    const Py_ssize_t n = PyTuple_GET_SIZE(tuple);
    Object made = Object::steal(size_type.tp_alloc(&size_type, n));
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyTuple_SET_ITEM(made.get(), i, new_ref(PyTuple_GET_ITEM(tuple, i)));
    }
    return made.release();
  });
}

PyObject* new_size(PyTypeObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    Object items = Object::steal(PyTuple_Type.tp_new(&PyTuple_Type, args, kwargs));
    const Py_ssize_t n = PyTuple_GET_SIZE(items.get());
    const Object ints = Object::steal(PyTuple_New(n));
    for (Py_ssize_t i = 0; i < n; ++i) {
      PyObject* item = PyTuple_GET_ITEM(items.get(), i);
      if (!is_int_like(item)) {
        PyErr_Format(PyExc_TypeError, "torch.Size() takes an iterable of 'int' (item %zd is '%s')", i,
                     type_name_of(item).c_str());
        return nullptr;
      }
      PyTuple_SET_ITEM(ints.get(), i, Object::steal(PyNumber_Index(item)).release());
    }
    return as_size(Object(ints).release());
  });
}

PyObject* repr(PyObject* self) {
  return guard([&] {
    const Object items = Object::steal(PySequence_List(self));
    const Object inner = Object::steal(PyObject_Repr(items.get()));
    return PyUnicode_FromFormat("torch.Size(%U)", inner.get());
  });
}

PyObject* concat(PyObject* self, PyObject* other) {
  return as_size(PyTuple_Type.tp_as_sequence->sq_concat(self, other));
}
// Also tuple + Size, which tuple's own concatenation would make a tuple.
PyObject* add(PyObject* a, PyObject* b) {
  if (!PyTuple_Check(a) || !PyTuple_Check(b)) return new_ref(Py_NotImplemented);
  return concat(a, b);
}
// Always a copy: tuple's own may return `self` unchanged.
PyObject* repeat(PyObject* self, Py_ssize_t n) { return as_size(PyTuple_Type.tp_as_sequence->sq_repeat(self, n)); }
PyObject* subscript(PyObject* self, PyObject* key) {
  return as_size(PyTuple_Type.tp_as_mapping->mp_subscript(self, key));
}

PyObject* numel(PyObject* self, PyObject*) {
  return guard([&] {
    Object total = Object::steal(PyLong_FromLong(1));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
      total = Object::steal(PyNumber_Multiply(total.get(), PyTuple_GET_ITEM(self, i)));
    }
    return total.release();
  });
}

PyObject* reduce(PyObject* self, PyObject*) {
  return guard([&] {
    const Object items = Object::steal(PySequence_List(self));
    const Object plain = Object::steal(PyList_AsTuple(items.get()));
    return Py_BuildValue("O(O)", &size_type, plain.get());
  });
}

PySequenceMethods as_sequence;
PyMappingMethods as_mapping;
PyNumberMethods as_number;
PyMethodDef methods[] = {{"numel", numel, METH_NOARGS, "The number of elements of a tensor of this size."},
                         {"__reduce__", reduce, METH_NOARGS, nullptr},
                         {}};

}  // namespace

PyObject* size_object(const Dims& sizes) {
  Object made = Object::steal(size_type.tp_alloc(&size_type, sizes.size()));
  for (int i = 0; i < sizes.size(); ++i) {
    PyTuple_SET_ITEM(made.get(), i, Object::steal(PyLong_FromLongLong(sizes[i])).release());
  }
  return made.release();
}

void bind_size_type(PyObject* module) {
  as_sequence.sq_concat = concat;
  as_sequence.sq_repeat = repeat;
  as_mapping.mp_subscript = subscript;
  as_number.nb_add = add;
  Py_SET_TYPE(&size_type, &printed_meta);
  size_type.tp_name = "cnn.Size";
  size_type.tp_base = &PyTuple_Type;
  size_type.tp_flags = Py_TPFLAGS_DEFAULT;
  size_type.tp_doc = "Size(iterable): the sizes of a tensor, a tuple of ints.";
  size_type.tp_new = new_size;
  size_type.tp_repr = repr;
  size_type.tp_as_sequence = &as_sequence;
  size_type.tp_as_mapping = &as_mapping;
  size_type.tp_as_number = &as_number;
  size_type.tp_methods = methods;
  expect_ok(PyType_Ready(&size_type));
  expect_ok(PyModule_AddObjectRef(module, "Size", reinterpret_cast<PyObject*>(&size_type)));
}

}  // namespace cnn::python
