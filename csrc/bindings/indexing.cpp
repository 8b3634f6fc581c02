#include "bindings/indexing.h"

#include <optional>
#include <vector>

#include "autograd/recorder.h"
#include "bindings/caster.h"
#include "bindings/from_data.h"
#include "bindings/legacy_types.h"
#include "cnn/ops.h"

namespace cnn::python {

namespace {

bool is_mask(const Tensor& t) { return t.dtype() == DType::Bool || t.dtype() == DType::UInt8; }
bool is_index(PyObject* o) { return !PyBool_Check(o) && !is_tensor(o) && is_int_like(o); }

Tensor select_at(const Tensor& x, int dim, int64_t index, int real_dim) {
  check_index(
      dim < x.dim(), "",
      "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert a "
      "0-dim tensor to a number");
  const int64_t size = x.shape()[dim];
  check_index(index >= -size && index < size, "", "index ", index, " is out of bounds for dimension ", real_dim,
              " with size ", size);
  const Recorded range("select", x, int64_t(dim), index);
  return select(x, dim, index);
}

// x[start:stop:step]; x itself when that is everything, unless a view is wanted `always`.
Tensor slice_at(const Tensor& x, int dim, PyObject* key, bool always) {
  Py_ssize_t start, stop, step;
  expect_ok(PySlice_Unpack(key, &start, &stop, &step));
  check_value(step > 0, "", "step must be greater than zero");
  check_index(dim < x.dim(), "", "slice() cannot be applied to a 0-dim tensor.");
  const Py_ssize_t size = Py_ssize_t(x.shape()[dim]);
  PySlice_AdjustIndices(size, &start, &stop, step);
  if (start == 0 && stop == size && step == 1 && !always) return x;
  const Recorded range("slice", x, int64_t(dim), int64_t(start), int64_t(stop), int64_t(step));
  return slice(x, dim, int64_t(start), int64_t(stop), int64_t(step));
}

// True selects a new dimension of size 1, False one of size 0.
Tensor bool_index(bool value) { return value ? zeros({1}, DType::Int64) : zeros({0}, DType::Int64); }

// A list or an array as an index: a mask, or integers of any width; an empty list is of integers.
Tensor sequence_index(PyObject* o) {
  const Tensor t = tensor_from_data(o, std::nullopt);
  const bool integers = is_integral(t.dtype()) || (t.numel() == 0 && !is_array(o));
  return integers && !is_mask(t) ? cnn::to_dtype(t, DType::Int64) : t;
}

// NumPy's old rule: a short list that holds sequences, slices, ... or None means a tuple.
bool stands_for_tuple(PyObject* o) {
  if (is_tensor(o) || is_array(o) || PyUnicode_Check(o) || !PySequence_Check(o)) return false;
  const Py_ssize_t n = PySequence_Size(o);
  if (n < 0) PyErr_Clear();
  if (n < 0 || n >= 32) return false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    const Object item = Object::steal(PySequence_GetItem(o, i));
    if (is_tensor(item.get()) || PySequence_Check(item.get()) || PySlice_Check(item.get()) ||
        item.get() == Py_Ellipsis || item.get() == Py_None) {
      return true;
    }
  }
  return false;
}

Object as_tuple(PyObject* key) {
  if (PyTuple_Check(key)) return Object::borrow(key);
  if (!stands_for_tuple(key)) return Object::steal(PyTuple_Pack(1, key));
  expect_ok(
      PyErr_WarnEx(PyExc_UserWarning,
                   "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in "
                   "pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as "
                   "tensor index, x[torch.tensor(seq)], which will result either in an error or a different result",
                   1));
  return Object::steal(PySequence_Tuple(key));
}

// The dimensions of x that the entries of a key use up.
int dims_used(PyObject* tuple) {
  int used = 0;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); ++i) {
    PyObject* o = PyTuple_GET_ITEM(tuple, i);
    if (o == Py_None || o == Py_Ellipsis || PyBool_Check(o)) continue;
    used += is_tensor(o) && is_mask(tensor_of(o)) ? tensor_of(o).dim() : 1;
  }
  return used;
}

Tensor with_dim(const Tensor& x, int dim) {
  const Recorded range("unsqueeze", x, int64_t(dim));
  return unsqueeze(x, dim);
}

// What remains of a key for the op `index`: an entry per dimension of the viewed tensor, a mask standing for several.
struct Advanced {
  Indices indices;
  int covered = 0;  // dimensions that the entries stand for

  void put(int dim, Tensor index) {
    for (; covered < dim; ++covered) indices.emplace_back();
    covered += is_mask(index) ? index.dim() : 1;
    indices.emplace_back(std::move(index));
  }
};

