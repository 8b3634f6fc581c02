#include "bindings/from_data.h"

#include <cmath>
#include <limits>

#include "bindings/caster.h"
#include "bindings/cuda.h"
#include "bindings/torch_function.h"
#include "cnn/autograd.h"
#include "cnn/cuda.h"
#include "cnn/ops.h"

namespace cnn::python {

namespace {

constexpr int kMaxNesting = 128;

bool is_text(PyObject* o) { return PyUnicode_Check(o) || PyBytes_Check(o); }
// What nests: not text, and not a tensor, which stands for one element.
bool is_sequence(PyObject* o) { return !is_tensor(o) && !is_text(o) && PySequence_Check(o); }

// An item may run Python code, which may change the list that it stands in.
void check_unchanged(const Object& items, Py_ssize_t n) {
  check_value(PySequence_Fast_GET_SIZE(items.get()) == n, "", "the list changed while it was read");
}

// ---- Inference ----

DType array_dtype(PyObject* o) { return tensor_from_array(o).dtype(); }

DType infer_dtype(PyObject* o, int depth = 0) {
  if (PyFloat_CheckExact(o)) return default_dtype();
  if (PyBool_Check(o)) return DType::Bool;
  if (PyLong_Check(o)) return DType::Int64;
  if (is_array(o)) return array_dtype(o);
  if (PyFloat_Check(o)) return default_dtype();
  if (is_tensor(o)) return tensor_of(o).dtype();
  check_type(!is_text(o), "", "new(): invalid data type '", type_name_of(o), "'");
  check_implemented(!PyComplex_Check(o), "", "complex tensors are not supported; keep real and imaginary parts apart");
  if (PyIndex_Check(o) && !PySequence_Check(o)) return DType::Int64;
  check(PySequence_Check(o), "", "Could not infer dtype of ", type_name_of(o));
  if (const Object array = array_of_vector(o)) return array_dtype(array.get());
  const Object items = Object::steal(PySequence_Fast(o, "not a sequence"));
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(items.get());
  if (n == 0) return default_dtype();
  check_value(depth < kMaxNesting, "", "too many dimensions '", type_name_of(o), "'");
  std::optional<DType> all;
  for (Py_ssize_t i = 0; i < n; ++i) {
    check_unchanged(items, n);
    const Object held = Object::borrow(PySequence_Fast_GET_ITEM(items.get(), i));
    PyObject* const item = held.get();
    check_type(item != o, "", "new(): self-referential lists are incompatible");
    check_value(i > 0 || !is_text(item), "", "too many dimensions '", type_name_of(item), "'");
    const DType t = infer_dtype(item, depth + 1);
    all = all ? promote(*all, t) : t;
  }
  return *all;
}

Dims infer_sizes(PyObject* data) {
  Dims sizes;
  Object o = Object::borrow(data);
  while (is_sequence(o.get())) {
    if (Object array = array_of_vector(o.get())) o = std::move(array);
    const Py_ssize_t n = PySequence_Size(o.get());
    expect_ok(n < 0 ? -1 : 0);
    sizes.push_back(n);
    check_value(sizes.size() <= kMaxNesting, "", "too many dimensions '", type_name_of(o.get()), "'");
    if (n == 0) break;
    PyObject* const first = PySequence_GetItem(o.get(), 0);
    if (!first && PyErr_ExceptionMatches(PyExc_LookupError)) {  // a table of named columns
      PyErr_Clear();
      fail(ErrorKind::Value, "", "could not determine the shape of object type '", type_name_of(o.get()), "'");
    }
    o = Object::steal(first);
    check_value(!is_text(o.get()), "", "too many dimensions '", type_name_of(o.get()), "'");
  }
  return sizes;
}

// ---- Filling ----

[[noreturn]] void raise_unfit(DType dtype) {
  fail(ErrorKind::Runtime, "", "value cannot be converted to type ", dtype_name(dtype), " without overflow");
}

template <class T>
T convert_int(int64_t v, DType dtype) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool> && sizeof(T) < 8) {
    // An unsigned type also takes the negative numbers that wrap into it, as PyTorch's does.
    const int64_t low = std::is_unsigned_v<T> ? -int64_t(std::numeric_limits<T>::max()) : std::numeric_limits<T>::min();
    if (v < low || v > int64_t(std::numeric_limits<T>::max())) raise_unfit(dtype);
  }
  return T(v);
}
template <class T>
T convert_float(double v, DType dtype) {
  if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
    const double low =
        std::is_unsigned_v<T> ? -double(std::numeric_limits<T>::max()) : double(std::numeric_limits<T>::min());
    if (!(v >= low && v < double(std::numeric_limits<T>::max()) + 1)) raise_unfit(dtype);
    return Scalar(v).to<T>();
  } else {
    return T(v);
  }
}

