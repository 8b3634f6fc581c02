// Bounded recursion, where C++ follows what Python nests.
#pragma once

#include "bindings/python.h"

namespace cnn::python {

// One level deeper; RecursionError where Python's own limit is reached.
class Deeper {
 public:
  explicit Deeper(const char* where) {
    if (Py_EnterRecursiveCall(where)) throw PythonError();
  }
  ~Deeper() { Py_LeaveRecursiveCall(); }
  Deeper(const Deeper&) = delete;
};

}  // namespace cnn::python
