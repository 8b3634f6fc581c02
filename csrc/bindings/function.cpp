#include "bindings/function.h"

#include <structmember.h>

#include <optional>

#include "bindings/caster.h"
#include "bindings/hooks.h"
#include "bindings/nodes.h"
#include "bindings/recording.h"
#include "bindings/tensor_type.h"

namespace cnn::python {

namespace {

PyTypeObject function_type = blank_type();

// The ctx: what forward and backward share. The node owns it; it knows the node while that lives.
struct Context {
  PyObject_HEAD Node* node;
  PyObject* to_save;             // tuples that forward gave, or null
  PyObject* non_differentiable;
  PyObject* dirty;
  PyObject* needs_input_grad;
  PyObject* metadata;
  bool materialize_grads;
};
Context* as_context(PyObject* o) { return reinterpret_cast<Context*>(o); }

class PythonNode final : public Node {
 public:
  PythonNode(Object context, std::string name)
      : Node("PythonFunction"), name_(std::move(name)), context_(std::move(context)) {
    as_context(context_.get())->node = this;
    wrapper.store(context_.get(), std::memory_order_relaxed);
  }
  ~PythonNode() override {
    if (!python_alive()) return;
    const GilHeld gil;
    as_context(context_.get())->node = nullptr;
  }

  std::string name() const override { return name_; }
  bool runs_undefined() const override { return true; }  // backward is asked even for gradients of None
  void run(Grads& g) override;
  void release() override {
    if (saved_.empty()) return;
    released_ = true;
    saved_.clear();
  }

  void save(const Tensors& tensors) {
    for (const Tensor& t : tensors) saved_.push_back(t.defined() ? Saved::of(t, this) : Saved());
  }
  Object saved_tensors();
  PyObject* context() const { return context_.get(); }

  std::vector<int> inputs;           // of each argument of forward: which tensor it is, or -1
  std::vector<bool> tensor_outputs;  // of each output of forward: is it a tensor?

 private:
  void take_gradients(Grads& g, PyObject* result) const;
  std::string name_;
  Handle context_;
  std::vector<Saved> saved_;
  bool released_ = false;
};

// The run of backward that this thread is in, for saved_tensors.
struct Run {
  const PythonNode* node;
  Grads* grads;
  Run* outer;
};
thread_local Run* current_run = nullptr;

Object PythonNode::saved_tensors() {
  if (released_) throw_released(*this);
  Grads* grads = current_run && current_run->node == this ? current_run->grads : nullptr;
  const std::vector<Saved> all = saved_;  // unpack hooks may run Python code, which may release them
  std::vector<Object> unpacked;
  for (const Saved& saved : all) {
    unpacked.push_back(Object::steal(wrap(grads ? saved.get(*grads) : saved.unpack(*this))));
  }
  Object tuple = Object::steal(PyTuple_New(Py_ssize_t(unpacked.size())));
  for (size_t i = 0; i < unpacked.size(); ++i) PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), unpacked[i].release());
  return tuple;
}

// Calls `backward(ctx, *grads)` of the class that the ctx was made for.
void PythonNode::run(Grads& g) {
  const GilHeld gil;
  const Object ctx = Object::borrow(context_.get());
  Run run{this, &g, current_run};
  current_run = &run;
  struct Leave {
    ~Leave() { current_run = current_run->outer; }
  } leave;
  const Py_ssize_t n = Py_ssize_t(tensor_outputs.size());
  const Object args = Object::steal(PyTuple_New(n + 1));
  PyTuple_SET_ITEM(args.get(), 0, new_ref(ctx.get()));
  for (Py_ssize_t i = 0; i < n; ++i) {
    Tensor grad;
    if (tensor_outputs[size_t(i)])
      grad = as_context(ctx.get())->materialize_grads ? g.out_or_zeros(int(i)) : g.out(int(i));
    PyTuple_SET_ITEM(args.get(), i + 1, wrap(std::move(grad)));
  }
  const Object cls = Object::steal(PyObject_GetAttrString(ctx.get(), "_forward_cls"));
  const Object backward = Object::steal(PyObject_GetAttrString(cls.get(), "backward"));
  const Object result = run_python([&] { return PyObject_CallObject(backward.get(), args.get()); });
  take_gradients(g, result.get());
}