template <class T>
T convert_item(PyObject* o, DType dtype) {
  if (PyFloat_Check(o)) return convert_float<T>(PyFloat_AS_DOUBLE(o), dtype);
  if (PyBool_Check(o)) return T(o == Py_True);
  if (PyLong_Check(o)) {
    if constexpr (!std::is_integral_v<T>) {
      const double v = PyLong_AsDouble(o);
      if (v == -1 && PyErr_Occurred()) throw PythonError();
      return T(v);
    }
    if constexpr (std::is_same_v<T, uint64_t>) {  // all of it, and nothing negative
      const unsigned long long v = PyLong_AsUnsignedLongLong(o);
      if (v == ~0ull && PyErr_Occurred()) throw PythonError();
      return v;
    }
    return convert_int<T>(to_int(o), dtype);
  }
  check_type(!is_text(o), "", "new(): invalid data type '", type_name_of(o), "'");
  if (is_tensor(o)) {
    check_type(tensor_of(o).numel() == 1, "", "only integer tensors of a single element can be converted to an index");
  } else {
    check_type(PyNumber_Check(o), "", "must be real number, not ", type_name_of(o));
  }
  const Scalar v = to_scalar(o);
  if (v.is_unsigned()) return v.to<T>();
  return v.is_float() ? convert_float<T>(v.to_double(), dtype) : convert_int<T>(v.to_int(), dtype);
}

template <class T>
T* fill(PyObject* o, const Dims& sizes, int d, T* out, DType dtype) {
  if (d == sizes.size()) {
    *out = convert_item<T>(o, dtype);
    return out + 1;
  }
  check_type(is_sequence(o), "", "not a sequence");
  const Object items = Object::steal(PySequence_Fast(o, "not a sequence"));
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(items.get());
  check_value(n == sizes[d], "", "expected sequence of length ", sizes[d], " at dim ", d, " (got ", n, ")");
  for (Py_ssize_t i = 0; i < n; ++i) {
    check_unchanged(items, n);
    const Object item = Object::borrow(PySequence_Fast_GET_ITEM(items.get(), i));
    out = fill(item.get(), sizes, d + 1, out, dtype);
  }
  return out;
}

Tensor from_sequence(PyObject* data, DType dtype) {
  const Dims sizes = infer_sizes(data);
  Tensor t = empty(sizes, dtype);
  if (t.numel()) {
    visit_any_dtype(dtype, [&]<class T>() { fill(data, sizes, 0, static_cast<T*>(t.raw()), dtype); });
  }
  return t;
}

Tensor moved(Tensor t, Device device) { return device.is_cpu() ? t : cnn::to_device(t, device); }

}  // namespace

Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype, Device device) {
  const NoGrad no_history;
  if (is_tensor(data)) {
    const Tensor t = detach(tensor_of(data));
    return cnn::to(t, dtype, device, /*copy=*/true);
  }
  check_type(!is_text(data), "", "new(): invalid data type '", type_name_of(data), "'");
  if (is_cuda_array(data)) return cnn::to(tensor_from_cuda_array(data), dtype, device, /*copy=*/true);
  if (is_array(data)) return moved(cnn::to(tensor_from_array(data), dtype, kCpu, /*copy=*/true), device);
  if (const Object array = array_of_vector(data)) return tensor_from_data(array.get(), dtype, device);
  return moved(from_sequence(data, dtype ? *dtype : infer_dtype(data)), device);
}

