#include "core/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "cnn/check.h"
#include "core/cpu_info.h"
#include "core/float_control.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace cnn {

void (*work_scope_enter)(void** state) = nullptr;
void (*work_scope_leave)(void** state) = nullptr;

namespace {

constexpr int kMaxThreads = 256;
constexpr int64_t kUnitsPerSpan = 16;  // how finely a thread's share can be taken over by others

using Clock = std::chrono::steady_clock;
constexpr auto kBusySpin = std::chrono::microseconds(50);   // then give way between two looks
constexpr auto kSpin = std::chrono::microseconds(1000);     // then sleep

void pause_cpu() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Looks for done() until it is true or the time is up.
template <class Done>
bool spin_until(const Done& done, std::chrono::nanoseconds limit) {
  for (int i = 0; i < 64; ++i) {
    if (done()) return true;
    pause_cpu();
  }
  const auto start = Clock::now();
  while (true) {
    for (int i = 0; i < 64; ++i) {
      if (done()) return true;
      pause_cpu();
    }
    const auto spent = Clock::now() - start;
    if (spent > limit) return done();
    if (spent > kBusySpin) sched_yield();
  }
}

thread_local bool inside_region = false;

// The first of the exceptions, in the order of chunks.
struct Failure {
  std::mutex mutex;
  int64_t chunk = INT64_MAX;
  std::exception_ptr exception;

  void note(int64_t at) {
    std::lock_guard lock(mutex);
    if (at >= chunk) return;
    chunk = at;
    exception = std::current_exception();
  }
};

struct Job {
  void (*fn)(void* ctx, int64_t chunk) = nullptr;
  void* ctx = nullptr;
  int64_t chunks = 0;
  int32_t spans = 0;  // one contiguous share of the chunks for each thread that we hope for
  uint32_t control = 0;  // of floating point: workers take it over from the caller
  Failure* failure = nullptr;

  void run(int64_t begin, int64_t end) const {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      try {
        fn(ctx, chunk);
      } catch (...) {
        failure->note(chunk);
      }
    }
  }
};

void run_serially(const Job& job) {
  const bool outer = inside_region;
  inside_region = true;
  job.run(0, job.chunks);
  inside_region = outer;
}

// How the chunks of one span fall into units, the pieces that are claimed.
struct Share {
  int64_t begin, end, step, units;
  Share(const Job& job, int span) {
    const int64_t each = job.chunks / job.spans, extra = job.chunks % job.spans;
    begin = each * span + std::min<int64_t>(span, extra);
    end = begin + each + (span < extra);
    step = (end - begin - 1) / kUnitsPerSpan + 1;
    units = (end - begin - 1) / step + 1;
  }
};

// std::condition_variable, but for its wait, which only the newest C++ libraries export; and it may be left behind by a
// fork with sleepers in it.
class Condition {
 public:
  template <class Done>
  void wait(std::unique_lock<std::mutex>& lock, const Done& done) {
    while (!done()) pthread_cond_wait(&condition_, lock.mutex()->native_handle());
  }
  void notify_one() { pthread_cond_signal(&condition_); }
  void notify_all() { pthread_cond_broadcast(&condition_); }

 private:
  pthread_cond_t condition_ = PTHREAD_COND_INITIALIZER;
};

// Each thread takes units from the front of its own span of the chunks, then from the spans of the
// others. Who starts where is the same in every job, so data is found in the cache it was left in.
//
// A claim is a compare-and-swap on the span's word: the job's number above, the next unit below. A
// worker that overslept holds an old number, so its claims fail. Hence the caller waits only for
// units that were claimed, never for a sleeper.
class Pool {
 public:
  bool try_acquire() { return !busy_.exchange(true, std::memory_order_acquire); }
  void release() { busy_.store(false, std::memory_order_release); }
  // Runs the job with the help of threads - 1 workers. The caller has acquired the pool.
  void run(const Job& job, int threads);

 private:
  static constexpr int kUnitBits = 16;
  struct alignas(64) Span {
    std::atomic<uint64_t> next{0};
  };
  // The job for workers to copy. The number is odd while it is being written; a copy counts if the
  // number was even and the same before and after.
  struct alignas(64) Posted {
    std::atomic<uint64_t> number{0};
    std::atomic<void (*)(void*, int64_t)> fn{nullptr};
    std::atomic<void*> ctx{nullptr};
    std::atomic<int64_t> chunks{0};
    std::atomic<Failure*> failure{nullptr};
    std::atomic<int> spans{0};
    std::atomic<uint32_t> control{0};
  };

