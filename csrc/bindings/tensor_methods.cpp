// Methods that ask about a tensor, or convert it.
#include "bindings/tensor_methods.h"

#include "bindings/def_op.h"
#include "bindings/legacy_types.h"
#include "bindings/recursion.h"
#include "bindings/torch_function.h"
#include "cnn/autograd.h"
#include "cnn/cuda.h"
#include "cnn/ops.h"

namespace cnn::python {

namespace {

// ---- item, tolist ----

PyObject* element_object(DType dtype, const void* p) {
  return visit_any_dtype(dtype, [&]<class T>() -> PyObject* {
    if constexpr (std::is_same_v<T, bool>) return PyBool_FromLong(*static_cast<const uint8_t*>(p) != 0);
    else if constexpr (std::is_same_v<T, uint64_t>) return PyLong_FromUnsignedLongLong(*static_cast<const T*>(p));
    else if constexpr (std::is_integral_v<T>) return PyLong_FromLongLong(int64_t(*static_cast<const T*>(p)));
    else return PyFloat_FromDouble(double(*static_cast<const T*>(p)));
  });
}

// Nested lists over dimensions d and further.
Object list_of(const Tensor& t, int d, const char* p) {
  if (d == t.dim()) return Object::steal(element_object(t.dtype(), p));
  const Deeper level(" while the lists of tolist() were nested");
  const int64_t n = t.shape()[d], step = t.strides()[d] * item_size(t.dtype());
  Object list = Object::steal(PyList_New(n));
  for (int64_t i = 0; i < n; ++i) PyList_SET_ITEM(list.get(), i, list_of(t, d + 1, p + i * step).release());
  return list;
}

PyObject* tolist(PyObject* self, PyObject* const*, Py_ssize_t n, PyObject* kwnames) {
  check_type(n == 0 && !kwnames, "", "tolist() takes no arguments (", n, " given)");
  Tensor t = tensor_of(self);
  check(!t.device().is_meta(), "tolist", "a meta tensor has no values");
  if (!t.device().is_cpu()) t = to_device(detach(t), kCpu);
  const StorageExport memory(t.storage());  // stays where it is, whatever the collector runs meanwhile
  return list_of(t, 0, static_cast<const char*>(t.raw())).release();
}

// ---- type(), to() ----

PyObject* type(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  const Tensor& t = tensor_of(self);
  if (n == 0 && !kwnames) return text(legacy_type_name(t.dtype(), t.device())).release();
  check_type(n >= 1, "", "type() takes the new type as its first argument");
  if (args[0] == Py_None) return text(legacy_type_name(t.dtype(), t.device())).release();
  return wrap(cnn::to_dtype(t, dtype_of_legacy_type(args[0])));
}

using Format = std::optional<MemoryFormat>;

Tensor convert(const Tensor& x, std::optional<DType> dtype, std::optional<Device> device, bool copy, Format format,
               bool non_blocking = false) {
  return cnn::to(x, dtype, device, copy, format.value_or(MemoryFormat::Preserve), non_blocking);
}
template <DType T>
Tensor cast(const Tensor& x, Format format) {
  return convert(x, T, {}, false, format);
}

Tensor to_cuda(const Tensor& x, std::optional<Device> device, bool non_blocking, Format format) {
  check(!device || device->is_cuda(), "cuda", "Invalid device, must be cuda device");
  return convert(x, {}, device ? *device : Device{DeviceType::Cuda, -1}, false, format, non_blocking);
}

// ---- Geometry ----

PyObject* tuple_of(const Dims& dims) {
  Object tuple = Object::steal(PyTuple_New(dims.size()));
  for (int i = 0; i < dims.size(); ++i) PyTuple_SET_ITEM(tuple.get(), i, PyLong_FromLongLong(dims[i]));
  return tuple.release();
}

PyObject* stride(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  const Tensor& t = tensor_of(self);
  check_type(n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0) <= 1, "",
             "stride() takes from 0 to 1 positional arguments but ", n, " were given");
  if ((n == 0 && !kwnames) || args[0] == Py_None) return tuple_of(t.strides());
  check_type(is_int_like(args[0]), "", "stride(): argument 'dim' (position 1) must be int, not ",
             type_name_of(args[0]));
  return PyLong_FromLongLong(t.stride(to_int(args[0])));
}

int64_t address(const Tensor& x) {
  if (x.device().is_meta()) return 0;
  x.storage()->expose();
  return int64_t(reinterpret_cast<intptr_t>(x.raw()));
}

// ---- Subclasses ----

PyTypeObject* tensor_class(PyObject* o) {
  check_type(PyType_Check(o), "", "cls must be a type (got ", type_name_of(o), ")");
  check_type(
      PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(o), tensor_type), "",
      "Creating a Tensor subclass from a class that does not inherit from Tensor is not possible. Make sure your "
      "class inherits from Tensor.");
  return reinterpret_cast<PyTypeObject*>(o);
}

