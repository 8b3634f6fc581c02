#include "bindings/python.h"

#include <chrono>
#include <new>
#include <stdexcept>
#include <thread>

#include "core/allocator.h"

namespace cnn::python {

PyObject* out_of_memory_error = nullptr;

bool python_alive() {
  if (!Py_IsInitialized()) return false;
#if PY_VERSION_HEX >= 0x030d0000
  return !Py_IsFinalizing();
#else
  return !_Py_IsFinalizing();
#endif
}

void sleep_until_exit() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

PyGILState_STATE hold_gil() {
  try {
    return PyGILState_Ensure();
  } catch (ThreadEnds&) {
    sleep_until_exit();
  }
}

// A thread that is being unwound after the interpreter's end does not hold it any more.
void release_gil(PyGILState_STATE state) noexcept {
  if (!python_alive() && !PyGILState_Check()) sleep_until_exit();
  PyGILState_Release(state);
}

void retake_gil(PyThreadState* state) {
  try {
    PyEval_RestoreThread(state);
  } catch (ThreadEnds&) {
    sleep_until_exit();
  }
}

Handle::~Handle() {
  if (!pointer_ || !python_alive()) return;
  GilHeld gil;
  drop(pointer_);
}

PythonError::PythonError() : state_(std::make_shared<State>()) {
  PyObject *type, *value, *traceback;
  PyErr_Fetch(&type, &value, &traceback);
  if (!type) {
    type = new_ref(PyExc_SystemError);
    value = PyUnicode_FromString("a C API call failed without an exception");
  }
  PyErr_NormalizeException(&type, &value, &traceback);
  if (PyObject* s = value ? PyObject_Str(value) : nullptr) {
    if (const char* utf8 = PyUnicode_AsUTF8(s)) text_ = utf8;
    Py_DECREF(s);
  }
  PyErr_Clear();
  auto own = [](PyObject* p) {
    Object o = Object::borrow(p);
    Py_XDECREF(p);
    return Handle(std::move(o));
  };
  state_->type = own(type);
  state_->value = own(value);
  state_->traceback = own(traceback);
}

void PythonError::restore() {
  PyErr_Restore(state_->type.release(), state_->value.release(), state_->traceback.release());
  if (!PyErr_Occurred()) PyErr_SetString(PyExc_RuntimeError, text_.c_str());
}

namespace {

PyObject* exception_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Value:
      return PyExc_ValueError;
    case ErrorKind::Index:
      return PyExc_IndexError;
    case ErrorKind::Type:
      return PyExc_TypeError;
    case ErrorKind::NotImplemented:
      return PyExc_NotImplementedError;
    case ErrorKind::OutOfMemory:
      return out_of_memory_error;
    case ErrorKind::Overflow:
      return PyExc_OverflowError;
    case ErrorKind::Buffer:
      return PyExc_BufferError;
    default:
      return PyExc_RuntimeError;
  }
}

}  // namespace

void set_error() noexcept {
  try {
    throw;
  } catch (PythonError& e) {
    e.restore();
  } catch (const Error& e) {
    PyErr_SetString(exception_of(e.kind()), e.what());
  } catch (const OutOfMemory& e) {
    PyErr_SetString(out_of_memory_error, e.what());
  } catch (const std::bad_alloc&) {  // of a list, say; its text would be the name of its class
    PyErr_SetString(out_of_memory_error, "can't allocate memory");
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "unknown C++ exception");
  }
}

std::string type_name(PyTypeObject* type) {
  const std::string_view full = type->tp_name;
  const size_t dot = full.rfind('.');
  return std::string(dot == std::string_view::npos ? full : full.substr(dot + 1));
}

}  // namespace cnn::python
