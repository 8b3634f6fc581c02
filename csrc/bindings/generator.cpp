// torch.Generator
#include "bindings/generator.h"

#include "bindings/caster.h"
#include "cnn/cuda.h"
#include "cnn/ops.h"

namespace cnn::python {

namespace {

struct GeneratorObject {
  PyObject_HEAD Generator* generator;
  bool owned;
};
GeneratorObject* as_object(PyObject* o) { return reinterpret_cast<GeneratorObject*>(o); }
Generator& generator_of(PyObject* o) { return *as_object(o)->generator; }

PyObject* new_generator(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guard([&]() -> PyObject* {
    PyObject* device = Py_None;
    Device place = kCpu;
    static const char* names[] = {"device", nullptr};
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Generator", const_cast<char**>(names), &device)) return nullptr;
    if (device != Py_None) {
      check_type(is_device_like(device), "", "Generator(): argument 'device' must be torch.device, not ",
                 type_name_of(device));
      const Device d = to_device(device);
      check(!d.is_meta(), "", "Device type ", device_name(d), " is not supported for torch.Generator() api.");
      place = d.is_cuda() ? cuda_device(d) : d;
    }
    Object made = Object::steal(type->tp_alloc(type, 0));
    as_object(made.get())->generator = new Generator(place);
    as_object(made.get())->owned = true;
    return made.release();
  });
}
void dealloc(PyObject* self) {
  if (as_object(self)->owned) delete as_object(self)->generator;
  Py_TYPE(self)->tp_free(self);
}

PyObject* manual_seed(PyObject* self, PyObject* seed) {
  return guard([&] {
    generator_of(self).manual_seed(to_seed(seed));
    return new_ref(self);
  });
}
PyObject* seed(PyObject* self, PyObject*) {
  return guard([&] { return PyLong_FromUnsignedLongLong(generator_of(self).seed()); });
}
PyObject* initial_seed(PyObject* self, PyObject*) {
  return guard([&] { return PyLong_FromUnsignedLongLong(generator_of(self).initial_seed()); });
}
PyObject* get_state(PyObject* self, PyObject*) {
  return guard([&] {
    const std::vector<uint8_t> state = generator_of(self).get_state();
    const Tensor t = empty({int64_t(state.size())}, DType::UInt8);
    std::copy(state.begin(), state.end(), t.data<uint8_t>());
    return wrap(t);
  });
}
PyObject* set_state(PyObject* self, PyObject* state) {
  return guard([&] {
    check_type(is_tensor(state), "", "expected a torch.ByteTensor, but got ", type_name_of(state));
    const Tensor t = tensor_of(state);
    check_type(t.dtype() == DType::UInt8 && t.device().is_cpu(), "", "expected a torch.ByteTensor, but got ",
               dtype_name(t.dtype()), " on ", t.device());
    const Tensor dense = cnn::contiguous(t);
    generator_of(self).set_state(dense.data<uint8_t>(), size_t(dense.numel()));
    return new_ref(self);
  });
}
PyObject* clone_state(PyObject* self, PyObject*) {
  return guard([&] {
    const Object device = Object::steal(device_object(generator_of(self).device()));
    const Object copy = Object::steal(PyObject_CallOneArg(reinterpret_cast<PyObject*>(&generator_type), device.get()));
    const std::vector<uint8_t> state = generator_of(self).get_state();
    generator_of(copy.get()).set_state(state.data(), state.size());
    return new_ref(copy.get());
  });
}
PyObject* graphsafe_get_state(PyObject* self, PyObject*) {
  return guard([&] {
    const Generator& own = generator_of(self);
    check_implemented(own.device().is_cuda(), "", "graphsafe_get_state is not supported in this Generator");
    const Object device = Object::steal(device_object(own.device()));
    const Object other = Object::steal(PyObject_CallOneArg(reinterpret_cast<PyObject*>(&generator_type), device.get()));
    generator_of(other.get()).share_state(own.shared_state());
    return new_ref(other.get());
  });
}
PyObject* graphsafe_set_state(PyObject* self, PyObject* other) {
  return guard([&] {
    Generator& own = generator_of(self);
    check_type(PyObject_TypeCheck(other, &generator_type), "", "expected a Generator, but got ", type_name_of(other));
    check_implemented(own.device().is_cuda(), "", "graphsafe_set_state is not supported in this Generator");
    check(generator_of(other).device() == own.device(), "",
          "graphsafe_set_state: expected the state of a generator of ", own.device(), ", got one of ",
          generator_of(other).device());
    own.share_state(generator_of(other).shared_state());
    return new_ref(self);
  });
}
PyObject* get_offset(PyObject* self, PyObject*) {
  return guard([&] { return PyLong_FromUnsignedLongLong(generator_of(self).offset()); });
}
PyObject* set_offset(PyObject* self, PyObject* offset) {
  return guard([&] {
    generator_of(self).set_offset(to_seed(offset));
    return new_ref(self);
  });
}
PyObject* reduce(PyObject* self, PyObject*) {
  return guard([&] {
    const Object state = Object::steal(get_state(self, nullptr));
    return Py_BuildValue("O(s)O", &generator_type, device_name(generator_of(self).device()).c_str(), state.get());
  });
}
PyObject* get_device(PyObject* self, void*) {
  return guard([&] { return device_object(generator_of(self).device()); });
}

PyMethodDef methods[] = {{"manual_seed", manual_seed, METH_O,
                          "manual_seed(seed): the same seed gives the same numbers. Returns the generator."},
                         {"seed", seed, METH_NOARGS, "Seeds from the system, and returns that seed."},
                         {"initial_seed", initial_seed, METH_NOARGS, "The seed it started from."},
                         {"get_state", get_state, METH_NOARGS, "The state, a uint8 tensor."},
                         {"set_state", set_state, METH_O, "set_state(state): goes on from a state of get_state()."},
                         {"get_offset", get_offset, METH_NOARGS, "How far it has come; on GPUs only."},
                         {"set_offset", set_offset, METH_O, "set_offset(offset): goes on there; on GPUs only."},
                         {"clone_state", clone_state, METH_NOARGS, "A generator in the same state."},
                         {"graphsafe_get_state", graphsafe_get_state, METH_NOARGS,
                          "A generator with the same state: what one draws, both have drawn. On GPUs only."},
                         {"graphsafe_set_state", graphsafe_set_state, METH_O,
                          "graphsafe_set_state(other): shares the other's state from now on. On GPUs only."},
                         {"__reduce__", reduce, METH_NOARGS, nullptr},
                         {"__setstate__", set_state, METH_O, nullptr},
                         {}};
PyGetSetDef properties[] = {{"device", get_device, nullptr, "The device that draws from it.", nullptr}, {}};

}  // namespace

uint64_t to_seed(PyObject* o) {
  check_type(is_int_like(o), "", "manual_seed expected a long, but got ", type_name_of(o));
  const Object index = Object::steal(PyNumber_Index(o));
  int overflow = 0;
  const long long small = PyLong_AsLongLongAndOverflow(index.get(), &overflow);
  if (!overflow) return uint64_t(small);
  const unsigned long long large = PyLong_AsUnsignedLongLong(index.get());
  if (overflow < 0 || (large == ~0ull && PyErr_Occurred())) {
    PyErr_Clear();
    fail(ErrorKind::Runtime, "", "Overflow when unpacking unsigned long long");
  }
  return large;
}

Object default_generator_of(Device device) {
  Object made = Object::steal(generator_type.tp_alloc(&generator_type, 0));
  as_object(made.get())->generator = &default_generator(device);
  return made;
}

Generator* to_generator(PyObject* o) { return o == Py_None ? nullptr : &generator_of(o); }

void bind_generator(PyObject* module) {
  Py_SET_TYPE(&generator_type, &printed_meta);
  generator_type.tp_name = "cnn._C.Generator";
  generator_type.tp_basicsize = sizeof(GeneratorObject);
  generator_type.tp_flags = Py_TPFLAGS_DEFAULT;
  generator_type.tp_doc = "Generator(device='cpu'): a source of random numbers with a state of its own.";
  generator_type.tp_new = new_generator;
  generator_type.tp_dealloc = dealloc;
  generator_type.tp_methods = methods;
  generator_type.tp_getset = properties;
  expect_ok(PyType_Ready(&generator_type));
  expect_ok(PyModule_AddObjectRef(module, "Generator", reinterpret_cast<PyObject*>(&generator_type)));
  expect_ok(PyModule_AddObjectRef(module, "default_generator", default_generator_of(kCpu).get()));
}

}  // namespace cnn::python
