// What every binding file stands on: owned references, exceptions both ways, the GIL.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <cxxabi.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "cnn/check.h"

namespace cnn::python {

// A strong reference. `steal` takes over a new reference and throws PythonError for null.
class Object {
 public:
  Object() = default;
  Object(const Object& other) : pointer_(other.pointer_) { Py_XINCREF(pointer_); }
  Object(Object&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  Object& operator=(Object other) noexcept {
    std::swap(pointer_, other.pointer_);
    return *this;
  }
  ~Object();
  static Object steal(PyObject* p);
  static Object borrow(PyObject* p) {
    Py_XINCREF(p);
    Object o;
    o.pointer_ = p;
    return o;
  }

  PyObject* get() const { return pointer_; }
  PyObject* release() { return std::exchange(pointer_, nullptr); }
  explicit operator bool() const { return pointer_ != nullptr; }

 private:
  PyObject* pointer_ = nullptr;
};

// Is the interpreter up? When not, Python objects are left alone, never released.
bool python_alive();

using ThreadEnds = abi::__forced_unwind;  // what pthread_exit throws

// Take the GIL. A thread that asks for it after the interpreter's end is unwound by CPython, which destructors would
// turn into std::terminate: here it sleeps until the process is gone.
PyGILState_STATE hold_gil();
void release_gil(PyGILState_STATE state) noexcept;
void retake_gil(PyThreadState* state);
[[noreturn]] void sleep_until_exit();

// Gives up a reference; the object's own Python code may run.
inline void drop(PyObject* o) noexcept {
  try {
    Py_XDECREF(o);
  } catch (ThreadEnds&) {
    sleep_until_exit();
  }
}
inline Object::~Object() { drop(pointer_); }

class GilHeld {  // for code that the core calls
 public:
  GilHeld() : state_(hold_gil()) {}
  ~GilHeld() { release_gil(state_); }
  GilHeld(const GilHeld&) = delete;

 private:
  PyGILState_STATE state_;
};

class GilFree {  // for long work without Python objects
 public:
  GilFree() : state_(PyEval_SaveThread()) {}
  ~GilFree() { retake_gil(state_); }
  GilFree(const GilFree&) = delete;

 private:
  PyThreadState* state_;
};

// A Python object held by the core: released under the GIL, or never once the interpreter is going down.
class Handle {
 public:
  Handle() = default;
  explicit Handle(Object object) : pointer_(object.release()) {}
  Handle(Handle&& other) noexcept : pointer_(std::exchange(other.pointer_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(pointer_, other.pointer_);
    return *this;
  }
  ~Handle();
  PyObject* get() const { return pointer_; }
  PyObject* release() { return std::exchange(pointer_, nullptr); }

 private:
  PyObject* pointer_ = nullptr;
};

// Carries a raised Python exception through C++ frames (the engine's included) to the nearest guard.
class PythonError : public std::exception {
 public:
  PythonError();   // takes the exception that is set
  void restore();  // sets it again; once
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  struct State {
    Handle type, value, traceback;
  };
  std::shared_ptr<State> state_;
  std::string text_;
};

inline Object Object::steal(PyObject* p) {
  if (!p) throw PythonError();
  Object o;
  o.pointer_ = p;
  return o;
}
// The result of f, which runs Python code. A thread that the interpreter's end meets there goes no further: unwinding
// would let go of objects without the GIL.
template <class F>
Object run_python(F&& f) {
  try {
    return Object::steal(f());
  } catch (ThreadEnds&) {
    sleep_until_exit();
  }
}
// Throws when a C API call reported failure.
inline void expect_ok(int status) {
  if (status < 0) throw PythonError();
}

// Sets the Python exception that stands for the C++ exception in flight.
void set_error() noexcept;
extern PyObject* out_of_memory_error;  // _C.OutOfMemoryError

// Runs f; a C++ exception becomes a Python one.
template <class F>
PyObject* guard(F&& f) noexcept {
  try {
    return f();
  } catch (ThreadEnds&) {
    sleep_until_exit();
  } catch (...) {
    set_error();
    return nullptr;
  }
}
template <class F>
int guard_status(F&& f) noexcept {
  try {
    f();
    return 0;
  } catch (ThreadEnds&) {
    sleep_until_exit();
  } catch (...) {
    set_error();
    return -1;
  }
}

inline Object text(std::string_view s) {
  return Object::steal(PyUnicode_FromStringAndSize(s.data(), Py_ssize_t(s.size())));
}
inline std::string_view view(PyObject* unicode) {
  Py_ssize_t n;
  const char* s = PyUnicode_AsUTF8AndSize(unicode, &n);
  if (!s) throw PythonError();
  return {s, size_t(n)};
}
inline PyObject* new_ref(PyObject* o) {
  Py_INCREF(o);
  return o;
}
inline PyObject* none() { return new_ref(Py_None); }
// A static type, to be filled in before PyType_Ready.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
inline PyTypeObject blank_type() { return {PyVarObject_HEAD_INIT(nullptr, 0)}; }
#pragma GCC diagnostic pop
// The bare name of a type: "Tensor" of "torch.Tensor".
std::string type_name(PyTypeObject* type);
inline std::string type_name_of(PyObject* o) { return type_name(Py_TYPE(o)); }

}  // namespace cnn::python
