// Running backward, and what Python lends to it: saved-tensor hooks and the traces of anomaly mode.
#include "bindings/engine.h"

#include "autograd/hooks.h"
#include "bindings/caster.h"
#include "bindings/hooks.h"
#include "cnn/autograd.h"

namespace cnn::python {

namespace {

// A sequence of tensors; None stands for an undefined one.
Tensors tensors_or_none(PyObject* o, const char* what) {
  Tensors tensors;
  if (o == Py_None) return tensors;
  if (is_tensor(o)) return {tensor_of(o)};
  const Object items = Object::steal(PySequence_Fast(o, "expected a sequence of tensors"));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(items.get()); ++i) {
    PyObject* item = PySequence_Fast_GET_ITEM(items.get(), i);
    check_type(is_tensor(item) || item == Py_None, "", what, ": expected tensors, got ", type_name_of(item));
    tensors.push_back(item == Py_None ? Tensor() : tensor_of(item));
  }
  return tensors;
}

void check_count(const char* name, Py_ssize_t n, Py_ssize_t expected) {
  check_type(n == expected, "", name, "() takes ", expected, " arguments, got ", n);
}

// _backward(tensors, grads, retain_graph, create_graph, inputs, accumulate)
PyObject* run_backward(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return guard([&] {
    check_count("_backward", n, 6);
    const Tensors roots = tensors_or_none(args[0], "backward"), grads = tensors_or_none(args[1], "backward"),
                  inputs = tensors_or_none(args[4], "backward");
    const bool retain = to_bool(args[2]), create = to_bool(args[3]), accumulate = to_bool(args[5]);
    {
      const GilFree others_run;
      cnn::backward(roots, grads, retain, create, inputs, accumulate);
    }
    return none();
  });
}

// _grad(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused) -> tuple
PyObject* run_grad(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return guard([&] {
    check_count("_grad", n, 6);
    const Tensors outputs = tensors_or_none(args[0], "grad"), inputs = tensors_or_none(args[1], "grad"),
                  grads = tensors_or_none(args[2], "grad");
    const bool retain = to_bool(args[3]), create = to_bool(args[4]), unused = to_bool(args[5]);
    Tensors found;
    {
      const GilFree others_run;
      found = cnn::grad(outputs, inputs, grads, retain, create, unused);
    }
    return to_python(Call(), found);
  });
}

// ---- saved_tensors_hooks ----

struct PackedObject final : RefCounted {
  explicit PackedObject(Object o) : object(std::move(o)) {}
  Handle object;
};

class PythonSavedHooks final : public SavedHooks {
 public:
  PythonSavedHooks(PyObject* pack, PyObject* unpack) : pack_(Object::borrow(pack)), unpack_(Object::borrow(unpack)) {}
  Ref<RefCounted> pack(const Tensor& x) override {
    const GilHeld gil;
    const Object hook = Object::borrow(pack_.get()), arg = Object::steal(wrap(x));
    return make_ref<PackedObject>(run_python([&] { return PyObject_CallOneArg(hook.get(), arg.get()); }));
  }
  Tensor unpack(RefCounted& packed) override {
    const GilHeld gil;
    const Object hook = Object::borrow(unpack_.get());  // held, though the hook itself may let go of the graph
    const Object object = Object::borrow(static_cast<PackedObject&>(packed).object.get());
    const Object result = run_python([&] { return PyObject_CallOneArg(hook.get(), object.get()); });
    check_type(is_tensor(result.get()), "",
               "Output of saved tensor unpack_hook expected to be a Tensor but got result of type ",
               type_name_of(result.get()));
    return tensor_of(result.get());
  }