PyObject* as_subclass(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject*) {
  check_type(n == 1, "", "as_subclass() takes 1 positional argument but ", n, " were given");
  const Tensor& t = tensor_of(self);
  return wrap_as(tensor_class(args[0]), view(t, t.shape()));
}

PyObject* make_subclass(PyObject*, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    PyObject *cls, *data;
    int requires_grad = 0;
    static const char* names[] = {"cls", "data", "require_grad", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|p:_make_subclass", const_cast<char**>(names), &cls, &data,
                                     &requires_grad)) {
      return nullptr;
    }
    check_type(is_tensor(data), "", "_make_subclass(): argument 'data' (position 2) must be Tensor, not ",
               type_name_of(data));
    const Tensor made = detached_alias(tensor_of(data), true);
    if (requires_grad) made.set_requires_grad(true);
    return wrap_as(tensor_class(cls), made);
  });
}
PyMethodDef make_subclass_def = {"_make_subclass",
                                 reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(make_subclass)),
                                 METH_VARARGS | METH_KEYWORDS,
                                 "_make_subclass(cls, data, require_grad=False): data's memory as an instance of cls."};

PyObject* to_complex(PyObject* self, PyObject* const*, Py_ssize_t, PyObject*) {
  const Tensor& t = tensor_of(self);
  check_value(t.numel() == 1, "", "only one element tensors can be converted to Python scalars");
  return PyComplex_FromDoubles(t.item().to_double(), 0);
}

void bind_questions(Registry& ops) {
  ops.def_op<[](const Tensor& x) { return x.shape(); }>("size(Tensor self) -> Size", "The sizes.", kMethodOnly);
  ops.def_op<[](const Tensor& x, int64_t dim) { return x.size(dim); }>("size(Tensor self, int dim) -> int", "",
                                                                       kMethodOnly);
  ops.def_method("stride", stride, "stride(dim=None): steps between elements, in elements.");
  ops.def_op<[](const Tensor& x) { return int64_t(x.dim()); }>("dim(Tensor self) -> int", "The number of dimensions.",
                                                               kMethodOnly);
  ops.def_op<[](const Tensor& x) { return int64_t(x.dim()); }>("ndimension(Tensor self) -> int", "dim().", kMethodOnly);
  ops.def_op<[](const Tensor& x) { return x.numel(); }>("numel(Tensor input) -> int", "The number of elements.");
  ops.def_op<[](const Tensor& x) { return x.numel(); }>("nelement(Tensor self) -> int", "numel().", kMethodOnly);
  ops.def_op<[](const Tensor& x) { return int64_t(item_size(x.dtype())); }>("element_size(Tensor self) -> int",
                                                                            "Bytes per element.", kMethodOnly);
  ops.def_op<&address>("data_ptr(Tensor self) -> int", "The address of the first element.", kMethodOnly);
  ops.def_op<[](const Tensor& x) {
    return x.device().is_meta() ? int64_t(0) : int64_t(reinterpret_cast<intptr_t>(x.raw()));
  }>("const_data_ptr(Tensor self) -> int", "data_ptr() of one who only reads.", kMethodOnly);
  ops.def_op<[](const Tensor& x) { return x.offset(); }>("storage_offset(Tensor self) -> int",
                                                         "Where it starts in its storage, in elements.", kMethodOnly);
  ops.def_op<[](const Tensor& x, Format f) { return is_contiguous(x, f.value_or(MemoryFormat::Contiguous)); }>(
      "is_contiguous(Tensor self, MemoryFormat? memory_format=None) -> bool", "Dense, in C order or the format?",
      kMethodOnly);
  ops.def_op<[](const Tensor& x) { return is_floating(x.dtype()); }>("is_floating_point(Tensor input) -> bool",
                                                                     "Has it floating-point elements?");
  ops.def_op<[](const Tensor&) { return false; }>("is_complex(Tensor input) -> bool", "Has it complex elements?");
  ops.def_op<[](const Tensor& x) { return x.dtype() != DType::UInt8 && x.dtype() != DType::Bool; }>(
      "is_signed(Tensor input) -> bool", "Can its elements be negative?");
  ops.def_op<[](const Tensor& x) { return x.impl()->inference; }>("is_inference(Tensor input) -> bool",
                                                                  "Was it made in inference mode?");
  ops.def_op<[](const Tensor& x, const Tensor& y) { return x.shape() == y.shape(); }>(
      "is_same_size(Tensor input, Tensor other) -> bool", "Same sizes?");
  ops.def_op<[](const Tensor& x, const Tensor& y) {
    return x.storage() == y.storage() && x.offset() == y.offset() && x.shape() == y.shape() &&
           x.strides() == y.strides();
  }>("is_set_to(Tensor self, Tensor tensor) -> bool", "The same view of the same memory?", kMethodOnly);
  ops.def_op<[](const Tensor& x) { return int64_t(x.device().is_cuda() ? x.device().index : -1); }>(
      "get_device(Tensor input) -> int", "The number of its GPU, -1 on the CPU.");
  ops.def_op<[](const Tensor& x) { return x.is_view(); }>("_is_view(Tensor self) -> bool",
                                                          "Does it share another tensor's memory?", kMethodOnly);
  ops.def_op<[](const Tensor& x) { return x.item(); }>("item(Tensor self) -> Number",
                                                       "The one element, as a Python number.", kMethodOnly);
  ops.def_method("tolist", tolist, "The elements as nested lists, or a number.");
  ops.def_method("__complex__", to_complex, "The one element, as a complex number.");
  ops.def_op<[](const Tensor& x, std::optional<Device>) { return cnn::is_pinned(x); }>(
      "is_pinned(Tensor self, Device? device=None) -> bool", "Does it lie in memory that GPUs reach by themselves?",
      kMethodOnly);
  ops.def_op<[](const Tensor& x, std::optional<Device>) {
    check(cuda_is_available(), "",
          "Cannot access accelerator device when none is available: ", cuda_unavailable_reason());
    return cnn::pin_memory(x);
  }>("pin_memory(Tensor self, Device? device=None) -> Tensor",
     "A copy in memory that GPUs reach by themselves; itself where it lies there. RuntimeError without a GPU.",
     kMethodOnly);
  ops.def_op<[](const Tensor&) { return false; }>("is_conj(Tensor input) -> bool", "False.");
  ops.def_op<[](const Tensor&) { return false; }>("is_neg(Tensor input) -> bool", "False.");
  ops.def_op<[](const Tensor&) { return false; }>("has_names(Tensor self) -> bool", "False.", kMethodOnly);
}

