#include "bindings/hooks.h"

#include "bindings/def_op.h"
#include "bindings/tensor_type.h"
#include "cnn/autograd.h"

namespace cnn::python {

Object Callable::call(PyObject* const* args, size_t n) const {
  const Object keep = Object::borrow(handle_.get());
  return keep ? run_python([&] { return PyObject_Vectorcall(keep.get(), args, n, nullptr); }) : Object();
}

std::string Callable::name() const {
  const GilHeld gil;
  const Object keep = Object::borrow(handle_.get());
  PyObject* found = keep ? PyObject_GetAttrString(keep.get(), "__name__") : nullptr;
  if (!found) return PyErr_Clear(), std::string();
  const Object name = Object::steal(found);
  return PyUnicode_Check(found) ? std::string(view(found)) : std::string();
}

namespace {

Tensor to_gradient(PyObject* o) {
  if (o == Py_None) return {};
  check_type(is_tensor(o), "", "expected Variable, but hook returned '", type_name_of(o), "'");
  return tensor_of(o);
}

Object to_tuple(const Tensors& tensors) {
  Object tuple = Object::steal(PyTuple_New(Py_ssize_t(tensors.size())));
  for (size_t i = 0; i < tensors.size(); ++i) PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), wrap(tensors[i]));
  return tuple;
}

// A hook's result in place of `tensors`; None changes nothing.
void take_result(const Object& result, Tensors& tensors) {
  if (!result || result.get() == Py_None) return;
  const bool one = is_tensor(result.get());
  check_type(one || PyTuple_Check(result.get()), "", "expected a tuple of gradients, but hook returned '",
             type_name_of(result.get()), "'");
  const size_t n = one ? 1 : size_t(PyTuple_GET_SIZE(result.get()));
  check(n == tensors.size(), "", "hook has returned an incorrect number of values (got ", n, ", but expected ",
        tensors.size(), ")");
  for (size_t i = 0; i < n; ++i) {
    tensors[i] = to_gradient(one ? result.get() : PyTuple_GET_ITEM(result.get(), Py_ssize_t(i)));
  }
}

// ---- The four kinds ----

template <class Base>
struct PythonHook : Base {
  explicit PythonHook(PyObject* o) : callable(o) {}
  std::string name() const override { return callable.name(); }
  Callable callable;
};

struct OnGradient final : PythonHook<TensorHook> {
  using PythonHook::PythonHook;
  Tensor operator()(const Tensor& grad) override {
    const GilHeld gil;
    const Object arg = Object::steal(wrap(grad));
    PyObject* const args[] = {arg.get()};
    const Object result = callable.call(args, 1);
    return result ? to_gradient(result.get()) : Tensor();
  }
};
struct OnAccumulated final : PythonHook<AccumulatedHook> {
  using PythonHook::PythonHook;
  void operator()(const Tensor& leaf) override {
    const GilHeld gil;
    const Object arg = Object::steal(wrap(leaf));
    PyObject* const args[] = {arg.get()};
    const Object result = callable.call(args, 1);
    check(!result || result.get() == Py_None, "", "Tensor post accumulate grad hooks should return None.");
  }
};
// By number, and without the leaf.
struct WhenAdded final : PythonHook<AccumulatedHook> {
  WhenAdded(PyObject* callable, PyObject* number) : PythonHook(callable), number_(Object::borrow(number)) {}
  void operator()(const Tensor&) override {
    const GilHeld gil;
    PyObject* const args[] = {number_.get()};
    callable.call(args, 1);
  }
  bool runs_last() const override { return true; }

 private:
  Handle number_;
};
struct BeforeNode final : PythonHook<NodePreHook> {
  using PythonHook::PythonHook;
  void operator()(Tensors& outputs) override {
    const GilHeld gil;
    const Object arg = to_tuple(outputs);
    PyObject* const args[] = {arg.get()};
    take_result(callable.call(args, 1), outputs);
  }
};
struct AfterNode final : PythonHook<NodePostHook> {
  using PythonHook::PythonHook;
  void operator()(Tensors& inputs, const Tensors& outputs) override {
    const GilHeld gil;
    const Object a = to_tuple(inputs), b = to_tuple(outputs);
    PyObject* const args[] = {a.get(), b.get()};
    take_result(callable.call(args, 2), inputs);
  }
};

struct AtEnd final : PythonHook<FinishedHook> {
  using PythonHook::PythonHook;
  void operator()() override {
    const GilHeld gil;
    callable.call(nullptr, 0);
  }
};

// ---- RemovableHandle ----

int64_t next_id = 0;

struct HandleObject {
  PyObject_HEAD Ref<Hook> hook;
  Callable* callable;  // inside the hook
  int64_t id;
};
PyTypeObject handle_type = blank_type();
HandleObject* as_handle(PyObject* o) { return reinterpret_cast<HandleObject*>(o); }

void remove(Hook& hook, Callable& callable) {
  if (hook.removed()) return;
  hook.remove();
  callable.drop();
}

PyObject* make_handle(Ref<Hook> hook, Callable* callable, int64_t id) {
  PyObject* self = Object::steal(handle_type.tp_alloc(&handle_type, 0)).release();
  new (&as_handle(self)->hook) Ref<Hook>(std::move(hook));
  as_handle(self)->callable = callable;
  as_handle(self)->id = id;
  return self;
}

void dealloc_handle(PyObject* self) {
  as_handle(self)->hook.~Ref();
  Py_TYPE(self)->tp_free(self);
}
PyObject* remove_hook(PyObject* self, PyObject*) {
  remove(*as_handle(self)->hook, *as_handle(self)->callable);
  return none();
}
PyObject* enter_handle(PyObject* self, PyObject*) { return new_ref(self); }
PyObject* get_id(PyObject* self, void*) { return PyLong_FromLongLong(as_handle(self)->id); }