Tensor tensor_sharing_data(PyObject* data, std::optional<DType> dtype, std::optional<Device> device) {
  if (is_tensor(data)) return cnn::to(tensor_of(data), dtype, device);
  if (is_array(data)) return cnn::to(tensor_from_array(data, PySequence_Check(data)), dtype, device);
  if (is_cuda_array(data)) return cnn::to(tensor_from_cuda_array(data), dtype, device.value_or(kCpu));
  return tensor_from_data(data, dtype, device ? *device : kCpu);
}

namespace {

// The arguments after `data`, which are keywords in PyTorch.
struct Options {
  PyObject* data = nullptr;
  std::optional<DType> dtype;
  std::optional<Device> device;
  bool requires_grad = false, pinned = false;
};

Options parse(const char* name, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Py_ssize_t positional) {
  Options o;
  PyObject* given[5] = {};  // data, dtype, device, requires_grad, pin_memory
  static constexpr std::string_view kNames[] = {"data", "dtype", "device", "requires_grad", "pin_memory"};
  check_type(n <= positional, "", name, "() takes ", positional, " positional argument", positional == 1 ? "" : "s",
             " but ", n, " were given");
  for (Py_ssize_t i = 0; i < n; ++i) given[i] = args[i];
  for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); ++k) {
    const std::string_view keyword = view(PyTuple_GET_ITEM(kwnames, k));
    size_t at = 0;
    while (at < std::size(kNames) && kNames[at] != keyword) ++at;
    check_type(at < std::size(kNames), "", name, "() got an unexpected keyword argument '", keyword, "'");
    check_type(!given[at], "", name, "() got multiple values for argument '", keyword, "'");
    given[at] = args[n + k];
  }
  check_type(given[0], "", name, "() missing 1 required positional arguments: \"data\"");
  o.data = given[0];
  if (given[1] && given[1] != Py_None) {
    check_type(is_dtype_like(given[1]), "", name, "(): argument 'dtype' must be torch.dtype, not ",
               type_name_of(given[1]));
    o.dtype = to_dtype(given[1]);
  }
  if (given[2] && given[2] != Py_None) {
    check_type(is_device_like(given[2]), "", name, "(): argument 'device' must be torch.device, not ",
               type_name_of(given[2]));
    o.device = to_device(given[2]);
  }
  if (given[3]) {
    check_type(PyBool_Check(given[3]), "", name, "(): argument 'requires_grad' must be bool, not ",
               type_name_of(given[3]));
    o.requires_grad = given[3] == Py_True;
  }
  o.pinned = given[4] && to_bool(given[4]);
  check(!o.pinned || cuda_is_available(), "",
        "Cannot access accelerator device when none is available: ", cuda_unavailable_reason());
  if (!o.device) o.device = chosen_device();
  return o;
}

PyObject* to_mode(PyObject* module, const char* name, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  const Object function = Object::steal(PyObject_GetAttrString(module, name));
  return call_torch_function(function.get(), name, nullptr, args, n, kwnames);
}

PyObject* make_tensor(PyObject* module, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    if (function_mode_on()) return to_mode(module, "tensor", args, n, kwnames);
    const Options o = parse("tensor", args, n, kwnames, 1);
    if (is_tensor(o.data) &&
        PyErr_WarnEx(PyExc_UserWarning,
                     "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
                     "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).",
                     1) < 0) {
      return nullptr;
    }
    const Device own = is_tensor(o.data) ? tensor_of(o.data).device() : kCpu, device = o.device.value_or(own);
    const Tensor t = tensor_from_data(o.data, o.dtype, device);
    if (o.pinned) pin_memory_of(t);
    if (o.requires_grad) {
      check(is_floating(t.dtype()), "", "Only Tensors of floating point and complex dtype can require gradients");
      t.set_requires_grad(true);
    }
    return wrap(t);
  });
}

PyObject* as_tensor(PyObject* module, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return guard([&]() -> PyObject* {
    if (function_mode_on()) return to_mode(module, "as_tensor", args, n, kwnames);
    const Options o = parse("as_tensor", args, n, kwnames, 3);
    return wrap(tensor_sharing_data(o.data, o.dtype, o.device));
  });
}