// One gradient per argument of forward; more of them must be None.
void PythonNode::take_gradients(Grads& g, PyObject* result) const {
  const bool one = !PyTuple_Check(result);
  auto item = [&](size_t i) { return one ? result : PyTuple_GET_ITEM(result, Py_ssize_t(i)); };
  size_t n = one ? 1 : size_t(PyTuple_GET_SIZE(result));
  const size_t given = n;
  while (n > inputs.size() && item(n - 1) == Py_None) --n;
  check(n == inputs.size(), "", "function ", name_, " returned an incorrect number of gradients (expected ",
        inputs.size(), ", got ", given, ")");
  for (size_t i = 0; i < n; ++i) {
    PyObject* o = item(i);
    if (inputs[i] < 0) {
      check(o == Py_None, "", "function ", name_, " returned a gradient different from None at position ", i + 1,
            ", but the corresponding forward input was not a Variable");
    } else if (o != Py_None) {
      check(is_tensor(o), "", "expected Variable or None (got ", type_name_of(o), ")");
      g[inputs[i]] = tensor_of(o);
    }
  }
}

PythonNode* as_python_node(const Node* node) { return const_cast<PythonNode*>(dynamic_cast<const PythonNode*>(node)); }

// ---- apply ----

// The class of the ctx: "<Name>Backward", kept with the function's class.
Object context_class(PyObject* cls) {
  PyObject* own = reinterpret_cast<PyTypeObject*>(cls)->tp_dict;
  if (PyObject* known = PyDict_GetItemString(own, "_backward_cls")) return Object::borrow(known);
  const std::string name = type_name(reinterpret_cast<PyTypeObject*>(cls)) + "Backward";
  const Object made = Object::steal(PyObject_CallFunction(reinterpret_cast<PyObject*>(&PyType_Type), "s(O){sOss}",
                                                          name.c_str(), &function_type, "_forward_cls", cls,
                                                          "__module__", "torch.autograd.function"));
  expect_ok(PyObject_SetAttrString(cls, "_backward_cls", made.get()));
  return made;
}

Tensors tensors_in(PyObject* tuple, const char* what) {
  Tensors found;
  for (Py_ssize_t i = 0; tuple && i < PyTuple_GET_SIZE(tuple); ++i) {
    PyObject* o = PyTuple_GET_ITEM(tuple, i);
    check_type(is_tensor(o) || o == Py_None, "", what, " can only save variables, but argument ", i, " is of type ",
               type_name_of(o));
    found.push_back(o == Py_None ? Tensor() : tensor_of(o));
  }
  return found;
}

// Does a class of the user's define it, not Function itself?
bool has_setup_context(PyObject* cls) {
  PyObject* const mro = reinterpret_cast<PyTypeObject*>(cls)->tp_mro;
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(mro); ++i) {
    auto* const type = reinterpret_cast<PyTypeObject*>(PyTuple_GET_ITEM(mro, i));
    if (type == &function_type) return false;
    if (PyDict_GetItemString(type->tp_dict, "setup_context")) return type->tp_base != &function_type;
  }
  return false;
}

Object run_forward(PyObject* cls, PyObject* ctx, PyObject* const* args, Py_ssize_t n) {
  const NoGrad no_history;
  const Object forward = Object::steal(PyObject_GetAttrString(cls, "forward"));
  if (has_setup_context(cls)) {
    const Object output = run_python([&] { return PyObject_Vectorcall(forward.get(), args, size_t(n), nullptr); });
    const Object inputs = Object::steal(PyTuple_New(n));
    for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(inputs.get(), i, new_ref(args[i]));
    run_python([&] { return PyObject_CallMethod(cls, "setup_context", "OOO", ctx, inputs.get(), output.get()); });
    return output;
  }
  std::vector<PyObject*> all(size_t(n) + 1);
  all[0] = ctx;
  std::copy(args, args + n, all.begin() + 1);
  return run_python([&] { return PyObject_Vectorcall(forward.get(), all.data(), all.size(), nullptr); });
}

