// The trampoline of all ops, and the registry of what is bound.
#include <utility>

#include "bindings/active_call.h"
#include "bindings/cuda.h"
#include "bindings/def_op.h"
#include "bindings/recording.h"
#include "bindings/torch_function.h"
#include "bindings/types.h"
#include "cnn/autograd.h"
#include "cnn/cuda.h"

namespace cnn::python {

namespace {

// Of functions that create: with `out=`, its dtype and device are what is made.
void create_like_out(Call& call) {
  PyObject* out = call.slots[call.signature->out_slot];
  if (out == Py_None) return;
  const Tensor& target = tensor_of(out);
  for (const Param& p : call.signature->params) {
    PyObject*& value = call.slots[p.slot];
    if (p.kind == Kind::DType) {
      check(value == Py_None || to_dtype(value) == target.dtype(), "", "dtype ",
            value == Py_None ? "" : dtype_type_name(to_dtype(value)), " does not match dtype of out parameter (",
            dtype_type_name(target.dtype()), ")");
      value = Object::steal(dtype_object(target.dtype())).get();  // the dtypes live on
    }
    if (p.kind == Kind::Device) {
      check(value == Py_None || to_device(value) == target.device(), "", "device ",
            value == Py_None ? target.device() : to_device(value), " does not match device of out parameter (",
            target.device(), ")");
    }
  }
}

}  // namespace

void write_out(const Call& c, const Tensor& result, const Tensor& out) {
  const Signature& s = *c.signature;
  check(s.out_any_dtype || result.dtype() == out.dtype(), s.name.c_str(), "Expected out tensor to have dtype ",
        result.dtype(), ", but got ", out.dtype(), " instead");
  copy_out(s.name.c_str(), result, out);
  if (s.requires_grad_slot >= 0 && c.slots[s.requires_grad_slot] == Py_True) out.set_requires_grad(true);
}

// `cnn.Tensor.dim()`, where CPython 3.11 has specialized the call for tensors: it sees one argument less than none,
// takes for `self` whatever lies there, and gives up a reference to it that it does not have.
[[gnu::cold]] PyObject* call_without_self(const Op& op, PyObject* self) {
  Py_INCREF(self);
  return PyErr_Format(PyExc_TypeError, "unbound method Tensor.%s() needs an argument", op.name.c_str());
}

PyObject* run_pinned(const Signature& s, Call& call);

inline PyObject* run(const Signature& s, Call& call) {
  if (s.pin_slot >= 0 && call.slots[s.pin_slot] == Py_True) [[unlikely]]
    return run_pinned(s, call);
  if (s.out_slot >= 0 && s.requires_grad_slot >= 0) create_like_out(call);
  const ActiveCall active(call.slots, s.passed);
  return s.invoke(call);
}

[[gnu::cold]] PyObject* run_pinned(const Signature& s, Call& call) {
  check(cuda_is_available(), "",
        "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available on "
        "this system.");
  call.slots[s.pin_slot] = Py_False;
  const Object result = Object::steal(run(s, call));
  pin_memory_of(tensor_of(result.get()));
  return new_ref(result.get());
}

[[gnu::cold]] PyObject* run_recorded(const Op& op, const Signature& s, Call& call) {
  if (!is_event(op, call)) return run(s, call);
  PythonRange range(RangeKind::Op, op.name);
  write_arguments(range, call);
  const Object result = Object::steal(run(s, call));
  if (range.wants_arguments()) range.result(result.get());
  return new_ref(result.get());
}

PyObject* dispatch(const Op& op, PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) noexcept {
  if (n < 0) [[unlikely]]
    return call_without_self(op, self);
  try {
    if (op.raw) {
      if (op.intercepted && intercepts(self)) [[unlikely]] {
        return call_torch_function(op.callable, op.name.c_str(), self, args, n, kwnames);
      }
      return op.raw(self, args, n, kwnames);
    }
    Call call;
    for (const Signature& s : op.signatures) {
      if (!s.bind(self, args, n, kwnames, call)) continue;
      if (call.door & kFunctionMode) [[unlikely]] {
        return call_torch_function(op.callable, op.name.c_str(), self, args, n, kwnames);
      }
      return call.door ? run_recorded(op, s, call) : run(s, call);
    }
    // Objects that are no tensors may still know what to do.
    if (any_overloaded(self, args, n, kwnames)) {
      return call_torch_function(op.callable, op.name.c_str(), self, args, n, kwnames);
    }
    raise_no_match(op.name.c_str(), op.signatures, self, args, n, kwnames);
  } catch (ThreadEnds&) {
    sleep_until_exit();
  } catch (...) {
    set_error();
  }
  return nullptr;
}

namespace {

// ---- A C function per name: the N-th one runs the N-th op. ----

constexpr int kMaxOps = 1024;
const Op* function_table[kMaxOps];
const Op* method_table[kMaxOps];
int function_count = 0, method_count = 0;

template <int N>
PyObject* run_function(PyObject*, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return dispatch(*function_table[N], nullptr, args, n, kwnames);
}
template <int N>
PyObject* run_method(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return dispatch(*method_table[N], self, args, n, kwnames);
}

using Entry = PyObject* (*)(PyObject*, PyObject* const*, Py_ssize_t, PyObject*);
template <int... N>
constexpr std::pair<Entry, Entry> entry(int i, std::integer_sequence<int, N...>) {
  constexpr Entry functions[] = {&run_function<N>...};
  constexpr Entry methods[] = {&run_method<N>...};
  return {functions[i], methods[i]};
}

void assign_entry(Op& op) {
  int& count = op.method ? method_count : function_count;
  if (count == kMaxOps) throw std::logic_error("more ops than kMaxOps in bindings/dispatch.cpp");
  (op.method ? method_table : function_table)[count] = &op;
  const auto both = entry(count++, std::make_integer_sequence<int, kMaxOps>());
  op.def.ml_name = op.name.c_str();
  op.def.ml_meth = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(op.method ? both.second : both.first));
  op.def.ml_flags = METH_FASTCALL | METH_KEYWORDS;
}

// One signature is shown to `inspect`; several are listed.
std::string make_doc(const Op& op) {
  std::string doc;
  if (op.signatures.size() == 1) doc = op.name + op.signatures[0].python_text(op.method) + "\n--\n\n";
  for (const Signature& s : op.signatures) doc += s.text + "\n";
  return doc + "\n" + op.doc;
}

// The text as this name has it: `f_` for the in-place call, and with the `out` that came of the Dest.
std::string full_text(const Signature& s) {
  std::string text = s.name + s.text.substr(s.text.find('('));
  const size_t at = text.find(", Out? out=None");
  if (at != text.npos) {
    if (s.out_slot < 0) return text.erase(at, std::string_view(", Out? out=None").size());
    return text.replace(at + 2, 3, "Tensor");
  }
  if (s.out_slot < 0) return text;
  const bool has_star = s.positional < int(s.params.size()) - 1;
  return text.insert(text.rfind(") ->"), has_star ? ", Tensor? out=None" : ", *, Tensor? out=None");
}

// ---- Named results ----

PyObject* return_types = nullptr;

PyObject* repr_results(PyObject* self) {
  return guard([&] {
    std::string s = std::string(Py_TYPE(self)->tp_name) + "(\n";
    const Object fields =
        Object::steal(PyObject_GetAttrString(reinterpret_cast<PyObject*>(Py_TYPE(self)), "__match_args__"));
    const Py_ssize_t n = PyTuple_GET_SIZE(self);
    check_type(PyTuple_Check(fields.get()) && PyTuple_GET_SIZE(fields.get()) == n, "",
               "__match_args__ must be the names of the fields");
    for (Py_ssize_t i = 0; i < n; ++i) {
      const Object shown = Object::steal(PyObject_Repr(PyTuple_GET_ITEM(self, i)));
      s += std::string(view(PyTuple_GET_ITEM(fields.get(), i))) + "=" + std::string(view(shown.get()));
      s += i + 1 < n ? ",\n" : ")";
    }
    return text(s).release();
  });
}

PyTypeObject* result_type(const Signature& s) {
  if (s.result_names.empty()) return nullptr;
  if (PyObject* known = PyDict_GetItemString(return_types, s.name.c_str())) {
    return reinterpret_cast<PyTypeObject*>(known);
  }
  std::vector<PyStructSequence_Field> fields;
  for (const std::string& name : s.result_names) fields.push_back({name.c_str(), nullptr});
  fields.push_back({nullptr, nullptr});
  static std::vector<std::unique_ptr<std::string>> names;
  names.push_back(std::make_unique<std::string>("torch.return_types." + s.name));
  PyStructSequence_Desc desc = {names.back()->c_str(), nullptr, fields.data(), int(s.result_names.size())};
  PyTypeObject* type = PyStructSequence_NewType(&desc);
  if (!type) throw PythonError();
  type->tp_repr = repr_results;
  expect_ok(PyDict_SetItemString(return_types, s.name.c_str(), reinterpret_cast<PyObject*>(type)));
  return type;
}

}  // namespace

