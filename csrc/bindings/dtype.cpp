// torch.dtype, torch.layout and torch.memory_format: named constants.
#include "bindings/types.h"

#include <cstring>
#include <iterator>

namespace cnn::python {

PyTypeObject printed_meta = blank_type();
PyTypeObject dtype_type = blank_type();
PyTypeObject layout_type = blank_type();
PyTypeObject memory_format_type = blank_type();
PyTypeObject generator_type = blank_type();  // filled in by generator.cpp
PyObject* strided_layout = nullptr;

namespace {

// One shape for all three: a name and a number.
struct Constant {
  PyObject_HEAD const char* name;
  int value;
};
Constant* as_constant(PyObject* o) { return reinterpret_cast<Constant*>(o); }

PyObject* dtype_objects[kDTypes];
DType dtype_value(PyObject* self) { return DType(as_constant(self)->value); }

// Names that programs compare with; no tensor has such elements here. Values from kDTypes on.
constexpr struct Foreign {
  const char* name;
  const char* alias;
  int item_size;
  bool is_complex, is_signed;
} kForeign[] = {{"complex64", "cfloat", 8, true, true}, {"complex128", "cdouble", 16, true, true},
                {"complex32", "chalf", 4, true, true},  {"uint16", nullptr, 2, false, false},
                {"uint32", nullptr, 4, false, false},   {"uint64", nullptr, 8, false, false}};
const Foreign* as_foreign(PyObject* self) {
  return as_constant(self)->value < kDTypes ? nullptr : &kForeign[as_constant(self)->value - kDTypes];
}

PyObject* constant_repr(PyObject* self) { return PyUnicode_FromFormat("torch.%s", as_constant(self)->name); }
// Pickled by name, found in the module that the class names.
PyObject* constant_reduce(PyObject* self, PyObject*) { return PyUnicode_FromString(as_constant(self)->name); }

PyMethodDef constant_methods[] = {
    {"__reduce__", constant_reduce, METH_NOARGS, nullptr},
    {"__copy__", [](PyObject* self, PyObject*) { return new_ref(self); }, METH_NOARGS, nullptr},
    {"__deepcopy__", [](PyObject* self, PyObject*) { return new_ref(self); }, METH_O, nullptr},
    {}};

bool is_floating_dtype(PyObject* self) { return !as_foreign(self) && is_floating(dtype_value(self)); }
bool is_complex_dtype(PyObject* self) { return as_foreign(self) && as_foreign(self)->is_complex; }
bool is_signed_dtype(PyObject* self) {
  if (const Foreign* foreign = as_foreign(self)) return foreign->is_signed;
  return dtype_value(self) != DType::UInt8 && dtype_value(self) != DType::Bool;
}
int dtype_item_size(PyObject* self) {
  return as_foreign(self) ? as_foreign(self)->item_size : item_size(dtype_value(self));
}

PyGetSetDef dtype_properties[] = {
    {"is_floating_point", [](PyObject* o, void*) { return PyBool_FromLong(is_floating_dtype(o)); }, nullptr,
     "True for floating-point element types.", nullptr},
    {"is_complex", [](PyObject* o, void*) { return PyBool_FromLong(is_complex_dtype(o)); }, nullptr,
     "True for complex element types.", nullptr},
    {"is_signed", [](PyObject* o, void*) { return PyBool_FromLong(is_signed_dtype(o)); }, nullptr,
     "True for element types with a sign.", nullptr},
    {"itemsize", [](PyObject* o, void*) { return PyLong_FromLong(dtype_item_size(o)); }, nullptr,
     "Bytes of one element.", nullptr},
    {}};

PyObject* meta_repr(PyObject* type) {
  const char* const name = reinterpret_cast<PyTypeObject*>(type)->tp_name;  // cnn.Name
  return PyUnicode_FromFormat("<class 'torch.%s'>", std::strchr(name, '.') + 1);
}

void ready(PyTypeObject& type, const char* name, const char* doc) {
  Py_SET_TYPE(&type, &printed_meta);
  type.tp_name = name;
  type.tp_basicsize = sizeof(Constant);
  type.tp_flags = Py_TPFLAGS_DEFAULT;
  type.tp_doc = doc;
  type.tp_repr = constant_repr;
  type.tp_methods = constant_methods;
  expect_ok(PyType_Ready(&type));
}

Object make(PyTypeObject& type, const char* name, int value) {
  const Object o = Object::steal(reinterpret_cast<PyObject*>(PyObject_New(Constant, &type)));
  as_constant(o.get())->name = name;
  as_constant(o.get())->value = value;
  return o;
}

PyObject* memory_formats[4];

}  // namespace

PyObject* dtype_object(DType t) { return new_ref(dtype_objects[int(t)]); }

DType to_dtype(PyObject* o) {
  if (is_dtype(o)) {
    check_implemented(!as_foreign(o), "", "tensors of torch.", as_constant(o)->name,
                      " are not supported; use float32, float64 or int64");
    return dtype_value(o);
  }
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::Float64;
  if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::Int64;
  if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::Bool;
  fail(ErrorKind::Type, "", "expected a torch.dtype, got ", type_name_of(o));
}

MemoryFormat to_memory_format(PyObject* o) { return MemoryFormat(as_constant(o)->value); }
PyObject* memory_format_object(MemoryFormat format) { return new_ref(memory_formats[int(format)]); }

void bind_device_type(PyObject* module);  // device.cpp
void bind_size_type(PyObject* module);    // size.cpp

void bind_types(PyObject* module) {
  printed_meta.tp_name = "cnn._C._PrintedMeta";
  printed_meta.tp_base = &PyType_Type;
  printed_meta.tp_flags = Py_TPFLAGS_DEFAULT;
  printed_meta.tp_repr = meta_repr;
  expect_ok(PyType_Ready(&printed_meta));

  dtype_type.tp_getset = dtype_properties;
  ready(dtype_type, "cnn.dtype", "The type of a tensor's elements.");
  ready(layout_type, "cnn.layout", "How a tensor lies in memory.");
  ready(memory_format_type, "cnn.memory_format", "The order of a tensor's dimensions in memory.");
  auto add = [&](const char* name, PyObject* o) { expect_ok(PyModule_AddObjectRef(module, name, o)); };
  for (int i = 0; i < kDTypes; ++i) {
    dtype_objects[i] = make(dtype_type, dtype_name(DType(i)), i).release();
    add(dtype_name(DType(i)), dtype_objects[i]);
  }
  static constexpr struct {
    const char* name;
    DType dtype;
  } kAliases[] = {{"float", DType::Float32}, {"double", DType::Float64}, {"half", DType::Float16},
                  {"short", DType::Int16},   {"int", DType::Int32},      {"long", DType::Int64}};
  for (int i = 0; i < int(std::size(kForeign)); ++i) {
    const Object foreign = make(dtype_type, kForeign[i].name, kDTypes + i);
    add(kForeign[i].name, foreign.get());
    if (kForeign[i].alias) add(kForeign[i].alias, foreign.get());
  }
  for (const auto& alias : kAliases) add(alias.name, dtype_objects[int(alias.dtype)]);

  strided_layout = make(layout_type, "strided", 0).release();
  add("strided", strided_layout);
  for (int i = 0; i < 4; ++i) {
    const char* name = memory_format_name(MemoryFormat(i));
    memory_formats[i] = make(memory_format_type, name, i).release();
    add(name, memory_formats[i]);
  }
  add("dtype", reinterpret_cast<PyObject*>(&dtype_type));
  add("layout", reinterpret_cast<PyObject*>(&layout_type));
  add("memory_format", reinterpret_cast<PyObject*>(&memory_format_type));
  bind_device_type(module);
  bind_size_type(module);
}

}  // namespace cnn::python