// Gives forward's results their history; returns what apply returns.
Object finish(const Ref<PythonNode>& node, bool needed, const Tensors& inputs, const Object& result) {
  Context* ctx = as_context(node->context());
  const bool one = !PyTuple_Check(result.get());
  const Py_ssize_t n = one ? 1 : PyTuple_GET_SIZE(result.get());
  auto item = [&](Py_ssize_t i) { return one ? result.get() : PyTuple_GET_ITEM(result.get(), i); };
  Tensors outputs;
  for (Py_ssize_t i = 0; i < n; ++i) {
    outputs.push_back(is_tensor(item(i)) ? tensor_of(item(i)) : Tensor());
    node->tensor_outputs.push_back(outputs.back().defined());
  }
  const Tensors dirty = tensors_in(ctx->dirty, "mark_dirty"),
                fixed = tensors_in(ctx->non_differentiable, "mark_non_differentiable");
  for (const Tensor& t : dirty) {
    bool returned = false;
    for (const Tensor& y : outputs) returned |= y.same(t);
    check(returned, "",
          "Some elements marked as dirty during the forward method were not returned as output. The inputs that are "
          "modified inplace must all be outputs of the Function.");
  }
  const Tensors made = attach_custom(needed ? Ref<Node>(node) : Ref<Node>(), inputs, outputs, dirty, fixed);
  Object wrapped = Object::steal(PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    const Tensor& y = made[size_t(i)];
    PyObject* o = !y.defined() || y.same(outputs[size_t(i)]) ? new_ref(item(i)) : wrap(y);
    PyTuple_SET_ITEM(wrapped.get(), i, o);
    if (needed && y.defined()) track(o);  // a ctx may refer back to it
  }
  if (needed) node->save(tensors_in(ctx->to_save, "save_for_backward"));
  Py_CLEAR(ctx->to_save);
  return one ? Object::borrow(PyTuple_GET_ITEM(wrapped.get(), 0)) : wrapped;
}

PyObject* apply(PyObject* cls, PyObject* const* args, Py_ssize_t n) {
  return guard([&] {
    std::optional<PythonRange> range;
    if (mode_word & kProfiler) [[unlikely]] {
      range.emplace(RangeKind::Function, type_name(reinterpret_cast<PyTypeObject*>(cls)));
      for (Py_ssize_t i = 0; range->wants_arguments() && i < n; ++i) range->argument(args[i]);
    }
    const Object type = context_class(cls);
    check_type(PyType_Check(type.get()), "", "_backward_cls must be a class, not ", type_name_of(type.get()));
    Object ctx = run_python([&] { return PyObject_CallNoArgs(type.get()); });
    check_type(PyObject_TypeCheck(ctx.get(), &function_type), "", "_backward_cls made no context, but a ",
               type_name_of(ctx.get()));
    const Ref<PythonNode> node(new PythonNode(ctx, type_name(reinterpret_cast<PyTypeObject*>(type.get()))));
    Tensors inputs;
    const Object needs = Object::steal(PyTuple_New(n));
    for (Py_ssize_t i = 0; i < n; ++i) {
      const bool tensor = is_tensor(args[i]);
      node->inputs.push_back(tensor ? int(inputs.size()) : -1);
      if (tensor) inputs.push_back(tensor_of(args[i]));
      PyTuple_SET_ITEM(needs.get(), i, PyBool_FromLong(tensor && tensor_of(args[i]).requires_grad()));
    }
    Py_XSETREF(as_context(ctx.get())->needs_input_grad, Object(needs).release());
    const bool needed = connect(*node, inputs);
    return finish(node, needed, inputs, run_forward(cls, ctx.get(), args, n)).release();
  });
}

