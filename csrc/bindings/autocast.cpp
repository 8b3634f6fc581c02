#include "bindings/autocast.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <optional>
#include <vector>

#include "bindings/tensor_type.h"
#include "bindings/types.h"

namespace py = pybind11;

namespace cnn::python {

namespace {

[[noreturn]] void fail_type(const char* op, const char* argument, int position, const char* expected,
                            py::handle given) {
  fail(ErrorKind::Type, "", op, "(): argument '", argument, "' (position ", position, ") must be ", expected, ", not ",
       type_name_of(given.ptr()));
}

DeviceType device_argument(const char* op, py::handle given) {
  if (!PyUnicode_Check(given.ptr())) fail_type(op, "device_type", 1, "str", given);
  return parse_device(std::string(view(given.ptr()))).type;
}

bool bool_argument(const char* op, int position, py::handle given) {
  if (!PyBool_Check(given.ptr())) fail_type(op, "enabled", position, "bool", given);
  return given.ptr() == Py_True;
}

DType dtype_argument(const char* op, py::handle given) {
  if (!is_dtype(given.ptr())) fail_type(op, "dtype", 2, "torch.dtype", given);
  return to_dtype(given.ptr());
}

// f(tensor) of an argument, or of each item of a list or tuple.
template <class F>
void each_tensor(PyObject* arg, F f) {
  if (is_tensor(arg)) return f(tensor_of(arg));
  if (!PyTuple_CheckExact(arg) && !PyList_CheckExact(arg)) return;
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(arg); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(arg, i);
    if (is_tensor(item)) f(tensor_of(item));
  }
}

Object cast_tensor(const Casting& casting, PyObject* arg) {
  const Tensor& x = tensor_of(arg);
  const Tensor y = casting.cast(x);
  return y.same(x) ? Object::borrow(arg) : Object::steal(wrap(y));
}

Object cast_argument(const Casting& casting, PyObject* arg) {
  if (is_tensor(arg)) return cast_tensor(casting, arg);
  bool any = false;
  each_tensor(arg, [&](const Tensor&) { any = true; });
  if (!any) return Object::borrow(arg);
  const Object copy = Object::steal(PySequence_List(arg));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(copy.get()); ++i) {
    PyObject* item = PyList_GET_ITEM(copy.get(), i);
    if (is_tensor(item)) expect_ok(PyList_SetItem(copy.get(), i, cast_tensor(casting, item).release()));
  }
  return PyTuple_CheckExact(arg) ? Object::steal(PyList_AsTuple(copy.get())) : copy;
}

// A call with `out=` says itself what dtype it wants.
bool has_out(PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  for (Py_ssize_t i = 0; kwnames && i < PyTuple_GET_SIZE(kwnames); ++i)
    if (view(PyTuple_GET_ITEM(kwnames, i)) == "out" && args[n + i] != Py_None) return true;
  return false;
}

bool is_on_for(const CastPolicies& policies, const Tensor& x) {
  if (!x.defined()) return false;
  return (x.device().is_cpu() && mode_word & kAutocastCpu && policies.cpu != CastPolicy::None) ||
         (x.device().is_cuda() && mode_word & kAutocastCuda && policies.cuda != CastPolicy::None);
}

