// Binding an op in one line:
//
//   ops.def_op<&cnn::sum>("sum(Tensor input, Dims? dim=None, bool keepdim=False, *, Dtype? dtype=None) -> Tensor",
//                         "Sum of the elements, over `dim` or over all.", kNoInPlace);
//
// makes `_C.sum` and `Tensor.sum`. A C++ function whose last parameter is a Dest also gets `out=` and `Tensor.sum_`
// (here switched off). A name given several times has several signatures, tried in order. The function may be a
// captureless lambda. The text's types must fit the C++ parameters: a mistake is an ImportError.
#pragma once

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bindings/caster.h"
#include "bindings/signature.h"

namespace cnn::python {

enum OpFlags : unsigned {
  kFunctionOnly = 1,  // no method
  kMethodOnly = 2,  // no function
  kNoInPlace = 4,  // no `f_`, though there is a Dest
  kNoOut = 8,  // no `out=`, though there is a Dest
  kOut = 16,  // `out=` without a Dest: takes the result, of its dtype
  kOutAnyDtype = 32 | kOut,  // ... or of one that it converts to
  kNumberFirst = 64,  // f(Tensor, Tensor|Number, ...) also as a function f(Tensor|Number, Tensor, ...)
};

// A call of an op that is written against the C API: a Tensor method that converts its arguments itself.
using RawMethod = PyObject* (*)(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames);

// One name in Python: a function of the module, or a method of Tensor.
struct Op {
  std::string name, doc;
  bool method = false;
  RawMethod raw = nullptr;
  bool intercepted = true;  // of raw methods: is __torch_function__ asked?
  std::vector<Signature> signatures;
  PyMethodDef def = {};
  PyObject* callable = nullptr;  // what __torch_function__ is told
};

class Registry {
 public:
  template <auto F>
  void def_op(const char* text, const char* doc = "", unsigned flags = 0);
  // Another name for an op: as a function, as a method and in place, wherever the op has these.
  void alias(const char* name, const char* op);
  // A method of Tensor without a C++ op behind it.
  void def_method(const char* name, RawMethod function, const char* doc, bool intercepted = true);
  // Adds everything to the module and to Tensor; then the registry is only read.
  void finish(PyObject* module);

  const Op* method(std::string_view name) const;  // null when there is none
  const Op* function(std::string_view name) const;