// ---- The ctx in Python ----

PyObject* new_context(PyTypeObject* type, PyObject*, PyObject*) {
  PyObject* self = type->tp_alloc(type, 0);
  if (self) as_context(self)->materialize_grads = true;
  return self;
}
int traverse(PyObject* self, visitproc visit, void* arg) {
  Context* c = as_context(self);
  Py_VISIT(c->to_save);
  Py_VISIT(c->non_differentiable);
  Py_VISIT(c->dirty);
  Py_VISIT(c->needs_input_grad);
  Py_VISIT(c->metadata);
  return 0;
}
int clear(PyObject* self) {
  Context* c = as_context(self);
  Py_CLEAR(c->to_save);
  Py_CLEAR(c->non_differentiable);
  Py_CLEAR(c->dirty);
  Py_CLEAR(c->metadata);
  return 0;
}
void dealloc(PyObject* self) {
  PyObject_GC_UnTrack(self);
  clear(self);
  Py_CLEAR(as_context(self)->needs_input_grad);
  Py_TYPE(self)->tp_free(self);
}

PyObject* call_instance(PyObject*, PyObject*, PyObject*) {
  PyErr_SetString(
      PyExc_RuntimeError,
      "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd "
      "function with static forward method. "
      "(Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)");
  return nullptr;
}

template <PyObject* Context::* Field>
PyObject* keep(PyObject* self, PyObject* args) {
  Py_XSETREF(as_context(self)->*Field, new_ref(args));
  return none();
}
PyObject* ignore(PyObject*, PyObject*) { return none(); }
PyObject* set_materialize(PyObject* self, PyObject* value) {
  const int on = PyObject_IsTrue(value);
  if (on < 0) return nullptr;
  as_context(self)->materialize_grads = on;
  return none();
}

// The node, for what a Node can do.
Node& node_behind(PyObject* self, const char* attribute) {
  Node* node = as_context(self)->node;
  check(node, "", "Attribute '", attribute,
        "' is invalid for this instance of _C._FunctionBase. Accessing this attribute directly on an instance of "
        "autograd.Function is a legacy access pattern that is no longer supported.");
  return *node;
}

PyObject* get_saved(PyObject* self, void*) {
  return guard([&]() -> PyObject* {
    Node* node = as_context(self)->node;
    return node ? as_python_node(node)->saved_tensors().release() : PyTuple_New(0);
  });
}
PyObject* get_needs(PyObject* self, void*) {
  PyObject* needs = as_context(self)->needs_input_grad;
  return needs ? new_ref(needs) : PyTuple_New(0);
}
int set_needs(PyObject* self, PyObject* value, void*) {
  Py_XSETREF(as_context(self)->needs_input_grad, value ? new_ref(value) : nullptr);
  return 0;
}
PyObject* get_next(PyObject* self, void*) {
  return guard([&] { return next_functions(node_behind(self, "next_functions")); });
}
PyObject* get_metadata(PyObject* self, void*) {
  PyObject*& dict = as_context(self)->metadata;
  if (!dict) dict = PyDict_New();
  return dict ? new_ref(dict) : nullptr;
}
PyObject* get_name(PyObject* self, PyObject*) { return PyUnicode_FromString(type_name_of(self).c_str()); }
PyObject* get_sequence(PyObject* self, PyObject*) {
  return guard([&] { return PyLong_FromUnsignedLongLong(node_behind(self, "_sequence_nr").sequence()); });
}
PyObject* register_hook(PyObject* self, PyObject* hook) {
  return guard([&] { return add_node_hook(node_behind(self, "register_hook"), hook, /*before=*/false); });
}
PyObject* register_prehook(PyObject* self, PyObject* hook) {
  return guard([&] { return add_node_hook(node_behind(self, "register_prehook"), hook, /*before=*/true); });
}
PyObject* output(PyObject* self, PyObject* index) {
  return guard([&] { return wrap(output_of(Ref<Node>(&node_behind(self, "_output")), int(to_int(index)))); });
}