 private:
  Handle pack_, unpack_;
};

PyObject* push_hooks(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return guard([&] {
    check_count("_push_saved_tensors_default_hooks", n, 2);
    push_saved_hooks(make_ref<PythonSavedHooks>(args[0], args[1]));
    return none();
  });
}
PyObject* pop_hooks(PyObject*, PyObject*) {
  return guard([] {
    pop_saved_hooks();
    return none();
  });
}
PyObject* disable_hooks(PyObject*, PyObject* message) {
  return guard([&] {
    check_type(PyUnicode_Check(message), "", "the message must be str, not ", type_name_of(message));
    disable_saved_hooks(std::string(view(message)));
    return none();
  });
}
PyObject* enable_hooks(PyObject*, PyObject*) {
  return guard([] {
    disable_saved_hooks(std::nullopt);
    return none();
  });
}
PyObject* hooks_error(PyObject*, PyObject*) {
  const std::optional<std::string>& error = saved_hooks_error();
  return error ? PyUnicode_FromString(error->c_str()) : none();
}

// ---- Anomaly mode ----

struct Trace final : RefCounted {
  std::string text;
};

// The stack of the Python code that makes a node.
Ref<RefCounted> take_trace() {
  if (!python_alive()) return nullptr;
  const GilHeld gil;
  auto trace = make_ref<Trace>();
  const Object module = Object::steal(PyImport_ImportModule("traceback"));
  const Object stack = run_python([&] { return PyObject_CallMethod(module.get(), "format_stack", nullptr); });
  const Object lines = Object::steal(PySequence_Tuple(stack.get()));
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(lines.get()); ++i) trace->text += view(PyTuple_GET_ITEM(lines.get(), i));
  return trace;
}

void report_trace(const Node& node, RefCounted* trace) {
  if (!python_alive()) return;
  const GilHeld gil;
  std::string message = "Error detected in " + node.class_name() + ". ";
  if (trace) message += "Traceback of forward call that caused the error:\n" + static_cast<Trace*>(trace)->text;
  else
    message += "No forward pass information available. Enable detect anomaly during forward pass for more information.";
  expect_ok(PyErr_WarnEx(PyExc_UserWarning, message.c_str(), 1));
}

PyObject* set_anomaly(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return guard([&] {
    check_type(n == 1 || n == 2, "", "set_anomaly_enabled() takes 1 or 2 arguments, got ", n);
    mode_word = to_bool(args[0]) ? mode_word | kAnomaly : mode_word & ~uint32_t(kAnomaly);
    anomaly_check_nan = n == 1 || to_bool(args[1]);
    return none();
  });
}
PyObject* checks_nan(PyObject*, PyObject*) { return PyBool_FromLong(anomaly_check_nan); }

// ---- What a hook may ask of the backward that calls it ----

PyObject* run_number(PyObject*, PyObject*) { return PyLong_FromLongLong(current_run_number()); }
PyObject* run_computes(PyObject*, PyObject* tensor) {
  return guard([&] {
    check_type(is_tensor(tensor), "", "expected a tensor, got ", type_name_of(tensor));
    const Edge edge = gradient_edge(tensor_of(tensor));
    return PyBool_FromLong(edge.node && current_run_computes(*edge.node));
  });
}

// _queue_callback(callback, outermost)
PyObject* queue_callback(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return guard([&] {
    check_count("_queue_callback", n, 2);
    check_type(PyCallable_Check(args[0]), "", "queue_callback(): expected a function, got ", type_name_of(args[0]));
    call_at_end(args[0], to_bool(args[1]));
    return none();
  });
}
// _call_when_added(leaf, callback, number)
PyObject* when_added(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return guard([&] {
    check_count("_call_when_added", n, 3);
    check_type(is_tensor(args[0]) && PyCallable_Check(args[1]), "", "expected a tensor and a function");
    return call_when_added(tensor_of(args[0]), args[1], args[2]);
  });
}
// _leaves_reached(outputs, leaves) -> list of bool
PyObject* reached(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return guard([&] {
    check_count("_leaves_reached", n, 2);
    const Tensors roots = tensors_or_none(args[0], "_leaves_reached"),
                  leaves = tensors_or_none(args[1], "_leaves_reached");
    const std::vector<bool> found = leaves_reached(roots, leaves);
    Object list = Object::steal(PyList_New(Py_ssize_t(found.size())));
    for (size_t i = 0; i < found.size(); ++i) PyList_SET_ITEM(list.get(), Py_ssize_t(i), PyBool_FromLong(found[i]));
    return list.release();
  });
}

// ---- Who holds a gradient besides its leaf ----

