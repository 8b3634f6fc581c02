// The one thread pool. Work is cut into chunks by its shape alone, so that results never depend on
// the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "cnn/export.h"
#include "cnn/threads.h"

namespace cnn {

// True inside a chunk, where further parallel work runs serially.
CNN_API bool in_parallel_region();

// Runs fn(ctx, chunk) once for every chunk in [0, chunks), on the pool and on the caller, and
// returns when all have run. Runs serially inside a chunk, with one thread, and while another
// thread has the pool. Of the exceptions thrown, that of the lowest chunk is rethrown at the end.
CNN_API void parallel_run(int64_t chunks, void (*fn)(void* ctx, int64_t chunk), void* ctx);

// Calls f(begin, end) for [0, n) cut at the multiples of grain. One chunk is a direct call.
template <class F>
void parallel_for(int64_t n, int64_t grain, const F& f) {
  grain = std::max<int64_t>(grain, 1);
  if (n <= grain) {
    if (n > 0) f(int64_t(0), n);
    return;
  }
  struct Range {
    const F& f;
    int64_t n, grain;
  } range{f, n, grain};
  parallel_run((n - 1) / grain + 1,
               [](void* ctx, int64_t chunk) {
                 const Range& r = *static_cast<const Range*>(ctx);
                 const int64_t begin = chunk * r.grain;
                 r.f(begin, r.n - begin > r.grain ? begin + r.grain : r.n);
               },
               &range);
}

// Set by the bindings, which drop the GIL for the length of a scope; null where there is no Python.
extern CNN_API void (*work_scope_enter)(void** state);
extern CNN_API void (*work_scope_leave)(void** state);

// Stands around work of an estimated cost. Below 50 microseconds it does nothing.
struct WorkScope {
  static constexpr double kWorthwhileNs = 50e3;

  explicit WorkScope(double cost_ns_estimate) {
    if (cost_ns_estimate > kWorthwhileNs && work_scope_enter) work_scope_enter(&state_);
  }
  ~WorkScope() {
    if (state_) work_scope_leave(&state_);
  }
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;

 private:
  void* state_ = nullptr;  // what enter left for leave; null: nothing to undo
};

}  // namespace cnn