Registry& registry() {
  static Registry& instance = *new Registry;  // outlives interpreter shutdown
  return instance;
}

std::string number_first(std::string text) {
  const std::string_view tensor = "(Tensor ", either = ", Tensor|Number ";
  const size_t second = text.find(either);
  if (second == text.npos || text.find(tensor) == text.npos) throw std::logic_error("no number in '" + text + "'");
  text.replace(second, either.size(), ", Tensor ");
  return text.replace(text.find(tensor), tensor.size(), "(Tensor|Number ");
}

Op& Registry::op(const std::string& name, bool method, const char* doc) {
  std::unique_ptr<Op>& slot = (method ? methods_ : functions_)[name];
  if (!slot) {
    slot = std::make_unique<Op>();
    slot->name = name;
    slot->doc = doc;
    slot->method = method;
  }
  return *slot;
}

void Registry::add(Signature signature, const char* doc, unsigned, bool method) {
  signature.text = full_text(signature);
  op(signature.name, method, doc).signatures.push_back(std::move(signature));
}

void Registry::alias(const char* name, const char* original) {
  const std::string doc = std::string("The same as ") + original + ".";
  for (const char* suffix : {"", "_"}) {
    for (const bool method : {false, true}) {
      const auto& table = method ? methods_ : functions_;
      const auto found = table.find(std::string(original) + suffix);
      if (found == table.end()) continue;
      for (Signature s : found->second->signatures) {
        s.name = std::string(name) + suffix;
        s.text = s.name + s.text.substr(s.text.find('('));
        op(s.name, method, doc.c_str()).signatures.push_back(std::move(s));
      }
    }
  }
}

