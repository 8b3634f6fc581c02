// The allocator of -DCNN_GUARD=ON: each misuse of memory ends the process, and nothing else does.
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstring>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/allocator.h"
#include "expect.h"

using namespace cnn;

namespace {

char* take(size_t nbytes) { return static_cast<char*>(cpu_allocate(nbytes)); }

struct End {
  int signal;
  std::string text;  // what it said
};

// How a child ends that runs f.
template <class F> End end_of(F f) {
  int ends[2];
  if (pipe(ends) != 0) return {-1, ""};
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    dup2(ends[1], STDERR_FILENO);
    f();
    _exit(0);
  }
  close(ends[1]);
  End end{0, ""};
  char text[300];
  for (ssize_t n; (n = read(ends[0], text, sizeof text)) > 0;) end.text.append(text, size_t(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  end.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return end;
}
#define EXPECT_SIGNAL(number, ...) EXPECT(end_of([&] { __VA_ARGS__; }).signal == (number))
#define EXPECT_ABORT(part, ...)                         \
  do {                                                  \
    const End end = end_of([&] { __VA_ARGS__; });       \
    EXPECT(end.signal == SIGABRT);                      \
    EXPECT(end.text.find(part) != std::string::npos);   \
  } while (false)

volatile char seen;

void past_the_end() {
  for (const size_t size : {1, 2, 12, 20, 64, 4000, 4096, 5000, 1 << 20}) {
    EXPECT_SIGNAL(SIGSEGV, take(size)[size] = 1);
    EXPECT_SIGNAL(SIGSEGV, seen = take(size)[size]);
    EXPECT_SIGNAL(0, char* p = take(size); std::memset(p, 1, size); cpu_free(p, size));
  }
}

void before_the_start() {
  EXPECT_ABORT("a block of 20 bytes was written at byte -1, before its start (0x01", char* p = take(20); p[-1] = 1;
               cpu_free(p, 20));
  EXPECT_ABORT("at byte -4076", char* p = take(20); p[-4076] = 1; cpu_free(p, 20));
}

void after_the_free() {
  for (const size_t size : {4, 10000}) {
    EXPECT_SIGNAL(SIGSEGV, char* p = take(size); cpu_free(p, size); seen = *p);
    EXPECT_SIGNAL(SIGSEGV, char* p = take(size); cpu_free(p, size);
                  for (int i = 0; i < 2000; ++i) cpu_free(take(size), size); *p = 1);
  }
  EXPECT_ABORT("freed twice", char* p = take(20); cpu_free(p, 20); cpu_free(p, 20));
  EXPECT_ABORT("a block of 20 bytes was freed as one of 24 bytes", cpu_free(take(20), 24));
  EXPECT_ABORT("no block begins at", cpu_free(take(20) + 4, 16));
}

// So many blocks that not each can have a page: they are checked all the same, later.
void many_blocks() {
  std::vector<char*> many(50000);
  for (char*& p : many) p = take(12);
  char* const last = many.back();
  EXPECT_ABORT("at byte 12, past its end", last[12] = 1; cpu_free(last, 12));
  EXPECT_ABORT("at byte -64, before its start", last[-64] = 1; cpu_free(last, 12));
  EXPECT_ABORT("at byte 0, after it was freed", cpu_free(last, 12); *last = 1; cpu_empty_cache());
  for (char* p : many) cpu_free(p, 12);
  EXPECT(cpu_memory_stats().allocated_bytes == 0);
  cpu_empty_cache();
  EXPECT(cpu_memory_stats().reserved_bytes == 0);
}

void fresh_memory() {
  float* const floats = static_cast<float*>(cpu_allocate(28));
  for (int i = 0; i < 7; ++i) EXPECT(std::isnan(floats[i]));
  cpu_free(floats, 28);
  double* const doubles = static_cast<double*>(cpu_allocate(size_t(1) << 20));
  for (int i = 0; i < 1 << 17; ++i) EXPECT(std::isnan(doubles[i]));
  cpu_free(doubles, size_t(1) << 20);
  for (const size_t size : {1, 12, 24, 64, 1000, 6400}) {
    char* const p = take(size);
    const size_t unit = std::min<size_t>(size & -size, 64);
    EXPECT(reinterpret_cast<uintptr_t>(p) % unit == 0);
    cpu_free(p, size);
  }
}

void threads_and_forks() {
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      while (!stop) {
        std::vector<std::pair<char*, size_t>> pieces;
        for (int i = 0; i < 100; ++i) {
          const size_t size = 1 + random() % 20000;
          pieces.emplace_back(take(size), size);
        }
        for (const auto& [p, size] : pieces) cpu_free(p, size);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_SIGNAL(0, for (size_t j = 1; j < 300; ++j) cpu_free(take(j), j));
  }
  stop = true;
  for (std::thread& t : threads) t.join();
  EXPECT(cpu_memory_stats().allocated_bytes == 0);
}

}  // namespace

int main() {
  past_the_end();
  before_the_start();
  after_the_free();
  many_blocks();
  fresh_memory();
  threads_and_forks();
  return report();
}