// What complex tensors have, of real ones.
Tensor itself(const Tensor& x) { return x; }
void bind_real_parts(Registry& ops) {
  static constexpr const char* kDoc = "The tensor itself, which is real.";
  ops.def_op<&itself>("conj(Tensor input) -> Tensor", kDoc);
  ops.def_op<&itself>("conj_physical(Tensor input) -> Tensor", kDoc, kOut);
  ops.def_op<[](const Tensor& x) {
    Grad grad({x}, Dest::in_place(x));
    x.impl()->bump_version();
    return grad ? grad.record("ConjPhysicalBackward1", x, [](Grads& g) { g[0] = g.out(); }) : x;
  }>("conj_physical_(Tensor input) -> Tensor", kDoc);
  ops.def_op<&itself>("resolve_conj(Tensor input) -> Tensor", kDoc);
  ops.def_op<&itself>("resolve_neg(Tensor input) -> Tensor", kDoc);
  ops.def_op<&itself>("real(Tensor input) -> Tensor", kDoc, kFunctionOnly);
  ops.def_op<[](const Tensor& x) -> Tensor {
    fail(ErrorKind::Runtime, "", "imag is not implemented for tensors with non-complex dtypes, got ", x.dtype());
  }>("imag(Tensor input) -> Tensor", "RuntimeError: only complex tensors have one.", kFunctionOnly);
  ops.def_op<[](const Tensor& x) {
    check(x.dim() != 1, "", "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.");
    if (x.dim()) return cnn::transpose(x, -2, -1);
    warn("adjoint() is deprecated on 0-D tensors. Consider using x.conj().");
    return x;
  }>("adjoint(Tensor input) -> Tensor", "The tensor with its last two dimensions exchanged.");
}

