#include "bindings/numpy.h"

#include "bindings/array_format.h"
#include "bindings/def_op.h"
#include "bindings/from_data.h"
#include "cnn/autograd.h"
#include "cnn/ops.h"

namespace cnn::python {

bool is_array(PyObject* o) {
  return is_numpy_scalar(o) || (!PyLong_Check(o) && !PyTuple_Check(o) && !PyList_Check(o) && is_ndarray(o));
}

bool holds_numbers(PyObject* array) {
  const Object dtype = Object::steal(PyObject_GetAttrString(array, "dtype"));
  const Object kind = Object::steal(PyObject_GetAttrString(dtype.get(), "kind"));
  return PyUnicode_Check(kind.get()) && std::string_view("biufc").find(view(kind.get())) != std::string_view::npos;
}

Object array_of_vector(PyObject* o) {
  PyObject* const type = reinterpret_cast<PyObject*>(Py_TYPE(o));
  if (PyList_Check(o) || PyTuple_Check(o) || !PySequence_Check(o) || is_array(o) || is_tensor(o) ||
      !PyObject_HasAttrString(type, "__array__")) {
    return {};
  }
  Object array = run_python([&] { return PyObject_CallMethod(o, "__array__", nullptr); });
  if (!is_array(array.get()) || !PySequence_Check(array.get()) || !holds_numbers(array.get())) return {};
  const Object ndim = Object::steal(PyObject_GetAttrString(array.get(), "ndim"));
  return PyLong_Check(ndim.get()) && PyLong_AsLong(ndim.get()) == 1 ? array : Object();
}

namespace {

// Once: `warned` says whether it has been said.
void warn_read_only(bool& warned, const char* what) {
  if (std::exchange(warned, true)) return;
  const std::string message =
      std::string("The given ") + what +
      " is not writable, and PyTorch does not support non-writable tensors. This means writing to this tensor will "
      "result in undefined behavior. You may want to copy the " +
      (what == std::string_view("buffer") ? what : "array") +
      " to protect its data or make it writable before converting it to a tensor. This type of warning will be "
      "suppressed for the rest of this program.";
  expect_ok(PyErr_WarnEx(PyExc_UserWarning, message.c_str(), 1));
}

// The exporter's memory, given back when this goes.
struct Buffer {
  Py_buffer view{};
  ~Buffer() {
    if (!python_alive()) return;
    const GilHeld gil;
    PyBuffer_Release(&view);
  }
};
Ref<Storage> storage_over(std::unique_ptr<Buffer> buffer, size_t nbytes) {
  void* const memory = buffer->view.buf;
  return make_ref<Storage>(
      memory, nbytes, kCpu, [](void* context, void*, size_t) { delete static_cast<Buffer*>(context); },
      buffer.release());
}

[[noreturn]] void raise_unsupported(PyObject* array) {
  PyErr_Clear();
  const Object dtype = Object::steal(PyObject_GetAttrString(array, "dtype"));
  const Object type = Object::steal(PyObject_GetAttrString(dtype.get(), "type"));
  const Object name = Object::steal(PyObject_GetAttrString(type.get(), "__name__"));
  fail(ErrorKind::Type, "", "can't convert np.ndarray of type numpy.", view(name.get()),
       ". The only supported types are: float64, float32, float16, int64, int32, int16, int8, uint64, uint32, uint16, "
       "uint8, and bool.");
}

}  // namespace

size_t bytes_reached(const char* op, const Dims& sizes, const Dims& strides, int item_size) {
  if (numel_of(op, sizes) == 0) return 0;
  int64_t last = 0, nbytes = 0;
  for (int i = 0; i < sizes.size(); ++i) {
    int64_t span;
    check_value(strides[i] >= 0, op, "negative strides are not supported, got ", strides);
    check_value(!__builtin_mul_overflow(sizes[i] - 1, strides[i], &span) && !__builtin_add_overflow(last, span, &last),
                op, "size ", sizes, " with stride ", strides, " overflows");
  }
  check_value(!__builtin_mul_overflow(last + 1, int64_t(item_size), &nbytes), op, "size ", sizes, " with stride ",
              strides, " overflows");
  return size_t(nbytes);
}

Tensor tensor_from_array(PyObject* array, bool handed_out) {
  auto buffer = std::make_unique<Buffer>();
  Py_buffer* const b = &buffer->view;
  if (PyObject_GetBuffer(array, b, PyBUF_RECORDS) < 0) {
    PyErr_Clear();
    if (PyObject_GetBuffer(array, b, PyBUF_RECORDS_RO) < 0) raise_unsupported(array);
  }
  const std::string_view format = b->format ? b->format : "B";
  const bool foreign = format[0] == (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? '>' : '<') || format[0] == '!';
  check_value(!foreign, "",
              "given numpy array has byte order different from the native byte order. Conversion between "
              "byte orders is currently not supported.");
  const std::optional<DType> dtype = dtype_of_format(format, int(b->itemsize));
  if (!dtype) raise_unsupported(array);
  Dims sizes, strides;
  bool empty = false;
  for (int i = 0; i < b->ndim; ++i) empty |= b->shape[i] == 0;
  for (int i = 0; i < b->ndim; ++i) {
    const Py_ssize_t step = b->strides[i];
    check_value(step >= 0 || b->shape[i] <= 1 || empty, "",
                "At least one stride in the given numpy array is negative, and tensors with negative strides are not "
                "currently supported. (You can probably work around this by making a copy of your array  with "
                "array.copy().) ");
    check_value(step % b->itemsize == 0, "",
                "given numpy array strides not a multiple of the element byte size. Copy the numpy array to reallocate "
                "the memory.");
    sizes.push_back(b->shape[i]);
    strides.push_back(step < 0 ? 1 : step / b->itemsize);
  }
  if (empty) strides = contiguous_strides(sizes);
  static bool warned = false;
  if (b->readonly && handed_out) warn_read_only(warned, "NumPy array");
  // What the strides reach, which is not the bytes of the elements: an array may skip some, or repeat them.
  const size_t nbytes = bytes_reached("from_numpy", sizes, strides, int(b->itemsize));
  return Tensor(make_ref<TensorImpl>(storage_over(std::move(buffer), nbytes), sizes, strides, 0, *dtype));
}

Ref<Storage> storage_of_buffer(PyObject* object) {
  check_value(PyObject_CheckBuffer(object), "", "object does not implement Python buffer protocol.");
  auto buffer = std::make_unique<Buffer>();
  if (PyObject_GetBuffer(object, &buffer->view, PyBUF_WRITABLE) < 0) {
    PyErr_Clear();
    if (PyObject_GetBuffer(object, &buffer->view, PyBUF_SIMPLE) < 0) {
      PyErr_Clear();
      fail(ErrorKind::Runtime, "", "could not retrieve buffer from object");
    }
    static bool warned = false;
    warn_read_only(warned, "buffer");
  }
  const size_t nbytes = size_t(buffer->view.len);
  return storage_over(std::move(buffer), nbytes);
}

namespace {

// An array over the tensor's memory, through a memoryview of the tensor.
Object array_of(PyObject* self) {
  const Object numpy = Object::steal(PyImport_ImportModule("numpy"));
  const Object memory = Object::steal(PyMemoryView_FromObject(self));
  return run_python([&] { return PyObject_CallMethod(numpy.get(), "asarray", "O", memory.get()); });
}

Object numpy_of(PyObject* self, bool force) {
  const Tensor& t = tensor_of(self);
  check_type(t.dtype() != DType::BFloat16 && !is_float8(t.dtype()), "", "Got unsupported ScalarType ",
             dtype_type_name(t.dtype()));
  if (force) {
    const Object plain = Object::steal(wrap(cnn::to_device(detach(t), kCpu)));
    return array_of(plain.get());
  }
  check_type(t.device().is_cpu(), "", "can't convert ", t.device(),
             " device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory first.");
  check(!t.requires_grad() || !grad_enabled(), "",
        "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
  if (!t.requires_grad()) return array_of(self);
  const Object plain = Object::steal(wrap(detach(t)));
  return array_of(plain.get());
}

PyObject* numpy(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  const Py_ssize_t given = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  check_type(n == 0 && given <= 1 && (given == 0 || view(PyTuple_GET_ITEM(kwnames, 0)) == "force"), "",
             "numpy() takes no arguments but force=False");
  check_type(!given || PyBool_Check(args[0]), "", "numpy(): argument 'force' must be bool, not ",
             given ? type_name_of(args[0]) : "");
  return numpy_of(self, given && args[0] == Py_True).release();
}

PyObject* array(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  check_type(n <= 2, "", "__array__() takes at most 2 arguments, dtype and copy, but ", n, " were given");
  PyObject *dtype = n > 0 ? args[0] : Py_None, *copy = n > 1 ? args[1] : Py_None;
  for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); ++k) {
    const std::string_view name = view(PyTuple_GET_ITEM(kwnames, k));
    check_type(name == "dtype" || name == "copy", "", "__array__() got an unexpected keyword argument '", name, "'");
    (name == "dtype" ? dtype : copy) = args[n + k];
  }
  Object made = numpy_of(self, false);
  if (dtype != Py_None) {
    const Object keywords =
        Object::steal(Py_BuildValue("{s:O,s:O}", "dtype", dtype, "copy", copy == Py_True ? Py_True : Py_False));
    const Object convert = Object::steal(PyObject_GetAttrString(made.get(), "astype"));
    const Object none_given = Object::steal(PyTuple_New(0));
    return PyObject_Call(convert.get(), none_given.get(), keywords.get());
  }
  if (copy == Py_True) return PyObject_CallMethod(made.get(), "copy", nullptr);
  return made.release();
}

// What NumPy's functions make of a tensor is a tensor again; truth values are uint8, as in PyTorch.
PyObject* array_wrap(PyObject*, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  check_type(n >= 1 && n <= 3 && !kwnames, "", "__array_wrap__() takes array, context=None, return_scalar=False");
  check_type(is_array(args[0]), "", "expected np.ndarray (got ", type_name_of(args[0]), ")");
  const Tensor t = tensor_from_array(args[0], /*handed_out=*/true);
  return wrap(t.dtype() == DType::Bool ? cnn::to_dtype(t, DType::UInt8) : t);
}

}  // namespace

void bind_numpy(Registry& ops) {
  ops.def_method("numpy", numpy, "numpy(*, force=False): an array over the tensor's memory.");
  ops.def_method("__array__", array, "__array__(dtype=None, copy=None): the tensor as an array.");
  ops.def_method("__array_wrap__", array_wrap,
                 "__array_wrap__(array, context=None, return_scalar=False): an array that NumPy made of the tensor.");
  const Object priority = Object::steal(PyLong_FromLong(1000));  // tensor op array is ours
  expect_ok(PyObject_SetAttrString(reinterpret_cast<PyObject*>(tensor_type), "__array_priority__", priority.get()));
}

}  // namespace cnn::python