PyMethodDef handle_methods[] = {{"remove", remove_hook, METH_NOARGS, "The hook is called no more."},
                                {"__enter__", enter_handle, METH_NOARGS, nullptr},
                                {"__exit__", remove_hook, METH_VARARGS, nullptr},
                                {}};
PyGetSetDef handle_properties[] = {{"id", get_id, nullptr, "The hook's number.", nullptr}, {}};

// ---- Hooks of tensors ----

TensorHooks& list_of(PyObject* tensor) {
  TensorHooks*& list = reinterpret_cast<TensorObject*>(tensor)->hooks;
  if (!list) list = new TensorHooks;
  std::erase_if(list->entries, [](const auto& e) { return e.hook->removed(); });
  track(tensor);
  return *list;
}

template <class Base, class H>
PyObject* attach(PyObject* self, PyObject* callable) {
  const Tensor& t = tensor_of(self);
  auto hook = make_ref<H>(callable);
  add_hook(t, Ref<Base>(hook));
  const int64_t id = next_id++;
  list_of(self).entries.push_back({hook, &hook->callable, t.grad_fn().get(), id, std::is_same_v<Base, TensorHook>});
  return make_handle(hook, &hook->callable, id);
}

PyObject* only_argument(const char* name, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  check_type(n + (kwnames ? PyTuple_GET_SIZE(kwnames) : 0) == 1, "", name, "() takes one argument: the hook");
  return args[0];
}
PyObject* register_hook(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return attach<TensorHook, OnGradient>(self, only_argument("register_hook", args, n, kwnames));
}
PyObject* register_accumulated(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* kwnames) {
  return attach<AccumulatedHook, OnAccumulated>(self,
                                                only_argument("register_post_accumulate_grad_hook", args, n, kwnames));
}

}  // namespace

PyObject* backward_hooks(PyObject* tensor) {
  const TensorHooks* list = reinterpret_cast<TensorObject*>(tensor)->hooks;
  Object found = Object::steal(PyODict_New());
  for (size_t i = 0; list && i < list->entries.size(); ++i) {
    const TensorHooks::Entry& e = list->entries[i];
    if (e.hook->removed() || !e.on_gradient) continue;
    const Object id = Object::steal(PyLong_FromLongLong(e.id));
    expect_ok(PyObject_SetItem(found.get(), id.get(), e.callable->get()));
  }
  return PyODict_SIZE(found.get()) ? found.release() : none();
}

void set_backward_hooks(PyObject* tensor, PyObject* hooks) {
  // A copy: what a hook lets go of may run Python code, which may register another one.
  for (const TensorHooks::Entry& e : std::vector(list_of(tensor).entries)) {
    if (e.on_gradient) remove(*e.hook, *e.callable);
  }
  if (!hooks || hooks == Py_None) return;
  const Object listed = Object::steal(PyMapping_Values(hooks));
  const Object values = Object::steal(PyList_AsTuple(listed.get()));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(values.get()); ++i) {
    Object::steal(attach<TensorHook, OnGradient>(tensor, PyTuple_GET_ITEM(values.get(), i)));
  }
}

PyObject* add_node_hook(Node& node, PyObject* callable, bool before) {
  const int64_t id = next_id++;
  if (before) {
    auto hook = make_ref<BeforeNode>(callable);
    add_hook(node, Ref<NodePreHook>(hook));
    return make_handle(hook, &hook->callable, id);
  }
  auto hook = make_ref<AfterNode>(callable);
  add_hook(node, Ref<NodePostHook>(hook));
  return make_handle(hook, &hook->callable, id);
}

void call_at_end(PyObject* callable, bool outermost) { add_hook(make_ref<AtEnd>(callable), outermost); }

PyObject* call_when_added(const Tensor& leaf, PyObject* callable, PyObject* number) {
  auto hook = make_ref<WhenAdded>(callable, number);
  add_hook(leaf, Ref<AccumulatedHook>(hook));
  return make_handle(hook, &hook->callable, next_id++);
}

void bind_hooks(PyObject* module) {
  handle_type.tp_name = "cnn._C.RemovableHandle";
  handle_type.tp_basicsize = sizeof(HandleObject);
  handle_type.tp_flags = Py_TPFLAGS_DEFAULT;
  handle_type.tp_doc = "What registering a hook returns: remove() takes the hook away.";
  handle_type.tp_dealloc = dealloc_handle;
  handle_type.tp_methods = handle_methods;
  handle_type.tp_getset = handle_properties;
  expect_ok(PyType_Ready(&handle_type));
  expect_ok(PyModule_AddObjectRef(module, "RemovableHandle", reinterpret_cast<PyObject*>(&handle_type)));
}

void bind_hook_methods(Registry& ops) {
  ops.def_method("register_hook", register_hook,
                 "register_hook(hook): hook(grad) runs when the gradient is there, and may return another.");
  ops.def_method("register_post_accumulate_grad_hook", register_accumulated,
                 "register_post_accumulate_grad_hook(hook): hook(leaf) runs after backward added to leaf.grad.");
  ops.def_op<&cnn::retain_grad>("retain_grad(Tensor self) -> None", "Backward then sets .grad though it is no leaf.",
                                kMethodOnly);
  ops.def_op<&cnn::detach_>("detach_(Tensor input) -> Tensor", "Forgets the history, in place.");
}

}  // namespace cnn::python
