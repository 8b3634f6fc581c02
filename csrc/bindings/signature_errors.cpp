// What to say of a call that fits no signature, in PyTorch's words.
#include "bindings/signature.h"

namespace cnn::python {

namespace {

const char* label(Kind kind) {
  switch (kind) {
    case Kind::Tensor:
    case Kind::TensorOrNumber:
    case Kind::Out:
      return "Tensor";
    case Kind::Tensors:
      return "tuple of Tensors";
    case Kind::Number:
      return "Number";
    case Kind::Int:
      return "int";
    case Kind::Float:
      return "float";
    case Kind::Bool:
    case Kind::PinMemory:
    case Kind::RequiresGrad:
      return "bool";
    case Kind::String:
      return "str";
    case Kind::Dims:
      return "tuple of ints";
    case Kind::DType:
      return "torch.dtype";
    case Kind::Device:
      return "torch.device";
    case Kind::Generator:
      return "torch.Generator";
    case Kind::Layout:
      return "torch.layout";
    case Kind::MemoryFormat:
      return "torch.memory_format";
  }
  return "object";
}

std::string repr(PyObject* o) { return std::string(view(Object::steal(PyObject_Repr(o)).get())); }

struct Given {
  PyObject* self;
  PyObject* const* args;
  Py_ssize_t n;
  PyObject* kwnames;

