// Streams and events of the emulated devices. Work runs when it is enqueued, or, deferred, at a random later time: at
// the latest when somebody waits for it. So what may not be changed or freed before work is done shows when it is. Work
// for a stream that is being recorded becomes a node of its capture instead. Work that other processes take part in is
// not run before it is `ready`; who waits for it lets other threads go on meanwhile.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "emulation/memory.h"

namespace cnn::emulation {
struct Capture;
}

struct CUstream_st {
  int device = 0;
  bool blocking = true;  // does it wait for the null stream, and that for it?
  uint64_t last = 0;  // its latest work
  std::shared_ptr<cnn::emulation::Capture> capture = nullptr;  // what its work is recorded into
  std::vector<size_t> tips = {};  // the nodes there that its next one stands behind
};
using cudaStream_t = CUstream_st*;
using cudaEvent_t = struct CUevent_st*;
enum cudaStreamCaptureMode {
  cudaStreamCaptureModeGlobal,
  cudaStreamCaptureModeThreadLocal,
  cudaStreamCaptureModeRelaxed
};

namespace cnn::emulation {

inline uint64_t& random_state() {
  static uint64_t r = options().seed * 2 + 1;
  return r;
}
inline void set_seed(uint64_t seed) { random_state() = seed * 2 + 1; }
inline uint64_t draw() {  // xorshift64 (Marsaglia 2003)
  uint64_t& r = random_state();
  r ^= r << 13;
  r ^= r >> 7;
  r ^= r << 17;
  return r;
}

inline int& current_device() {
  thread_local int device = 0;
  return device;
}

// Work that is recorded and not done, from the beginning to the end of a capture.
struct Capture {
  struct Node {
    int device;
    std::vector<size_t> after;  // earlier nodes
    std::function<void()> run;
    std::function<bool()> ready = nullptr;
  };
  CUstream_st* origin;
  cudaStreamCaptureMode mode;
  uint64_t id;
  std::vector<Node> nodes = {};
  std::set<CUstream_st*> streams = {};  // that take part
  std::thread::id thread = std::this_thread::get_id();
  bool invalid = false;  // something was asked for that cannot be recorded

  void add(CUstream_st& s, std::function<void()> run, std::function<bool()> ready) {
    nodes.push_back({s.device, std::move(s.tips), std::move(run), std::move(ready)});
    s.tips = {nodes.size() - 1};
  }
};

}  // namespace cnn::emulation

struct CUevent_st {
  int device = cnn::emulation::current_device();
  uint64_t after = 0;  // the work that it stands behind
  uint64_t time = 0;
  std::shared_ptr<cnn::emulation::Capture> capture = nullptr;  // it was recorded into
  std::vector<size_t> nodes = {};  // there
};

namespace cnn::emulation {

class Queue {
 public:
  using Stream = CUstream_st;

  Queue() {
    for (int d = 0; d < options().devices; ++d) null_[d].device = d;
  }

  Stream& stream(Stream* s) { return s ? *s : null_[current_device()]; }

  Stream* create(bool blocking) {
    const auto s = new Stream{current_device(), blocking};
    streams_.insert(s);
    return s;
  }
  // Its work is done all the same.
  void destroy(Stream* s) {
    null_[s->device].last = join(null_[s->device].device, {null_[s->device].last, s->last});
    streams_.erase(s);
    delete s;
  }

  void add(Stream* where, std::function<void()> run, std::function<bool()> ready = nullptr) {
    Stream& s = stream(where);
    if (s.device != current_device()) throw std::runtime_error("work for a stream of another device");
    if (s.capture) return record_into(*s.capture, s, std::move(run), std::move(ready));
    s.last = push(s.device, before_next(s), std::move(run), std::move(ready));
    settle();
  }

  // All nodes of a graph, in any order that they leave open; `last` is the end of its launch before.
  void add_graph(Stream* where, const std::vector<Capture::Node>& nodes, uint64_t& last) {
    Stream& s = stream(where);
    if (s.device != current_device()) throw std::runtime_error("a graph for a stream of another device");
    if (s.capture) {
      const size_t start = s.capture->nodes.size();
      const std::vector<size_t> tips = s.tips;
      for (const Capture::Node& node : nodes) {
        std::vector<size_t> after = node.after.empty() ? tips : node.after;
        for (size_t& n : after)
          if (!node.after.empty()) n += start;
        s.capture->nodes.push_back({node.device, after, node.run, node.ready});
        s.tips.push_back(s.capture->nodes.size() - 1);
      }
      return;
    }
    std::vector<uint64_t> after = before_next(s);
    after.push_back(last);
    const uint64_t start = push(s.device, std::move(after), [] {});
    std::vector<uint64_t> ids = {start};
    for (const Capture::Node& node : nodes) {
      std::vector<uint64_t> those = {start};
      for (const size_t n : node.after) those.push_back(ids[n + 1]);
      ids.push_back(push(node.device, std::move(those), node.run, node.ready));
    }
    s.last = last = push(s.device, ids, [] {});
    settle();
  }

  // Work that comes after everything on two devices, and before everything that follows there.
  void add_between(int a, int b, std::function<void()> run) {
    std::vector<uint64_t> after = {null_[a].last, null_[b].last};
    for (const Stream* s : streams_)
      if (s->device == a || s->device == b) after.push_back(s->last);
    const uint64_t id = push(a, std::move(after), std::move(run));
    null_[a].last = null_[b].last = id;
    for (Stream* s : streams_)
      if (s->device == a || s->device == b) s->last = id;
    settle();
  }

