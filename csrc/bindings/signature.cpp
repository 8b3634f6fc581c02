#include "bindings/signature.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <stdexcept>

#include "bindings/torch_function.h"
#include "bindings/types.h"

namespace cnn::python {

// ---- Reading the text ----

namespace {

struct TypeName {
  std::string_view text;
  Kind kind;
};
constexpr TypeName kTypes[] = {
    {"Tensor", Kind::Tensor},
    {"Tensor|Number", Kind::TensorOrNumber},
    {"Tensors", Kind::Tensors},
    {"Number", Kind::Number},
    {"int", Kind::Int},
    {"float", Kind::Float},
    {"bool", Kind::Bool},
    {"str", Kind::String},
    {"Dims", Kind::Dims},
    {"Dtype", Kind::DType},
    {"Device", Kind::Device},
    {"Generator", Kind::Generator},
    {"Layout", Kind::Layout},
    {"MemoryFormat", Kind::MemoryFormat},
    {"PinMemory", Kind::PinMemory},
    {"RequiresGrad", Kind::RequiresGrad},
    {"Out", Kind::Out},
};

class Reader {
 public:
  explicit Reader(std::string_view text) : all_(text), rest_(text) {}

  [[noreturn]] void fail(const char* what) const {
    throw std::logic_error("signature '" + std::string(all_) + "': " + what);
  }
  void skip_spaces() {
    while (!rest_.empty() && rest_[0] == ' ') rest_.remove_prefix(1);
  }
  bool eat(std::string_view s) {
    skip_spaces();
    if (rest_.substr(0, s.size()) != s) return false;
    rest_.remove_prefix(s.size());
    return true;
  }
  void need(std::string_view s) {
    if (!eat(s)) fail("something is missing");
  }
  // Up to one of the characters.
  std::string_view until(std::string_view stops) {
    skip_spaces();
    const size_t n = rest_.find_first_of(stops);
    if (n == std::string_view::npos) fail("it ends too early");
    const std::string_view found = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return found;
  }
  bool empty() {
    skip_spaces();
    return rest_.empty();
  }

  // A literal: None, True, False, a number, a string in single quotes, or a tuple of such.
  Object literal() {
    if (eat("None")) return Object::borrow(Py_None);
    if (eat("True")) return Object::borrow(Py_True);
    if (eat("False")) return Object::borrow(Py_False);
    if (eat("inf")) return Object::steal(PyFloat_FromDouble(HUGE_VAL));
    if (eat("'")) {
      const std::string_view s = rest_.substr(0, rest_.find('\''));
      rest_.remove_prefix(s.size());
      need("'");
      return text(s);
    }
    if (eat("(")) {
      const Object items = Object::steal(PyList_New(0));
      while (!eat(")")) {
        expect_ok(PyList_Append(items.get(), literal().get()));
        eat(",");
      }
      return Object::steal(PyList_AsTuple(items.get()));
    }
    const std::string number(until(",)"));
    char* end;
    if (number.find_first_of(".e") == std::string::npos) {
      const long long value = std::strtoll(number.c_str(), &end, 10);
      if (end == number.c_str() || *end) fail("a default is no literal");
      return Object::steal(PyLong_FromLongLong(value));
    }
    const double value = std::strtod(number.c_str(), &end);
    if (*end) fail("a default is no literal");
    return Object::steal(PyFloat_FromDouble(value));
  }

