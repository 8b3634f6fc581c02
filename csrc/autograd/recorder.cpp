#include "autograd/recorder.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <mutex>
#include <string_view>

#include "core/allocator.h"

namespace cnn {
namespace {

thread_local Ref<RecorderSession> session;
thread_local Ref<Recording> recording;
thread_local const char this_thread = 0;  // its address tells threads apart

std::mutex recordings_lock;  // of the lists of all sessions
std::atomic<uint64_t> thread_count{0};

Ref<Recording> make_recording(RecorderSession& in) {
  thread_local const uint64_t number = ++thread_count;
  Ref<Recording> made = make_ref<Recording>();
  made->thread = number;
  made->system_thread = int64_t(syscall(SYS_gettid));
  made->options = in.options;
  const std::lock_guard guard(recordings_lock);
  in.recordings.push_back(made);
  return made;
}

void forget() {
  mode_word &= ~uint32_t(kProfiler);
  session = nullptr;
  recording = nullptr;
}

// Has another thread of the session stopped it?
void forget_what_has_ended() {
  if (session && session->users == 0) forget();
}

int64_t allocated() { return int64_t(cpu_memory_stats().allocated_bytes); }

}  // namespace

int64_t recorder_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

Ref<RecorderSession> recorder_session() {
  forget_what_has_ended();
  return session;
}
Ref<Recording> recording_of_thread() {
  forget_what_has_ended();
  return recording;
}

void start_recording(uint32_t options) {
  // A child process records nothing: nobody there would read it.
  [[maybe_unused]] static const int registered = pthread_atfork(nullptr, nullptr, forget);
  forget_what_has_ended();
  if (!session) {
    session = make_ref<RecorderSession>();
    session->options = options;
    recording = make_recording(*session);
  }
  session->options |= options;
  recording->options |= options;
  ++session->users;
  mode_word |= kProfiler;
}

Ref<RecorderSession> stop_recording() {
  Ref<RecorderSession> stopped = recorder_session();
  check(bool(stopped), "", "nothing is recorded in this thread, so nothing can be stopped");
  --stopped->users;
  forget_what_has_ended();
  return stopped;
}

RecordedThread::RecordedThread(const Ref<RecorderSession>& of) {
  if (!of) return;
  session = of;
  recording = make_recording(*of);
}
RecordedThread::~RecordedThread() { forget(); }

Recording::Recording() : owner_(&this_thread) {}

bool Recording::is_of_this_thread() const { return owner_ == &this_thread; }

int64_t Recording::begin(RangeKind kind, std::string name) {
  const int64_t parent = open_.empty() ? -1 : open_.back();
  if (parent >= 0 && kind == RangeKind::Op) {
    const RangeEvent& outer = events[size_t(parent)];
    if (outer.kind == kind && outer.name == name) return -1;
  }
  RangeEvent e;
  e.name = std::move(name);
  e.kind = kind;
  e.parent = parent;
  e.first_sequence = next_node_sequence();
  e.has_memory = options & kRecordMemory;
  if (e.has_memory) e.memory = -allocated();
  open_.push_back(int64_t(events.size()));
  events.push_back(std::move(e));
  events.back().begin = recorder_now();
  return open_.back();
}

void Recording::end(int64_t event) {
  RangeEvent& e = events[size_t(event)];
  if (e.end) return;
  e.end = recorder_now();
  if (e.kind != RangeKind::Evaluate && e.kind != RangeKind::Node) e.last_sequence = next_node_sequence();
  if (e.has_memory) e.memory += allocated();
  // Ranges that go on, though they were begun within this one, are no part of it.
  size_t at = open_.size() - 1;
  for (; open_[at] != event; --at)
    if (RangeEvent& inner = events[size_t(open_[at])]; inner.parent == event) inner.parent = e.parent;
  open_.erase(open_.begin() + int64_t(at));
}

void Recorded::begin(RangeKind kind, const char* name) {
  forget_what_has_ended();
  if (!recording) return;
  event_ = recording->begin(kind, name);
  if (event_ >= 0) recording_ = recording;
}

void Recorded::begin(RangeKind kind, const Node& node) {
  begin(kind, node.name().c_str());
  if (recording_) event().first_sequence = event().last_sequence = node.sequence();
}

void Recorded::begin(const char* name, bool in_place, const Tensor* const* inputs, int count) {
  // A gradient made in the memory of the one that it is made from is no other op.
  const bool suffixed = in_place && !std::string_view(name).ends_with("_backward");
  begin(RangeKind::Op, suffixed ? (std::string(name) + "_").c_str() : name);
  if (!wants_arguments()) return;
  for (int k = 0; k < count; ++k) ArgumentWriter(event().arguments)(*inputs[k]);
}

void Recorded::end() { recording_->end(event_); }

void ArgumentWriter::operator()(const Tensor& x) {
  if (!x.defined()) return none();
  (*this)(ShapeOnly{x.shape()});
}
void ArgumentWriter::operator()(const TransposedIf& of) {
  (*this)(of.x);
  const size_t n = to_.size();
  if (of.transposed && of.x.dim() >= 2) std::swap(to_[n - 1], to_[n - 2]);
}
void ArgumentWriter::operator()(const std::optional<Tensor>& x) {
  if (x) (*this)(*x);
  else none();
}
void ArgumentWriter::operator()(const Dims& values) {
  list(size_t(values.size()));
  for (const int64_t v : values) (*this)(v);
}
void ArgumentWriter::operator()(double value) {
  int64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  to_.insert(to_.end(), {kFloat, bits});
}

}  // namespace cnn
