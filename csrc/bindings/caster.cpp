#include "bindings/caster.h"

#include <structmember.h>

#include "cnn/autograd.h"
#include "cnn/ops/copy.h"

namespace cnn::python {

namespace {

// False when the number does not fit.
bool read_int(PyObject* o, int64_t& value) {
  int overflow = 0;
  if (PyLong_Check(o)) [[likely]] {
    value = PyLong_AsLongLongAndOverflow(o, &overflow);
    return !overflow;
  }
  const Object index = Object::steal(PyNumber_Index(o));
  return read_int(index.get(), value);
}

}  // namespace

int64_t to_int(PyObject* o) {
  int64_t value = 0;
  if (!read_int(o, value)) fail(ErrorKind::Value, "", "Overflow when unpacking long long");
  return value;
}

double to_double(PyObject* o) {
  if (PyFloat_Check(o)) [[likely]]
    return PyFloat_AS_DOUBLE(o);
  const double v = PyFloat_AsDouble(o);
  if (v == -1 && PyErr_Occurred()) throw PythonError();
  return v;
}

bool to_bool(PyObject* o) {
  const int v = PyObject_IsTrue(o);
  expect_ok(v);
  return v;
}

namespace {
// An int beyond int64: OverflowError unless uint64 holds it.
Scalar wide_scalar(PyObject* o) {
  const unsigned long long bits = PyLong_AsUnsignedLongLong(o);
  if (bits == ~0ull && PyErr_Occurred()) throw PythonError();
  return Scalar::of_unsigned(bits);
}
}  // namespace

Scalar to_scalar(PyObject* o) {
  if (PyFloat_Check(o)) return PyFloat_AS_DOUBLE(o);
  if (PyBool_Check(o)) return o == Py_True;
  if (PyLong_Check(o)) {
    int64_t value = 0;
    return read_int(o, value) ? Scalar(value) : wide_scalar(o);
  }
  if (is_tensor(o)) return tensor_of(o).item();
  if (std::string_view(Py_TYPE(o)->tp_name).starts_with("numpy.bool")) return to_bool(o);
  return PyIndex_Check(o) ? Scalar(to_int(o)) : Scalar(to_double(o));
}

PyObject* integer_object(Scalar v) {
  return v.is_unsigned() ? PyLong_FromUnsignedLongLong(v.to_bits()) : PyLong_FromLongLong(v.to_int());
}
PyObject* scalar_object(Scalar v) {
  if (v.is_float()) return PyFloat_FromDouble(v.to_double());
  return v.is_bool() ? PyBool_FromLong(v.to_bool()) : integer_object(v);
}

Tensor number_tensor(PyObject* number) {
  const Scalar value = to_scalar(number);
  if (!value.is_float() || mode_word & kInference) return wrapped_number(value);
  // The last one serves again when nobody holds it any more, as after `x + 1.0`.
  static Tensor& last = *new Tensor;
  TensorImpl* known = last.impl_or_null();
  const bool ours = known && known->use_count() == 1 && known->storage->use_count() == 1 && !known->wrapper &&
                    !known->autograd && known->version() == 0 && known->sizes.empty();
  if (!ours) return last = wrapped_number(value);
  *last.data<double>() = value.to_double();
  return last;
}

namespace {

Dims items_to_dims(PyObject* const* items, Py_ssize_t n, std::string_view op, std::string_view param) {
  Dims dims;
  dims.resize(int(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    const bool is_int = is_int_like(items[i]);
    if (is_int && read_int(items[i], dims[int(i)])) continue;
    fail(ErrorKind::Type, "", op, "(): argument '", param, "' failed to unpack the object at pos ", i + 1,
         " with error \"",
         is_int ? "Overflow when unpacking long long" : "type must be tuple of ints,but got " + type_name_of(items[i]),
         "\"");
  }
  return dims;
}

const Param& param_at(const Call& call, int slot) {
  for (const Param& p : call.signature->params) {
    if (p.slot == slot) return p;
  }
  return call.signature->params[0];
}

}  // namespace

namespace {

// Is it a list of which an item may run Python code, and so change it, when it is read as an int?
bool may_change(PyObject* o) {
  if (!PyList_Check(o)) return false;
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(o); ++i)
    if (!PyLong_CheckExact(PyList_GET_ITEM(o, i))) return true;
  return false;
}

}  // namespace

Dims sequence_to_dims(PyObject* o, std::string_view op, std::string_view param) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) return items_to_dims(&o, 1, op, param);
  const Object held = may_change(o) ? Object::steal(PyList_AsTuple(o)) : Object();
  PyObject* const items = held ? held.get() : o;
  return items_to_dims(PySequence_Fast_ITEMS(items), PySequence_Fast_GET_SIZE(items), op, param);
}

