// The profiler's part of the door: calls of ops and of functions, and the ranges of a program, are written down.
#pragma once

#include "autograd/recorder.h"
#include "bindings/def_op.h"

namespace cnn::python {

// A range that Python code is in; nothing where nobody records, and for those that are no ops.
class PythonRange {
 public:
  PythonRange(RangeKind kind, std::string_view name);
  ~PythonRange() { end(); }
  PythonRange(const PythonRange&) = delete;
  void end();
  bool wants_arguments() const { return recording_ && recording_->options & kRecordArguments; }
  void argument(PyObject* o);
  void result(PyObject* o);

 private:
  Ref<Recording> recording_;
  int64_t event_ = -1;
};

// Is a call of this op an event? Questions about a tensor are none, nor is what returns its argument as it came.
bool is_event(const Op& op, const Call& call);
void write_arguments(PythonRange& range, const Call& call);

void bind_recording(PyObject* module);

}  // namespace cnn::python