 private:
  std::string_view all_, rest_;
};

Param read_param(Reader& in) {
  Param p;
  if (in.eat("*")) p.gathers = Gathers::Always;
  std::string_view type = in.until(" ");
  if (type.ends_with('?')) {
    p.optional = true;
    type.remove_suffix(1);
  }
  if (type.ends_with(']')) {
    p.repeat = uint8_t(type[type.size() - 2] - '0');
    type.remove_suffix(3);
  }
  const TypeName* known = nullptr;
  for (const TypeName& t : kTypes) {
    if (t.text == type) known = &t;
  }
  if (!known) in.fail("an unknown type");
  p.kind = known->kind;
  const std::string name(in.until("=,)"));
  p.name = PyUnicode_InternFromString(name.c_str());
  if (in.eat("=")) p.fallback = in.literal().release();
  return p;
}

// What every function that makes tensors takes, under one word.
constexpr std::string_view kTensorOptions = "TensorOptions";
constexpr std::string_view kWrittenOut =
    "Dtype? dtype=None, Layout? layout=None, Device? device=None, PinMemory pin_memory=False, "
    "RequiresGrad requires_grad=False";

std::string written_out(std::string_view source) {
  std::string text(source);
  const size_t at = text.find(kTensorOptions);
  return at == text.npos ? text : text.replace(at, kTensorOptions.size(), kWrittenOut);
}

}  // namespace

Signature parse_signature(std::string_view source, bool with_out) {
  Signature s;
  s.text = written_out(source);
  Reader in(s.text);
  s.name = std::string(in.until("("));
  in.need("(");
  bool keyword_only = false;
  while (!in.eat(")")) {
    if (in.eat("*, ")) {
      keyword_only = true;
    } else {
      s.params.push_back(read_param(in));
      if (!keyword_only) ++s.positional;
      in.eat(",");
    }
  }
  in.need("->");
  if (in.eat("(")) {
    while (!in.eat(")")) {  // "(Tensor values, Tensor indices)", or types alone for a plain tuple
      const std::string_view result = in.until(",)");
      const size_t space = result.find(' ');
      if (space != std::string_view::npos) s.result_names.emplace_back(result.substr(space + 1));
      in.eat(",");
    }
  }
  if (with_out) {
    Param out;
    out.kind = Kind::Out;
    out.optional = true;
    out.name = PyUnicode_InternFromString("out");
    out.fallback = none();
    s.params.push_back(out);
  }
  if (s.params.size() > kMaxParams) in.fail("too many parameters");
  // What C++ takes comes first among the slots.
  for (Param& p : s.params) {
    if (is_passed(p.kind)) p.slot = uint8_t(s.passed++);
  }
  int next = s.passed;
  for (Param& p : s.params) {
    if (is_passed(p.kind)) continue;
    p.slot = uint8_t(next++);
    if (p.kind == Kind::Out) s.out_slot = p.slot;
    if (p.kind == Kind::RequiresGrad) s.requires_grad_slot = p.slot;
    if (p.kind == Kind::PinMemory) s.pin_slot = p.slot;
  }
  if (s.positional && s.params[s.positional - 1].kind == Kind::Dims) {
    Param& last = s.params[s.positional - 1];
    if (s.positional == 1) last.gathers = Gathers::Always;
    if (s.positional == 2) last.gathers = Gathers::InMethods;
  }
  return s;
}

void drop_out(Signature& s) {
  const int at = int(std::ranges::find(s.params, Kind::Out, &Param::kind) - s.params.begin());
  for (Param& p : s.params) p.slot -= p.slot > s.out_slot;
  if (at < s.positional) --s.positional;
  if (s.requires_grad_slot > s.out_slot) --s.requires_grad_slot;
  if (s.pin_slot > s.out_slot) --s.pin_slot;
  s.params.erase(s.params.begin() + at);
  s.out_slot = -1;
}

// ---- Matching a call ----

bool is_ndarray(PyObject* o) {
  for (const PyTypeObject* type = Py_TYPE(o); type; type = type->tp_base)
    if (std::string_view(type->tp_name) == "numpy.ndarray") return true;
  return false;
}

bool is_numpy_scalar(PyObject* o) {
  const std::string_view type = Py_TYPE(o)->tp_name;  // float() would drop the imaginary part of complex ones
  return type.starts_with("numpy.") && !type.starts_with("numpy.c") && PyNumber_Check(o) && !is_ndarray(o);
}

namespace {

// Of arrays, which all have `__index__`: has this one just one integer, and no dimensions?
bool is_integer_array(PyObject* o) {
  const Object ndim = Object::steal(PyObject_GetAttrString(o, "ndim"));
  const Object dtype = Object::steal(PyObject_GetAttrString(o, "dtype"));
  const Object kind = Object::steal(PyObject_GetAttrString(dtype.get(), "kind"));
  return PyLong_Check(ndim.get()) && PyLong_AsLong(ndim.get()) == 0 && PyUnicode_Check(kind.get()) &&
         (view(kind.get()) == "i" || view(kind.get()) == "u");
}

}  // namespace

bool is_int_like(PyObject* o) {
  if (PyLong_CheckExact(o)) return true;
  if (PyBool_Check(o) || PyFloat_Check(o)) return false;
  if (PyLong_Check(o)) return true;
  if (is_tensor(o)) {
    const Tensor& t = tensor_of(o);
    return t.dim() == 0 && is_integral(t.dtype()) && !t.requires_grad();
  }
  if (PyTuple_Check(o) || PyList_Check(o) || PyUnicode_Check(o)) return false;
  return PyIndex_Check(o) && (!is_ndarray(o) || is_integer_array(o));
}

namespace {

bool is_number(PyObject* o) {
  return PyFloat_Check(o) || PyLong_Check(o) || (Py_TYPE(o)->tp_as_number && is_numpy_scalar(o));
}
bool is_zero_dim(PyObject* o) { return is_tensor(o) && tensor_of(o).dim() == 0 && !tensor_of(o).requires_grad(); }

bool accepts_tensor(PyObject* o, Call& call) {
  if (is_exact_tensor(o)) return true;
  if (!is_tensor(o)) return false;
  if (class_intercepts(o)) call.door |= kFunctionMode;
  return true;
}

bool accepts_tensors(PyObject* o, bool may_hold_none, Call& call) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(o, i);
    if (is_exact_tensor(item)) continue;
    const Object held = Object::borrow(item);  // its metaclass may run Python code, which may change the list
    if (!accepts_tensor(item, call) && i == 0 && !(may_hold_none && item == Py_None)) return false;
  }
  return true;
}