PyObject* gradient_is_alone(PyObject*, PyObject* leaf) {
  return guard([&] {
    check_type(is_tensor(leaf), "", "expected a tensor, got ", type_name_of(leaf));
    const Tensor grad = tensor_of(leaf).grad();  // the leaf holds it, and this
    const TensorImpl* impl = grad.defined() ? grad.impl() : nullptr;
    return PyBool_FromLong(impl && impl->use_count() == 2 && impl->storage->use_count() == 1 && !impl->base &&
                           !impl->autograd);
  });
}
// _views_are_alone(flat, views): do the list `views`, leaves whose .grad they are, and `flat` alone hold the memory?
PyObject* views_are_alone(PyObject*, PyObject* const* args, Py_ssize_t n) {
  return guard([&] {
    check_count("_views_are_alone", n, 2);
    check_type(is_tensor(args[0]) && PyList_Check(args[1]), "", "expected a tensor and a list of tensors");
    const Py_ssize_t count = PyList_GET_SIZE(args[1]);
    bool alone = tensor_of(args[0]).impl()->storage->use_count() == uint32_t(count + 1);
    for (Py_ssize_t i = 0; alone && i < count; ++i) {
      PyObject* view = PyList_GET_ITEM(args[1], i);
      check_type(is_tensor(view), "", "expected a list of tensors, got ", type_name_of(view));
      alone = Py_REFCNT(view) == 1 && tensor_of(view).impl()->use_count() <= 2;
    }
    return PyBool_FromLong(alone);
  });
}

template <class F>
PyCFunction fast(F f) {
  return reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f));
}

PyMethodDef functions[] = {
    {"_backward", fast(run_backward), METH_FASTCALL,
     "_backward(tensors, grads, retain_graph, create_graph, inputs, accumulate)"},
    {"_grad", fast(run_grad), METH_FASTCALL,
     "_grad(outputs, inputs, grad_outputs, retain_graph, create_graph, allow_unused) -> tuple"},
    {"_push_saved_tensors_default_hooks", fast(push_hooks), METH_FASTCALL, "_push...(pack_hook, unpack_hook)"},
    {"_pop_saved_tensors_default_hooks", pop_hooks, METH_NOARGS, nullptr},
    {"_saved_tensors_hooks_disable", disable_hooks, METH_O, "_saved_tensors_hooks_disable(error_message)"},
    {"_saved_tensors_hooks_enable", enable_hooks, METH_NOARGS, nullptr},
    {"_saved_tensors_hooks_get_disabled_error_message", hooks_error, METH_NOARGS, nullptr},
    {"set_anomaly_enabled", fast(set_anomaly), METH_FASTCALL, "set_anomaly_enabled(enabled, check_nan=True)"},
    {"_current_graph_task_id", run_number, METH_NOARGS, "The number of the backward that runs in this thread; or -1."},
    {"_computes_gradient_of", run_computes, METH_O, "Does that backward compute the gradient of this tensor?"},
    {"_queue_callback", fast(queue_callback), METH_FASTCALL,
     "_queue_callback(callback, outermost): callback() runs at the end of the backward that runs in this thread."},
    {"_call_when_added", fast(when_added), METH_FASTCALL,
     "_call_when_added(leaf, callback, number): callback(number) after backward added to leaf.grad; a handle."},
    {"_leaves_reached", fast(reached), METH_FASTCALL,
     "_leaves_reached(outputs, leaves) -> list: would backward from the outputs reach each leaf?"},
    {"_gradient_is_alone", gradient_is_alone, METH_O, "Does nobody but the leaf hold its .grad, or the memory of it?"},
    {"_views_are_alone", fast(views_are_alone), METH_FASTCALL,
     "_views_are_alone(flat, views): do these, and leaves whose .grad the views are, alone hold the memory?"},
    {"is_anomaly_check_nan_enabled", checks_nan, METH_NOARGS, "Does anomaly mode fail at the first NaN?"},
    {}};

}  // namespace

void bind_engine(PyObject* module) {
  expect_ok(PyModule_AddFunctions(module, functions));
  anomaly_trace = take_trace;
  anomaly_report = report_trace;
}

}  // namespace cnn::python
