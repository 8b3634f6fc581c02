// The extension module cnn._C.
#include <pybind11/pybind11.h>

#include "bindings/autocast.h"
#include "bindings/active_call.h"
#include "bindings/cuda.h"
#include "bindings/def_op.h"
#include "bindings/dlpack.h"
#include "bindings/engine.h"
#include "bindings/from_data.h"
#include "bindings/function.h"
#include "bindings/function_modes.h"
#include "bindings/generator.h"
#include "bindings/hooks.h"
#include "bindings/legacy_types.h"
#include "bindings/module_slots.h"
#include "bindings/nodes.h"
#include "bindings/numpy.h"
#include "bindings/ops.h"
#include "bindings/overridable.h"
#include "bindings/recording.h"
#include "bindings/saving.h"
#include "bindings/settings.h"
#include "bindings/storage.h"
#include "bindings/tensor_methods.h"
#include "bindings/tensor_type.h"
#include "bindings/torch_function.h"
#include "bindings/types.h"

namespace cnn::python {
namespace {

using BindModule = void (*)(PyObject* module);
constexpr BindModule kTopics[] = {
    bind_types,        bind_torch_function, bind_function_modes, bind_overridable, bind_legacy_types,
    bind_from_data,    bind_storage,        bind_saving,         bind_dlpack,      bind_nodes,
    bind_settings,     bind_hooks,          bind_function,       bind_engine,      bind_generator,
    bind_module_slots, bind_autocast,       bind_recording,      bind_cuda};

using BindOps = void (*)(Registry& ops);
constexpr BindOps kOps[] = {
    bind_tensor_methods, bind_storage_methods, bind_numpy,    bind_dlpack_methods, bind_hook_methods,
    bind_legacy_methods,  // methods of Tensor
    bind_activation,     bind_arithmetic,      bind_binary,   bind_compare,        bind_conv,
    bind_create,         bind_index,           bind_matmul,   bind_norm,           bind_optim,
    bind_random,         bind_reduce,          bind_resample, bind_sequence,       bind_shape,
    bind_special,        bind_unary,           bind_view,     bind_view_copies,    bind_vision,
};

void add_error(PyObject* module) {
  out_of_memory_error =
      PyErr_NewExceptionWithDoc("cnn.OutOfMemoryError", "No memory is left for a tensor.", PyExc_RuntimeError, nullptr);
  expect_ok(PyModule_AddObjectRef(module, "OutOfMemoryError", out_of_memory_error));
  const Object linalg_error = Object::steal(PyErr_NewExceptionWithDoc(
      "cnn._C._LinAlgError", "A matrix is not what a factorization needs.", PyExc_RuntimeError, nullptr));
  expect_ok(PyModule_AddObjectRef(module, "_LinAlgError", linalg_error.get()));
}

}  // namespace
}  // namespace cnn::python

// The types and their tables are one set for the whole process, under one GIL.
static bool refuse_subinterpreter() {
  if (PyInterpreterState_Get() == PyInterpreterState_Main()) return false;
  PyErr_SetString(PyExc_ImportError, "cnn cannot be imported in a subinterpreter, only in the main interpreter");
  return true;
}

// PYBIND11_MODULE in two parts, to ask for the interpreter before pybind11 takes its GIL.
static int pybind11_exec__C(PyObject*);

static int execute(PyObject* module) { return refuse_subinterpreter() ? -1 : pybind11_exec__C(module); }

PYBIND11_PLUGIN_IMPL(_C) {
  PYBIND11_CHECK_PYTHON_VERSION
  if (refuse_subinterpreter()) return nullptr;
  static PyModuleDef_Slot slots[] = {{Py_mod_exec, reinterpret_cast<void*>(execute)},
#ifdef Py_mod_multiple_interpreters
                                     {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
                                     {0, nullptr}};
  static PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_C", nullptr, 0, nullptr, slots, nullptr, nullptr, nullptr};
  return PyModuleDef_Init(&definition);
}

PYBIND11_MODULE_EXEC(_C, module) {
  using namespace cnn::python;
  PyObject* const m = module.ptr();
  add_error(m);
  expect_ok(PyModule_AddObjectRef(m, "Tensor", reinterpret_cast<PyObject*>(make_tensor_type())));
  for (const BindModule bind : kTopics) bind(m);
  for (const BindOps bind : kOps) bind(registry());
  registry().finish(m);
  install_core_hooks();
}