// Does what views can do, and collects the tensors that remain as indices.
Tensor apply_views(const Tensor& x, PyObject* tuple, Advanced& advanced) {
  const int used = dims_used(tuple);
  const int hidden = x.dim() - used;  // behind an ellipsis; an entry's `__index__` may give x another shape meanwhile
  check_index(hidden >= 0, "", "too many indices for tensor of dimension ", x.dim());
  Tensor result = x;
  int dim = 0;  // of `result`, that the next entry is about
  for (int i = 0; i < int(PyTuple_GET_SIZE(tuple)); ++i) {
    PyObject* o = PyTuple_GET_ITEM(tuple, i);
    if (is_index(o)) {
      result = select_at(result, dim, to_int(o), i);
    } else if (PySlice_Check(o)) {
      result = slice_at(result, dim++, o, /*always=*/false);
    } else if (o == Py_Ellipsis) {
      dim += hidden;
    } else if (o == Py_None) {
      result = with_dim(result, dim++);
    } else if (PyBool_Check(o)) {
      result = with_dim(result, dim);
      advanced.put(dim++, bool_index(o == Py_True));
    } else if (is_tensor(o) && tensor_of(o).dim() == 0 && is_mask(tensor_of(o))) {
      result = with_dim(result, dim);
      advanced.put(dim++, bool_index(tensor_of(o).item().to_bool()));
    } else if (is_tensor(o) && tensor_of(o).dim() == 0 && is_integral(tensor_of(o).dtype())) {
      result = select_at(result, dim, tensor_of(o).item().to_int(), i);
    } else {
      check_index(
          is_tensor(o) || PySequence_Check(o), "",
          "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got ",
          type_name_of(o), ")");
      advanced.put(dim, is_tensor(o) ? tensor_of(o) : sequence_index(o));
      dim = advanced.covered;
    }
  }
  return result;
}

Tensor same_view(const Tensor& x) {
  const Recorded range("alias", x);
  return view(x, x.shape());
}

// ---- Assignment ----

// Leading dimensions of size 1 do not count when a value is assigned.
Tensor without_leading_ones(const Tensor& value) {
  int ones = 0;
  while (ones < value.dim() && value.shape()[ones] == 1) ++ones;
  if (!ones) return value;
  return view(value, Dims(value.shape().data() + ones, value.dim() - ones));
}

struct Value {
  std::optional<Tensor> tensor;
  Scalar number;
};
Value value_of(const Tensor& x, PyObject* o) {
  if (is_tensor(o)) return {tensor_of(o), {}};
  if (PyLong_Check(o) && !PyBool_Check(o)) return {std::nullopt, to_int(o)};
  if (PyComplex_Check(o)) {
    if (x.dtype() == DType::Bool) return {std::nullopt, bool(PyObject_IsTrue(o))};
    check(PyComplex_ImagAsDouble(o) == 0, "", "value cannot be converted to type ", dtype_type_name(x.dtype()),
          " without overflow: it is complex");
    return {std::nullopt, PyComplex_RealAsDouble(o)};
  }
  check_type(PyFloat_Check(o) || PyLong_Check(o) || is_numpy_scalar(o), "", "can't assign a ", type_name_of(o),
             " to a ", legacy_type_name(x.dtype(), x.device()));
  return {std::nullopt, to_scalar(o)};
}

bool is_expanded(const Tensor& x) {
  for (int d = 0; d < x.dim(); ++d)
    if (x.strides()[d] == 0 && x.shape()[d] > 1) return true;
  return false;
}

void write(const Tensor& to, const Value& value) {
  if (!value.tensor) {
    if (is_expanded(to)) copy_(to, full({}, value.number, to.dtype(), to.device()));  // which refuses that
    else if (is_reduced(to.dtype())) copy_(to, wrapped_number(value.number));  // rounds, even to infinity
    else fill_(to, value.number);
  } else if (value.tensor->shape() == to.shape()) {
    copy_(to, *value.tensor);
  } else {
    copy_(to, expand(without_leading_ones(*value.tensor), to.shape()));
  }
}

void put(const Tensor& to, const Indices& indices, const Value& value) {
  const Tensor values =
      value.tensor ? without_leading_ones(*value.tensor) : full({}, value.number, to.dtype(), to.device());
  const Recorded range("index_put_", to);
  index_put(to, indices, values, /*accumulate=*/false, Dest::in_place(to));
}

}  // namespace

Tensor index_get(const Tensor& x, PyObject* key) {
  if (PyLong_CheckExact(key)) return select_at(x, 0, to_int(key), 0);
  if (key == Py_None) return with_dim(x, 0);
  if (key == Py_Ellipsis) return same_view(x);
  if (PySlice_Check(key)) return slice_at(x, 0, key, /*always=*/true);
  Advanced advanced;
  const Tensor result = apply_views(x, as_tuple(key).get(), advanced);
  if (!advanced.indices.empty()) {
    const Recorded range("index", result);
    return index(result, advanced.indices);
  }
  return result.same(x) ? same_view(x) : result;
}

void index_set(const Tensor& x, PyObject* key, PyObject* o) {
  const Value value = value_of(x, o);
  if (key == Py_False) return;
  if (PyLong_CheckExact(key)) return write(select_at(x, 0, to_int(key), 0), value);
  if (key == Py_Ellipsis) return write(x, value);
  if (key == Py_None || key == Py_True) return write(with_dim(x, 0), value);
  if (PySlice_Check(key)) return write(slice_at(x, 0, key, /*always=*/true), value);
  Advanced advanced;
  const Tensor target = apply_views(x, as_tuple(key).get(), advanced);
  if (advanced.indices.empty()) write(target, value);
  else put(target, advanced.indices, value);
}

}  // namespace cnn::python