  void record(CUevent_st& event, Stream* where) {
    const Stream& s = stream(where);
    event.capture = s.capture;
    event.nodes = s.tips;
    if (s.capture) return;
    event.after = last_of(stream(where));
    event.time = next_;
  }
  void await(Stream* where, const CUevent_st& event) { awaited_[&stream(where)].push_back(event.after); }

  bool is_null(const Stream& s) const { return &s == &null_[s.device]; }
  const std::set<Stream*>& streams() const { return streams_; }

  bool is_done(uint64_t id) const { return !waiting_.count(id); }
  bool is_done(Stream* s) { return is_done(last_of(stream(s))); }

  // The work and all that comes before it.
  void finish(uint64_t id) {
    std::set<uint64_t> needed = {id};
    for (auto w = pending_.rbegin(); w != pending_.rend(); ++w)
      if (needed.count(w->id)) needed.insert(w->after.begin(), w->after.end());
    for (bool all = false; !all;) {
      all = true;
      const uint64_t runs = runs_;
      for (size_t i = 0; i < pending_.size();) {
        if (!needed.count(pending_[i].id)) ++i;
        else if (can_run(pending_[i])) run(i);
        else ++i, all = false;
      }
      if (!all && runs == runs_) Access::give_way(50);
    }
  }
  void finish(Stream* s) { finish(last_of(stream(s))); }
  void finish_device(int device) {
    std::vector<uint64_t> awaited;  // of other devices, maybe
    for (const auto& [s, events] : awaited_)
      if (s->device == device) awaited.insert(awaited.end(), events.begin(), events.end());
    for (const uint64_t id : awaited) finish(id);
    for (size_t i = 0; i < pending_.size();) {
      if (pending_[i].device == device) finish(pending_[i].id), i = 0;
      else ++i;
    }
  }

  // A few pieces of work, in any order that streams and events leave open. Was there any that could run?
  bool some(int most) {
    while (most-- > 0) {
      std::vector<size_t> ready;
      for (size_t i = 0; i < pending_.size(); ++i)
        if (can_run(pending_[i])) ready.push_back(i);
      if (ready.empty()) return false;
      run(ready[draw() % ready.size()]);
    }
    return true;
  }

 private:
  struct Work {
    uint64_t id;
    int device;
    std::vector<uint64_t> after;
    std::function<void()> run;
    std::function<bool()> ready;
  };
  bool can_run(const Work& w) const {
    for (const uint64_t id : w.after)
      if (!is_done(id)) return false;
    return !w.ready || w.ready();
  }

  // What the stream's next work stands behind.
  std::vector<uint64_t> before_next(Stream& s) {
    std::vector<uint64_t> after = {s.last};
    if (is_null(s)) {
      for (const Stream* other : streams_) {
        if (other->device != s.device || !other->blocking) continue;
        if (other->capture) throw std::runtime_error("the default stream would wait for one that is being recorded");
        after.push_back(other->last);
      }
    } else if (s.blocking) {
      after.push_back(null_[s.device].last);
    }
    after.insert(after.end(), awaited_[&s].begin(), awaited_[&s].end());
    awaited_.erase(&s);
    return after;
  }
  static void record_into(Capture& c, Stream& s, std::function<void()> run, std::function<bool()> ready) {
    if (c.invalid) throw std::runtime_error("work for a stream whose capture is invalid");
    c.add(s, std::move(run), std::move(ready));
  }

  uint64_t push(int device, std::vector<uint64_t> after, std::function<void()> run,
                std::function<bool()> ready = nullptr) {
    pending_.push_back({next_, device, std::move(after), std::move(run), std::move(ready)});
    waiting_.insert(next_);
    return next_++;
  }
  uint64_t join(int device, std::vector<uint64_t> after) {
    const uint64_t id = push(device, std::move(after), [] {});
    settle();
    return id;
  }
  // What an event or a wait for the stream stands behind.
  uint64_t last_of(Stream& s) {
    std::vector<uint64_t> after = {s.last};
    const auto awaited = awaited_.find(&s);  // to wait for an event is work, too
    if (awaited != awaited_.end()) {
      after.insert(after.end(), awaited->second.begin(), awaited->second.end());
      awaited_.erase(awaited);
    }
    for (const Stream* other : streams_)
      if (is_null(s) && other->device == s.device && other->blocking) after.push_back(other->last);
    return after.size() == 1 ? s.last : s.last = join(s.device, std::move(after));
  }

  void settle() {
    if (!options().deferred) some(int(pending_.size()));
    else if (pending_.size() > 64 || draw() % 8 == 0) some(int(draw() % 16));
  }

  void run(size_t i) {
    const Work w = std::move(pending_[i]);
    pending_.erase(pending_.begin() + std::ptrdiff_t(i));
    waiting_.erase(w.id);
    ++runs_;
    w.run();
  }

  Stream null_[kMaxDevices];
  std::set<Stream*> streams_;
  std::map<const Stream*, std::vector<uint64_t>> awaited_;  // by the stream's next work
  std::deque<Work> pending_;  // in order of issue
  std::set<uint64_t> waiting_;  // their numbers
  uint64_t next_ = 1, runs_ = 0;
};
inline Queue& queue() {
  static auto* const q = new Queue;
  return *q;
}

}  // namespace cnn::emulation
