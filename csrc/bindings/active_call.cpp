#include "bindings/active_call.h"

#include <vector>

#include "bindings/tensor_type.h"
#include "core/parallel.h"

namespace cnn::python {

thread_local ActiveCall* active_call __attribute__((tls_model("initial-exec"))) = nullptr;

namespace {

// Another thread may give a tensor other memory (`x.data = y`) while we compute: we keep what we started with.
struct Work {
  std::vector<Ref<Storage>> held;
  PyThreadState* thread = nullptr;
};

void hold(PyObject* o, Work& work) {
  if (!o) return;
  if (is_tensor(o)) {
    if (tensor_of(o).defined()) work.held.push_back(tensor_of(o).storage());
  } else if (PyTuple_Check(o) || PyList_Check(o)) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(o, i);
      if (is_tensor(item) && tensor_of(item).defined()) work.held.push_back(tensor_of(item).storage());
    }
  }
}

// Threads of the core (backward, the pool) come here without the GIL: nothing to drop.
void enter(void** state) {
  if (!Py_IsInitialized() || !PyGILState_Check()) return;
  auto work = std::make_unique<Work>();
  if (active_call) {
    for (PyObject* o : *active_call) hold(o, *work);
  }
  work->thread = PyEval_SaveThread();
  *state = work.release();
}

void leave(void** state) {
  const std::unique_ptr<Work> work(static_cast<Work*>(*state));
  retake_gil(work->thread);
}

void raise_warning(const std::string& text) {
  if (!python_alive()) return;
  const GilHeld gil;
  expect_ok(PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1));
}

}  // namespace

void install_core_hooks() {
  work_scope_enter = enter;
  work_scope_leave = leave;
  warning_handler = raise_warning;
}

}  // namespace cnn::python
