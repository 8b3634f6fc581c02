// torch.dtype, torch.layout and torch.memory_format: named constants.
#include "bindings/types.h"

#include <cstring>
#include <iterator>
#include <string_view>

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
enum class Kind { Complex, Float, Signed, Unsigned, Quantized, Bits };
constexpr struct Foreign {
  const char* name;
  const char* alias;
  const char* abbr;
  int item_size;
  Kind kind;
} kForeign[] = {
    {"complex64", "cfloat", "c64", 8, Kind::Complex},
    {"complex128", "cdouble", "c128", 16, Kind::Complex},
    {"complex32", "chalf", "c32", 4, Kind::Complex},
    {"float4_e2m1fn_x2", nullptr, "f4e2m1fnx2", 1, Kind::Float},
    {"int1", nullptr, "int1", 1, Kind::Signed},
    {"int2", nullptr, "int2", 1, Kind::Signed},
    {"int3", nullptr, "int3", 1, Kind::Signed},
    {"int4", nullptr, "int4", 1, Kind::Signed},
    {"int5", nullptr, "int5", 1, Kind::Signed},
    {"int6", nullptr, "int6", 1, Kind::Signed},
    {"int7", nullptr, "int7", 1, Kind::Signed},
    {"uint1", "bit", "uint1", 1, Kind::Unsigned},
    {"uint2", nullptr, "uint2", 1, Kind::Unsigned},
    {"uint3", nullptr, "uint3", 1, Kind::Unsigned},
    {"uint4", nullptr, "uint4", 1, Kind::Unsigned},
    {"uint5", nullptr, "uint5", 1, Kind::Unsigned},
    {"uint6", nullptr, "uint6", 1, Kind::Unsigned},
    {"uint7", nullptr, "uint7", 1, Kind::Unsigned},
    {"qint8", nullptr, "qint8", 1, Kind::Quantized},
    {"quint8", nullptr, "quint8", 1, Kind::Quantized},
    {"qint32", nullptr, "qint32", 4, Kind::Quantized},
    {"quint4x2", nullptr, "quint4x2", 1, Kind::Quantized},
    {"quint2x4", nullptr, "quint2x4", 1, Kind::Quantized},
    {"bits1x8", nullptr, "b1x8", 1, Kind::Bits},
    {"bits2x4", nullptr, "b2x4", 1, Kind::Bits},
    {"bits4x2", nullptr, "b4x2", 1, Kind::Bits},
    {"bits8", nullptr, "b8x1", 1, Kind::Bits},
    {"bits16", nullptr, "b16x1", 2, Kind::Bits},
};
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

bool is_floating_dtype(PyObject* self) {
  if (const Foreign* foreign = as_foreign(self)) return foreign->kind == Kind::Float;
  return is_floating(dtype_value(self));
}
bool is_complex_dtype(PyObject* self) { return as_foreign(self) && as_foreign(self)->kind == Kind::Complex; }
PyObject* is_signed_dtype(PyObject* self, void*) {
  return guard([&] {
    const DType t = dtype_value(self);
    bool is_signed = t < DType::Float8E8M0FNU && t != DType::UInt8 && t != DType::Bool;
    if (const Foreign* foreign = as_foreign(self)) {
      check(foreign->kind != Kind::Quantized, "", "isSignedType not supported for quantized types");
      check(foreign->kind != Kind::Bits, "", "Bits types are undefined");
      is_signed = foreign->kind != Kind::Unsigned;
    }
    return PyBool_FromLong(is_signed);
  });
}
int dtype_item_size(PyObject* self) {
  return as_foreign(self) ? as_foreign(self)->item_size : item_size(dtype_value(self));
}
PyObject* dtype_abbr(PyObject* self, void*) {
  static constexpr const char* kShort[kDTypes] = {"u8",         "i8",         "i16",       "i32", "i64",      "b8",
                                                  "f16",        "bf16",       "f32",       "f64", "f8e4m3fn", "f8e5m2",
                                                  "f8e4m3fnuz", "f8e5m2fnuz", "f8e8m0fnu", "u16", "u32",      "u64"};
  return PyUnicode_FromString(as_foreign(self) ? as_foreign(self)->abbr : kShort[int(dtype_value(self))]);
}

PyObject* foreign_objects[std::size(kForeign)];
PyObject* foreign_named(std::string_view name) {
  for (size_t i = 0; i < std::size(kForeign); ++i)
    if (kForeign[i].name == name) return new_ref(foreign_objects[i]);
  fail(ErrorKind::Runtime, "", "there is no dtype ", name);
}
PyObject* to_complex(PyObject* self, PyObject*) {
  return guard([&] {
    if (is_complex_dtype(self)) return new_ref(self);
    if (!as_foreign(self)) {
      switch (dtype_value(self)) {
        case DType::Float16:
          return foreign_named("complex32");
        case DType::BFloat16:
        case DType::Float32:
          return foreign_named("complex64");
        case DType::Float64:
          return foreign_named("complex128");
        default:;
      }
    }
    fail(ErrorKind::Runtime, "", "Unknown Complex ScalarType for ", as_constant(self)->name);
  });
}
PyObject* to_real(PyObject* self, PyObject*) {
  if (!is_complex_dtype(self)) return new_ref(self);
  const int bytes = as_foreign(self)->item_size;
  return new_ref(dtype_objects[int(bytes == 4 ? DType::Float16 : bytes == 8 ? DType::Float32 : DType::Float64)]);
}

PyMethodDef dtype_methods[] = {
    constant_methods[0],
    constant_methods[1],
    constant_methods[2],
    {"to_complex", to_complex, METH_NOARGS, "The complex dtype whose parts are of this one."},
    {"to_real", to_real, METH_NOARGS, "The dtype of the parts of a complex one; others are their own."},
    {}};

PyGetSetDef dtype_properties[] = {
    {"is_floating_point", [](PyObject* o, void*) { return PyBool_FromLong(is_floating_dtype(o)); }, nullptr,
     "True for floating-point element types.", nullptr},
    {"is_complex", [](PyObject* o, void*) { return PyBool_FromLong(is_complex_dtype(o)); }, nullptr,
     "True for complex element types.", nullptr},
    {"is_signed", is_signed_dtype, nullptr, "True for element types with a sign.", nullptr},
    {"abbr", dtype_abbr, nullptr, "A short name.", nullptr},
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
  if (!type.tp_methods) type.tp_methods = constant_methods;
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
  dtype_type.tp_methods = dtype_methods;
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
    foreign_objects[i] = make(dtype_type, kForeign[i].name, kDTypes + i).release();
    add(kForeign[i].name, foreign_objects[i]);
    if (kForeign[i].alias) add(kForeign[i].alias, foreign_objects[i]);
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
