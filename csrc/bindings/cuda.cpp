// What cnn.cuda asks of the GPUs.
#include "bindings/cuda.h"

#include <pybind11/pybind11.h>

#include <cstring>
#include <map>

#include "bindings/caster.h"
#include "bindings/from_data.h"
#include "bindings/generator.h"
#include "bindings/types.h"
#include "cnn/ops.h"
#include "core/cuda_plugin.h"

namespace py = pybind11;

namespace cnn::python {

namespace {

using Released = py::call_guard<py::gil_scoped_release>;

CudaStream as_handle(uintptr_t number) { return reinterpret_cast<void*>(number); }
uintptr_t as_number(const void* handle) { return reinterpret_cast<uintptr_t>(handle); }

py::dict as_dict(const CudaCount& c) {
  py::dict d;
  d["current"] = c.current, d["peak"] = c.peak, d["allocated"] = c.allocated, d["freed"] = c.freed;
  return d;
}

// ---- Memory ----

py::dict memory_of(int index) {
  const CudaMemory m = cuda_memory(index);
  using P = CudaPoolCounts;
  static constexpr std::pair<const char*, CudaCount P::*> kWhat[] = {
      {"allocation", &P::allocations},
      {"allocated_bytes", &P::allocated_bytes},
      {"requested_bytes", &P::requested_bytes},
      {"segment", &P::segments},
      {"reserved_bytes", &P::reserved_bytes},
      {"active", &P::active},
      {"active_bytes", &P::active_bytes},
      {"inactive_split", &P::inactive_split},
      {"inactive_split_bytes", &P::inactive_split_bytes},
  };
  py::dict all;
  for (const auto& [name, what] : kWhat) {
    py::dict pools;
    pools["all"] = as_dict(m.all.*what);
    pools["small_pool"] = as_dict(m.small.*what);
    pools["large_pool"] = as_dict(m.large.*what);
    all[name] = pools;
  }
  all["num_alloc_retries"] = m.retries;
  all["num_ooms"] = m.out_of_memory;
  all["num_sync_all_streams"] = m.waits;
  all["num_device_alloc"] = m.device_allocations;
  all["num_device_free"] = m.device_frees;
  return all;
}

py::dict times(const CudaCount& c) {  // see CudaPinnedMemory
  py::dict d;
  d["total"] = c.allocated, d["max"] = c.peak, d["min"] = c.freed, d["count"] = c.current;
  d["avg"] = c.current ? c.allocated / c.current : 0;
  return d;
}
py::dict pinned_memory() {
  const CudaPinnedMemory m = cuda_calls(-1).pinned_memory();
  py::dict all;
  all["allocations"] = as_dict(m.blocks);
  all["allocated_bytes"] = as_dict(m.bytes);
  all["active_requests"] = as_dict(m.active);
  all["active_bytes"] = as_dict(m.active_bytes);
  all["num_host_alloc"] = m.blocks.allocated;
  all["num_host_free"] = m.blocks.freed;
  all["host_alloc_time"] = times(m.allocation_us);
  all["host_free_time"] = times(m.free_us);
  return all;
}

// What other libraries have been lent: address and device.
std::map<uintptr_t, int>& lent() {
  static auto* const m = new std::map<uintptr_t, int>;
  return *m;
}
uintptr_t lend(int index, size_t nbytes, uintptr_t stream) {
  const CudaPlugin& calls = cuda_calls(index);
  const CudaStream before = calls.stream();
  calls.set_stream(as_handle(stream));
  void* data = nullptr;
  try {
    data = calls.backend->allocate(nbytes, {DeviceType::Cuda, int8_t(index)});
  } catch (...) {
    calls.set_stream(before);
    throw;
  }
  calls.set_stream(before);
  if (data) lent()[as_number(data)] = index;
  return as_number(data);
}
void take_back(uintptr_t address) {
  if (!address) return;
  const auto found = lent().find(address);
  check(found != lent().end(), "", "invalid device pointer: ", int64_t(address));
  const CudaPlugin& calls = cuda_calls(found->second, false);
  lent().erase(found);
  calls.backend->free(nullptr, as_handle(address), 0);
}

py::list blocks_of(int index) {
  py::list all;
  for (const CudaBlock& b : cuda_calls(index).blocks(index)) {
    py::dict d;
    d["address"] = b.address, d["segment"] = b.segment, d["stream"] = b.stream, d["size"] = b.size;
    d["requested_size"] = b.requested, d["small"] = b.small, d["allocated"] = b.allocated, d["active"] = b.active;
    d["pool"] = b.pool;
    all.append(d);
  }
  return all;
}

py::dict properties_of(int index) {
  const CudaProperties p = cuda_calls(index).properties(index);
  py::dict d;
  d["name"] = p.name, d["major"] = p.major, d["minor"] = p.minor;
  d["total_memory"] = p.memory, d["multi_processor_count"] = p.processors;
  d["is_integrated"] = int(p.integrated), d["is_multi_gpu_board"] = int(p.multi_gpu_board);
  d["max_threads_per_multi_processor"] = p.threads_per_processor;
  d["max_threads_per_block"] = p.threads_per_block;
  d["warp_size"] = p.warp, d["regs_per_multiprocessor"] = p.registers_per_processor;
  d["shared_memory_per_block"] = p.shared_per_block;
  d["shared_memory_per_block_optin"] = p.shared_per_block_optin;
  d["shared_memory_per_multiprocessor"] = p.shared_per_processor;
  d["L2_cache_size"] = p.cache, d["memory_bus_width"] = p.bus_width;
  d["clock_rate"] = p.clock_khz, d["memory_clock_rate"] = p.memory_clock_khz;
  d["pci_bus_id"] = p.pci_bus, d["pci_device_id"] = p.pci_device, d["pci_domain_id"] = p.pci_domain;
  d["uuid"] = py::bytes(reinterpret_cast<const char*>(p.uuid), sizeof p.uuid);
  return d;
}

void bind_memory(py::module_& m) {
  m.def("_cuda_memory", &memory_of, py::arg("index"), "What the allocator counts, as PyTorch nests it.");
  m.def(
      "_cuda_reset_memory", [](int index, bool peaks) { cuda_calls(index).reset_memory(index, peaks); },
      py::arg("index"), py::arg("peaks"), "Starts counting anew: the peaks, or the sums.");
  m.def(
      "_cuda_free_memory",
      [](int index) {
        size_t left = 0, total = 0;
        cuda_calls(index).free_memory(left, total);
        return std::pair(left, total);
      },
      py::arg("index"), "Bytes that the driver has left, and all of them.");
  m.def(
      "_cuda_set_memory_limit", [](int index, double fraction) { cuda_calls(index).set_memory_limit(index, fraction); },
      py::arg("index"), py::arg("fraction"), "What part of the GPU's memory this process may take.");
  m.def("_cuda_memory_limit", [](int index) { return cuda_calls(index).memory_limit(index); }, py::arg("index"));
  m.def("_cuda_set_caching", [](bool enabled) { cuda_calls(-1, false).set_caching(enabled); }, py::arg("enabled"));
  m.def("_cuda_blocks", &blocks_of, py::arg("index"), "The allocator's blocks, segment by segment.");
  m.def("_cuda_allocate", &lend, py::arg("index"), py::arg("size"), py::arg("stream"));
  m.def("_cuda_free", &take_back, py::arg("address"));
  m.def("_cuda_pinned_memory", &pinned_memory, "What is counted of pinned memory.");
  m.def("_cuda_reset_pinned", [](bool peaks) { cuda_calls(-1).reset_pinned(peaks); }, py::arg("peaks"));
  m.def("_cuda_empty_pinned_cache", [] { cuda_calls(-1).empty_pinned_cache(); }, Released());
}

// ---- Streams and events ----

// Making marks and waiting for them on a stream tells nothing: any thread does it, and whoever waits is told.
void bind_streams(py::module_& m) {
  m.def(
      "_cuda_new_stream", [](int index, int priority) { return as_number(cuda_calls(index).new_stream(priority)); },
      py::arg("index"), py::arg("priority"), "The handle of a stream from the pool.");
  m.def(
      "_cuda_stream", [](int index) { return as_number(cuda_calls(index, false).stream()); }, py::arg("index"),
      "The handle of this thread's stream.");
  m.def(
      "_cuda_set_stream", [](int index, uintptr_t stream) { cuda_set_stream(index, as_handle(stream)); },
      py::arg("index"), py::arg("stream"));
  m.def(
      "_cuda_synchronize_stream",
      [](int index, uintptr_t stream) { cuda_calls(index).synchronize_stream(as_handle(stream)); }, py::arg("index"),
      py::arg("stream"), Released());
  m.def(
      "_cuda_stream_is_done",
      [](int index, uintptr_t stream) { return cuda_calls(index).stream_is_done(as_handle(stream)); }, py::arg("index"),
      py::arg("stream"));
  m.def(
      "_cuda_new_event",
      [](int index, bool timed, bool blocking) {
        return as_number(cuda_calls(index, false).new_event(timed, blocking));
      },
      py::arg("index"), py::arg("timed"), py::arg("blocking"));
  m.def(
      "_cuda_delete_event", [](int index, uintptr_t event) { cuda_calls(index, false).delete_event(as_handle(event)); },
      py::arg("index"), py::arg("event"));
  m.def(
      "_cuda_record_event",
      [](int index, uintptr_t event, uintptr_t stream) {
        cuda_calls(index, false).record_event(as_handle(event), as_handle(stream));
      },
      py::arg("index"), py::arg("event"), py::arg("stream"));
  m.def(
      "_cuda_wait_event",
      [](int index, uintptr_t stream, uintptr_t event) {
        cuda_calls(index, false).wait_event(as_handle(stream), as_handle(event));
      },
      py::arg("index"), py::arg("stream"), py::arg("event"));
  m.def(
      "_cuda_event_is_done",
      [](int index, uintptr_t event) { return cuda_calls(index).event_is_done(as_handle(event)); }, py::arg("index"),
      py::arg("event"));
  m.def(
      "_cuda_event_has_passed",
      [](int index, uintptr_t event) { return cuda_calls(index, false).event_has_passed(as_handle(event)); },
      py::arg("index"), py::arg("event"),
      "For threads that only look on: tells nothing; False while work is recorded.");
  m.def(
      "_cuda_synchronize_event",
      [](int index, uintptr_t event) { cuda_calls(index).synchronize_event(as_handle(event)); }, py::arg("index"),
      py::arg("event"), Released());
  m.def(
      "_cuda_elapsed_ms",
      [](int index, uintptr_t from, uintptr_t to) {
        return cuda_calls(index).elapsed_ms(as_handle(from), as_handle(to));
      },
      py::arg("index"), py::arg("start"), py::arg("end"));
}

// ---- Graphs ----

void bind_graphs(py::module_& m) {
  m.def("_cuda_new_pool", [] { return cuda_calls(-1).new_pool(); }, "The number of a pool of memory for graphs.");
  m.def(
      "_cuda_is_capturing",
      [](int index, uintptr_t stream) { return cuda_calls(index).is_capturing(as_handle(stream)); }, py::arg("index"),
      py::arg("stream"), "Is the stream being recorded?");
  m.def(
      "_cuda_hold_pool",
      [](int index, uint64_t pool, bool spare, bool whole) { cuda_calls(index).hold_pool(index, pool, spare, whole); },
      py::arg("index"), py::arg("pool"), py::arg("spare"), py::arg("whole"), "Keeps a pool for the program.");
  m.def(
      "_cuda_let_go_pool", [](int index, uint64_t pool) { cuda_calls(index, false).let_go_pool(index, pool); },
      py::arg("index"), py::arg("pool"), "Ends _cuda_hold_pool.");
  m.def(
      "_cuda_enter_pool", [](int index, uint64_t pool) { cuda_calls(index).enter_pool(index, pool); }, py::arg("index"),
      py::arg("pool"), "What this thread asks for from now on comes from the pool.");
  m.def(
      "_cuda_leave_pool", [](int index, uint64_t pool) { cuda_calls(index, false).leave_pool(index, pool); },
      py::arg("index"), py::arg("pool"), "Ends _cuda_enter_pool.");
  m.def(
      "_cuda_pool_users", [](int index, uint64_t pool) { return cuda_calls(index, false).pool_users(index, pool); },
      py::arg("index"), py::arg("pool"), "How many graphs, objects and contexts keep the pool.");
  m.def(
      "_cuda_begin_graph",
      [](int index, uint64_t pool, int mode) { return as_number(cuda_calls(index).begin_graph(pool, mode)); },
      py::arg("index"), py::arg("pool"), py::arg("mode"), "Records this thread's stream from now on; the graph.");
  m.def(
      "_cuda_end_graph", [](int index, uintptr_t graph) { return cuda_calls(index).end_graph(as_handle(graph)); },
      py::arg("index"), py::arg("graph"), "How many pieces of work have been recorded.");
  m.def(
      "_cuda_instantiate_graph",
      [](int index, uintptr_t graph, bool keep) { cuda_calls(index).instantiate_graph(as_handle(graph), keep); },
      py::arg("index"), py::arg("graph"), py::arg("keep"), Released());
  m.def(
      "_cuda_run_graph", [](int index, uintptr_t graph) { cuda_calls(index).run_graph(as_handle(graph)); },
      py::arg("index"), py::arg("graph"), Released());
  m.def(
      "_cuda_delete_graph", [](int index, uintptr_t graph) { cuda_calls(index).delete_graph(as_handle(graph)); },
      py::arg("index"), py::arg("graph"));
  m.def(
      "_cuda_draw_graph",
      [](int index, uintptr_t graph, const std::string& path) {
        cuda_calls(index).draw_graph(as_handle(graph), path.c_str());
      },
      py::arg("index"), py::arg("graph"), py::arg("path"));
  m.def(
      "_cuda_graph_handles",
      [](int index, uintptr_t graph) {
        const CudaGraphHandles h = cuda_calls(index).graph_handles(as_handle(graph));
        return std::tuple(as_number(h.recorded), as_number(h.runs), h.pool, h.recording);
      },
      py::arg("index"), py::arg("graph"),
      "The runtime's handles of what was recorded and of what runs; the pool; is it still being recorded?");
}

// ---- Marks for profilers ----

void bind_marks(py::module_& m) {
  m.def("_cuda_mark", [](const char* text) { cuda_calls(-1).mark(text); }, py::arg("text"));
  m.def("_cuda_push_range", [](const char* text) { return cuda_calls(-1).push_range(text); }, py::arg("text"));
  m.def("_cuda_pop_range", [] { return cuda_calls(-1, false).pop_range(); });
  m.def("_cuda_start_range", [](const char* text) { return cuda_calls(-1).start_range(text); }, py::arg("text"));
  m.def("_cuda_end_range", [](uint64_t range) { cuda_calls(-1, false).end_range(range); }, py::arg("range"));
  m.def("_cuda_profile", [](bool on) { cuda_calls(-1, false).profile(on); }, py::arg("on"));
}

// ---- Devices ----

void bind_devices(py::module_& m) {
  m.def("_cuda_is_available", &cuda_is_available);
  m.def("_cuda_unavailable_reason", &cuda_unavailable_reason, "Why there is no usable GPU, in a sentence.");
  m.def("_cuda_device_count", &cuda_device_count);
  m.def("_cuda_is_initialized", &cuda_is_initialized, "Has a GPU been found and opened?");
  m.def("_cuda_architectures", [] {
    py::list all;
    for (const int number : cuda_calls(-1).architectures()) all.append(number);
    return all;
  });
  m.def("_cuda_current_device", &cuda_current_device);
  m.def(
      "_cuda_generator",
      [](int index) {
        const Device device = cuda_device({DeviceType::Cuda, int8_t(index)});
        return py::reinterpret_steal<py::object>(default_generator_of(device).release());
      },
      py::arg("index"));
  m.def(
      "_cuda_seed_all", [](const py::object& seed) { seed_cuda_generators(to_seed(seed.ptr())); }, py::arg("seed"),
      "Seeds the generators of all GPUs, also of those that nobody has used yet.");
  m.def("_cuda_set_device", &cuda_set_device);
  m.def("_cuda_properties", &properties_of, py::arg("index"));
  m.def("_cuda_error_text", [](int code) { return std::string(cuda_calls(-1).error_text(code)); }, py::arg("code"));
  m.def("_cuda_runtime_version", [] { return cuda_calls(-1).runtime_version(); });
  m.def("_cudnn_version", [] { return cuda_calls(-1).cudnn_version(); });
  m.def(
      "_cuda_can_access_peer", [](int index, int other) { return cuda_calls(index).can_access_peer(index, other); },
      py::arg("index"), py::arg("other"));
  m.def("_cuda_synchronize", &cuda_synchronize, Released());
  m.def(
      "_cuda_note", [](int index, const char* text) { cuda_calls(index, false).note(text); }, py::arg("index"),
      py::arg("text"), "Why the GPU's work is void: RuntimeError for whoever waits for it next.");
  m.def("_cuda_set_reports_waits", [](int how) { cuda_calls(-1, false).set_reports_waits(how); }, py::arg("how"));
  m.def("_cuda_get_reports_waits", [] { return cuda_calls(-1).get_reports_waits(); });
  m.def("_cuda_empty_cache", &cuda_empty_cache, Released());
}

}  // namespace

Tensor tensor_from_cuda_array(PyObject* exporter) {
  static constexpr const char* kOp = "__cuda_array_interface__";
  const Object given = Object::steal(PyObject_GetAttrString(exporter, kOp));
  check_type(PyDict_Check(given.get()), "", "`", kOp, "` must be a dict");
  const auto entry = [&](const char* name) {
    PyObject* const value = PyDict_GetItemString(given.get(), name);
    check_type(value, "", "attribute `", name, "` must exist");
    return value;
  };
  const Dims sizes = sequence_to_dims(entry("shape"), kOp, "shape");
  const std::string_view type = view(entry("typestr"));
  check_value(type.size() >= 3, "", "attribute `typestr` must have at least 3 characters, got '", type, "'");
  const int item = std::atoi(type.substr(2).data());
  // In the notation of arrays: a kind and a number of bytes.
  static constexpr std::pair<std::string_view, DType> kTypes[] = {
      {"b1", DType::Bool},   {"u1", DType::UInt8},   {"u2", DType::UInt16},  {"u4", DType::UInt32},
      {"u8", DType::UInt64}, {"i1", DType::Int8},    {"i2", DType::Int16},   {"i4", DType::Int32},
      {"i8", DType::Int64},  {"f2", DType::Float16}, {"f4", DType::Float32}, {"f8", DType::Float64}};
  std::optional<DType> dtype;
  for (const auto& [name, t] : kTypes)
    if (type.substr(1) == name) dtype = t;
  check_type(dtype.has_value(), "", "attribute `typestr` is '", type, "', for which there is no dtype");
  check_value(type[0] != '>', "", "the bytes of the given array are in big-endian order, which is not supported");
  PyObject* const data = entry("data");
  check_type(PyTuple_Check(data) && PyTuple_GET_SIZE(data) == 2, "", "`data` must be a 2-tuple of (int, bool)");
  check_type(!to_bool(PyTuple_GET_ITEM(data, 1)), "", "the read only flag is not supported, should always be False");
  Dims strides = contiguous_strides(sizes);
  PyObject* const steps = PyDict_GetItemString(given.get(), "strides");
  if (steps && steps != Py_None) {
    strides = sequence_to_dims(steps, kOp, "strides");
    check_type(strides.size() == sizes.size(), "", "strides must be a sequence of the same length as shape");
    for (int64_t& step : strides) {
      check_value(step % item == 0, "",
                  "given array strides not a multiple of the element byte size. Make a copy of "
                  "the array to reallocate the memory.");
      step /= item;
    }
  }
  const size_t nbytes = bytes_reached(kOp, sizes, strides, item_size(*dtype));
  const auto address = reinterpret_cast<void*>(uintptr_t(to_int(PyTuple_GET_ITEM(data, 0))));
  check_value(address || nbytes == 0, "", "`data` has no memory for the shape ", sizes);
  int device = cuda_current_device();
  if (nbytes) {
    device = cuda_calls(device).device_at(address);
    check_value(device >= 0, "", "`data` points to no memory of a GPU");
  }
  auto storage = make_ref<Storage>(
      address, nbytes, Device{DeviceType::Cuda, int8_t(device)},
      [](void* context, void*, size_t) {
        if (!python_alive()) return;
        const GilHeld gil;
        Py_DECREF(static_cast<PyObject*>(context));
      },
      new_ref(exporter));
  return Tensor(make_ref<TensorImpl>(std::move(storage), sizes, strides, 0, *dtype));
}

bool is_cuda_array(PyObject* o) {
  if (PyList_CheckExact(o) || PyTuple_CheckExact(o) || PyFloat_CheckExact(o) || PyLong_CheckExact(o)) return false;
  return PyObject_HasAttrString(o, "__cuda_array_interface__") != 0;
}

void pin_memory_of(const Tensor& t) {
  check(t.device().is_cpu(), "", "Only dense CPU tensors can be pinned");
  Storage& own = *t.storage();
  const Ref<Storage> pinned = cuda_pinned_storage(own.nbytes());
  if (own.nbytes()) std::memcpy(pinned->data(), own.data(), own.nbytes());
  own.swap_memory(*pinned);
}

void bind_cuda(PyObject* module) {
  auto m = py::reinterpret_borrow<py::module_>(module);
  bind_devices(m);
  bind_memory(m);
  bind_streams(m);
  bind_graphs(m);
  bind_marks(m);
  m.def(
      "_cuda_keep_for_stream",
      [](py::handle tensor, uintptr_t stream) {
        const Tensor& t = tensor_of(tensor.ptr());
        cuda_calls(t.device().index).keep_for_stream(t.storage()->data(), as_handle(stream));
      },
      py::arg("tensor"), py::arg("stream"), "Its memory is in use on that stream, too.");
}

}  // namespace cnn::python
