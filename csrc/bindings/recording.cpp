#include "bindings/recording.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstring>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "bindings/recursion.h"
#include "bindings/tensor_type.h"

namespace py = pybind11;

namespace cnn::python {

namespace {

// ---- Into the recording ----

constexpr Py_ssize_t kLongest = 1024;  // of lists: what is longer is data

void write(ArgumentWriter& to, PyObject* o, int depth) {
  if (is_tensor(o)) return to(tensor_of(o));
  if (o == Py_None) return to.none();
  if (PyBool_Check(o)) return to(o == Py_True);
  if (PyFloat_Check(o)) return to(PyFloat_AS_DOUBLE(o));
  if (PyLong_Check(o)) {
    int overflow;
    const long long value = PyLong_AsLongLongAndOverflow(o, &overflow);
    return overflow ? to.other() : to(int64_t(value));
  }
  if ((!PyTuple_Check(o) && !PyList_Check(o)) || depth == 0) return to.other();
  const Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  if (n > kLongest) return to.other();
  to.list(size_t(n));
  for (Py_ssize_t i = 0; i < n; ++i) write(to, PySequence_Fast_GET_ITEM(o, i), depth - 1);
}

// A name as text of any kind of bytes.
std::string printable(PyObject* unicode) {
  const Object bytes = Object::steal(PyUnicode_AsEncodedString(unicode, "utf-8", "backslashreplace"));
  return {PyBytes_AS_STRING(bytes.get()), size_t(PyBytes_GET_SIZE(bytes.get()))};
}

// "file(line): function" for each frame, the innermost first.
std::string python_stack() {
  std::string lines;
  PyFrameObject* frame = PyThreadState_GetFrame(PyThreadState_Get());
  while (frame) {
    const Object held = Object::steal(reinterpret_cast<PyObject*>(frame));
    const Object code = Object::steal(reinterpret_cast<PyObject*>(PyFrame_GetCode(frame)));
    const auto* c = reinterpret_cast<PyCodeObject*>(code.get());
    lines += printable(c->co_filename) + "(" + std::to_string(PyFrame_GetLineNumber(frame)) +
             "): " + printable(c->co_name) + "\n";
    frame = PyFrame_GetBack(frame);
  }
  return lines;
}

// ---- Out of it ----

// One argument: a tensor as the tuple of its sizes, a list, a number or None; an Ellipsis stands for anything else.
py::object read(const std::vector<int64_t>& words, size_t& at) {
  const int64_t word = words[at++];
  const size_t count = size_t(word >> 8);
  switch (ArgumentWriter::Tag(word & 0xff)) {
    case ArgumentWriter::kTensor: {
      py::tuple sizes(count);
      for (size_t i = 0; i < count; ++i) sizes[i] = words[at++];
      return sizes;
    }
    case ArgumentWriter::kList: {
      py::list items;
      for (size_t i = 0; i < count; ++i) items.append(read(words, at));
      return items;
    }
    case ArgumentWriter::kInt:
      return py::int_(words[at++]);
    case ArgumentWriter::kFloat: {
      double value;
      std::memcpy(&value, &words[at++], sizeof value);
      return py::float_(value);
    }
    case ArgumentWriter::kBool:
      return py::bool_(words[at++] != 0);
    case ArgumentWriter::kNone:
      return py::none();
    default:
      return py::ellipsis();
  }
}
py::object read_all(const std::vector<int64_t>& words) {
  if (words.empty()) return py::none();
  py::list items;
  for (size_t at = 0; at < words.size();) items.append(read(words, at));
  return items;
}

// The number of a node in its thread, -1 for those that have none (a leaf's).
py::int_ sequence(uint64_t number) { return number == UINT64_MAX ? py::int_(-1) : py::int_(number); }

// Texts in Python, one object for all that are equal.
class Texts {
 public:
  const py::str& operator()(const std::string& text) {
    auto& known = known_[text];
    if (!known) known = std::make_unique<py::str>(text);
    return *known;
  }

