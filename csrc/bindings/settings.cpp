// Modes, defaults and facts about the machine.
#include "bindings/settings.h"

#include <pybind11/pybind11.h>

#include <cstring>

#include "bindings/fresh.h"
#include "bindings/types.h"
#include "cnn/autograd.h"
#include "cnn/ops/conv.h"
#include "cnn/ops/matmul.h"
#include "cnn/ops/rnn.h"
#include "core/allocator.h"
#include "core/cpu_info.h"
#include "core/float_control.h"
#include "core/parallel.h"
#include "ops/attention_choice.h"

namespace py = pybind11;

namespace cnn::python {

bool fill_uninitialized = false;

namespace {

void set_mode(uint32_t bits, bool on) { set_modes(bits, on ? bits : 0); }

void bind_modes(py::module_& m) {
  m.def("is_grad_enabled", [] { return grad_enabled(); }, "Are ops recorded in this thread?");
  m.def("_set_grad_enabled", [](bool on) { set_mode(kNoGrad, !on); }, py::arg("enabled"));
  m.def(
      "is_inference_mode_enabled", [] { return bool(mode_word & kInference); }, "Is inference mode on in this thread?");
  m.def(
      "_set_inference_mode",
      [](bool on) {
        const bool former = mode_word & kInference;
        set_mode(kInference, on);
        return former;
      },
      py::arg("enabled"), "Inference mode alone, without grad mode. Returns what was set before.");
  m.def(
      "_is_watched", [] { return bool(mode_word & (kFunctionMode | kProfiler)); },
      "Does somebody look at what this thread calls?");
  m.def(
      "_only_infers", [] { return (mode_word & ~kInference) == kNoGrad; },
      "Is grad mode off in this thread, and no other mode on?");
  m.def("is_anomaly_enabled", [] { return bool(mode_word & kAnomaly); }, "Is anomaly detection on in this thread?");
}

void set_default(py::handle dtype) {
  if (!is_dtype(dtype.ptr()) || !is_floating(to_dtype(dtype.ptr()))) {
    throw py::type_error("only floating-point types are supported as the default type");
  }
  set_default_dtype(to_dtype(dtype.ptr()));
}

py::object dtype_result(DType t) { return py::reinterpret_steal<py::object>(dtype_object(t)); }

void bind_defaults(py::module_& m) {
  m.def("get_default_dtype", [] { return dtype_result(default_dtype()); }, "The dtype of floats without one.");
  m.def("_set_default_dtype", &set_default, py::arg("dtype"));
  m.def(
      "promote_types",
      [](py::handle a, py::handle b) { return dtype_result(promote(to_dtype(a.ptr()), to_dtype(b.ptr()))); },
      py::arg("type1"), py::arg("type2"), "The smallest dtype that holds both.");
  m.def(
      "can_cast", [](py::handle a, py::handle b) { return can_cast(to_dtype(a.ptr()), to_dtype(b.ptr())); },
      py::arg("from_"), py::arg("to"), "May a result of one dtype be written into another?");
  m.def("_device_name", [](py::handle d) { return device_name(to_device(d.ptr())); });
}

py::dict memory_stats() {
  const MemoryStats s = cpu_memory_stats();
  py::dict d;
  d["allocated_bytes"] = s.allocated_bytes;
  d["reserved_bytes"] = s.reserved_bytes;
  d["peak_allocated_bytes"] = s.peak_allocated_bytes;
  d["hits"] = s.hits;
  d["misses"] = s.misses;
  return d;
}

// The module of a static type is the first part of its name, which lives as long as the type: for ever.
void set_module(py::type type, const std::string& module) {
  auto* t = reinterpret_cast<PyTypeObject*>(type.ptr());
  if (PyType_HasFeature(t, Py_TPFLAGS_HEAPTYPE)) {
    type.attr("__module__") = module;
  } else {
    const char* dot = std::strrchr(t->tp_name, '.');
    t->tp_name = (new std::string(module + "." + (dot ? dot + 1 : t->tp_name)))->c_str();
  }
}

void bind_machine(py::module_& m) {
  m.def("get_num_threads", &num_threads, "Threads that compute, the caller included.");
  m.def(
      "set_num_threads",
      [](py::handle n) {
        if (!PyLong_Check(n.ptr()) || PyBool_Check(n.ptr())) {
          throw py::type_error("set_num_threads expects an int, but got " + type_name_of(n.ptr()));
        }
        const long count = PyLong_AsLong(n.ptr());
        if (count == -1 && PyErr_Occurred()) throw py::error_already_set();
        set_num_threads(count > 4096 ? 4096 : int(count));
      },
      "Sets how many threads compute. RuntimeError below 1.");
  m.def(
      "set_flush_denormal",
      [](py::handle mode) {
        if (!PyBool_Check(mode.ptr())) {
          throw py::type_error("set_flush_denormal expects a bool, but got " + type_name_of(mode.ptr()));
        }
        const uint32_t others = float_control() & ~kFlushBits;
        set_float_control(mode.ptr() == Py_True ? others | kFlushBits : others);
        return kFlushBits != 0;
      },
      "Do subnormal numbers count as zero in what this thread computes? Returns whether the processor can do that.");
  m.def("_float32_matmul_precision", [] { return int(float32_matmul_precision()); });
  m.def(
      "_set_float32_matmul_precision", [](int level) { set_float32_matmul_precision(MatmulPrecision(level)); },
      py::arg("level"));
  m.def(
      "_cpu_bf16", [] { return std::string(bf16_name(cpu_bf16())); },
      "What multiplies bfloat16: \"tiles\", \"pairs\" or \"floats\".");
  m.def("_winograd_enabled", &winograd_enabled, "May convolutions use Winograd's algorithm?");
  m.def("_set_winograd_enabled", &set_winograd_enabled, py::arg("enabled"));
  m.def("_conv_tf32_allowed", &conv_tf32_allowed, "May a GPU round the factors of float32 convolutions to TF32?");
  m.def("_allow_conv_tf32", &allow_conv_tf32, py::arg("allowed"));
  m.def("_conv_library_allowed", &conv_library_allowed, "May a GPU's convolutions be cuDNN's?");
  m.def("_allow_conv_library", &allow_conv_library, py::arg("allowed"));
  m.def("_rnn_tf32_allowed", &rnn_tf32_allowed, "May a GPU round the factors of float32 recurrence to TF32?");
  m.def("_allow_rnn_tf32", &allow_rnn_tf32, py::arg("allowed"));
  m.def("_sdp_backends", &attention_backends, "The kernels that attention may use, as bits.");
  m.def("_set_sdp_backends", &set_attention_backends, py::arg("bits"));
  m.def("_cpu_capability", [] { return std::string(isa_name(cpu_isa())); }, "The instruction set in use.");
  m.def("_memory_stats", &memory_stats, "What the CPU allocator holds, in bytes.");
  m.def("_empty_cache", &cpu_empty_cache, "Gives unused memory back to the system.");
}

}  // namespace

void bind_settings(PyObject* module) {
  // C++ errors of plain functions become the same exceptions as those of ops.
  py::register_local_exception_translator([](std::exception_ptr e) {
    try {
      if (e) std::rethrow_exception(e);
    } catch (const Error&) {
      set_error();
    } catch (PythonError&) {
      set_error();
    } catch (const std::bad_alloc&) {
      set_error();
    }
  });
  auto m = py::reinterpret_borrow<py::module_>(module);
  bind_modes(m);
  bind_defaults(m);
  bind_machine(m);
  m.def(
      "_set_fill_uninitialized", [](bool on) { fill_uninitialized = on; }, py::arg("on"),
      "Is memory that is asked for as uninitialised filled with NaN and the largest integers?");
  m.def("_set_module", &set_module, py::arg("type"), py::arg("module"), "What `type.__module__` says from now on.");
}

}  // namespace cnn::python