PyObject* no_forward(PyObject*, PyObject*) {
  PyErr_SetString(PyExc_NotImplementedError, "You must implement the forward function for custom autograd.Function.");
  return nullptr;
}
PyObject* no_backward(PyObject*, PyObject*) {
  PyErr_SetString(
      PyExc_NotImplementedError,
      "You must implement either the backward or vjp method for your custom autograd.Function to use it with "
      "backward mode AD.");
  return nullptr;
}
PyObject* no_setup_context(PyObject*, PyObject*) {
  PyErr_SetString(PyExc_NotImplementedError, "setup_context is not implemented.");
  return nullptr;
}

PyMethodDef methods[] = {
    {"apply", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(apply)), METH_FASTCALL | METH_CLASS,
     "apply(*args): runs forward and records the node whose backward is the class's."},
    {"forward", no_forward, METH_VARARGS | METH_STATIC, "forward(ctx, *args), or forward(*args) with setup_context."},
    {"backward", no_backward, METH_VARARGS | METH_STATIC,
     "backward(ctx, *grad_outputs): a gradient for each argument."},
    {"setup_context", no_setup_context, METH_VARARGS | METH_STATIC, "setup_context(ctx, inputs, output)"},
    {"save_for_backward", keep<&Context::to_save>, METH_VARARGS,
     "save_for_backward(*tensors): keeps inputs and outputs for backward, as ctx.saved_tensors."},
    {"save_for_forward", ignore, METH_VARARGS, "Has no effect: there is no forward-mode differentiation."},
    {"mark_dirty", keep<&Context::dirty>, METH_VARARGS, "mark_dirty(*args): inputs that forward changed in place."},
    {"mark_non_differentiable", keep<&Context::non_differentiable>, METH_VARARGS,
     "mark_non_differentiable(*args): outputs without gradient."},
    {"set_materialize_grads", set_materialize, METH_O,
     "set_materialize_grads(value): with False, missing gradients are None instead of zeros."},
    {"name", get_name, METH_NOARGS, "The node's name."},
    {"_sequence_nr", get_sequence, METH_NOARGS, "Counts the nodes of a thread."},
    {"register_hook", register_hook, METH_O,
     "register_hook(hook): hook(grad_inputs, grad_outputs) runs after backward."},
    {"_output", output, METH_O, "_output(index): a tensor that stands for an output of the node."},
    {"register_prehook", register_prehook, METH_O, "register_prehook(hook): hook(grad_outputs) runs before backward."},
    {}};
PyGetSetDef properties[] = {
    {"saved_tensors", get_saved, nullptr, "What save_for_backward kept.", nullptr},
    {"saved_variables", get_saved, nullptr, "saved_tensors.", nullptr},
    {"needs_input_grad", get_needs, set_needs, "Of each argument of forward: does it need a gradient?", nullptr},
    {"next_functions", get_next, nullptr, "Pairs of the nodes of its inputs, and which output of them.", nullptr},
    {"metadata", get_metadata, nullptr, "A dict for the user.", nullptr},
    {}};

}  // namespace

PyObject* context_of(const Node& node) {
  const PythonNode* found = as_python_node(&node);
  return found ? found->context() : nullptr;
}

void bind_function(PyObject* module) {
  function_type.tp_name = "cnn.autograd.function.FunctionCtx";
  function_type.tp_basicsize = sizeof(Context);
  function_type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;
  function_type.tp_doc = "The base of autograd.Function, and of the ctx of its calls.";
  function_type.tp_new = new_context;
  function_type.tp_dealloc = dealloc;
  function_type.tp_traverse = traverse;
  function_type.tp_clear = clear;
  function_type.tp_call = call_instance;
  function_type.tp_methods = methods;
  function_type.tp_getset = properties;
  expect_ok(PyType_Ready(&function_type));
  expect_ok(PyModule_AddObjectRef(module, "_FunctionBase", reinterpret_cast<PyObject*>(&function_type)));
}

}  // namespace cnn::python