  void start_workers(int wanted);
  void work(int id);
  void post(const Job& job, uint64_t number);
  bool copy_posted(Job* job, uint64_t number) const;
  int64_t take_part(const Job& job, uint64_t number, int id);
  void wake(int wanted);
  void wait_for(int64_t units);

  Posted posted_;
  Span spans_[kMaxThreads];
  alignas(64) std::atomic<int64_t> finished_{0};  // units of the posted job
  alignas(64) std::atomic<bool> busy_{false};
  std::atomic<int> threads_{0};  // workers from this number on sleep
  int workers_ = 0;
  int refused_ = kMaxThreads;  // the system would not start a worker of this number

  std::mutex mutex_;  // of the two conditions; never held while a chunk runs
  Condition wake_workers_;
  Condition wake_caller_;
  std::atomic<int> sleeping_{0};
  std::atomic<bool> caller_sleeps_{false};
};

void Pool::run(const Job& job, int threads) {
  start_workers(threads - 1);
  if (workers_ == 0) return run_serially(job);
  threads_.store(threads, std::memory_order_relaxed);
  finished_.store(0, std::memory_order_relaxed);
  const uint64_t number = posted_.number.load(std::memory_order_relaxed) + 2;
  int64_t units = 0;
  for (int span = 0; span < job.spans; ++span) {
    units += Share(job, span).units;
    spans_[span].next.store(number << kUnitBits, std::memory_order_relaxed);
  }
  post(job, number);
  wake(workers_ == threads - 1 ? job.spans - 1 : workers_);

  inside_region = true;
  const int64_t own = take_part(job, number, 0);
  inside_region = false;
  if (finished_.fetch_add(own, std::memory_order_acq_rel) + own < units) wait_for(units);
}

// Every field is released after the odd number: who sees the field sees that number too.
void Pool::post(const Job& job, uint64_t number) {
  posted_.number.store(number - 1, std::memory_order_relaxed);
  posted_.fn.store(job.fn, std::memory_order_release);
  posted_.ctx.store(job.ctx, std::memory_order_release);
  posted_.chunks.store(job.chunks, std::memory_order_release);
  posted_.failure.store(job.failure, std::memory_order_release);
  posted_.spans.store(job.spans, std::memory_order_release);
  posted_.control.store(job.control, std::memory_order_release);
  posted_.number.store(number, std::memory_order_seq_cst);
}

bool Pool::copy_posted(Job* job, uint64_t number) const {
  job->fn = posted_.fn.load(std::memory_order_acquire);
  job->ctx = posted_.ctx.load(std::memory_order_acquire);
  job->chunks = posted_.chunks.load(std::memory_order_acquire);
  job->failure = posted_.failure.load(std::memory_order_acquire);
  job->spans = posted_.spans.load(std::memory_order_acquire);
  job->control = posted_.control.load(std::memory_order_acquire);
  return number % 2 == 0 && posted_.number.load(std::memory_order_acquire) == number;
}

// Returns how many units this thread ran.
int64_t Pool::take_part(const Job& job, uint64_t number, int id) {
  int64_t ran = 0;
  for (int i = 0; i < job.spans; ++i) {
    const int span = (id + i) % job.spans;
    const Share share(job, span);
    std::atomic<uint64_t>& next = spans_[span].next;
    uint64_t word = next.load(std::memory_order_acquire);
    while (word >> kUnitBits == number) {
      const int64_t unit = int64_t(word & ((1u << kUnitBits) - 1));
      if (unit >= share.units) break;
      if (!next.compare_exchange_weak(word, word + 1, std::memory_order_acq_rel, std::memory_order_acquire)) {
        continue;
      }
      const int64_t begin = share.begin + unit * share.step;
      job.run(begin, std::min(begin + share.step, share.end));
      ++ran;
      word = next.load(std::memory_order_acquire);
    }
  }
  return ran;
}

void Pool::wake(int wanted) {
  const int sleeping = sleeping_.load(std::memory_order_seq_cst);
  if (sleeping == 0) return;
  {
    std::lock_guard lock(mutex_);
  }  // whoever counted itself is now waiting, and hears us
  if (wanted >= sleeping) return wake_workers_.notify_all();
  for (int i = 0; i < wanted; ++i) wake_workers_.notify_one();
}

// All units are claimed, and some are still being run.
void Pool::wait_for(int64_t units) {
  const auto done = [&] { return finished_.load(std::memory_order_seq_cst) == units; };
  if (spin_until(done, kSpin)) return;
  std::unique_lock lock(mutex_);
  caller_sleeps_.store(true, std::memory_order_seq_cst);
  wake_caller_.wait(lock, done);
  caller_sleeps_.store(false, std::memory_order_relaxed);
}

