#include "bindings/saving.h"

#include <cerrno>
#include <system_error>
#include <unordered_map>

#include "bindings/tensor_type.h"
#include "io/checkpoint_writer.h"
#include "io/replacement.h"

namespace cnn::python {

namespace {

constexpr int kDepth = 50;  // of containers in containers; what goes deeper is left to Python's pickler

// Gives a Pickler plain values, tensors and parameters. Runs no Python code.
class PlainWriter {
 public:
  PlainWriter(pickle::Pickler& out, PyObject* parameter) : out_(out), parameter_(parameter) {}
  // False for what only Python's pickler can write: other classes, their instances, tensors that hold more than values.
  bool write(PyObject* o) {
    if (o == Py_None) return out_.none(), true;
    if (PyBool_Check(o)) return out_.boolean(o == Py_True), true;
    if (PyLong_CheckExact(o)) return write_integer(o);
    if (PyFloat_CheckExact(o)) return out_.number(PyFloat_AS_DOUBLE(o)), true;
    if (PyUnicode_CheckExact(o)) return write_text(o);
    // Objects that stay one object where they are mentioned twice.
    if (const auto known = known_.find(o); known != known_.end()) return out_.recall(known->second), true;
    if (is_exact_tensor(o)) return write_tensor(o, false);
    if (reinterpret_cast<PyObject*>(Py_TYPE(o)) == parameter_) return write_tensor(o, true);
    if (depth_ == kDepth) return false;
    ++depth_;
    const bool written = write_container(o);
    --depth_;
    return written;
  }

 private:
  void remember(PyObject* o) { known_.emplace(o, out_.remember()); }

  bool write_integer(PyObject* o) {
    int overflow;
    const long long v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (!overflow) out_.integer(v);
    return !overflow;
  }

  bool write_text(PyObject* o) {
    Py_ssize_t n;
    const char* s = PyUnicode_AsUTF8AndSize(o, &n);
    if (!s) PyErr_Clear();  // halves of surrogate pairs
    if (!s || n > UINT32_MAX) return false;
    out_.text({s, size_t(n)});
    return true;
  }

  bool write_tensor(PyObject* o, bool parameter) {
    const auto* object = reinterpret_cast<TensorObject*>(o);
    const bool more = (object->dict && PyDict_GET_SIZE(object->dict) > 0) || object->hooks;
    if (more || !tensor_of(o).device().is_cpu()) return false;
    out_.tensor(tensor_of(o), parameter);
    remember(o);
    return true;
  }

  bool write_container(PyObject* o) {
    if (PyODict_CheckExact(o)) return write_ordered_dict(o);
    if (PyDict_CheckExact(o)) return write_dict(o);
    if (PyList_CheckExact(o)) return write_list(o);
    return PyTuple_CheckExact(o) && write_tuple(o);
  }

  bool write_dict(PyObject* o) {
    out_.empty_dict();
    remember(o);
    Py_ssize_t place = 0;
    bool ok = true;
    out_.set_items(size_t(PyDict_GET_SIZE(o)), [&](size_t) {
      PyObject *key, *value;
      ok = ok && PyDict_Next(o, &place, &key, &value) && write(key) && write(value);
    });
    return ok;
  }

  bool write_ordered_dict(PyObject* o) {
    out_.empty_ordered_dict();
    remember(o);
    const Object keys = Object::steal(PySequence_List(o));  // in its own order, which is not that of a dict
    bool ok = true;
    out_.set_items(size_t(PyList_GET_SIZE(keys.get())), [&](size_t i) {
      PyObject* key = PyList_GET_ITEM(keys.get(), i);
      if (!(ok = ok && write(key))) return;
      PyObject* value = PyDict_GetItemWithError(o, key);
      ok = value && write(value);
    });
    if (PyErr_Occurred()) throw PythonError();
    const Object attributes = Object::steal(PyObject_GetAttrString(o, "__dict__"));
    if (!ok || !PyDict_CheckExact(attributes.get())) return false;
    if (PyDict_GET_SIZE(attributes.get()) == 0) return true;
    if (!write(attributes.get())) return false;
    out_.set_attributes();
    return true;
  }

  bool write_list(PyObject* o) {
    out_.empty_list();
    remember(o);
    bool ok = true;
    out_.append(size_t(PyList_GET_SIZE(o)), [&](size_t i) { ok = ok && write(PyList_GET_ITEM(o, i)); });
    return ok;
  }

  bool write_tuple(PyObject* o) {
    const auto n = size_t(PyTuple_GET_SIZE(o));
    out_.begin_tuple(n);
    if (n == 0) return true;
    for (size_t i = 0; i < n; ++i)
      if (!write(PyTuple_GET_ITEM(o, i))) return false;
    if (known_.count(o)) return false;  // it holds itself, by way of a list
    out_.end_tuple(n);
    remember(o);
    return true;
  }

  pickle::Pickler& out_;
  PyObject* const parameter_;
  std::unordered_map<PyObject*, uint32_t> known_;
  int depth_ = 0;
};

// Runs f without the GIL, again after a signal whose handler raised nothing. Errors of the system are OSErrors.
template <class F>
void call_system(PyObject* path, F f) {
  for (;;) {
    try {
      const GilFree free;
      return f();
    } catch (const std::system_error& e) {
      errno = e.code().value();
    }
    if (errno != EINTR) {
      PyErr_SetFromErrnoWithFilenameObject(PyExc_OSError, path);
      throw PythonError();
    }
    expect_ok(PyErr_CheckSignals());
  }
}

// As the system knows it.
std::string path_of(PyObject* path) {
  PyObject* bytes = nullptr;
  if (!PyUnicode_FSConverter(path, &bytes)) throw PythonError();
  const Object held = Object::steal(bytes);
  return {PyBytes_AS_STRING(bytes), size_t(PyBytes_GET_SIZE(bytes))};
}

// _save_plain(obj, path, parameter) -> bool: false, and nothing done, if obj needs Python's pickler.
PyObject* save_plain(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *obj, *path, *parameter;
    if (!PyArg_ParseTuple(args, "OOO:_save_plain", &obj, &path, &parameter)) return nullptr;
    const std::string to = path_of(path);
    pickle::Pickler pickler;
    if (!PlainWriter(pickler, parameter).write(obj) || !pickler.one_dtype_each()) return new_ref(Py_False);
    pickler.stop();
    call_system(path, [&] { write_checkpoint(to, pickler); });
    return new_ref(Py_True);
  });
}

// _replace_file(path, write): write(descriptor) writes what then takes the path's place.
PyObject* replace_file(PyObject*, PyObject* args) {
  return guard([&]() -> PyObject* {
    PyObject *path, *write;
    if (!PyArg_ParseTuple(args, "OO:_replace_file", &path, &write)) return nullptr;
    const std::string to = path_of(path);
    std::unique_ptr<Replacement> file;
    call_system(path, [&] { file = std::make_unique<Replacement>(to); });
    const Object written = run_python([&] { return PyObject_CallFunction(write, "i", file->file()); });
    call_system(path, [&] { file->commit(); });
    return none();
  });
}

PyMethodDef functions[] = {
    {"_save_plain", save_plain, METH_VARARGS,
     "_save_plain(obj, path, parameter): writes plain values, tensors and instances of `parameter`; False otherwise."},
    {"_replace_file", replace_file, METH_VARARGS,
     "_replace_file(path, write): what write(descriptor) writes takes the path's place in one step."},
    {}};

}  // namespace

void bind_saving(PyObject* module) { expect_ok(PyModule_AddFunctions(module, functions)); }

}  // namespace cnn::python