 private:
  void add(Signature signature, const char* doc, unsigned flags, bool method);
  Op& op(const std::string& name, bool method, const char* doc);
  std::map<std::string, std::unique_ptr<Op>, std::less<>> functions_, methods_;
};
Registry& registry();

// Runs a method by name with C arguments: for operators and properties that stand on ops.
PyObject* call_method(const char* name, PyObject* self, std::initializer_list<PyObject*> args);
// The trampoline.
PyObject* dispatch(const Op& op, PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) noexcept;

// ---- What def_op makes of a C++ function ----

template <class F>
struct FunctionTraits : FunctionTraits<decltype(+std::declval<F>())> {};  // captureless lambdas
template <class R, class... A>
struct FunctionTraits<R (*)(A...)> {
  using Result = R;
  using Args = std::tuple<std::remove_cvref_t<A>...>;
};

template <class Args>
inline constexpr bool ends_with_dest = false;
template <class... A>
  requires(sizeof...(A) > 0)
inline constexpr bool ends_with_dest<std::tuple<A...>> =
    std::is_same_v<std::tuple_element_t<sizeof...(A) - 1, std::tuple<A...>>, Dest>;

template <class Args>
inline constexpr int passed_count = int(std::tuple_size_v<Args>) - (ends_with_dest<Args> ? 1 : 0);

// The object that an in-place call or `out=` writes to; null for a new result.
inline PyObject* destination(const Call& c) {
  const Signature& s = *c.signature;
  if (s.in_place) return c.slots[0];
  if (s.out_slot < 0 || c.slots[s.out_slot] == Py_None) return nullptr;
  return c.slots[s.out_slot];
}
inline Dest to_dest(const Call& c, PyObject* target) {
  if (!target) return {};
  return c.signature->in_place ? Dest::in_place(tensor_of(target)) : Dest::out(tensor_of(target));
}

// Copies the result of an op without a Dest into its `out=`.
void write_out(const Call& c, const Tensor& result, const Tensor& out);

template <class R>
PyObject* finish_call(const Call& c, R&& result) {
  if constexpr (std::is_same_v<std::remove_cvref_t<R>, Tensor>) {
    const int slot = c.signature->requires_grad_slot;
    if (slot >= 0 && c.slots[slot] == Py_True) result.set_requires_grad(true);
  }
  return to_python(c, std::forward<R>(result));
}

template <auto F, size_t... I>
PyObject* invoke_with(const Call& c, std::index_sequence<I...>) {
  using Traits = FunctionTraits<decltype(F)>;
  using Args = typename Traits::Args;
  if constexpr (ends_with_dest<Args>) {
    if (PyObject* target = destination(c)) {
      F(Converter<std::tuple_element_t<I, Args>>::get(c, int(I))..., to_dest(c, target));
      return new_ref(target);
    }
    return finish_call(c, F(Converter<std::tuple_element_t<I, Args>>::get(c, int(I))..., Dest()));
  } else if constexpr (std::is_void_v<typename Traits::Result>) {
    F(Converter<std::tuple_element_t<I, Args>>::get(c, int(I))...);
    return none();
  } else {
    if constexpr (std::is_same_v<typename Traits::Result, Tensor>) {
      if (PyObject* target = destination(c)) {
        write_out(c, F(Converter<std::tuple_element_t<I, Args>>::get(c, int(I))...), tensor_of(target));
        return new_ref(target);
      }
    }
    return finish_call(c, F(Converter<std::tuple_element_t<I, Args>>::get(c, int(I))...));
  }
}
template <auto F>
PyObject* invoke(const Call& c) {
  using Args = typename FunctionTraits<decltype(F)>::Args;
  return invoke_with<F>(c, std::make_index_sequence<passed_count<Args>>());
}

// Do the types named in the text fit those of the C++ function?
template <class Args, size_t... I>
bool params_fit(const Signature& s, std::index_sequence<I...>) {
  const Param* bySlot[kMaxParams] = {};
  for (const Param& p : s.params) bySlot[p.slot] = &p;
  return s.passed == int(sizeof...(I)) &&
         (Converter<std::tuple_element_t<I, Args>>::fits(bySlot[I]->kind) && ... && true);
}

// "f(Tensor input, Tensor|Number other)" as "f(Tensor|Number input, Tensor other)".
std::string number_first(std::string text);

template <auto F>
void Registry::def_op(const char* text, const char* doc, unsigned flags) {
  using Args = typename FunctionTraits<decltype(F)>::Args;
  constexpr bool has_dest = ends_with_dest<Args>;
  Signature s = parse_signature(text, has_dest ? !(flags & kNoOut) : bool(flags & kOut));
  s.out_any_dtype = (flags & kOutAnyDtype) == kOutAnyDtype;
  if (!params_fit<Args>(s, std::make_index_sequence<passed_count<Args>>())) {
    throw std::logic_error("signature '" + s.text + "' does not fit its C++ function");
  }
  s.invoke = &invoke<F>;
  const bool takes_tensor = !s.params.empty() && s.params[0].kind == Kind::Tensor;
  if (!(flags & kMethodOnly)) add(s, doc, flags, false);
  if (takes_tensor && !(flags & kFunctionOnly)) {
    Signature m = s;  // methods have no `out=`
    if (m.out_slot >= 0) drop_out(m);
    add(m, doc, flags, true);
  }
  if (has_dest && takes_tensor && !(flags & kNoInPlace)) {
    Signature in_place = parse_signature(text, false);
    in_place.invoke = s.invoke;
    in_place.in_place = true;
    in_place.name += "_";
    add(in_place, doc, flags, true);
    add(std::move(in_place), doc, flags, false);
  }
  if (flags & kNumberFirst) {
    def_op<F>(number_first(text).c_str(), doc, (flags & ~kNumberFirst) | kFunctionOnly | kNoInPlace);
  }
}

}  // namespace cnn::python
