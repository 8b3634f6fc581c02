// The thread pool: every chunk once, exceptions, nesting, many callers, fork, rounding modes.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cfenv>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "core/parallel.h"
#include "expect.h"

using namespace cnn;

namespace {

// The sum of 1 / (1 + i), each chunk added up on its own and the chunks in order.
double chunked_sum(int64_t n, int64_t grain) {
  std::vector<double> parts(size_t((n + grain - 1) / grain));
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) sum += 1.0 / double(1 + i);
    parts[size_t(begin / grain)] = sum;
  });
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

void every_chunk_once() {
  for (const int threads : {1, 2, 3, 8, 2}) {
    set_num_threads(threads);
    EXPECT(num_threads() == threads);
    for (const int64_t chunks : {0, 1, 2, 3, 7, 8, 9, 100, 1000, 12345}) {
      std::vector<std::atomic<int>> ran(size_t(chunks) + 1);
      struct Context {
        std::vector<std::atomic<int>>& ran;
      } context{ran};
      parallel_run(chunks, [](void* c, int64_t i) { ++static_cast<Context*>(c)->ran[size_t(i)]; }, &context);
      bool once = ran[size_t(chunks)] == 0;
      for (int64_t i = 0; i < chunks; ++i) once = once && ran[size_t(i)] == 1;
      EXPECT(once);
    }
  }
  EXPECT_ERROR("positive number of threads", set_num_threads(0));
}

void boundaries_depend_on_shape_only() {
  set_num_threads(1);
  const double sum = chunked_sum(100003, 1000);
  for (const int threads : {2, 3, 8}) {
    set_num_threads(threads);
    for (int i = 0; i < 20; ++i) EXPECT(chunked_sum(100003, 1000) == sum);
  }
  int64_t calls = 0, covered = 0;
  parallel_for(0, 10, [&](int64_t, int64_t) { ++calls; });
  EXPECT(calls == 0);
  parallel_for(10, 10, [&](int64_t begin, int64_t end) { ++calls, covered = end - begin; });
  EXPECT(calls == 1 && covered == 10);
}

void exceptions() {
  for (const int threads : {1, 2, 8}) {
    set_num_threads(threads);
    for (int i = 0; i < 50; ++i) {
      std::atomic<int> ran{0};
      std::string what;
      try {
        parallel_for(64, 1, [&](int64_t begin, int64_t) {
          ++ran;
          if (begin % 10 == 3) throw std::runtime_error("chunk " + std::to_string(begin));
        });
      } catch (const std::runtime_error& e) {
        what = e.what();
      }
      EXPECT(what == "chunk 3" && ran == 64);
    }
  }
  std::string what;
  try {
    parallel_for(1, 1, [](int64_t, int64_t) { throw std::runtime_error("alone"); });
  } catch (const std::runtime_error& e) {
    what = e.what();
  }
  EXPECT(what == "alone" && !in_parallel_region());
}

void nesting_is_serial() {
  set_num_threads(4);
  std::atomic<int> inner{0}, strangers{0};
  EXPECT(!in_parallel_region());
  parallel_for(8, 1, [&](int64_t, int64_t) {
    if (!in_parallel_region()) ++strangers;
    const auto self = std::this_thread::get_id();
    parallel_for(10, 1, [&](int64_t, int64_t) {
      ++inner;
      if (std::this_thread::get_id() != self) ++strangers;
    });
  });
  EXPECT(inner == 80 && strangers == 0 && !in_parallel_region());
}

void sixteen_callers() {
  set_num_threads(3);
  std::atomic<int> right{0};
  set_num_threads(1);
  const double sum = chunked_sum(20000, 500);
  set_num_threads(3);
  std::vector<std::thread> callers;
  for (int t = 0; t < 16; ++t) {
    callers.emplace_back([&] {
      bool same = true;
      for (int i = 0; i < 100; ++i) same = same && chunked_sum(20000, 500) == sum;
      right += same;
    });
  }
  for (std::thread& t : callers) t.join();
  EXPECT(right == 16);
}

void sleeping_workers_wake() {
  set_num_threads(2);
  std::thread::id self = std::this_thread::get_id();
  int helped = 0;
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::atomic<bool> other{false};
    // Long enough for a parked worker to arrive, and then it takes one of the two.
    parallel_for(2, 1, [&](int64_t, int64_t) {
      if (std::this_thread::get_id() != self) other = true;
      const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(20);
      while (!other && std::chrono::steady_clock::now() < until) std::this_thread::yield();
    });
    helped += other;
  }
  EXPECT(helped > 0);
}

void workers_take_the_callers_rounding() {
  set_num_threads(3);
  const volatile double one = 1, three = 3;
  for (const int mode : {FE_UPWARD, FE_DOWNWARD, FE_TONEAREST}) {
    std::fesetround(mode);
    const double expected = one / three;
    std::atomic<int> differing{0};
    for (int i = 0; i < 200; ++i) {
      parallel_for(64, 1, [&](int64_t, int64_t) { differing += (one / three != expected); });
    }
    EXPECT(differing == 0);
  }
}

void forked_children_start_anew() {
  if (beyond_emulation("forked_children_start_anew")) return;
#if !defined(__SANITIZE_THREAD__)
  set_num_threads(4);
  const double sum = chunked_sum(100003, 1000);
  std::atomic<bool> stop{false};
  std::thread busy([&] {  // the pool is in use while we fork
    while (!stop) chunked_sum(20000, 100);
  });
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);  // ends a child that hangs
      bool same = num_threads() == 4;
      for (int j = 0; j < 20; ++j) same = same && chunked_sum(100003, 1000) == sum;
      _exit(same ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  stop = true;
  busy.join();
  EXPECT(chunked_sum(100003, 1000) == sum);
#endif
}

int entered = 0, left = 0;

void work_scopes() {
  {
    const WorkScope none(1e9);
  }
  work_scope_enter = [](void** state) { ++entered, *state = &entered; };
  work_scope_leave = [](void** state) { left += *state == &entered; };
  {
    const WorkScope brief(49e3);
  }
  EXPECT(entered == 0 && left == 0);
  {
    const WorkScope lengthy(51e3);
  }
  EXPECT(entered == 1 && left == 1);
  work_scope_enter = work_scope_leave = nullptr;
}

}  // namespace

int main() {
  every_chunk_once();
  boundaries_depend_on_shape_only();
  exceptions();
  nesting_is_serial();
  sixteen_callers();
  sleeping_workers_wake();
  workers_take_the_callers_rounding();
  forked_children_start_anew();
  work_scopes();
  return report();
}