PyObject* from_numpy(PyObject*, PyObject* array) {
  return guard([&] {
    check_type(is_array(array) && PySequence_Check(array), "", "expected np.ndarray (got ", type_name_of(array), ")");
    return wrap(tensor_from_array(array, /*handed_out=*/true));
  });
}

// n elements from `offset` bytes on, which may lie anywhere: a storage of its own that keeps the whole one.
Tensor offset_view(const Ref<Storage>& whole, size_t offset, int64_t n, DType dtype) {
  auto storage = make_ref<Storage>(
      static_cast<char*>(whole->data()) + offset, size_t(n) * size_t(item_size(dtype)), kCpu,
      [](void* context, void*, size_t) { delete static_cast<Ref<Storage>*>(context); }, new Ref<Storage>(whole));
  return Tensor(make_ref<TensorImpl>(std::move(storage), Dims{n}, Dims{1}, 0, dtype));
}

// frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False): the buffer's memory as a vector.
PyObject* frombuffer(PyObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    PyObject *buffer, *dtype = nullptr;
    long long count = -1, offset = 0;
    int requires_grad = 0;
    static const char* names[] = {"buffer", "dtype", "count", "offset", "requires_grad", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OLLp:frombuffer", const_cast<char**>(names), &buffer, &dtype,
                                     &count, &offset, &requires_grad)) {
      return nullptr;
    }
    check_type(dtype && is_dtype_like(dtype), "", "frombuffer(): argument 'dtype' must be torch.dtype");
    const DType type = to_dtype(dtype);
    const Ref<Storage> memory = storage_of_buffer(buffer);
    const int64_t size = item_size(type), total = int64_t(memory->nbytes());
    check_value(total > 0 && count != 0, "", "both buffer length (", total, ") and count (", count, ") must not be 0");
    check_value(offset >= 0 && offset < total, "", "offset (", offset,
                " bytes) must be non-negative and no greater than buffer length (", total, " bytes) minus 1");
    check_value(count > 0 || (total - offset) % size == 0, "", "buffer length (", total - offset,
                " bytes) after offset (", offset, " bytes) must be a multiple of element size (", size, ")");
    const int64_t n = count < 0 ? (total - offset) / size : count;
    check_value(n <= (total - offset) / size, "", "requested buffer length (", n, " * ", size, " bytes) after offset (",
                offset, " bytes) must not be greater than actual buffer length (", total, " bytes)");
    const Tensor t = offset_view(memory, size_t(offset), n, type);
    if (requires_grad) t.set_requires_grad(true);
    return wrap(t);
  });
}

PyMethodDef functions[] = {
    {"frombuffer", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(frombuffer)),
     METH_VARARGS | METH_KEYWORDS,
     "frombuffer($module, buffer, *, dtype, count=-1, offset=0, requires_grad=False)\n--\n\n"
     "A 1-d tensor over the memory of an object with the buffer protocol; offset in bytes, count in elements."},
    {"tensor", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(make_tensor)), METH_FASTCALL | METH_KEYWORDS,
     "tensor($module, data, *, dtype=None, device=None, requires_grad=False, pin_memory=False)\n--\n\n"
     "A new tensor with a copy of the data: numbers, nested sequences, arrays.\n\n"
     "Without dtype: float32 (the default dtype), int64 or bool as the numbers are; an array's own."},
    {"as_tensor", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(as_tensor)), METH_FASTCALL | METH_KEYWORDS,
     "as_tensor($module, data, dtype=None, device=None)\n--\n\n"
     "A tensor of the data, sharing memory with a tensor or an array where nothing must change."},
    {"from_numpy", from_numpy, METH_O,
     "from_numpy($module, ndarray, /)\n--\n\nA tensor over the array's memory. Changes are seen on both sides."},
    {}};

}  // namespace

void bind_from_data(PyObject* module) { expect_ok(PyModule_AddFunctions(module, functions)); }

}  // namespace cnn::python
