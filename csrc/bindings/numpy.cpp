#include "bindings/numpy.h"

#include "bindings/array_format.h"
#include "bindings/def_op.h"
#include "bindings/from_data.h"
#include "cnn/autograd.h"
#include "cnn/ops.h"

namespace cnn::python {

bool is_array(PyObject* o) {
  const std::string_view name = Py_TYPE(o)->tp_name;
  if (name == "numpy.ndarray" || (name.starts_with("numpy.") && is_numpy_scalar(o))) return true;
  if (PyLong_Check(o) || PyFloat_Check(o) || PyTuple_Check(o) || PyList_Check(o)) return false;
  // Classes derived from ndarray, whatever their name.
  for (PyTypeObject* base = Py_TYPE(o)->tp_base; base; base = base->tp_base) {
    if (std::string_view(base->tp_name) == "numpy.ndarray") return true;
  }
  return false;
}

namespace {

void warn_read_only() {
  static bool warned = false;
  if (std::exchange(warned, true)) return;
  expect_ok(
      PyErr_WarnEx(PyExc_UserWarning,
                   "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This "
                   "means writing to this tensor will result in undefined behavior. You may want to copy the array "
                   "to protect its data or make it writable before converting it to a tensor. This type of warning "
                   "will be suppressed for the rest of this program.",
                   1));
}

// The exporter's memory, given back when the storage goes.
void release_memory(void* context, void*, size_t) {
  auto* view = static_cast<Py_buffer*>(context);
  if (!python_alive()) return;
  const GilHeld gil;
  PyBuffer_Release(view);
  delete view;
}

[[noreturn]] void raise_unsupported(PyObject* array) {
  PyErr_Clear();
  const Object dtype = Object::steal(PyObject_GetAttrString(array, "dtype"));
  const Object type = Object::steal(PyObject_GetAttrString(dtype.get(), "type"));
  const Object name = Object::steal(PyObject_GetAttrString(type.get(), "__name__"));
  fail(ErrorKind::Type, "", "can't convert np.ndarray of type numpy.", view(name.get()),
       ". The only supported types are: float64, float32, float16, int64, int32, int16, int8, uint8, and bool.");
}

}  // namespace

Tensor tensor_from_array(PyObject* array) {
  auto buffer = std::make_unique<Py_buffer>();
  if (PyObject_GetBuffer(array, buffer.get(), PyBUF_RECORDS) < 0) {
    PyErr_Clear();
    if (PyObject_GetBuffer(array, buffer.get(), PyBUF_RECORDS_RO) < 0) raise_unsupported(array);
  }
  Py_buffer* const b = buffer.get();
  // From here on the storage gives the buffer back, also when a check below fails.
  auto storage = make_ref<Storage>(b->buf, size_t(b->len), kCpu, release_memory, buffer.release());
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
  if (b->readonly && PySequence_Check(array)) warn_read_only();
  return Tensor(make_ref<TensorImpl>(std::move(storage), sizes, strides, 0, *dtype));
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
  check_type(t.dtype() != DType::BFloat16, "", "Got unsupported ScalarType BFloat16");
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
  PyObject *dtype = n > 0 ? args[0] : Py_None, *copy = n > 1 ? args[1] : Py_None;
  for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); ++k) {
    (view(PyTuple_GET_ITEM(kwnames, k)) == "dtype" ? dtype : copy) = args[n + k];
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

}  // namespace

void bind_numpy(Registry& ops) {
  ops.def_method("numpy", numpy, "numpy(*, force=False): an array over the tensor's memory.");
  ops.def_method("__array__", array, "__array__(dtype=None, copy=None): the tensor as an array.");
  const Object priority = Object::steal(PyLong_FromLong(1000));  // tensor op array is ours
  expect_ok(PyObject_SetAttrString(reinterpret_cast<PyObject*>(tensor_type), "__array_priority__", priority.get()));
}

}  // namespace cnn::python