 private:
  std::unordered_map<std::string, std::unique_ptr<py::str>> known_;
};

void append_events(const Recording& recording, int64_t since, py::list& to) {
  Texts texts;
  size_t first = 0;
  while (first < recording.events.size() && recording.events[first].begin < since) ++first;
  const int64_t base = int64_t(to.size()) - int64_t(first);
  for (size_t i = first; i < recording.events.size(); ++i) {
    const RangeEvent& e = recording.events[i];
    const int64_t parent = e.parent < int64_t(first) ? -1 : e.parent + base;
    to.append(py::make_tuple(int(e.kind), texts(e.name), e.begin, e.end ? e.end : recorder_now(), parent,
                             recording.thread, recording.system_thread, sequence(e.first_sequence),
                             sequence(e.last_sequence), e.end ? e.memory : 0, read_all(e.arguments),
                             read_all(e.results), e.stack ? texts(*e.stack) : texts("")));
  }
}

py::list events_of(const RecorderSession& session, int64_t since) {
  py::list events;
  for (const Ref<Recording>& recording : session.recordings) append_events(*recording, since, events);
  return events;
}

int64_t start(uint32_t options) {
  start_recording(options);
  return recorder_now();
}
py::list stop(int64_t since) { return events_of(*stop_recording(), since); }
py::list events_until_now(int64_t since) {
  const Ref<RecorderSession> session = recorder_session();
  check(bool(session), "", "nothing is recorded in this thread");
  return events_of(*session, since);
}

// Asked at every step of an optimizer, so it goes without pybind11.
PyObject* is_recording(PyObject*, PyObject*) { return PyBool_FromLong(mode_word & kProfiler && recording_of_thread()); }
PyMethodDef functions[] = {{"_is_recording", is_recording, METH_NOARGS, "Is this thread profiled?"}, {}};

}  // namespace

PythonRange::PythonRange(RangeKind kind, std::string_view name) {
  const Ref<Recording> recording = recording_of_thread();
  if (!recording) return;
  event_ = recording->begin(kind, std::string(name));
  if (event_ < 0) return;
  recording_ = recording;
  if (recording_->options & kRecordStacks)
    recording_->events[size_t(event_)].stack = &*recording_->stacks.insert(python_stack()).first;
}
void PythonRange::end() {
  if (!recording_) return;
  // Where another thread ends it, its own thread may be writing: it then ends with the profile.
  const Ref<Recording> recording = std::move(recording_);
  if (!recording->is_of_this_thread()) return;
  recording->end(event_);
  RangeEvent& event = recording->events[size_t(event_)];
  if (event.kind == RangeKind::Op && event.results.empty()) event.arguments.clear();  // the call has failed
}
void PythonRange::argument(PyObject* o) {
  ArgumentWriter to(recording_->events[size_t(event_)].arguments);
  write(to, o, 2);
}
void PythonRange::result(PyObject* o) {
  ArgumentWriter to(recording_->events[size_t(event_)].results);
  if (!PyTuple_Check(o)) return write(to, o, 2);
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(o); ++i) write(to, PyTuple_GET_ITEM(o, i), 2);
}

bool is_event(const Op& op, const Call& call) {
  static const std::unordered_set<std::string_view> questions = {
      "size",        "dim",          "ndimension", "numel",          "nelement",      "element_size",
      "data_ptr",    "is_inference", "is_signed",  "storage_offset", "is_contiguous", "is_floating_point",
      "is_complex",  "is_set_to",    "get_device", "is_same_size",   "is_pinned",     "requires_grad_",
      "retain_grad", "is_conj",      "is_neg",     "has_names",      "_is_view",      "set_",
  };
  if (questions.contains(op.name)) return false;
  return op.name != "contiguous" || !tensor_of(call.slots[0]).is_contiguous();
}

void write_arguments(PythonRange& range, const Call& call) {
  if (!range.wants_arguments()) return;
  for (const Param& p : call.signature->params) {
    if (!is_passed(p.kind)) continue;
    PyObject* const given = call.slots[p.slot];
    if (given != gathered_marker()) {
      range.argument(given);
      continue;
    }
    const Object items = Object::steal(PyTuple_New(call.gathered_count));
    for (Py_ssize_t i = 0; i < call.gathered_count; ++i) PyTuple_SET_ITEM(items.get(), i, new_ref(call.gathered[i]));
    range.argument(items.get());
  }
}

void bind_recording(PyObject* module) {
  auto m = py::reinterpret_borrow<py::module_>(module);
  py::class_<PythonRange>(m, "_RecordedRange", "A range of the program, from its making to end().")
      .def(py::init(
               [](const std::string& name, int kind) { return std::make_unique<PythonRange>(RangeKind(kind), name); }),
           py::arg("name"), py::arg("kind"))
      .def("end", &PythonRange::end);
  expect_ok(PyModule_AddFunctions(module, functions));
  m.def("_recorder_now", &recorder_now, "Nanoseconds of the clock that events have.");
  m.def("_recorder_start", &start, py::arg("options"), "Starts recording; returns the time.");
  m.def("_recorder_stop", &stop, py::arg("since"), "Stops recording; returns the events that began since then.");
  m.def("_recorder_events", &events_until_now, py::arg("since"), "The events that began since then.");
}

}  // namespace cnn::python