Dims to_dims(const Call& call, int index) {
  PyObject* o = call.slots[index];
  const Param& p = param_at(call, index);
  const std::string& op = call.signature->name;
  if (o == gathered_marker()) return items_to_dims(call.gathered, call.gathered_count, op, view(p.name));
  Dims dims = sequence_to_dims(o, op, view(p.name));
  if (p.repeat && dims.size() == 1) dims = Dims::filled(p.repeat, dims[0]);
  return dims;
}

namespace {

struct Items {
  PyObject* const* data;
  Py_ssize_t n;
};
Items items_of(const Call& call, int index) {
  PyObject* o = call.slots[index];
  if (o == gathered_marker()) return {call.gathered, call.gathered_count};
  return {PySequence_Fast_ITEMS(o), PySequence_Fast_GET_SIZE(o)};
}
[[noreturn]] void raise_element(PyObject* item, Py_ssize_t i, int index) {
  fail(ErrorKind::Type, "", "expected Tensor as element ", i, " in argument ", index, ", but got ", type_name_of(item));
}

}  // namespace

Tensor copy_out(const char* op, const Tensor& result, const Tensor& out) {
  check(!result.requires_grad() && !(grad_enabled() && out.requires_grad()), op,
        "functions with out=... arguments don't support automatic differentiation, but one of the arguments requires "
        "grad.");
  check_device(op, result.device(), out.device());
  check(can_cast(result.dtype(), out.dtype()), op, "result type ", dtype_type_name(result.dtype()),
        " can't be cast to the desired output type ", dtype_type_name(out.dtype()));
  if (out.shape() != result.shape()) resize_output(op, out, result.shape());
  NoGrad guard;
  return copy_(out, result);
}

Tensors to_tensors(const Call& call, int index) {
  const Items items = items_of(call, index);
  Tensors tensors;
  tensors.reserve(size_t(items.n));
  for (Py_ssize_t i = 0; i < items.n; ++i) {
    if (!is_tensor(items.data[i])) raise_element(items.data[i], i, index);
    tensors.push_back(tensor_of(items.data[i]));
  }
  return tensors;
}

std::vector<std::optional<Tensor>> Converter<std::vector<std::optional<Tensor>>>::get(const Call& call, int index) {
  check_type(call.slots[index] != Py_None, call.signature->name.c_str(), "argument '", view(param_at(call, index).name),
             "' must be tuple of Tensors, not NoneType");
  const Items items = items_of(call, index);
  std::vector<std::optional<Tensor>> tensors;
  tensors.reserve(size_t(items.n));
  for (Py_ssize_t i = 0; i < items.n; ++i) {
    if (items.data[i] == Py_None) {
      tensors.emplace_back();
    } else {
      if (!is_tensor(items.data[i])) raise_element(items.data[i], i, index);
      tensors.emplace_back(tensor_of(items.data[i]));
    }
  }
  return tensors;
}

PyObject* to_python(const Call&, const Tensors& tensors) {
  Object tuple = Object::steal(PyTuple_New(Py_ssize_t(tensors.size())));
  for (size_t i = 0; i < tensors.size(); ++i) PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), wrap(tensors[i]));
  return tuple.release();
}

PyObject* make_result_tuple(const Call& call, PyObject** items, int n) {
  PyTypeObject* named = call.signature->result_type;
  Object tuple = Object::steal(named ? PyStructSequence_New(named) : PyTuple_New(n));
  for (int i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple.get(), i, items[i]);
  return tuple.release();
}

}  // namespace cnn::python
