#include "bindings/tensor_type.h"

#include <cstddef>
#include <cstring>
#include <new>

#include "bindings/hooks.h"
#include "bindings/tensor_gc.h"
#include "bindings/torch_function.h"
#include "core/wrapper.h"

namespace cnn::python {

PyTypeObject* tensor_type = nullptr;

namespace {

TensorObject* as_object(PyObject* o) { return reinterpret_cast<TensorObject*>(o); }

// ---- Allocation: exact tensors are recycled, and untracked until they hold Python objects. ----

constexpr int kFreeList = 128;
PyObject* free_list[kFreeList];
int free_count = 0;

PyObject* allocate_exact() {
  PyObject* self = free_count ? PyObject_Init(free_list[--free_count], tensor_type)
                              : reinterpret_cast<PyObject*>(PyObject_GC_New(TensorObject, tensor_type));
  if (!self) throw PythonError();
  as_object(self)->dict = nullptr;
  as_object(self)->weakrefs = nullptr;
  as_object(self)->hooks = nullptr;
  return self;
}

void adopt(PyObject* self, Tensor t) {
  TensorImpl* impl = t.impl();
  new (&as_object(self)->tensor) Tensor(std::move(t));
  impl->wrapper.store(self, std::memory_order_relaxed);
}

// ---- Ownership ----

// C++ dropped its last reference to an impl that owns its wrapper: the wrapper owns the impl again and is let go.
void release_from_core(TensorImpl* impl) {
  if (!python_alive()) return;
  GilHeld gil;
  if (impl->use_count() == 0) impl->add_ref();
  impl->owns_wrapper = false;
  drop(static_cast<PyObject*>(impl->wrapper.load(std::memory_order_relaxed)));
}

// Python dropped its last reference. True when the object lives on, owned by its impl.
bool live_on(PyObject* self) {
  TensorImpl* impl = as_object(self)->tensor.impl_or_null();
  if (!impl || impl->owns_wrapper || impl->use_count() <= 1) return false;
  Py_SET_REFCNT(self, 1);
  impl->owns_wrapper = true;
  impl->drop_ref();  // may be the last one after all: then release_from_core runs now
  return true;
}

void drop_tensor(PyObject* self) {
  delete as_object(self)->hooks;
  Tensor& t = as_object(self)->tensor;
  if (t.defined()) t.impl()->wrapper.store(nullptr, std::memory_order_relaxed);
  t.~Tensor();
}

// The members that `__slots__` gave to subclasses.
void clear_slots(PyTypeObject* type, PyObject* self) {
  const Py_ssize_t n = Py_SIZE(type);
  auto* member = reinterpret_cast<PyMemberDef*>(reinterpret_cast<char*>(type) + Py_TYPE(type)->tp_basicsize);
  for (Py_ssize_t i = 0; i < n; ++i, ++member) {
    if (member->type != T_OBJECT_EX || (member->flags & READONLY)) continue;
    auto** address = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + member->offset);
    Py_CLEAR(*address);
  }
}

void dealloc(PyObject* self);

void dealloc_general(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  if (live_on(self)) return;
  if (type->tp_finalize) {
    if (!PyObject_GC_IsTracked(self)) PyObject_GC_Track(self);
    if (PyObject_CallFinalizerFromDealloc(self) < 0) return;
  }
  if (PyObject_GC_IsTracked(self)) PyObject_GC_UnTrack(self);
  Py_TRASHCAN_BEGIN(self, dealloc)
  if (as_object(self)->weakrefs) PyObject_ClearWeakRefs(self);
  for (PyTypeObject* base = type; base && base != tensor_type; base = base->tp_base) {
    if (Py_SIZE(base)) clear_slots(base, self);
  }
  Py_CLEAR(as_object(self)->dict);
  drop_tensor(self);
  type->tp_free(self);
  Py_DECREF(type);
  Py_TRASHCAN_END
}

void dealloc(PyObject* self) {
  TensorObject* t = as_object(self);
  if (!is_exact_tensor(self) || t->dict || t->weakrefs || t->hooks) return dealloc_general(self);
  if (PyObject_GC_IsTracked(self)) PyObject_GC_UnTrack(self);
  drop_tensor(self);
  if (free_count < kFreeList) free_list[free_count++] = self;
  else PyObject_GC_Del(self);
  Py_DECREF(tensor_type);
}

int traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as_object(self)->dict);
  return visit_python_parts(as_object(self)->tensor, as_object(self)->hooks, visit, arg);
}

int clear(PyObject* self) {
  Py_CLEAR(as_object(self)->dict);
  clear_python_parts(as_object(self)->hooks);
  return 0;
}

// By identity, as id(): equal tensors are different keys.
Py_hash_t hash(PyObject* self) {
  const auto id = reinterpret_cast<Py_hash_t>(self);
  return id == -1 ? -2 : id;
}

int set_attribute(PyObject* self, PyObject* name, PyObject* value) {
  const int status = PyObject_GenericSetAttr(self, name, value);
  if (as_object(self)->dict) track(self);
  return status;
}

// ---- The metaclass ----

PyTypeObject meta_type = blank_type();

// Every subclass, whoever makes it, must come to our dealloc first.
PyObject* meta_new(PyTypeObject* meta, PyObject* args, PyObject* kwargs) {
  PyObject* made = PyType_Type.tp_new(meta, args, kwargs);
  if (made && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(made), tensor_type)) {
    reinterpret_cast<PyTypeObject*>(made)->tp_dealloc = dealloc;
  }
  return made;
}