void bind_conversions(Registry& ops) {
  ops.def_op<&cnn::view_dtype>("view(Tensor self, Dtype dtype) -> Tensor",
                               "The same bytes as elements of another type.", kMethodOnly);
  ops.def_method("type", type, "type(): 'torch.FloatTensor'; type(dtype): a tensor of that dtype.");
  ops.def_op<[](const Tensor& x, std::optional<Device> device, std::optional<DType> dtype, bool non_blocking, bool copy,
                Format format) { return convert(x, dtype, device, copy, format, non_blocking); }>(
      "to(Tensor self, Device? device=None, Dtype? dtype=None, bool non_blocking=False, bool copy=False, *, "
      "MemoryFormat? memory_format=None) -> Tensor",
      "With another dtype or device; itself when nothing changes.", kMethodOnly);
  ops.def_op<[](const Tensor& x, DType dtype, bool non_blocking, bool copy, Format format) {
    return convert(x, dtype, {}, copy, format, non_blocking);
  }>("to(Tensor self, Dtype dtype, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None) -> "
     "Tensor",
     "", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Tensor& other, bool non_blocking, bool copy, Format format) {
    return convert(x, other.dtype(), other.device(), copy, format, non_blocking);
  }>("to(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None) -> "
     "Tensor",
     "", kMethodOnly);
  ops.def_op<[](const Tensor& x, const Tensor& other) { return cnn::to_dtype(x, other.dtype()); }>(
      "type_as(Tensor self, Tensor other) -> Tensor", "With other's dtype.", kMethodOnly);

  static constexpr const char* kDoc = "With this dtype; itself when it has it.";
  ops.def_op<&cast<DType::Float32>>("float(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", kDoc,
                                    kMethodOnly);
  ops.def_op<&cast<DType::Float64>>("double(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", kDoc,
                                    kMethodOnly);
  ops.def_op<&cast<DType::Float16>>("half(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", kDoc,
                                    kMethodOnly);
  ops.def_op<&cast<DType::BFloat16>>("bfloat16(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", kDoc,
                                     kMethodOnly);
  ops.def_op<&cast<DType::Int8>>("char(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", kDoc, kMethodOnly);
  ops.def_op<&cast<DType::UInt8>>("byte(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", kDoc,
                                  kMethodOnly);
  ops.def_op<&cast<DType::Int16>>("short(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", kDoc,
                                  kMethodOnly);
  ops.def_op<&cast<DType::Int32>>("int(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", kDoc, kMethodOnly);
  ops.def_op<&cast<DType::Int64>>("long(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", kDoc,
                                  kMethodOnly);
  ops.def_op<&cast<DType::Bool>>("bool(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", kDoc, kMethodOnly);
  ops.def_op<[](const Tensor& x, Format f) { return convert(x, {}, kCpu, false, f); }>(
      "cpu(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", "On the CPU; itself when it lies there.",
      kMethodOnly);
  ops.def_op<&to_cuda>(
      "cuda(Tensor self, Device? device=None, bool non_blocking=False, *, MemoryFormat? "
      "memory_format=None) -> Tensor",
      "On a GPU. RuntimeError with the reason where there is none.", kMethodOnly);
}

// The two objects change tensors, with their hooks. Nobody else may hold either tensor.
PyObject* swap_impl(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject*) {
  check_type(n == 1 && is_tensor(args[0]), "", "_swap_impl() takes another tensor");
  auto *a = reinterpret_cast<TensorObject*>(self), *b = reinterpret_cast<TensorObject*>(args[0]);
  if (a == b) return none();
  for (const TensorObject* t : {a, b}) {
    const auto count = t->tensor.impl()->use_count();
    check(count == 1, "", "Expected use_count of ", t == a ? "t1" : "t2",
          " to be 1 or 2 with an AccumulateGrad node but got ", int64_t(count),
          " make sure you are not holding references to the tensor in other places.");
  }
  std::swap(a->tensor, b->tensor);
  std::swap(a->hooks, b->hooks);
  for (TensorObject* t : {a, b}) t->tensor.impl()->wrapper.store(t, std::memory_order_relaxed);
  return none();
}

void bind_history(Registry& ops) {
  ops.def_op<&cnn::detach>("detach(Tensor input) -> Tensor", "The same memory, without history.");
  ops.def_op<[](const Tensor& x, bool value) {
    x.set_requires_grad(value);
    return x;
  }>("requires_grad_(Tensor self, bool requires_grad=True) -> Tensor", "Sets requires_grad; returns the tensor.",
     kMethodOnly);
  ops.def_method("as_subclass", as_subclass, "as_subclass(cls): the same memory and history as an instance of cls.",
                 /*intercepted=*/false);
  ops.def_method("_swap_impl", swap_impl, "_swap_impl(other): the two objects change tensors.",
                 /*intercepted=*/false);
}

}  // namespace

void bind_tensor_methods(Registry& ops) {
  bind_questions(ops);
  bind_real_parts(ops);
  bind_conversions(ops);
  bind_history(ops);
  const Object function = Object::steal(PyCFunction_New(&make_subclass_def, nullptr));
  const Object method = Object::steal(PyStaticMethod_New(function.get()));
  expect_ok(PyObject_SetAttrString(reinterpret_cast<PyObject*>(tensor_type), "_make_subclass", method.get()));
}

}  // namespace cnn::python