void Registry::def_method(const char* name, RawMethod function, const char* doc, bool intercepted) {
  Op& made = op(name, true, doc);
  made.raw = function;
  made.intercepted = intercepted;
}

const Op* Registry::method(std::string_view name) const {
  const auto found = methods_.find(name);
  return found == methods_.end() ? nullptr : found->second.get();
}

const Op* Registry::function(std::string_view name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? nullptr : found->second.get();
}

void Registry::finish(PyObject* module) {
  return_types = PyDict_New();
  expect_ok(PyModule_AddObjectRef(module, "_return_types", return_types));
  const Object listed = Object::steal(PyDict_New());
  const Object module_name = text("cnn._C");
  for (auto* table : {&functions_, &methods_}) {
    for (auto& [name, op] : *table) {
      const Object texts = Object::steal(PyList_New(0));
      for (Signature& s : op->signatures) {
        s.result_type = result_type(s);
        expect_ok(PyList_Append(texts.get(), text(s.text).get()));
      }
      op->doc = make_doc(*op);
      op->def.ml_doc = op->doc.c_str();
      assign_entry(*op);
      if (op->method) {
        op->callable = Object::steal(PyDescr_NewMethod(tensor_type, &op->def)).release();
        expect_ok(PyDict_SetItemString(tensor_type->tp_dict, name.c_str(), op->callable));
      } else {
        op->callable = Object::steal(PyCFunction_NewEx(&op->def, nullptr, module_name.get())).release();
        expect_ok(PyModule_AddObjectRef(module, name.c_str(), op->callable));
      }
      const std::string key = (op->method ? "Tensor." : "") + name;
      expect_ok(PyDict_SetItemString(listed.get(), key.c_str(), texts.get()));
    }
  }
  PyType_Modified(tensor_type);
  expect_ok(PyModule_AddObjectRef(module, "_signatures", listed.get()));
}

PyObject* call_method(const char* name, PyObject* self, std::initializer_list<PyObject*> args) {
  const Op* op = registry().method(name);
  if (!op) fail(ErrorKind::NotImplemented, "", "Tensor.", name, " is not implemented");
  PyObject* result = dispatch(*op, self, args.begin(), Py_ssize_t(args.size()), nullptr);
  if (!result) throw PythonError();
  return result;
}

}  // namespace cnn::python
