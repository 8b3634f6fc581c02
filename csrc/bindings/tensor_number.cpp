// Operators. The four of arithmetic go straight to C++, the others through the ops bound under their names.
#include "autograd/recorder.h"
#include "bindings/active_call.h"
#include "bindings/def_op.h"
#include "bindings/from_data.h"
#include "bindings/indexing.h"
#include "bindings/tensor_type.h"
#include "bindings/torch_function.h"
#include "cnn/ops.h"

namespace cnn::python {

namespace {

// A tensor whose call no mode and no class intercepts, and nobody writes down?
inline bool is_ours(PyObject* o) { return is_tensor(o) && !(mode_word & kDoor) && !class_intercepts(o); }
inline bool is_python_number(PyObject* o) { return PyFloat_CheckExact(o) || PyLong_CheckExact(o) || PyBool_Check(o); }

// What the operator means for two tensors.
Tensor plus(const Tensor& a, const Tensor& b, Dest dest) { return add(a, b, 1, std::move(dest)); }
Tensor minus(const Tensor& a, const Tensor& b, Dest dest) { return sub(a, b, 1, std::move(dest)); }
Tensor times(const Tensor& a, const Tensor& b, Dest dest) { return mul(a, b, std::move(dest)); }
Tensor over(const Tensor& a, const Tensor& b, Dest dest) { return div(a, b, std::move(dest)); }

// Objects that no op takes are left to their own reflected operator.
bool is_operand(PyObject* o) {
  return is_tensor(o) || PyFloat_Check(o) || PyLong_Check(o) || is_numpy_scalar(o) ||
         PyObject_HasAttrString(reinterpret_cast<PyObject*>(Py_TYPE(o)), "__torch_function__");
}

// Runs a bound op on operands in whatever order. With a number first: the reflected op, which takes (tensor, number),
// or the function of that name when it has such a signature, or else the op on the number as a tensor.
PyObject* by_name(const char* name, const char* reflected, PyObject* a, PyObject* b) {
  if (!is_operand(a) || !is_operand(b)) return new_ref(Py_NotImplemented);
  if (is_tensor(a)) return call_method(name, a, {b});
  if (reflected) return call_method(reflected, b, {a});
  const Op* function = registry().function(name);
  for (size_t i = 0; function && i < function->signatures.size(); ++i) {
    if (function->signatures[i].params[0].kind != Kind::Number) continue;
    PyObject* const args[] = {a, b};
    return dispatch(*function, nullptr, args, 2, nullptr);
  }
  const Object number = Object::steal(wrap(number_tensor(a)));
  return call_method(name, number.get(), {b});
}

template <auto F>
PyObject* binary(const char* name, const char* reflected, PyObject* a, PyObject* b) {
  return guard([&]() -> PyObject* {
    PyObject* const operands[] = {a, b};
    const ActiveCall active(operands, 2);
    if (is_ours(a)) {
      if (is_ours(b)) return wrap(F(tensor_of(a), tensor_of(b), Dest()));
      if (is_python_number(b)) return wrap(F(tensor_of(a), number_tensor(b), Dest()));
    }
    return by_name(name, reflected, a, b);
  });
}
template <auto F>
PyObject* in_place(const char* name, PyObject* a, PyObject* b) {
  return guard([&]() -> PyObject* {
    PyObject* const operands[] = {a, b};
    const ActiveCall active(operands, 2);
    if (is_ours(a) && (is_ours(b) || is_python_number(b))) {
      const Tensor& x = tensor_of(a);
      F(x, is_python_number(b) ? number_tensor(b) : tensor_of(b), Dest::in_place(x));
      return new_ref(a);
    }
    if (!is_operand(b)) return new_ref(Py_NotImplemented);
    return call_method(name, a, {b});
  });
}

PyObject* nb_add(PyObject* a, PyObject* b) { return binary<&plus>("add", "add", a, b); }
PyObject* nb_multiply(PyObject* a, PyObject* b) { return binary<&times>("mul", "mul", a, b); }
PyObject* nb_subtract(PyObject* a, PyObject* b) { return binary<&minus>("sub", "rsub", a, b); }
PyObject* nb_inplace_add(PyObject* a, PyObject* b) { return in_place<&plus>("add_", a, b); }
PyObject* nb_inplace_subtract(PyObject* a, PyObject* b) { return in_place<&minus>("sub_", a, b); }
PyObject* nb_inplace_multiply(PyObject* a, PyObject* b) { return in_place<&times>("mul_", a, b); }
PyObject* nb_inplace_true_divide(PyObject* a, PyObject* b) { return in_place<&over>("div_", a, b); }

PyObject* nb_true_divide(PyObject* a, PyObject* b) {
  if (is_tensor(a) || (!is_operand(a) && !is_array(a))) return binary<&over>("div", nullptr, a, b);
  return guard([&] {  // number / tensor is reciprocal * number, and so for an array
    const Object inverse = Object::steal(call_method("reciprocal", b, {}));
    return is_operand(a) ? call_method("mul", inverse.get(), {a}) : PyNumber_Multiply(inverse.get(), a);
  });
}

// Names as template arguments, for the operators that are only looked up.
template <size_t N>
struct Name {
  char text[N];
  constexpr Name(const char (&s)[N]) {
    for (size_t i = 0; i < N; ++i) text[i] = s[i];
  }
};
template <Name name>
PyObject* named(PyObject* a, PyObject* b) {
  return guard([&] { return by_name(name.text, nullptr, a, b); });
}
template <Name name>
PyObject* named_in_place(PyObject* a, PyObject* b) {
  return guard([&] {
    if (!is_operand(b)) return new_ref(Py_NotImplemented);
    return call_method(name.text, a, {b});
  });
}
template <Name name>
PyObject* named_unary(PyObject* a) {
  return guard([&] { return call_method(name.text, a, {}); });
}
// Symmetric operators: number & tensor is tensor & number.
template <Name name>
PyObject* symmetric(PyObject* a, PyObject* b) {
  return guard([&] { return by_name(name.text, name.text, a, b); });
}

PyObject* nb_matrix_multiply(PyObject* a, PyObject* b) {
  if (is_tensor(a) && is_tensor(b)) return named<"matmul">(a, b);
  const bool number = is_python_number(a) || is_python_number(b) || is_numpy_scalar(a) || is_numpy_scalar(b);
  return number ? new_ref(Py_NotImplemented) : named<"matmul">(a, b);
}

PyObject* nb_power(PyObject* a, PyObject* b, PyObject* modulus) {
  if (modulus != Py_None) return new_ref(Py_NotImplemented);
  return guard([&] { return by_name("pow", nullptr, a, b); });
}
PyObject* nb_inplace_power(PyObject* a, PyObject* b, PyObject*) { return named_in_place<"pow_">(a, b); }

PyObject* nb_negative(PyObject* a) {
  return guard([&] { return is_ours(a) ? wrap(neg(tensor_of(a))) : call_method("neg", a, {}); });
}
PyObject* nb_invert(PyObject* a) {
  return guard([&] {
    check_type(!is_floating(tensor_of(a).dtype()), "",
               "~ (operator.invert) is only implemented on integer and Boolean-type tensors");
    return call_method("bitwise_not", a, {});
  });
}
PyObject* nb_positive(PyObject* a) { return new_ref(a); }

// ---- Conversions to Python's numbers ----

// The element of a tensor of one element, else PyTorch's words.
Scalar element(const Tensor& t) {
  const Recorded range("item", t);
  check_value(t.numel() == 1, "", "only one element tensors can be converted to Python scalars");
  return t.item();
}

// A special method, of a mode or a subclass first.
template <class F>
PyObject* special(const char* name, PyObject* self, F&& own) {
  return guard([&] { return intercepts(self) ? call_torch_function_slot(name, self, {}) : own(tensor_of(self)); });
}

bool is_true(PyObject* answer) {
  const int truth = PyObject_IsTrue(Object::steal(answer).get());
  expect_ok(truth);
  return truth;
}

int nb_bool(PyObject* self) {
  bool value = false;
  const int status = guard_status([&] {
    if (intercepts(self)) {
      value = is_true(call_torch_function_slot("__bool__", self, {}));
      return;
    }
    const Tensor& t = tensor_of(self);
    const Recorded range("is_nonzero", t);
    check(t.numel() != 0, "", "Boolean value of Tensor with no values is ambiguous");
    check(t.numel() == 1, "", "Boolean value of Tensor with more than one value is ambiguous");
    value = t.item().to_bool();
  });
  return status < 0 ? -1 : value;
}
PyObject* nb_int(PyObject* self) {
  return special("__int__", self, [](const Tensor& t) {
    const Scalar v = element(t);
    return v.is_float() ? PyLong_FromDouble(v.to_double()) : integer_object(v);
  });
}
PyObject* nb_float(PyObject* self) {
  return special("__float__", self, [](const Tensor& t) { return PyFloat_FromDouble(element(t).to_double()); });
}
PyObject* nb_index(PyObject* self) {
  return special("__index__", self, [](const Tensor& t) {
    check_type(t.numel() == 1 && !is_floating(t.dtype()), "",
               "only integer tensors of a single element can be converted to an index");
    return integer_object(t.item());
  });
}

// ---- Containers ----

Py_ssize_t length(PyObject* self) {
  const Tensor& t = tensor_of(self);
  if (t.dim()) return Py_ssize_t(t.shape()[0]);
  PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
  return -1;
}

int contains(PyObject* self, PyObject* value) {
  bool found = false;
  const int status = guard_status([&] {
    if (intercepts(self)) {
      found = is_true(call_torch_function_slot("__contains__", self, {value}));
      return;
    }
    check(is_tensor(value) || PyFloat_Check(value) || PyLong_Check(value) || is_numpy_scalar(value), "",
          "Tensor.__contains__ only supports Tensor or scalar, but you passed in a ",
          view(Object::steal(PyObject_Str(reinterpret_cast<PyObject*>(Py_TYPE(value)))).get()), ".");
    const Object equal = Object::steal(call_method("eq", self, {value}));
    const Object any = Object::steal(call_method("any", equal.get(), {}));
    found = tensor_of(any.get()).item().to_bool();
  });
  return status < 0 ? -1 : found;
}

PyObject* subscript(PyObject* self, PyObject* key) {
  return guard([&]() -> PyObject* {
    if (intercepts(self)) return call_torch_function_slot("__getitem__", self, {key});
    return wrap(index_get(tensor_of(self), key));
  });
}
int assign(PyObject* self, PyObject* key, PyObject* value) {
  return guard_status([&] {
    check_type(value, "", "Tensor does not support deleting items");
    if (intercepts(self) || (is_tensor(value) && intercepts(value))) {
      Object::steal(call_torch_function_slot("__setitem__", self, {key, value}));
      return;
    }
    index_set(tensor_of(self), key, value);
  });
}

}  // namespace

PyObject* tensor_richcompare(PyObject* a, PyObject* b, int op) {
  static constexpr const char* kNames[] = {"lt", "le", "eq", "ne", "gt", "ge"};
  if (!is_operand(b) && !is_array(b)) return new_ref(Py_NotImplemented);
  return guard([&]() -> PyObject* {
    if (is_operand(b)) return call_method(kNames[op], a, {b});
    if (!holds_numbers(b)) return new_ref(Py_NotImplemented);
    const Object other = Object::steal(wrap(tensor_from_array(b)));
    return call_method(kNames[op], a, {other.get()});
  });
}

PyObject* tensor_iter(PyObject* self) {
  return guard([&] {
    check_type(tensor_of(self).dim() > 0, "", "iteration over a 0-d tensor");
    const Object parts = Object::steal(call_method("unbind", self, {}));
    return PyObject_GetIter(parts.get());
  });
}

PyNumberMethods tensor_number_methods = [] {
  PyNumberMethods m = {};
  m.nb_add = nb_add;
  m.nb_subtract = nb_subtract;
  m.nb_multiply = nb_multiply;
  m.nb_true_divide = nb_true_divide;
  m.nb_floor_divide = named<"floor_divide">;
  m.nb_remainder = named<"remainder">;
  m.nb_power = nb_power;
  m.nb_matrix_multiply = nb_matrix_multiply;
  m.nb_and = symmetric<"bitwise_and">;
  m.nb_or = symmetric<"bitwise_or">;
  m.nb_xor = symmetric<"bitwise_xor">;
  m.nb_lshift = named<"bitwise_left_shift">;
  m.nb_rshift = named<"bitwise_right_shift">;
  m.nb_negative = nb_negative;
  m.nb_positive = nb_positive;
  m.nb_absolute = named_unary<"abs">;
  m.nb_invert = nb_invert;
  m.nb_inplace_add = nb_inplace_add;
  m.nb_inplace_subtract = nb_inplace_subtract;
  m.nb_inplace_multiply = nb_inplace_multiply;
  m.nb_inplace_true_divide = nb_inplace_true_divide;
  m.nb_inplace_floor_divide = named_in_place<"floor_divide_">;
  m.nb_inplace_remainder = named_in_place<"remainder_">;
  m.nb_inplace_power = nb_inplace_power;
  m.nb_inplace_and = named_in_place<"bitwise_and_">;
  m.nb_inplace_or = named_in_place<"bitwise_or_">;
  m.nb_inplace_xor = named_in_place<"bitwise_xor_">;
  m.nb_inplace_lshift = named_in_place<"bitwise_left_shift_">;
  m.nb_inplace_rshift = named_in_place<"bitwise_right_shift_">;
  m.nb_bool = nb_bool;
  m.nb_int = nb_int;
  m.nb_float = nb_float;
  m.nb_index = nb_index;
  return m;
}();
PyMappingMethods tensor_mapping_methods = {length, subscript, assign};
PySequenceMethods tensor_sequence_methods = [] {
  PySequenceMethods m = {};
  m.sq_contains = contains;
  return m;
}();

}  // namespace cnn::python
