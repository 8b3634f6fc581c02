// The arguments of the op that this thread runs, so that their memory can be held while the GIL is away.
#pragma once

#include "bindings/python.h"

namespace cnn::python {

class ActiveCall;
extern thread_local ActiveCall* active_call __attribute__((tls_model("initial-exec")));

class ActiveCall {
 public:
  ActiveCall(PyObject* const* objects, Py_ssize_t count) : objects_(objects), count_(count), outer_(active_call) {
    active_call = this;
  }
  ~ActiveCall() { active_call = outer_; }
  ActiveCall(const ActiveCall&) = delete;

  PyObject* const* begin() const { return objects_; }
  PyObject* const* end() const { return objects_ + count_; }

 private:
  PyObject* const* objects_;
  Py_ssize_t count_;
  ActiveCall* outer_;
};

// Lets skeletons drop the GIL around long work, and C++ warnings reach Python's.
void install_core_hooks();

}  // namespace cnn::python
