// TorchFunctionMode: objects of Python that are asked about every call of this thread, whatever its arguments.
#pragma once

#include "bindings/python.h"

namespace cnn::python {

// Takes the innermost mode away while it is asked, so that what it calls goes to the next one, and puts it back.
class WithoutInnermostMode {
 public:
  WithoutInnermostMode();
  ~WithoutInnermostMode();
  WithoutInnermostMode(const WithoutInnermostMode&) = delete;
  PyObject* mode() const { return mode_.get(); }

 private:
  Object mode_;
};

void bind_function_modes(PyObject* module);

}  // namespace cnn::python
