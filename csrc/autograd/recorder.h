// What a profiled thread does, written down: ranges with their times, nested as they ran. A range costs one test of the
// mode word where nobody records.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "cnn/autograd.h"

namespace cnn {

enum class RangeKind : uint8_t {
  Op,  // an op of the library, by its name
  Evaluate,  // the engine at one node: hooks and sums of gradients too
  Node,  // the node itself
  User,  // of a program
  Module,  // a layer's forward, for those who count by layers
  Function,  // the forward of a function written by hand
};

enum RecorderOptions : uint32_t {
  kRecordArguments = 1,  // shapes of tensors, values of numbers
  kRecordMemory = 2,  // what the tensors of the CPU hold, before and after
  kRecordStacks = 4,  // of the Python code; the bindings know how
};

// One range. Times are nanoseconds of the steady clock.
struct RangeEvent {
  std::string name;
  RangeKind kind = RangeKind::Op;
  int64_t begin = 0, end = 0;  // end 0: not over yet
  int64_t parent = -1;  // its place among the events of the thread; -1: none
  uint64_t first_sequence = 0, last_sequence = 0;  // of the nodes made meanwhile; a node's own, of nodes
  bool has_memory = false;
  int64_t memory = 0;  // bytes that it left allocated
  std::vector<int64_t> arguments, results;  // in the code of ArgumentWriter
  const std::string* stack = nullptr;  // lines, the innermost first; among the recording's stacks
};

// The events of one thread, in order of their beginnings.
class CNN_API Recording final : public RefCounted {
 public:
  uint64_t thread = 0;  // counted from 1
  int64_t system_thread = 0;  // as the system numbers it
  uint32_t options = 0;
  std::vector<RangeEvent> events;
  std::unordered_set<std::string> stacks;  // a loop has few

  Recording();
  bool is_of_this_thread() const;
  // A range of this name; -1 when the innermost open range is an op of that name too: then it is the same call.
  int64_t begin(RangeKind kind, std::string name);
  void end(int64_t event);

 private:
  const void* owner_;
  std::vector<int64_t> open_;
};

// What the calling thread records, with the threads that work for it.
struct CNN_API RecorderSession final : RefCounted {
  uint32_t options = 0;
  int users = 0;
  std::vector<Ref<Recording>> recordings;
};

// Starts or goes on recording in the calling thread; each start needs its stop.
CNN_API void start_recording(uint32_t options);
// The session goes on while others use it, and can be read in any case.
CNN_API Ref<RecorderSession> stop_recording();
CNN_API Ref<RecorderSession> recorder_session();  // null where nothing is recorded
CNN_API Ref<Recording> recording_of_thread();  // null where nothing is recorded
CNN_API int64_t recorder_now();
CNN_API uint64_t next_node_sequence();  // of the calling thread

// A thread that works for another one, and is recorded with it.
class CNN_API RecordedThread {
 public:
  explicit RecordedThread(const Ref<RecorderSession>& session);
  ~RecordedThread();
  RecordedThread(const RecordedThread&) = delete;
};

// A matrix, or a batch of them, of which the transpose may be meant.
struct TransposedIf {
  const Tensor& x;
  bool transposed = true;
};

// A tensor of which only the shape is at hand.
struct ShapeOnly {
  const Dims& sizes;
};

// Arguments as numbers: a tag for each (its kind in the low byte, a count above), then what it counts.
class CNN_API ArgumentWriter {
 public:
  enum Tag : int64_t { kTensor, kList, kInt, kFloat, kBool, kNone, kOther };  // kTensor: its sizes follow
  explicit ArgumentWriter(std::vector<int64_t>& to) : to_(to) {}
  void operator()(const Tensor& x);
  void operator()(const std::optional<Tensor>& x);
  void operator()(const Dims& values);
  void operator()(int64_t value) { to_.insert(to_.end(), {kInt, value}); }
  void operator()(bool value) { to_.insert(to_.end(), {kBool, value}); }
  void operator()(double value);
  void operator()(const TransposedIf& x);
  void operator()(const ShapeOnly& x) {
    to_.push_back(kTensor | int64_t(x.sizes.size()) << 8);
    to_.insert(to_.end(), x.sizes.begin(), x.sizes.end());
  }
  void operator()(const std::array<bool, 3>& flags) {
    list(flags.size());
    for (const bool flag : flags) (*this)(flag);
  }
  void list(size_t count) { to_.push_back(kList | int64_t(count) << 8); }
  void none() { to_.push_back(kNone); }
  void other() { to_.push_back(kOther); }

 private:
  std::vector<int64_t>& to_;
};

// For a scope:  const Recorded range("mm", a, b);
class CNN_API Recorded {
 public:
  template <class... Args>
  explicit Recorded(const char* name, const Args&... args) {
    if (mode_word & kProfiler) [[unlikely]] {
      begin(RangeKind::Op, name);
      if (wants_arguments()) (ArgumentWriter(event().arguments)(args), ...);
    }
  }
  // Of skeletons, where `name` is that of the op whether it writes in place or not.
  Recorded(const char* name, const Dest& dest, const Tensor* const* inputs, int count) {
    if (mode_word & kProfiler) [[unlikely]]
      begin(name, dest.is_in_place(), inputs, count);
  }
  // The engine at a node: `kind` is Evaluate or Node.
  Recorded(RangeKind kind, const Node& node) {
    if (mode_word & kProfiler) [[unlikely]]
      begin(kind, node);
  }
  ~Recorded() {
    if (recording_) [[unlikely]]
      end();
  }
  Recorded(const Recorded&) = delete;

  bool wants_arguments() const { return recording_ && recording_->options & kRecordArguments; }
  RangeEvent& event() { return recording_->events[size_t(event_)]; }
  template <class... Results>
  void results(const Results&... values) {
    if (wants_arguments()) [[unlikely]]
      (ArgumentWriter(event().results)(values), ...);
  }

 private:
  [[gnu::cold]] void begin(RangeKind kind, const char* name);
  [[gnu::cold]] void begin(RangeKind kind, const Node& node);
  [[gnu::cold]] void begin(const char* name, bool in_place, const Tensor* const* inputs, int count);
  [[gnu::cold]] void end();
  Ref<Recording> recording_;  // null: nothing to do at the end
  int64_t event_ = -1;
};

}  // namespace cnn
