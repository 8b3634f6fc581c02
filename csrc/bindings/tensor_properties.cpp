// Properties of Tensor. Each is a plain getter; one wrapper hands subclasses to __torch_function__ and turns errors.
#include "autograd/recorder.h"
#include "bindings/def_op.h"
#include "bindings/hooks.h"
#include "bindings/nodes.h"
#include "bindings/tensor_type.h"
#include "bindings/torch_function.h"
#include "bindings/types.h"
#include "cnn/autograd.h"

namespace cnn::python {

namespace {

struct Property {
  const char* name;
  PyObject* (*get)(PyObject* self);
  void (*set)(PyObject* self, PyObject* value);  // value is null for `del`
  const char* doc;
};

PyObject* get_property(PyObject* self, void* closure) {
  const auto* p = static_cast<const Property*>(closure);
  return guard([&] {
    if (intercepts(self)) return call_torch_function_slot(p->name, self, {});
    return p->get(self);
  });
}
int set_property(PyObject* self, PyObject* value, void* closure) {
  const auto* p = static_cast<const Property*>(closure);
  return guard_status([&] {
    if (value && intercepts(self)) {
      Object::steal(call_torch_function_slot(p->name, self, {value}));
      return;
    }
    p->set(self, value);
  });
}

bool require_bool(const char* name, PyObject* value) {
  check(value && PyBool_Check(value), "", name, " must be a bool");
  return value == Py_True;
}

void warn(const char* message) { expect_ok(PyErr_WarnEx(PyExc_UserWarning, message, 1)); }

// ---- Gradients ----

PyObject* get_grad(PyObject* self) {
  const Tensor& t = tensor_of(self);
  const Tensor grad = t.grad();
  if (!grad.defined() && !t.is_leaf() && !retains_grad(t)) {
    warn(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
        "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf "
        "Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure "
        "you access the leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more information.");
  }
  return wrap(grad);
}

void set_grad(PyObject* self, PyObject* value) {
  const Tensor& t = tensor_of(self);
  if (!value || value == Py_None) return t.set_grad(Tensor());
  check_type(is_tensor(value), "", "assigned grad expected to be a Tensor or None but got grad of type ",
             type_name_of(value));
  check(value != self, "", "can't assign Variable as its own grad");
  t.set_grad(tensor_of(value));
}

void set_requires_grad(PyObject* self, PyObject* value) {
  tensor_of(self).set_requires_grad(require_bool("requires_grad", value));
}

// x.data = y: x shows y's memory from now on, under its own history.
void set_data(PyObject* self, PyObject* value) {
  check_type(value && is_tensor(value), "", "Variable data has to be a tensor, but got ",
             value ? type_name_of(value) : "nothing");
  TensorImpl& to = *tensor_of(self).impl();
  const Tensor from = tensor_of(value);
  check(!to.requires_grad || is_floating(from.dtype()), "",
        "data set to a tensor that requires gradients must be floating point");
  const uint32_t version = to.version();
  const bool alike = to.dtype == from.dtype() && to.device == from.device() && to.sizes == from.shape() &&
                     to.strides == from.strides();
  to.storage = from.storage();
  to.dtype = from.dtype();
  to.device = from.device();
  to.set_geometry(from.shape(), from.strides(), from.offset());
  if (!to.own_version) {
    to.own_version = make_ref<VersionCounter>();
    to.own_version->value = version;
  }
  // Other values are as if they had always been there; for backward another geometry is another tensor.
  const bool has_history = to.view_version == version;
  if (!alike) to.bump_version();
  if (has_history) to.view_version = to.version();
}

// ---- Transposes ----

PyObject* same_without_dims(PyObject* self, const char* name, const char* what) {
  const std::string message = std::string("Tensor.") + name + " is deprecated on 0-D tensors. " + what;
  warn(message.c_str());
  return new_ref(self);
}
constexpr const char* kIdentity = "This function is the identity in these cases.";
constexpr const char* kConjugate = "Consider using x.conj().";

PyObject* transposed_last(PyObject* self, const char* name) {
  const Tensor& t = tensor_of(self);
  check(t.dim() >= 2, "", "tensor.", name, " is only supported on matrices or batches of matrices. Got ", t.dim(),
        "-D tensor.");
  const Recorded range(std::string_view(name) == "H" ? "matrix_H" : name, t);
  const Object a = Object::steal(PyLong_FromLong(-2)), b = Object::steal(PyLong_FromLong(-1));
  return call_method("transpose", self, {a.get(), b.get()});
}
PyObject* matrix_transposed(PyObject* self) {
  return tensor_of(self).dim() ? transposed_last(self, "mT") : same_without_dims(self, "mT", kIdentity);
}
PyObject* adjoint(PyObject* self) {
  return tensor_of(self).dim() ? transposed_last(self, "mH") : same_without_dims(self, "mH", kConjugate);
}
PyObject* hermitian(PyObject* self) {
  const Tensor& t = tensor_of(self);
  check(t.dim() == 0 || t.dim() == 2, "", "tensor.H is only supported on matrices (2-D tensors). Got ", t.dim(),
        "-D tensor.", t.dim() > 2 ? " For batches of matrices, consider using tensor.mH" : "");
  return t.dim() == 0 ? same_without_dims(self, "H", kConjugate) : transposed_last(self, "H");
}
PyObject* reversed_dims(PyObject* self) {
  const int n = tensor_of(self).dim();
  if (n == 0) return same_without_dims(self, "T", kIdentity);
  if (n != 2) {
    warn(
        "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw "
        "an error in a future release. Consider `x.mT` to transpose batches of matrices or "
        "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor.");
  }
  const Recorded range("numpy_T", tensor_of(self));
  const Object dims = Object::steal(PyTuple_New(n));
  for (int i = 0; i < n; ++i) PyTuple_SET_ITEM(dims.get(), i, Object::steal(PyLong_FromLong(n - 1 - i)).release());
  return call_method("permute", self, {dims.get()});
}

PyObject* names(PyObject* self) {
  const int n = tensor_of(self).dim();
  PyObject* all = PyTuple_New(n);
  for (int i = 0; all && i < n; ++i) PyTuple_SET_ITEM(all, i, none());
  return all;
}
void set_names(PyObject*, PyObject*) {
  fail(ErrorKind::NotImplemented, "", "named tensors are not supported; keep the order of dimensions instead");
}
PyObject* imaginary(PyObject* self) {
  fail(ErrorKind::Runtime, "", "imag is not implemented for tensors with non-complex dtypes, got ",
       tensor_of(self).dtype());
}

PyObject* boolean(bool v) { return PyBool_FromLong(v); }
PyObject* integer(int64_t v) { return PyLong_FromLongLong(v); }

const Property kProperties[] = {
    {"shape", [](PyObject* s) { return size_object(tensor_of(s).shape()); }, nullptr, "The sizes, a torch.Size."},
    {"dtype", [](PyObject* s) { return dtype_object(tensor_of(s).dtype()); }, nullptr, "The type of the elements."},
    {"device", [](PyObject* s) { return device_object(tensor_of(s).device()); }, nullptr, "Where the memory lies."},
    {"layout", [](PyObject*) { return new_ref(strided_layout); }, nullptr, "torch.strided."},
    {"ndim", [](PyObject* s) { return integer(tensor_of(s).dim()); }, nullptr, "The number of dimensions."},
    {"itemsize", [](PyObject* s) { return integer(item_size(tensor_of(s).dtype())); }, nullptr, "Bytes per element."},
    {"nbytes", [](PyObject* s) { return integer(tensor_of(s).numel() * item_size(tensor_of(s).dtype())); }, nullptr,
     "Bytes of all elements."},
    {"grad", get_grad, set_grad, "The gradient accumulated by backward, or None."},
    {"requires_grad", [](PyObject* s) { return boolean(tensor_of(s).requires_grad()); }, set_requires_grad,
     "Is the history of results recorded?"},
    {"is_leaf", [](PyObject* s) { return boolean(tensor_of(s).is_leaf()); }, nullptr,
     "Was the tensor made by the user, not by a recorded op?"},
    {"grad_fn", [](PyObject* s) { return wrap_node(tensor_of(s).grad_fn()); }, nullptr,
     "The node of the graph that made the tensor, or None."},
    {"retains_grad", [](PyObject* s) { return boolean(retains_grad(tensor_of(s))); }, nullptr,
     "Will backward keep this non-leaf's gradient?"},
    {"output_nr", [](PyObject* s) { return integer(output_number(tensor_of(s))); }, nullptr,
     "Which output of its grad_fn the tensor is."},
    {"_backward_hooks", [](PyObject* s) { return backward_hooks(s); }, set_backward_hooks,
     "The hooks set by register_hook, by number, or None."},
    {"_post_accumulate_grad_hooks", [](PyObject*) { return none(); }, nullptr, "None."},
    {"data", [](PyObject* s) { return wrap(detached_alias(tensor_of(s), false)); }, set_data,
     "The same memory without history; changes are not seen by autograd."},
    {"_version", [](PyObject* s) { return integer(tensor_of(s).impl()->version()); }, nullptr,
     "Counts changes in place."},
    {"_base", [](PyObject* s) { return wrap(Tensor(tensor_of(s).impl()->base)); }, nullptr,
     "Of a view: the tensor whose memory it shares."},
    {"T", reversed_dims, nullptr, "The tensor with its dimensions reversed."},
    {"mT", matrix_transposed, nullptr, "The tensor with its last two dimensions exchanged."},
    {"H", hermitian, nullptr, "The transposed matrix."},
    {"mH", adjoint, nullptr, "The tensor with its last two dimensions exchanged."},
    {"real", [](PyObject* s) { return new_ref(s); }, nullptr, "The tensor itself."},
    {"imag", imaginary, nullptr, "RuntimeError: only complex tensors have one."},
    {"names", names, set_names, "A None for each dimension."},
    {"_grad", [](PyObject* s) { return wrap(tensor_of(s).grad()); }, set_grad, "grad."},
    {"name", [](PyObject*) { return none(); }, nullptr, "None."},
    {"_cdata", [](PyObject* s) { return PyLong_FromVoidPtr(tensor_of(s).impl()); }, nullptr,
     "A number that only this tensor has while it lives."},
    {"is_cpu", [](PyObject* s) { return boolean(tensor_of(s).device().is_cpu()); }, nullptr, "Lies on the CPU?"},
    {"is_cuda", [](PyObject* s) { return boolean(tensor_of(s).device().is_cuda()); }, nullptr, "Lies on a GPU?"},
    {"is_meta", [](PyObject* s) { return boolean(tensor_of(s).device().is_meta()); }, nullptr, "Has no memory?"},
    {"is_sparse", [](PyObject*) { return boolean(false); }, nullptr, "False."},
    {"is_quantized", [](PyObject*) { return boolean(false); }, nullptr, "False."},
    {"is_nested", [](PyObject*) { return boolean(false); }, nullptr, "False."},
    {"is_mps", [](PyObject*) { return boolean(false); }, nullptr, "False."},
    {"is_xpu", [](PyObject*) { return boolean(false); }, nullptr, "False."},
    {"is_mkldnn", [](PyObject*) { return boolean(false); }, nullptr, "False."},
    {"is_sparse_csr", [](PyObject*) { return boolean(false); }, nullptr, "False."},
    {"is_ipu", [](PyObject*) { return boolean(false); }, nullptr, "False."},
    {"is_maia", [](PyObject*) { return boolean(false); }, nullptr, "False."},
    {"is_mtia", [](PyObject*) { return boolean(false); }, nullptr, "False."},
    {"is_vulkan", [](PyObject*) { return boolean(false); }, nullptr, "False."},
    {"is_xla", [](PyObject*) { return boolean(false); }, nullptr, "False."},
};

}  // namespace

PyGetSetDef* tensor_properties() {
  static PyGetSetDef table[std::size(kProperties) + 1] = {};
  for (size_t i = 0; i < std::size(kProperties); ++i) {
    const Property& p = kProperties[i];
    table[i] = {p.name, get_property, p.set ? set_property : nullptr, p.doc, const_cast<Property*>(&p)};
  }
  return table;
}

}  // namespace cnn::python
