#include "bindings/function_modes.h"

#include <pybind11/pybind11.h>

#include <cstring>

#include "bindings/torch_function.h"

namespace py = pybind11;

namespace cnn::python {

namespace {

// Of this thread, the innermost last. Its objects are never let go of at the thread's end, when there is no GIL.
thread_local std::vector<PyObject*> modes;
thread_local int modes_disabled = 0;

void update_mode_word() { set_modes(kFunctionMode, !modes.empty() && !modes_disabled ? uint32_t(kFunctionMode) : 0); }

void push(Object mode) {
  modes.push_back(mode.release());
  update_mode_word();
}
Object pop() {
  check(!modes.empty(), "", "no function mode is on in this thread, so none can be taken away");
  Object last = Object::steal(modes.back());
  modes.pop_back();
  update_mode_word();
  return last;
}

}  // namespace

WithoutInnermostMode::WithoutInnermostMode() : mode_(pop()) {}
WithoutInnermostMode::~WithoutInnermostMode() { push(std::move(mode_)); }

namespace {

// `with DisableTorchFunction():` no mode and no subclass is asked; `DisableTorchFunctionSubclass`: no subclass.
template <bool kModes>
struct Disabling {
  static PyObject* enter(PyObject* self, PyObject*) {
    ++torch_function_disabled;
    modes_disabled += kModes;
    update_mode_word();
    return new_ref(self);
  }
  static PyObject* leave(PyObject*, PyObject*) {
    if (torch_function_disabled > 0) --torch_function_disabled;
    if (modes_disabled > 0) modes_disabled -= kModes;
    update_mode_word();
    return none();
  }
  static inline PyMethodDef methods[] = {
      {"__enter__", enter, METH_NOARGS, nullptr}, {"__exit__", leave, METH_VARARGS, nullptr}, {}};
  static inline PyTypeObject type = blank_type();

  static void bind(PyObject* module, const char* path, const char* doc) {
    type.tp_name = path;
    type.tp_basicsize = sizeof(PyObject);
    type.tp_flags = Py_TPFLAGS_DEFAULT;
    type.tp_doc = doc;
    type.tp_new = PyType_GenericNew;
    type.tp_methods = methods;
    expect_ok(PyType_Ready(&type));
    expect_ok(PyModule_AddObjectRef(module, std::strrchr(path, '.') + 1, reinterpret_cast<PyObject*>(&type)));
  }
};

// Of any iterable: which arguments define __torch_function__?
std::vector<Object> overloaded_of(py::handle arguments) {
  const Object args = Object::steal(PySequence_Tuple(arguments.ptr()));
  return overloaded(nullptr, &PyTuple_GET_ITEM(args.get(), 0), PyTuple_GET_SIZE(args.get()), nullptr);
}

py::list overloaded_list(py::handle arguments) {
  py::list found;
  for (const Object& o : overloaded_of(arguments)) found.append(py::reinterpret_borrow<py::object>(o.get()));
  return found;
}

// handle_torch_function(function, relevant_args, *args, **kwargs)
py::object handle(py::handle function, py::handle relevant, const py::args& args, const py::kwargs& kwargs) {
  return py::reinterpret_steal<py::object>(ask_overriders(function.ptr(),
                                                          py::str(function.attr("__name__")).cast<std::string>(),
                                                          overloaded_of(relevant), args.ptr(), kwargs.ptr()));
}

}  // namespace

void bind_function_modes(PyObject* module) {
  Disabling<false>::bind(module, "cnn._C.DisableTorchFunctionSubclass",
                         "with DisableTorchFunctionSubclass(): subclasses of Tensor are treated as Tensor.");
  Disabling<true>::bind(module, "cnn._C.DisableTorchFunction",
                        "with DisableTorchFunction(): neither modes nor subclasses are asked.");
  auto m = py::reinterpret_borrow<py::module_>(module);
  m.def("_push_on_torch_function_stack", [](py::handle mode) { push(Object::borrow(mode.ptr())); }, py::arg("mode"));
  m.def("_pop_torch_function_stack", [] { return py::reinterpret_steal<py::object>(pop().release()); });
  m.def("_len_torch_function_stack", [] { return modes.size(); }, "How many modes are on in this thread.");
  m.def(
      "_get_function_stack_at",
      [](size_t i) {
        check_index(i < modes.size(), "", "there are ", modes.size(), " function modes, not one of number ", i);
        return py::reinterpret_borrow<py::object>(modes[i]);
      },
      py::arg("level"));
  m.def("_is_torch_function_mode_enabled", [] { return function_mode_on(); });
  m.def("_is_torch_function_enabled", [] { return !torch_function_disabled; });
  m.def("_is_torch_function_all_disabled", [] { return torch_function_disabled && modes_disabled; });
  m.def(
      "_has_torch_function", [](py::handle args) { return function_mode_on() || !overloaded_of(args).empty(); },
      py::arg("relevant_args"), "Is a mode on, or does any of them define __torch_function__?");
  m.def(
      "_has_torch_function_variadic",
      [](const py::args& args) { return function_mode_on() || !overloaded_of(args).empty(); },
      "The same of separate arguments.");
  m.def("_get_overloaded_args", &overloaded_list, py::arg("relevant_args"),
        "Those that define __torch_function__: subclasses before their bases, one of each type.");
  m.def("_handle_torch_function", &handle, py::arg("public_api"), py::arg("relevant_args"),
        "Asks modes and arguments.");
}

}  // namespace cnn::python