// Kernels keep buffers on the stack: a worker touches its pages before the first job, not in the middle of training.
[[gnu::noinline]] void touch_stack() {
  char stack[128 << 10];
  std::memset(stack, 0, sizeof(stack));
  asm volatile("" : : "r"(stack) : "memory");  // or the compiler would leave it out
}

void Pool::work(int id) {
  inside_region = true;
  touch_stack();
  uint64_t seen = 0;
  const auto news = [&] {
    return posted_.number.load(std::memory_order_seq_cst) != seen && id < threads_.load(std::memory_order_relaxed);
  };
  while (true) {
    if (!spin_until(news, kSpin)) {
      std::unique_lock lock(mutex_);
      sleeping_.fetch_add(1, std::memory_order_seq_cst);
      wake_workers_.wait(lock, news);
      sleeping_.fetch_sub(1, std::memory_order_relaxed);
    }
    const uint64_t number = posted_.number.load(std::memory_order_acquire);
    Job job;
    if (!copy_posted(&job, number)) continue;
    seen = number;
    set_float_control(job.control);
    const int64_t ran = take_part(job, number, id);
    if (ran == 0) continue;
    finished_.fetch_add(ran, std::memory_order_seq_cst);
    if (caller_sleeps_.load(std::memory_order_seq_cst)) {
      {
        std::lock_guard lock(mutex_);
      }
      wake_caller_.notify_one();
    }
  }
}

// Starts workers until there are `wanted` of them, or as many as the system allows.
void Pool::start_workers(int wanted) {
  if (workers_ >= std::min(wanted, refused_)) return;
  sigset_t all, before;  // signals are for the program's own threads
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    while (workers_ < std::min(wanted, refused_)) {
      std::thread([this, id = workers_ + 1] { work(id); }).detach();
      ++workers_;
    }
  } catch (const std::system_error&) {
    refused_ = workers_;
  } catch (const std::bad_alloc&) {
    refused_ = workers_;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// ---------------------------------------------------------------------------------- the one pool

// A forked child has no workers and may have been copied in the middle of a job, so it starts with
// a new pool. Pools are never destroyed: workers may outlive main.
std::atomic<Pool*>& current_pool() {
  static std::atomic<Pool*>& pool = []() -> std::atomic<Pool*>& {
    static std::atomic<Pool*> pointer{new Pool};
    pthread_atfork(nullptr, nullptr, [] { pointer.store(new (std::nothrow) Pool, std::memory_order_release); });
    return pointer;
  }();
  return pool;
}

int positive_number(const char* text) {
  if (!text) return 0;
  char* end;
  const long n = std::strtol(text, &end, 10);
  return end != text && (*end == '\0' || *end == ',') && n > 0 ? int(std::min(n, long(kMaxThreads))) : 0;
}

int default_threads() {
  const char* own = std::getenv("CNN_NUM_THREADS");
  if (const int n = positive_number(own)) return n;
  if (own && *own) {
    std::fprintf(stderr, "cnn: CNN_NUM_THREADS=%s is ignored: expected a number from 1 up\n", own);
  }
  if (const int n = positive_number(std::getenv("OMP_NUM_THREADS"))) return n;
  return std::min(available_cpus(), kMaxThreads);
}

std::atomic<int>& thread_setting() {
  static std::atomic<int> threads{default_threads()};
  return threads;
}

}  // namespace

int num_threads() { return thread_setting().load(std::memory_order_relaxed); }

void set_num_threads(int n) {
  check(n >= 1, "set_num_threads", "expected a positive number of threads, got ", n);
  thread_setting().store(std::min(n, kMaxThreads), std::memory_order_relaxed);
}

bool in_parallel_region() { return inside_region; }

void parallel_run(int64_t chunks, void (*fn)(void* ctx, int64_t chunk), void* ctx) {
  if (chunks <= 0) return;
  if (chunks == 1) return fn(ctx, 0);
  const int threads = inside_region ? 1 : num_threads();
  Failure failure;
  const Job job{fn, ctx, chunks, int(std::min<int64_t>(threads, chunks)), float_control(), &failure};
  Pool* pool = threads > 1 ? current_pool().load(std::memory_order_acquire) : nullptr;
  if (pool && pool->try_acquire()) {
    pool->run(job, threads);
    pool->release();
  } else {
    run_serially(job);
  }
  if (failure.exception) std::rethrow_exception(failure.exception);
}

}  // namespace cnn