  Py_ssize_t keywords() const { return kwnames ? PyTuple_GET_SIZE(kwnames) : 0; }
  PyObject* keyword(Py_ssize_t k) const { return PyTuple_GET_ITEM(kwnames, k); }
  int shift() const { return self ? 1 : 0; }
};

// "(str, dim=int)"; those that do not fit are marked !so! when a signature is given.
std::string describe(const Given& g, const Signature* against) {
  std::string s = "(";
  Call call;
  auto add = [&](const std::string& prefix, PyObject* o, const Param* p) {
    std::string type = type_name_of(o);
    if (PyTuple_Check(o) || PyList_Check(o)) {
      type += PyTuple_Check(o) ? " of (" : " of [";
      const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
      for (Py_ssize_t i = 0; i < n && i < 8; ++i) {
        type += (i ? ", " : "") + type_name_of(PySequence_Fast_GET_ITEM(o, i));
      }
      type += n > 8 ? ", ..." : n == 1 && PyTuple_Check(o) ? "," : "";
      type += PyTuple_Check(o) ? ")" : "]";
    }
    if (s.size() > 1) s += ", ";
    s += against && (!p || !accepts(*p, o, call)) ? "!" + prefix + type + "!" : prefix + type;
  };
  for (Py_ssize_t i = 0; i < g.n; ++i) {
    const size_t at = size_t(i) + g.shift();
    add("", g.args[i], against && at < against->params.size() ? &against->params[at] : nullptr);
  }
  for (Py_ssize_t k = 0; k < g.keywords(); ++k) {
    const std::string name(view(g.keyword(k)));
    const Param* found = nullptr;
    for (size_t i = 0; against && i < against->params.size(); ++i) {
      if (view(against->params[i].name) == name) found = &against->params[i];
    }
    add(name + "=", g.args[g.n + k], found);
  }
  return s + ")";
}

// Is the number of arguments right, and every keyword known?
bool arity_fits(const Signature& s, const Given& g) {
  Py_ssize_t needed = 0;
  for (const Param& p : s.params) needed += !p.fallback;
  const Py_ssize_t given = g.n + g.shift();
  const bool gathers = s.positional && s.params[s.positional - 1].gathers != Gathers::No;
  if ((given > s.positional && !gathers) || given + g.keywords() < needed) return false;
  for (Py_ssize_t k = 0; k < g.keywords(); ++k) {
    bool known = false;
    for (const Param& p : s.params) known |= view(p.name) == view(g.keyword(k));
    if (!known) return false;
  }
  return true;
}

[[noreturn]] void raise(const std::string& message) {
  PyErr_SetString(PyExc_TypeError, message.c_str());
  throw PythonError();
}

[[noreturn]] void raise_for(const std::string& name, const Signature& s, const Given& g) {
  const int shift = g.shift();
  const Py_ssize_t room = s.positional - shift;
  if (g.n > room && !(s.positional && s.params[s.positional - 1].gathers != Gathers::No)) {
    if (room == 0) raise("TensorBase." + name + "() takes no arguments (" + std::to_string(g.n) + " given)");
    raise(name + "() takes " + std::to_string(room) + " positional argument" + (room == 1 ? "" : "s") + " but " +
          std::to_string(g.n) + (g.n == 1 ? " was given" : " were given"));
  }
  Call call;
  std::string missing;
  int missed = 0;
  for (size_t i = size_t(shift); i < s.params.size(); ++i) {
    const Param& p = s.params[i];
    const std::string param(view(p.name));
    PyObject* value = Py_ssize_t(i) - shift < g.n && int(i) < s.positional ? g.args[i - shift] : nullptr;
    const bool by_position = value;
    for (Py_ssize_t k = 0; k < g.keywords(); ++k) {
      if (view(g.keyword(k)) != param) continue;
      if (by_position) raise(name + "() got multiple values for argument '" + param + "'");
      value = g.args[g.n + k];
    }
    if (!value) {
      if (p.fallback) continue;
      missing += (missed++ ? ", \"" : "\"") + param + "\"";
    } else if (!accepts(p, value, call) && !(p.gathers != Gathers::No && is_int_like(value))) {
      const std::string where = by_position ? " (position " + std::to_string(i - shift + 1) + ")" : "";
      raise(name + "(): argument '" + param + "'" + where + " must be " + label(p.kind) + ", not " +
            type_name_of(value));
    }
  }
  if (missed) raise(name + "() missing " + std::to_string(missed) + " required positional arguments: " + missing);
  for (Py_ssize_t k = 0; k < g.keywords(); ++k) {
    bool known = false;
    for (const Param& p : s.params) known |= view(p.name) == view(g.keyword(k));
    if (!known) {
      raise(name + "() got an unexpected keyword argument '" + std::string(view(g.keyword(k))) + "'");
    }
  }
  raise(name + "() received an invalid combination of arguments - got " + describe(g, &s) + ", expected " +
        s.listed(g.self));
}

}  // namespace

std::string Signature::listed(bool method) const {
  std::string s = "(";
  for (int i = method ? 1 : 0; i < int(params.size()); ++i) {
    const Param& p = params[i];
    if (s.size() > 1) s += ", ";
    if (i == positional) s += "*, ";
    s += label(p.kind);
    s += " " + std::string(view(p.name));
    if (p.fallback) s += " = " + repr(p.fallback);
  }
  return s + ")";
}

std::string Signature::python_text(bool method) const {
  std::string s = "(";
  for (int i = 0; i < int(params.size()); ++i) {
    const Param& p = params[i];
    if (s.size() > 1) s += ", ";
    if (i == positional) s += "*, ";
    s += method && i == 0 ? "$self" : std::string(view(p.name));
    if (p.fallback) s += "=" + (PyFloat_Check(p.fallback) && repr(p.fallback) == "inf" ? "None" : repr(p.fallback));
  }
  return s + ")";
}

void raise_no_match(const char* op, const std::vector<Signature>& signatures, PyObject* self, PyObject* const* args,
                    Py_ssize_t n, PyObject* kwnames) {
  const Given g{self, args, n, kwnames};
  const std::string name = op;
  const Signature* plausible = nullptr;
  int fitting = 0;
  for (const Signature& s : signatures) {
    if (!arity_fits(s, g)) continue;
    plausible = &s;
    ++fitting;
  }
  if (signatures.size() == 1) plausible = &signatures[0];
  if (signatures.size() == 1 || fitting == 1) raise_for(name, *plausible, g);
  std::string message = name + "() received an invalid combination of arguments - got " + describe(g, nullptr) +
                        ", but expected one of:\n";
  for (const Signature& s : signatures) {
    message += " * " + s.listed(self) + "\n";
    if (arity_fits(s, g)) {
      message += "      didn't match because some of the arguments have invalid types: " + describe(g, &s) + "\n";
    }
  }
  raise(message);
}

}  // namespace cnn::python
