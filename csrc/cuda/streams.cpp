#include "cuda/streams.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>

#include "cuda/memory.h"

namespace cnn::cuda {
namespace {

constexpr size_t kPool = 32;  // streams of a priority; a program that asks for more gets them again

thread_local int selected_device = -1;
thread_local std::array<cudaStream_t, kMaxDevices> streams = {};
thread_local cudaStream_t stream_of_selected = nullptr;

struct Device {
  struct Pool {
    std::vector<cudaStream_t> streams;
    size_t next = 0;
  };
  std::map<int, Pool> pools;          // by priority
  std::vector<cudaStream_t> set;      // streams that threads have chosen
  std::vector<cudaEvent_t> events;    // to be used again
};
struct Registry {
  std::mutex mutex;
  std::array<Device, kMaxDevices> devices;
};
Registry& registry() {
  static Registry* const r = [] {
    pthread_atfork([] { registry().mutex.lock(); }, [] { registry().mutex.unlock(); },
                   [] { registry().mutex.unlock(); });
    return new Registry;
  }();
  return *r;
}

cudaStream_t as_stream(void* s) { return static_cast<cudaStream_t>(s); }
cudaEvent_t as_event(void* e) { return static_cast<cudaEvent_t>(e); }

// cudaSuccess: yes; cudaErrorNotReady: not yet.
bool is_done(cudaError_t state, const char* what) {
  if (state == cudaErrorNotReady) {
    cudaGetLastError();
    return false;
  }
  check_cuda(state, what);
  return true;
}

}  // namespace

// Asks the runtime each time: other libraries of the process select devices, too.
void select(int index) {
  int now = -1;
  if (cudaGetDevice(&now) != cudaSuccess || now != index) check_cuda(cudaSetDevice(index), "cudaSetDevice");
  if (index == selected_device) return;
  selected_device = index;
  stream_of_selected = streams[size_t(index)];
}
int selected() { return selected_device; }

cudaStream_t stream() { return stream_of_selected; }
cudaStream_t stream_on(int device) { return streams[size_t(device)]; }

Selected::Selected(int device) {
  if (cudaGetDevice(&before_) == cudaSuccess && before_ == device) before_ = -1;
  else if (cudaSetDevice(device) != cudaSuccess) cudaGetLastError();
}
Selected::~Selected() {
  if (before_ >= 0 && cudaSetDevice(before_) != cudaSuccess) cudaGetLastError();
}

// ---- Streams ----

void set_stream(void* s) {
  stream_of_selected = streams[size_t(selected_device)] = as_stream(s);
  if (!s) return;
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  std::vector<cudaStream_t>& known = r.devices[size_t(selected_device)].set;
  if (std::find(known.begin(), known.end(), as_stream(s)) == known.end()) known.push_back(as_stream(s));
}

// They do not wait for the default stream, nor that for them.
void* new_stream(int priority) {
  int least = 0, greatest = 0;
  check_cuda(cudaDeviceGetStreamPriorityRange(&least, &greatest), "cudaDeviceGetStreamPriorityRange");
  priority = std::clamp(priority, greatest, least);
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  Device::Pool& pool = r.devices[size_t(selected_device)].pools[priority];
  if (pool.streams.size() < kPool) {
    cudaStream_t made = nullptr;
    check_cuda(cudaStreamCreateWithPriority(&made, cudaStreamNonBlocking, priority), "making a stream");
    pool.streams.push_back(made);
    return made;
  }
  return pool.streams[pool.next++ % kPool];
}

void* this_stream() { return stream(); }
void synchronize_stream(void* s) {
  refuse_in_graph(s, "Stream.synchronize() waits for the stream");
  refuse_in_graph("Stream.synchronize() waits for a stream");
  check_cuda(cudaStreamSynchronize(as_stream(s)), "waiting for a stream");
}
bool stream_is_done(void* s) {
  refuse_in_graph(s, "Stream.query() asks how far the stream has come");
  refuse_in_graph("Stream.query() asks how far a stream has come");
  return is_done(cudaStreamQuery(as_stream(s)), "cudaStreamQuery");
}

void join_streams(bool in) {
  Registry& r = registry();
  for (int d = 0; d < kMaxDevices; ++d) {
    std::vector<cudaStream_t> others;
    {
      std::lock_guard lock(r.mutex);
      others = r.devices[size_t(d)].set;
    }
    if (others.empty()) continue;
    others.push_back(nullptr);
    const cudaStream_t here = stream_on(d);
    Graph* const graph = captures() ? graph_of(here) : nullptr;
    for (const cudaStream_t there : others) {
      // Recorded work cannot wait for other work, nor that for it.
      if (there == here || (captures() && graph_of(there) != graph)) continue;
      Mark mark(d, in ? there : here);
      mark.hold(d, in ? here : there);
      mark.forget();
    }
  }
}

// ---- Marks ----

Mark::Mark(int device, cudaStream_t stream) : device_(device) {
  const Selected guard(device);
  Registry& r = registry();
  {
    std::lock_guard lock(r.mutex);
    std::vector<cudaEvent_t>& kept = r.devices[size_t(device)].events;
    if (!kept.empty()) {
      event_ = kept.back();
      kept.pop_back();
    }
  }
  if (!event_ && cudaEventCreateWithFlags(&event_, cudaEventDisableTiming) != cudaSuccess) event_ = nullptr;
  if (event_ && cudaEventRecord(event_, stream) != cudaSuccess) event_ = nullptr;
  if (!event_) cudaGetLastError();
}

bool Mark::reached() const {
  if (!event_) return false;
  const cudaError_t state = cudaEventQuery(event_);
  if (state != cudaSuccess) cudaGetLastError();
  return state == cudaSuccess;
}

void Mark::wait() const {
  if (event_ && cudaEventSynchronize(event_) != cudaSuccess) cudaGetLastError();
}

void Mark::hold(int device, cudaStream_t stream) const {
  const Selected guard(device);
  if (event_ && cudaStreamWaitEvent(stream, event_, 0) != cudaSuccess) cudaGetLastError();
}

void Mark::forget() {
  if (!event_) return;
  Registry& r = registry();
  std::lock_guard lock(r.mutex);
  r.devices[size_t(device_)].events.push_back(event_);
  event_ = nullptr;
}

// ---- Events of the program ----

void* new_event(bool timed, bool blocking) {
  cudaEvent_t event = nullptr;
  const unsigned flags = (timed ? 0u : cudaEventDisableTiming) | (blocking ? cudaEventBlockingSync : 0u);
  check_cuda(cudaEventCreateWithFlags(&event, flags), "making an event");
  return event;
}
void delete_event(void* e) {
  if (cudaEventDestroy(as_event(e)) != cudaSuccess) cudaGetLastError();  // the process may be ending
}
void record_event(void* e, void* s) { check_cuda(cudaEventRecord(as_event(e), as_stream(s)), "recording an event"); }
void wait_event(void* s, void* e) {
  check_cuda(cudaStreamWaitEvent(as_stream(s), as_event(e), 0), "waiting for an event");
}
bool event_is_done(void* e) {
  refuse_in_graph("Event.query() asks how far a stream has come");
  return is_done(cudaEventQuery(as_event(e)), "cudaEventQuery");
}
bool event_has_passed(void* e) { return !captures() && is_done(cudaEventQuery(as_event(e)), "cudaEventQuery"); }
void synchronize_event(void* e) {
  refuse_in_graph("Event.synchronize() waits for an event");
  check_cuda(cudaEventSynchronize(as_event(e)), "waiting for an event");
}
float elapsed_ms(void* from, void* to) {
  float ms = 0;
  check_cuda(cudaEventElapsedTime(&ms, as_event(from), as_event(to)), "cudaEventElapsedTime");
  return ms;
}

}  // namespace cnn::cuda
