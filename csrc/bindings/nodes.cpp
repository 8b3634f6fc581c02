// grad_fn in Python: one object per node of the graph, of a class with the node's name.
#include "bindings/nodes.h"

#include <map>

#include "bindings/caster.h"
#include "bindings/hooks.h"

namespace cnn::python {

PyTypeObject node_type = blank_type();

namespace {

struct NodeObject {
  PyObject_HEAD Ref<Node> node;
  PyObject* metadata;  // a dict, made when it is asked for
};
NodeObject* as_object(PyObject* o) { return reinterpret_cast<NodeObject*>(o); }

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  if (Ref<Node>& node = as_object(self)->node) node->wrapper.store(nullptr, std::memory_order_relaxed);
  as_object(self)->node.~Ref();
  Py_CLEAR(as_object(self)->metadata);
  type->tp_free(self);
  if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) Py_DECREF(type);
}
int traverse(PyObject* self, visitproc visit, void* arg) {
  if (Py_TYPE(self)->tp_flags & Py_TPFLAGS_HEAPTYPE) Py_VISIT(Py_TYPE(self));
  Py_VISIT(as_object(self)->metadata);
  return 0;
}
int clear(PyObject* self) {
  Py_CLEAR(as_object(self)->metadata);
  return 0;
}

PyObject* repr(PyObject* self) { return PyUnicode_FromFormat("<%s object at %p>", type_name_of(self).c_str(), self); }
PyObject* name(PyObject* self, PyObject*) {
  return guard([&] { return text(as_object(self)->node->name()).release(); });
}
PyObject* get_next_functions(PyObject* self, void*) {
  return guard([&] { return next_functions(*as_object(self)->node); });
}
PyObject* get_metadata(PyObject* self, void*) {
  PyObject*& dict = as_object(self)->metadata;
  if (!dict) dict = PyDict_New();
  return dict ? new_ref(dict) : nullptr;
}
PyObject* get_sequence(PyObject* self, PyObject*) {
  return PyLong_FromUnsignedLongLong(as_object(self)->node->sequence());
}
PyObject* get_variable(PyObject* self, void*) {
  return guard([&] {
    const Tensor leaf = leaf_of(*as_object(self)->node);
    if (leaf.defined()) return wrap(leaf);
    PyErr_Format(PyExc_AttributeError, "'%s' object has no attribute 'variable'", type_name(Py_TYPE(self)).c_str());
    throw PythonError();
  });
}
PyObject* register_hook(PyObject* self, PyObject* hook) {
  return guard([&] { return add_node_hook(*as_object(self)->node, hook, /*before=*/false); });
}
PyObject* register_prehook(PyObject* self, PyObject* hook) {
  return guard([&] { return add_node_hook(*as_object(self)->node, hook, /*before=*/true); });
}
PyObject* output(PyObject* self, PyObject* index) {
  return guard([&] { return wrap(output_of(as_object(self)->node, int(to_int(index)))); });
}

PyMethodDef methods[] = {
    {"_output", output, METH_O, "_output(index): a tensor that stands for an output of the node."},
    {"name", name, METH_NOARGS, "The node's name, as in 'MulBackward0'."},
    {"_sequence_nr", get_sequence, METH_NOARGS, "Counts the nodes of a thread; backward runs the latest first."},
    {"register_hook", register_hook, METH_O,
     "register_hook(hook): hook(grad_inputs, grad_outputs) runs after the node, and may return other grad_inputs."},
    {"register_prehook", register_prehook, METH_O,
     "register_prehook(hook): hook(grad_outputs) runs before the node, and may return other grad_outputs."},
    {}};
PyGetSetDef properties[] = {{"next_functions", get_next_functions, nullptr,
                             "Pairs of the nodes of its inputs, and which output of them.", nullptr},
                            {"metadata", get_metadata, nullptr, "A dict for the user.", nullptr},
                            {"variable", get_variable, nullptr, "Of AccumulateGrad: the leaf.", nullptr},
                            {}};

// The class of nodes of a name. Never freed: names are few.
PyTypeObject* class_named(const std::string& name) {
  static std::map<std::string, PyTypeObject*>& known = *new std::map<std::string, PyTypeObject*>;
  PyTypeObject*& found = known["builtins." + name];  // the module that PyTorch's nodes have
  if (found) return found;
  PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>("A node of the graph that backward walks.")},
                         {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                         {Py_tp_traverse, reinterpret_cast<void*>(traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(clear)},
                         {0, nullptr}};
  PyType_Spec spec = {known.find("builtins." + name)->first.c_str(), sizeof(NodeObject), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots};
  const Object bases = Object::steal(PyTuple_Pack(1, &node_type));
  found = reinterpret_cast<PyTypeObject*>(Object::steal(PyType_FromSpecWithBases(&spec, bases.get())).release());
  return found;
}

}  // namespace

bool is_node(PyObject* o) { return PyObject_TypeCheck(o, &node_type); }

const Ref<Node>& node_of(PyObject* o) { return as_object(o)->node; }

PyObject* wrap_node(Ref<Node> node) {
  if (!node) return none();
  if (auto* known = static_cast<PyObject*>(node->wrapper.load(std::memory_order_relaxed))) return new_ref(known);
  PyTypeObject* type = class_named(node->class_name());
  PyObject* self = type->tp_alloc(type, 0);
  if (!self) throw PythonError();
  node->wrapper.store(self, std::memory_order_relaxed);
  new (&as_object(self)->node) Ref<Node>(std::move(node));
  return self;
}

PyObject* next_functions(const Node& node) {
  const auto& edges = node.edges();
  Object all = Object::steal(PyTuple_New(Py_ssize_t(edges.size())));
  for (size_t i = 0; i < edges.size(); ++i) {
    const Object next = Object::steal(wrap_node(edges[i].node));
    PyTuple_SET_ITEM(all.get(), Py_ssize_t(i),
                     Object::steal(Py_BuildValue("(Oi)", next.get(), edges[i].index)).release());
  }
  return all.release();
}

void bind_nodes(PyObject* module) {
  node_type.tp_name = "cnn._C.Node";
  node_type.tp_basicsize = sizeof(NodeObject);
  node_type.tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC;
  node_type.tp_doc = "A node of the graph that backward walks.";
  node_type.tp_dealloc = dealloc;
  node_type.tp_repr = repr;
  node_type.tp_traverse = traverse;
  node_type.tp_clear = clear;
  node_type.tp_methods = methods;
  node_type.tp_getset = properties;
  expect_ok(PyType_Ready(&node_type));
  expect_ok(PyModule_AddObjectRef(module, "Node", reinterpret_cast<PyObject*>(&node_type)));
}

}  // namespace cnn::python