void def_state(py::module_& m) {
  m.def(
      "is_autocast_enabled",
      [](py::handle device) { return autocast_enabled(device_argument("is_autocast_enabled", device)); },
      py::arg("device_type"), "Is autocast on in this thread, for this type of device?");
  m.def("is_autocast_enabled", [] { return autocast_enabled(DeviceType::Cuda); }, "The same for CUDA.");
  m.def(
      "set_autocast_enabled",
      [](py::handle device, py::handle on) {
        constexpr const char* op = "set_autocast_enabled";
        set_autocast_enabled(device_argument(op, device), bool_argument(op, 2, on));
      },
      py::arg("device_type"), py::arg("enabled"), "Whether autocast is on; `with autocast(...)` is safer.");
  m.def(
      "set_autocast_enabled",
      [](py::handle on) { set_autocast_enabled(DeviceType::Cuda, bool_argument("set_autocast_enabled", 1, on)); },
      py::arg("enabled"), "The same for CUDA.");
  m.def(
      "get_autocast_dtype",
      [](py::handle device) {
        const DType t = autocast_dtype(device_argument("get_autocast_dtype", device));
        return py::reinterpret_steal<py::object>(dtype_object(t));
      },
      py::arg("device_type"), "The dtype that autocast gives the ops of its first list, on this type of device.");
  m.def(
      "set_autocast_dtype",
      [](py::handle device, py::handle dtype) {
        constexpr const char* op = "set_autocast_dtype";
        set_autocast_dtype(device_argument(op, device), dtype_argument(op, dtype));
      },
      py::arg("device_type"), py::arg("dtype"));
  m.def("is_autocast_cache_enabled", &autocast_cache_enabled, "Are the casts of weights kept while autocast is on?");
  m.def(
      "set_autocast_cache_enabled",
      [](py::handle on) { set_autocast_cache_enabled(bool_argument("set_autocast_cache_enabled", 1, on)); },
      py::arg("enabled"));
  m.def("clear_autocast_cache", &clear_autocast_cache, "Lets go of the casts of weights that autocast has kept.");
  m.def("autocast_increment_nesting", &increment_autocast_nesting);
  m.def("autocast_decrement_nesting", &decrement_autocast_nesting);
  m.def(
      "_exchange_autocast",
      [](const std::string& device, bool on, py::handle dtype, bool cache_on) {
        const DType lower = dtype_argument("set_autocast_dtype", dtype);  // before anything is changed
        const DeviceType type = parse_device(device).type;
        const auto former = py::make_tuple(autocast_enabled(type),
                                           py::reinterpret_steal<py::object>(dtype_object(autocast_dtype(type))),
                                           autocast_cache_enabled());
        set_autocast_enabled(type, on);
        set_autocast_dtype(type, lower);
        set_autocast_cache_enabled(cache_on);
        return former;
      },
      py::arg("device_type"), py::arg("enabled"), py::arg("dtype"), py::arg("cache_enabled"),
      "Sets all of it; returns (enabled, dtype, cache_enabled) as they were.");
  m.def("_is_any_autocast_enabled", [] { return bool(mode_word & kAutocast); });
}

const char* policy_name(CastPolicy policy) {
  constexpr const char* names[] = {"", "lower_precision_fp", "fp32", "fp32_set_opt_dtype", "promote", "banned"};
  return names[int(policy)];
}

}  // namespace

const CastPolicies* function_policies(std::string_view op) {
  const CastPolicies* found = cast_policies(op);
  // By its `dtype=` a function hands the policy on to the op that it calls.
  return found && found->cuda != CastPolicy::Float32Result ? found : nullptr;
}

PyObject* call_cast(const CastPolicies& policies, PyObject* function, PyObject* const* args, Py_ssize_t n,
                    PyObject* kwnames) {
  const Py_ssize_t count = n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0);
  bool on = false;
  for (Py_ssize_t i = 0; i < count; ++i) each_tensor(args[i], [&](const Tensor& x) { on |= is_on_for(policies, x); });
  if (!on || has_out(args, n, kwnames)) return PyObject_Vectorcall(function, args, size_t(n), kwnames);
  Casting casting(policies);
  for (Py_ssize_t i = 0; i < count; ++i) each_tensor(args[i], [&](const Tensor& x) { casting.see(x); });
  std::vector<Object> held;
  std::vector<PyObject*> cast;
  for (Py_ssize_t i = 0; i < count; ++i) {
    held.push_back(cast_argument(casting, args[i]));
    cast.push_back(held.back().get());
  }
  return PyObject_Vectorcall(function, cast.data(), size_t(n), kwnames);
}

void bind_autocast(PyObject* module) {
  auto m = py::reinterpret_borrow<py::module_>(module);
  def_state(m);
  m.def(
      "_autocast_policy",
      [](const std::string& op, const std::string& device) {
        const CastPolicies* found = cast_policies(op);
        if (!found) return "";
        return policy_name(parse_device(device).is_cuda() ? found->cuda : found->cpu);
      },
      py::arg("op"), py::arg("device_type"), "How autocast treats an op of PyTorch's name; \"\": it does not.");
  m.def("_autocast_ops", &cast_op_names, "The names of all ops that stand in a list.");
}

}  // namespace cnn::python