int meta_setattr(PyObject* type, PyObject* name, PyObject* value) {
  forget_torch_functions();
  return PyType_Type.tp_setattro(type, name, value);
}

PyObject* meta_repr(PyObject* type) {
  if (type == reinterpret_cast<PyObject*>(tensor_type)) return PyUnicode_FromString("<class 'torch.Tensor'>");
  return PyType_Type.tp_repr(type);
}

// dir(Tensor), without the names that only say what to use in their place.
PyObject* meta_dir(PyObject* type, PyObject*) {
  return guard([&] {
    auto* const base = reinterpret_cast<PyObject*>(&PyType_Type);
    const Object names = Object::steal(PyObject_CallMethod(base, "__dir__", "O", type));
    const Object absent = Object::steal(PyImport_ImportModule("cnn._absent"));
    return run_python([&] { return PyObject_CallMethod(absent.get(), "listed", "OO", type, names.get()); }).release();
  });
}
PyMethodDef meta_methods[] = {{"__dir__", meta_dir, METH_NOARGS, nullptr}, {}};

void ready_metaclass() {
  meta_type.tp_name = "cnn._C._TensorMeta";
  meta_type.tp_base = &PyType_Type;
  meta_type.tp_basicsize = sizeof(TensorTypeObject);
  meta_type.tp_itemsize = PyType_Type.tp_itemsize;
  meta_type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;
  meta_type.tp_new = meta_new;
  meta_type.tp_setattro = meta_setattr;
  meta_type.tp_repr = meta_repr;
  meta_type.tp_methods = meta_methods;
  expect_ok(PyType_Ready(&meta_type));
}

}  // namespace

PyObject* wrap(Tensor t) {
  TensorImpl* impl = t.impl_or_null();
  if (!impl) return none();
  if (auto* self = static_cast<PyObject*>(impl->wrapper.load(std::memory_order_relaxed))) {
    if (!impl->owns_wrapper) return new_ref(self);
    impl->add_ref();  // the impl's reference to the wrapper becomes the caller's
    impl->owns_wrapper = false;
    return self;
  }
  PyObject* self = allocate_exact();
  adopt(self, std::move(t));
  return self;
}

PyObject* wrap_as(PyTypeObject* type, Tensor t) {
  if (type == tensor_type) return wrap(std::move(t));
  check(!t.impl()->wrapper.load(), "_make_subclass", "the tensor already has a Python object");
  PyObject* self = type->tp_alloc(type, 0);
  if (!self) throw PythonError();
  adopt(self, std::move(t));
  return self;
}

void track(PyObject* tensor) {
  if (!PyObject_GC_IsTracked(tensor)) PyObject_GC_Track(tensor);
}

namespace {

PyObject* get_dict(PyObject* self, void*) {
  PyObject* dict = PyObject_GenericGetDict(self, nullptr);
  if (dict) track(self);
  return dict;
}
int set_dict(PyObject* self, PyObject* value, void*) {
  const int status = PyObject_GenericSetDict(self, value, nullptr);
  if (!status) track(self);
  return status;
}
PyGetSetDef dict_property[] = {{"__dict__", get_dict, set_dict, nullptr, nullptr}, {}};

}  // namespace

PyTypeObject* make_tensor_type() {
  ready_metaclass();
  auto* heap = reinterpret_cast<PyHeapTypeObject*>(meta_type.tp_alloc(&meta_type, 0));
  if (!heap) throw PythonError();
  PyTypeObject* type = &heap->ht_type;
  heap->ht_name = text("Tensor").release();
  heap->ht_qualname = text("Tensor").release();
  type->tp_name = "Tensor";
  type->tp_basicsize = sizeof(TensorObject);
  type->tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HEAPTYPE | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;
  type->tp_dictoffset = offsetof(TensorObject, dict);
  type->tp_weaklistoffset = offsetof(TensorObject, weakrefs);
  type->tp_dealloc = dealloc;
  type->tp_traverse = traverse;
  type->tp_clear = clear;
  type->tp_alloc = PyType_GenericAlloc;
  type->tp_free = PyObject_GC_Del;
  type->tp_new = tensor_new;
  type->tp_setattro = set_attribute;
  type->tp_hash = hash;
  type->tp_richcompare = tensor_richcompare;
  type->tp_iter = tensor_iter;
  heap->as_number = tensor_number_methods;
  heap->as_mapping = tensor_mapping_methods;
  heap->as_sequence = tensor_sequence_methods;
  heap->as_buffer = tensor_buffer_methods;
  type->tp_as_number = &heap->as_number;
  type->tp_as_mapping = &heap->as_mapping;
  type->tp_as_sequence = &heap->as_sequence;
  type->tp_as_buffer = &heap->as_buffer;
  type->tp_getset = dict_property;
  type->tp_doc = nullptr;
  tensor_type = type;
  release_wrapper = release_from_core;
  expect_ok(PyType_Ready(type));
  const Object module = text("cnn");
  expect_ok(PyDict_SetItemString(type->tp_dict, "__module__", module.get()));
  for (PyGetSetDef* p = tensor_properties(); p->name; ++p) {
    const Object descriptor = Object::steal(PyDescr_NewGetSet(type, p));
    expect_ok(PyDict_SetItemString(type->tp_dict, p->name, descriptor.get()));
  }
  PyType_Modified(type);
  return type;
}

}  // namespace cnn::python
