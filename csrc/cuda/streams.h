// Streams: which one a thread's calls go to, and marks in their work that others wait for.
#pragma once

#include <deque>
#include <map>
#include <utility>
#include <vector>

#include "cuda/graphs.h"

namespace cnn::cuda {

// What a stream has been asked to do up to now. Marks are for the allocators: they raise nothing, and a mark that could
// not be made is never reached.
class Mark {
 public:
  Mark() = default;
  Mark(int device, cudaStream_t stream);
  bool reached() const;
  void wait() const;           // until it is reached
  void hold(int device, cudaStream_t stream) const;  // what the stream does from now on comes after it
  void forget();               // its event serves the next mark

 private:
  int device_ = -1;
  cudaEvent_t event_ = nullptr;
};

// Blocks that streams still use, in the order in which these come past them. While anything is recorded no mark is made
// or looked at: it would become part of the record, or upset it.
template <class Block> class Waiting {
 public:
  bool empty() const { return blocks_.empty() && unmarked_.empty(); }
  void add(int device, cudaStream_t stream, Block* block) {
    if (captures()) unmarked_.push_back({{device, stream}, block});
    else blocks_[{device, stream}].emplace_back(Mark(device, stream), block);
  }
  // Calls done(block) for each that its stream has come past; with `wait`, after waiting for that.
  template <class F> void collect(bool wait, const F& done) {
    if (captures()) return;
    for (const auto& [user, block] : std::exchange(unmarked_, {})) add(user.first, user.second, block);
    for (auto at = blocks_.begin(); at != blocks_.end();) {
      auto& [stream, queue] = *at;
      while (!queue.empty()) {
        auto& [mark, block] = queue.front();
        if (wait) mark.wait();
        if (!mark.reached()) break;
        mark.forget();
        done(block);
        queue.pop_front();
      }
      at = queue.empty() ? blocks_.erase(at) : std::next(at);
    }
  }
  template <class F> void each(const F& f) const {
    for (const auto& [stream, queue] : blocks_)
      for (const auto& [mark, block] : queue) f(block);
    for (const auto& [user, block] : unmarked_) f(block);
  }

 private:
  using User = std::pair<int, cudaStream_t>;
  std::map<User, std::deque<std::pair<Mark, Block*>>> blocks_;
  std::vector<std::pair<User, Block*>> unmarked_;  // freed since something is recorded
};

// This thread's stream on a device, whichever is selected.
cudaStream_t stream_on(int device);
void set_stream(void* stream);  // on the selected device

void* new_stream(int priority);
void* this_stream();
void synchronize_stream(void* stream);
bool stream_is_done(void* stream);
void join_streams(bool in);

void* new_event(bool timed, bool blocking);
void delete_event(void* event);
void record_event(void* event, void* stream);
void wait_event(void* stream, void* event);
bool event_is_done(void* event);
bool event_has_passed(void* event);
void synchronize_event(void* event);
float elapsed_ms(void* from, void* to);

// Another device is selected while one lives.
class Selected {
 public:
  explicit Selected(int device);
  ~Selected();
  Selected(const Selected&) = delete;
  Selected& operator=(const Selected&) = delete;

 private:
  int before_ = -1;
};

}  // namespace cnn::cuda
