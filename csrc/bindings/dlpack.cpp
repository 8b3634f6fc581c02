// DLPack, both ways: tensors as capsules, and capsules as tensors. https://dmlc.github.io/dlpack/latest/
#include "bindings/dlpack.h"

#include <cstring>
#include <memory>
#include <vector>

#include "bindings/caster.h"
#include "bindings/def_op.h"
#include "bindings/from_data.h"
#include "cnn/autograd.h"
#include "cnn/ops.h"
#include "core/cuda_plugin.h"

namespace cnn::python {

namespace {

// ---- The structures of the protocol ----

struct DLDevice {
  int32_t type, id;
};
struct DLDataType {
  uint8_t code, bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape, *strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor*);
};
struct DLManagedTensorVersioned {
  uint32_t major, minor;
  void* context;
  void (*deleter)(DLManagedTensorVersioned*);
  uint64_t flags;
  DLTensor tensor;
};
enum : int32_t { kDLCPU = 1, kDLCUDA = 2, kDLCUDAHost = 3 };
enum : uint8_t {
  kDLInt,
  kDLUInt,
  kDLFloat,
  kDLBfloat = 4,
  kDLBool = 6,
  kDLFloat8E4M3FN = 10,
  kDLFloat8E4M3FNUZ,
  kDLFloat8E5M2,
  kDLFloat8E5M2FNUZ,
  kDLFloat8E8M0FNU,
};

DLDataType dl_type(DType t) {
  const auto bits = uint8_t(item_size(t) * 8);
  if (t == DType::Bool) return {kDLBool, 8, 1};
  if (t == DType::UInt8 || t >= DType::UInt16) return {kDLUInt, bits, 1};
  if (t == DType::BFloat16) return {kDLBfloat, 16, 1};
  if (t == DType::Float8E4M3FN) return {kDLFloat8E4M3FN, 8, 1};
  if (t == DType::Float8E4M3FNUZ) return {kDLFloat8E4M3FNUZ, 8, 1};
  if (t == DType::Float8E5M2) return {kDLFloat8E5M2, 8, 1};
  if (t == DType::Float8E5M2FNUZ) return {kDLFloat8E5M2FNUZ, 8, 1};
  if (t == DType::Float8E8M0FNU) return {kDLFloat8E8M0FNU, 8, 1};
  return {is_floating(t) ? uint8_t(kDLFloat) : uint8_t(kDLInt), bits, 1};
}
DType dtype_of_dl(DLDataType t) {
  for (int i = 0; i < kDTypes; ++i) {
    const DLDataType known = dl_type(DType(i));
    if (known.code == t.code && known.bits == t.bits && t.lanes == 1) return DType(i);
  }
  fail(ErrorKind::Buffer, "from_dlpack", "no dtype has code ", int(t.code), ", ", int(t.bits), " bits and ",
       int(t.lanes), " lanes");
}

DLDevice dl_device(const Tensor& t) {
  const Device d = t.device();
  check(!d.is_meta(), "__dlpack__", "a meta tensor has no memory to share");
  return {d.is_cuda() ? kDLCUDA : is_pinned(t) ? kDLCUDAHost : kDLCPU, d.index < 0 ? 0 : d.index};
}

// What the consumer does on its stream comes after what has been done here. 1 is the default stream; -1: it takes care.
void hand_over(Device device, PyObject* stream) {
  int64_t number = 1;
  if (stream != Py_None) {
    check_type(PyLong_CheckExact(stream), "", "stream must be ``int`` or ``none``");
    number = to_int(stream);
  }
  if (number == -1) return;
  if (number == 2) fail(ErrorKind::Buffer, "", "per-thread default stream is not supported.");
  check(number != 0, "__dlpack__", "unsupported stream on CUDA: ", number, ".");
  const CudaPlugin& calls = cuda_calls(device.index);
  const CudaStream theirs = number == 1 ? nullptr : reinterpret_cast<void*>(uintptr_t(number));
  if (theirs == calls.stream()) return;
  const auto owned = std::unique_ptr<void, void (*)(CudaEvent)>(calls.new_event(false, false), calls.delete_event);
  calls.record_event(owned.get(), calls.stream());
  calls.wait_event(theirs, owned.get());
}

// ---- Out ----

template <class Managed>
struct Given {  // what a capsule points to, with the memory it keeps
  explicit Given(Ref<Storage> storage) : memory(std::move(storage)) {}
  Managed managed{};
  StorageExport memory;
  std::vector<int64_t> sizes, strides;
};

template <class Managed>
Managed* give(const Tensor& t) {
  auto g = std::make_unique<Given<Managed>>(t.storage());
  g->sizes.assign(t.shape().begin(), t.shape().end());
  g->strides.assign(t.strides().begin(), t.strides().end());
  g->managed.tensor = {
      t.numel() ? t.raw() : nullptr, dl_device(t), t.dim(), dl_type(t.dtype()), g->sizes.data(), g->strides.data(), 0};
  g->managed.context = g.get();
  g->managed.deleter = [](Managed* m) { delete static_cast<Given<Managed>*>(m->context); };
  return &g.release()->managed;
}

// A capsule that nobody took frees what it holds.
template <class Managed>
void free_capsule(PyObject* capsule, const char* name) {
  if (!PyCapsule_IsValid(capsule, name)) return;
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (m->deleter) m->deleter(m);
}

template <class Managed>
PyObject* new_capsule(Managed* m, const char* name, PyCapsule_Destructor destructor) {
  PyObject* capsule = PyCapsule_New(m, name, destructor);
  if (!capsule) m->deleter(m);
  return capsule;
}

PyObject* dlpack(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  check_type(n == 0, "", "__dlpack__() takes keyword arguments only");
  bool versioned = false, copy = false;
  PyObject* stream = nullptr;
  for (Py_ssize_t k = 0; kwnames && k < PyTuple_GET_SIZE(kwnames); ++k) {
    const std::string_view name = view(PyTuple_GET_ITEM(kwnames, k));
    PyObject* value = args[k];
    if (name == "stream") stream = value;
    if (value == Py_None) continue;
    if (name == "max_version" && PyTuple_Check(value) && PyTuple_GET_SIZE(value)) {
      versioned = to_int(PyTuple_GET_ITEM(value, 0)) >= 1;
    } else if (name == "copy") {
      copy = to_bool(value);
    } else {
      check_type(name == "stream" || name == "dl_device", "", "__dlpack__() got an unexpected keyword argument '", name,
                 "'");
    }
  }
  Tensor t = tensor_of(self);
  if (t.requires_grad()) {
    fail(ErrorKind::Buffer, "", "Can't export tensors that require gradient, use tensor.detach()");
  }
  if (t.device().is_cuda()) {
    if (const int now = cuda_current_device(); t.device().index != now) {
      fail(ErrorKind::Buffer, "",
           "Can't export tensors on a different CUDA device index. Expected: ", int(t.device().index),
           ". Current device: ", now, ".");
    }
  }
  if (copy) t = cnn::clone(t);
  if (t.device().is_cuda() && stream) hand_over(t.device(), stream);
  if (versioned) {
    auto* m = give<DLManagedTensorVersioned>(t);
    m->major = 1;
    return new_capsule(m, "dltensor_versioned",
                       [](PyObject* c) { free_capsule<DLManagedTensorVersioned>(c, "dltensor_versioned"); });
  }
  return new_capsule(give<DLManagedTensor>(t), "dltensor",
                     [](PyObject* c) { free_capsule<DLManagedTensor>(c, "dltensor"); });
}

PyObject* dlpack_device(PyObject* self, PyObject* const*, Py_ssize_t, PyObject*) {
  const DLDevice d = dl_device(tensor_of(self));
  return Py_BuildValue("(ii)", d.type, d.id);
}

// ---- In ----

template <class Managed>
void release_managed(void* context, void*, size_t) {
  auto* m = static_cast<Managed*>(context);
  if (!m->deleter || !python_alive()) return;
  const GilHeld gil;  // the deleter of another library may need it
  m->deleter(m);
}

template <class Managed>
Tensor take(PyObject* capsule, const char* name, const char* used_name) {
  auto* m = static_cast<Managed*>(PyCapsule_GetPointer(capsule, name));
  if (!m) throw PythonError();
  const DLTensor& d = m->tensor;
  check_implemented(d.device.type == kDLCPU || d.device.type == kDLCUDAHost || d.device.type == kDLCUDA, "from_dlpack",
                    "memory of DLPack device type ", d.device.type, " is not supported; copy it to the CPU first");
  check_value(d.device.type != kDLCUDA || (d.device.id >= 0 && d.device.id < 128), "from_dlpack",
              "the capsule is of device ", d.device.id);
  const Device device = d.device.type == kDLCUDA ? cuda_device({DeviceType::Cuda, int8_t(d.device.id)}) : kCpu;
  const DType dtype = dtype_of_dl(d.dtype);
  check_value(d.ndim >= 0 && (d.shape || !d.ndim), "from_dlpack", "the capsule has ", d.ndim, " dimensions",
              d.shape ? "" : " without sizes");
  const Dims sizes(d.shape, d.ndim);
  for (const int64_t size : sizes) check_value(size >= 0, "from_dlpack", "sizes must not be negative, got ", sizes);
  const int64_t numel = numel_of("from_dlpack", sizes);
  const Dims strides = d.strides && numel ? Dims(d.strides, d.ndim) : contiguous_strides(sizes);
  const size_t nbytes = bytes_reached("from_dlpack", sizes, strides, item_size(dtype));
  check_value(d.data || !nbytes, "from_dlpack", "the capsule has no memory for sizes ", sizes);
  // From here on the memory is ours: the capsule must not free it.
  expect_ok(PyCapsule_SetName(capsule, used_name));
  char* const first = d.data ? static_cast<char*>(d.data) + d.byte_offset : nullptr;
  auto storage = make_ref<Storage>(first, nbytes, device, release_managed<Managed>, m);
  return Tensor(make_ref<TensorImpl>(std::move(storage), sizes, strides, 0, dtype));
}

// The number by which an exporter of GPU memory knows the stream that is used here; 0 for other memory.
int64_t consumer_stream(PyObject* o) {
  if (!PyObject_HasAttrString(o, "__dlpack_device__")) return 0;
  const Object device = Object::steal(PyObject_CallMethod(o, "__dlpack_device__", nullptr));
  if (!PyTuple_Check(device.get()) || PyTuple_GET_SIZE(device.get()) != 2) return 0;
  if (to_int(PyTuple_GET_ITEM(device.get(), 0)) != kDLCUDA || !cuda_is_available()) return 0;
  const int64_t index = to_int(PyTuple_GET_ITEM(device.get(), 1));
  if (index < 0 || index >= cuda_device_count()) return 0;
  const auto stream = reinterpret_cast<intptr_t>(cuda_calls(int(index)).stream());
  return stream ? stream : 1;
}

Object capsule_of(PyObject* o) {
  if (!PyObject_HasAttrString(o, "__dlpack__")) return Object::borrow(o);
  const Object method = Object::steal(PyObject_GetAttrString(o, "__dlpack__"));
  const Object none_given = Object::steal(PyTuple_New(0));
  const Object keywords = Object::steal(Py_BuildValue("{s:(ii)}", "max_version", 1, 0));
  if (const int64_t stream = consumer_stream(o)) {
    const Object number = Object::steal(PyLong_FromLongLong(stream));
    expect_ok(PyDict_SetItemString(keywords.get(), "stream", number.get()));
  }
  PyObject* capsule = PyObject_Call(method.get(), none_given.get(), keywords.get());
  if (capsule) return Object::steal(capsule);
  if (!PyErr_ExceptionMatches(PyExc_TypeError)) throw PythonError();
  PyErr_Clear();  // an exporter from before versions
  return run_python([&] { return PyObject_CallNoArgs(method.get()); });
}

Tensor tensor_over(PyObject* exporter) {
  const Object capsule = capsule_of(exporter);
  if (PyCapsule_IsValid(capsule.get(), "dltensor_versioned")) {
    const auto* m = static_cast<DLManagedTensorVersioned*>(PyCapsule_GetPointer(capsule.get(), "dltensor_versioned"));
    if (m->major > 1) {
      fail(ErrorKind::Buffer, "from_dlpack", "the capsule is of DLPack ", m->major, ".", m->minor,
           ", which is not known; 1.x is");
    }
    return take<DLManagedTensorVersioned>(capsule.get(), "dltensor_versioned", "used_dltensor_versioned");
  }
  check(PyCapsule_IsValid(capsule.get(), "dltensor"), "",
        "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you might "
        "have already constructed a tensor from it once.");
  return take<DLManagedTensor>(capsule.get(), "dltensor", "used_dltensor");
}

PyObject* from_dlpack(PyObject*, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"ext_tensor", "device", "copy", nullptr};
  PyObject *exporter, *device = Py_None, *copy = Py_None;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OO:from_dlpack", const_cast<char**>(names), &exporter, &device,
                                   &copy)) {
    return nullptr;
  }
  return guard([&] {
    const Tensor shared = tensor_over(exporter);
    check_value(copy != Py_False || device == Py_None || to_device(device) == shared.device(), "from_dlpack",
                "cannot move to another device without a copy");
    const bool copies = copy == Py_True;
    return wrap(device == Py_None ? (copies ? clone(shared) : shared) : to(shared, {}, to_device(device), copies));
  });
}

PyMethodDef functions[] = {
    {"from_dlpack", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(from_dlpack)),
     METH_VARARGS | METH_KEYWORDS,
     "from_dlpack(ext_tensor, *, device=None, copy=None)\n--\n\nA tensor over the memory of another library's array."},
    {}};

}  // namespace

void bind_dlpack(PyObject* module) { expect_ok(PyModule_AddFunctions(module, functions)); }

void bind_dlpack_methods(Registry& ops) {
  ops.def_method("__dlpack__", dlpack, "__dlpack__(*, stream=None, max_version=None, dl_device=None, copy=None)");
  ops.def_method("__dlpack_device__", dlpack_device, "(device type, device number) of DLPack.");
}

}  // namespace cnn::python
