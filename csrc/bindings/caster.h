// From Python objects to C++ arguments, one converter per parameter type, and results back.
// A signature has matched before: converters raise only for values (overflow, a bad element in a list).
#pragma once

#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "bindings/signature.h"
#include "bindings/tensor_type.h"
#include "bindings/types.h"
#include "cnn/tensor.h"

namespace cnn::python {

int64_t to_int(PyObject* o);  // ValueError when it does not fit; 0-d tensors and __index__ are taken
double to_double(PyObject* o);
bool to_bool(PyObject* o);
Scalar to_scalar(PyObject* o);
Dims to_dims(const Call& call, int index);
Dims sequence_to_dims(PyObject* o, std::string_view op, std::string_view param);
Tensors to_tensors(const Call& call, int index);

// A tensor argument: refers to the caller's, or holds the 0-d tensor made of a number.
struct TensorArg {
  Tensor held;
  const Tensor* tensor;
  operator const Tensor&() const { return tensor ? *tensor : held; }
};
Tensor number_tensor(PyObject* number);

// `kinds`: what a signature may call a parameter of this C++ type.
template <class T>
struct Converter;

template <>
struct Converter<Tensor> {
  static bool fits(Kind k) { return k == Kind::Tensor || k == Kind::TensorOrNumber; }
  static TensorArg get(const Call& c, int i) {
    PyObject* o = c.slots[i];
    if (is_tensor(o)) [[likely]]
      return {{}, &tensor_of(o)};
    return {o == Py_None ? Tensor() : number_tensor(o), nullptr};
  }
};
template <>
struct Converter<Tensors> {
  static bool fits(Kind k) { return k == Kind::Tensors; }
  static Tensors get(const Call& c, int i) { return to_tensors(c, i); }
};
template <>
struct Converter<Scalar> {
  static bool fits(Kind k) { return k == Kind::Number; }
  static Scalar get(const Call& c, int i) { return to_scalar(c.slots[i]); }
};
template <>
struct Converter<int64_t> {
  static bool fits(Kind k) { return k == Kind::Int; }
  static int64_t get(const Call& c, int i) { return to_int(c.slots[i]); }
};
template <>
struct Converter<double> {
  static bool fits(Kind k) { return k == Kind::Float; }
  static double get(const Call& c, int i) { return to_double(c.slots[i]); }
};
template <>
struct Converter<bool> {
  static bool fits(Kind k) { return k == Kind::Bool; }
  static bool get(const Call& c, int i) {
    PyObject* o = c.slots[i];
    return o == Py_True || (o != Py_False && to_bool(o));
  }
};
template <>
struct Converter<MemoryFormat> {
  static bool fits(Kind k) { return k == Kind::MemoryFormat; }
  static MemoryFormat get(const Call& c, int i) { return to_memory_format(c.slots[i]); }
};
template <>
struct Converter<std::string> {
  static bool fits(Kind k) { return k == Kind::String; }
  static std::string get(const Call& c, int i) { return std::string(view(c.slots[i])); }
};
template <>
struct Converter<Dims> {
  static bool fits(Kind k) { return k == Kind::Dims; }
  static Dims get(const Call& c, int i) { return to_dims(c, i); }
};
template <>
struct Converter<DType> {  // None: the default dtype
  static bool fits(Kind k) { return k == Kind::DType; }
  static DType get(const Call& c, int i) { return c.slots[i] == Py_None ? default_dtype() : to_dtype(c.slots[i]); }
};
template <>
struct Converter<Device> {  // None: where `out=` is, or tensors are made by default
  static bool fits(Kind k) { return k == Kind::Device; }
  static Device get(const Call& c, int i) {
    if (c.slots[i] != Py_None) return to_device(c.slots[i]);
    const int out = c.signature->out_slot;
    return out >= 0 && is_tensor(c.slots[out]) ? tensor_of(c.slots[out]).device() : default_device();
  }
};
template <class T>
struct Converter<std::optional<T>> {
  static bool fits(Kind k) { return Converter<T>::fits(k); }
  static std::optional<T> get(const Call& c, int i) {
    if (c.slots[i] == Py_None) return std::nullopt;
    if constexpr (std::is_same_v<T, Tensor>) return static_cast<const Tensor&>(Converter<Tensor>::get(c, i));
    else return Converter<T>::get(c, i);
  }
};
// Lists that may hold None, as indices do.
template <>
struct Converter<std::vector<std::optional<Tensor>>> {
  static bool fits(Kind k) { return k == Kind::Tensors; }
  static std::vector<std::optional<Tensor>> get(const Call& c, int i);
};

// ---- Results ----

// Takes a finished result into `out`, resized and of its own dtype; returns `out`.
Tensor copy_out(const char* op, const Tensor& result, const Tensor& out);

inline PyObject* to_python(const Call&, Tensor t) { return wrap(std::move(t)); }
inline PyObject* to_python(const Call&, bool v) { return PyBool_FromLong(v); }
inline PyObject* to_python(const Call&, int64_t v) { return PyLong_FromLongLong(v); }
inline PyObject* to_python(const Call&, double v) { return PyFloat_FromDouble(v); }
inline PyObject* to_python(const Call&, DType t) { return dtype_object(t); }
inline PyObject* to_python(const Call&, MemoryFormat f) { return memory_format_object(f); }
inline PyObject* to_python(const Call&, const std::string& s) { return text(s).release(); }
inline PyObject* to_python(const Call&, const Dims& sizes) { return size_object(sizes); }
PyObject* integer_object(Scalar v);
PyObject* scalar_object(Scalar v);
inline PyObject* to_python(const Call&, Scalar v) { return scalar_object(v); }
PyObject* to_python(const Call& call, const Tensors& tensors);  // a tuple
// A tuple, or a named one when the signature names its results. Steals the items.
PyObject* make_result_tuple(const Call& call, PyObject** items, int n);

template <class... T>
PyObject* to_python(const Call& call, std::tuple<T...> results) {
  PyObject* items[sizeof...(T)];
  int n = 0;
  std::apply([&](auto&... result) { ((items[n++] = to_python(call, std::move(result))), ...); }, results);
  return make_result_tuple(call, items, n);
}
template <class... T>
PyObject* to_python(const Call& call, std::variant<T...> result) {
  return std::visit([&](auto& r) { return to_python(call, std::move(r)); }, result);
}
template <class A, class B>
PyObject* to_python(const Call& call, std::pair<A, B> results) {
  return to_python(call, std::tuple<A, B>(std::move(results.first), std::move(results.second)));
}

}  // namespace cnn::python