bool accepts_dims(PyObject* o) {
  if (PyTuple_Check(o) || PyList_Check(o)) {
    return PySequence_Fast_GET_SIZE(o) == 0 || is_int_like(PySequence_Fast_GET_ITEM(o, 0));
  }
  return is_int_like(o);
}

}  // namespace

bool accepts(const Param& param, PyObject* o, Call& call) {
  if (o == Py_None && param.optional) return true;
  switch (param.kind) {
    case Kind::Tensor:
    case Kind::Out:
      return accepts_tensor(o, call);
    case Kind::TensorOrNumber:
      return accepts_tensor(o, call) || is_number(o);
    case Kind::Tensors:
      return accepts_tensors(o, param.optional, call);
    case Kind::Number:
      return is_number(o) || is_zero_dim(o);
    case Kind::Int:
      return is_int_like(o);
    case Kind::Float:
      return is_number(o) || is_zero_dim(o);
    case Kind::Bool:
    case Kind::PinMemory:
    case Kind::RequiresGrad:
      return PyBool_Check(o) || std::string_view(Py_TYPE(o)->tp_name).starts_with("numpy.bool");
    case Kind::String:
      return PyUnicode_Check(o);
    case Kind::Dims:
      return accepts_dims(o);
    case Kind::DType:
      return is_dtype_like(o);
    case Kind::Device:
      return is_device_like(o);
    case Kind::Generator:
      return is_generator(o);
    case Kind::Layout:
      return is_layout(o);
    case Kind::MemoryFormat:
      return is_memory_format(o);
  }
  return false;
}

namespace {

// Other names that PyTorch and NumPy know a parameter by.
bool is_alias(std::string_view given, std::string_view name, bool first) {
  if (name == "dim") return given == "axis";
  if (name == "keepdim") return given == "keepdims";
  if (name == "other") return given == "x2";
  if (first && (name == "input" || name == "self")) {
    return given == "input" || given == "self" || given == "x" || given == "a" || given == "x1";
  }
  return false;
}

int find_keyword(const Signature& s, PyObject* keyword) {
  const int count = int(s.params.size());
  for (int i = 0; i < count; ++i) {
    if (s.params[i].name == keyword) return i;
  }
  const std::string_view given = view(keyword);
  for (int i = 0; i < count; ++i) {
    if (view(s.params[i].name) == given) return i;
  }
  for (int i = 0; i < count; ++i) {
    if (is_alias(given, view(s.params[i].name), i == 0)) return i;
  }
  return -1;
}

bool gathers(const Param& p, PyObject* self, PyObject* first) {
  if (p.gathers == Gathers::No || (p.gathers == Gathers::InMethods && !self)) return false;
  return p.kind == Kind::Tensors ? is_tensor(first) : is_int_like(first);
}

}  // namespace

bool Signature::bind(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames, Call& call) const {
  const Param* const p = params.data();
  const int count = int(params.size());
  int given = 0;
  call.signature = this;
  call.door = mode_word & kDoor;
  call.gathered_count = 0;
  if (self) {
    if (!accepts(p[0], self, call)) return false;
    call.slots[p[0].slot] = self;
    given = 1;
  }
  for (Py_ssize_t i = 0; i < n; ++i, ++given) {
    if (given >= positional) return false;
    const Param& q = p[given];
    if (q.gathers != Gathers::No && gathers(q, self, args[i])) {
      call.gathered = args + i;
      call.gathered_count = n - i;
      for (; q.kind == Kind::Tensors && i < n; ++i) {
        if (!accepts_tensor(args[i], call)) return false;
      }
      call.slots[q.slot] = gathered_marker();
      ++given;
      break;
    }
    if (!accepts(q, args[i], call)) return false;
    call.slots[q.slot] = args[i];
  }
  if (!kwnames) {
    for (int i = given; i < count; ++i) {
      if (!p[i].fallback) return false;
      call.slots[p[i].slot] = p[i].fallback;
    }
    return true;
  }
  for (int i = given; i < count; ++i) call.slots[p[i].slot] = p[i].fallback;
  uint32_t seen = given >= 32 ? ~0u : (1u << given) - 1;
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(kwnames); ++k) {
    const int i = find_keyword(*this, PyTuple_GET_ITEM(kwnames, k));
    if (i < 0 || (seen >> i & 1) || !accepts(p[i], args[n + k], call)) return false;
    call.slots[p[i].slot] = args[n + k];
    seen |= 1u << i;
  }
  for (int i = given; i < count; ++i) {
    if (!call.slots[p[i].slot]) return false;
  }
  return true;
}

}  // namespace cnn::python
