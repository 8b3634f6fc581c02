// The caching allocator: alignment, reuse without page faults, threads, fork, limits.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/allocator.h"
#include "core/cpu_info.h"
#include "expect.h"

using namespace cnn;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCaches = false;  // there every block comes from malloc
#else
constexpr bool kCaches = true;
#endif

struct Piece {
  unsigned char* p;
  size_t size;
  unsigned char mark;
};

Piece make(size_t size, unsigned char mark) {
  Piece piece{static_cast<unsigned char*>(cpu_allocate(size)), size, mark};
  std::memset(piece.p, mark, size);
  return piece;
}

// Frees a piece; false if somebody else has written to it.
bool drop(const Piece& piece) {
  bool whole = piece.p[piece.size - 1] == piece.mark;
  for (size_t i = 0; i < piece.size; i += 61) whole = whole && piece.p[i] == piece.mark;
  cpu_free(piece.p, piece.size);
  return whole;
}

void every_size() {
  EXPECT(cpu_allocate(0) == nullptr);
  cpu_free(nullptr, 0);
  const uint64_t before = cpu_memory_stats().allocated_bytes;
  std::vector<Piece> pieces;
  for (size_t base = 1; base <= (size_t(16) << 20); base *= 2) {
    for (const size_t size : {base, base + 1, base + base / 3}) {
      pieces.push_back(make(size, static_cast<unsigned char>(pieces.size())));
      EXPECT(reinterpret_cast<uintptr_t>(pieces.back().p) % 64 == 0);
    }
  }
  EXPECT(cpu_memory_stats().allocated_bytes > before + (size_t(16) << 20));
  bool whole = true;
  for (const Piece& piece : pieces) whole = drop(piece) && whole;
  EXPECT(whole);
  EXPECT(cpu_memory_stats().allocated_bytes == before);
  for (size_t size = 512; size <= (size_t(8) << 20); size += size / 7 + 1) {
    void* p = cpu_allocate(size);
    const uint64_t held = cpu_memory_stats().allocated_bytes - before;
    EXPECT(held >= size && double(held - size) < 0.125 * double(size) + 1);
    cpu_free(p, size);
  }
}

void random_traffic() {
  std::mt19937 random(1);
  std::vector<Piece> live;
  bool whole = true;
  for (int i = 0; i < 10000; ++i) {
    if (live.size() < 200 && random() % 2) {
      const size_t size = 1 + random() % (size_t(1) << (random() % 20));
      live.push_back(make(size, static_cast<unsigned char>(random())));
    } else if (!live.empty()) {
      std::swap(live[random() % live.size()], live.back());
      whole = drop(live.back()) && whole;
      live.pop_back();
    }
    if (i % 2500 == 2499) cpu_empty_cache();
  }
  for (const Piece& piece : live) whole = drop(piece) && whole;
  EXPECT(whole);
}

void one_step() {
  static const size_t sizes[] = {24,     64,      400,     4096,     33000,   100000, 700000,
                                 500000, 2000000, 9000000, 40000000, 3000000, 128,    6000};
  Piece pieces[std::size(sizes)];
  for (size_t i = 0; i < std::size(sizes); ++i) {
    pieces[i] = {static_cast<unsigned char*>(cpu_allocate(sizes[i])), sizes[i], 0};
    for (size_t at = 0; at < sizes[i]; at += 4096) pieces[i].p[at] = 1;
  }
  std::vector<void*> many(3000);  // more small blocks than a thread keeps for itself
  for (void*& p : many) p = cpu_allocate(200);
  for (void* p : many) cpu_free(p, 200);
  for (size_t i = 0; i < std::size(sizes); ++i) cpu_free(pieces[i].p, pieces[i].size);
}

void steady_loop_has_no_page_fault() {
  if (!kCaches) return;
  for (int i = 0; i < 20; ++i) one_step();
  const MemoryStats before = cpu_memory_stats();
  rusage start, end;
  getrusage(RUSAGE_SELF, &start);
  for (int i = 0; i < 100; ++i) one_step();
  getrusage(RUSAGE_SELF, &end);
  const MemoryStats after = cpu_memory_stats();
#if !defined(__SANITIZE_THREAD__)
  EXPECT(end.ru_minflt == start.ru_minflt || beyond_emulation("page faults"));
#endif
  EXPECT(after.misses == before.misses && after.reserved_bytes == before.reserved_bytes);
  EXPECT(after.hits - before.hits == 100 * (14 + 3000));
}

void freed_on_another_thread() {
  const uint64_t before = cpu_memory_stats().allocated_bytes;
  std::atomic<bool> whole{true};
  for (int round = 0; round < 10; ++round) {
    std::vector<Piece> pieces;
    for (size_t i = 0; i < 2000; ++i) pieces.push_back(make(i * 37 % 40000 + 1, uint8_t(i)));
    std::thread([&] {
      for (const Piece& piece : pieces) {
        if (!drop(piece)) whole = false;
      }
    }).join();
  }
  EXPECT(whole);
  EXPECT(cpu_memory_stats().allocated_bytes == before);
  // What ended threads had kept is found again: the rounds above do not add up.
  if (kCaches) EXPECT(cpu_memory_stats().reserved_bytes < (size_t(1) << 30));
}

void sixteen_threads() {
  const uint64_t before = cpu_memory_stats().allocated_bytes;
  std::mutex mutex;
  std::vector<Piece> shared;
  std::atomic<bool> whole{true};
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 16; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937 random(t);
      for (int i = 0; i < 1500; ++i) {
        const Piece piece = make(1 + random() % (i % 50 ? 5000 : 300000), uint8_t(random()));
        Piece other{nullptr, 0, 0};
        {
          std::lock_guard lock(mutex);
          shared.push_back(piece);
          if (shared.size() > 100) {
            std::swap(shared[random() % shared.size()], shared.back());
            other = shared.back();
            shared.pop_back();
          }
        }
        if (other.p && !drop(other)) whole = false;
        if (i % 500 == 499) cpu_empty_cache();
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (const Piece& piece : shared) {
    if (!drop(piece)) whole = false;
  }
  EXPECT(whole);
  EXPECT(cpu_memory_stats().allocated_bytes == before);
}

struct LateFree {
  void* p = nullptr;
  ~LateFree() { cpu_free(p, 100); }
};
thread_local LateFree late;

// A thread-local destructor may run after the thread's lists have been handed over.
void freed_while_a_thread_ends() {
  const uint64_t before = cpu_memory_stats().allocated_bytes;
  std::thread([] {
    late.p = nullptr;  // constructed before the allocator's own, so destroyed after it
    late.p = cpu_allocate(100);
  }).join();
  EXPECT(cpu_memory_stats().allocated_bytes == before);
}

void empty_cache_gives_back() {
  if (!kCaches) return;
  std::vector<Piece> pieces;
  for (int i = 0; i < 20000; ++i) pieces.push_back(make(1500, 1));
  for (int i = 0; i < 50; ++i) pieces.push_back(make(1 << 20, 2));
  pieces.push_back(make(size_t(100) << 20, 3));
  const uint64_t held = cpu_memory_stats().reserved_bytes;
  EXPECT(held > (size_t(170) << 20));
  for (const Piece& piece : pieces) EXPECT(drop(piece));
  EXPECT(cpu_memory_stats().reserved_bytes == held);
  cpu_empty_cache();
  EXPECT(cpu_memory_stats().reserved_bytes < held - (size_t(160) << 20));
  EXPECT(cpu_memory_stats().peak_allocated_bytes >= (size_t(170) << 20));
}

void too_much() {
  for (const size_t size : {SIZE_MAX, SIZE_MAX - 63, size_t(1) << 50, size_t(memory_limit()) + 1,
                            size_t(memory_available()) + (size_t(1) << 30)}) {
    std::string text;
    try {
      cpu_free(cpu_allocate(size), size);
    } catch (const std::bad_alloc& e) {
      text = e.what();
    }
    EXPECT(text.find("DefaultCPUAllocator: can't allocate memory: you tried to allocate " + std::to_string(size) +
                     " bytes") == 0);
  }
  EXPECT(drop(make(1000, 1)));
}

// Under an address space limit mmap itself fails: small, medium and large blocks all raise.
void mmap_refuses() {
  if (beyond_emulation("mmap_refuses")) return;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const pid_t child = fork();
  if (child == 0) {
    alarm(30);
    cpu_empty_cache();
    const rlimit limit{size_t(600) << 20, size_t(600) << 20};
    setrlimit(RLIMIT_AS, &limit);
    int raised = 0;
    for (const size_t size : {size_t(64) << 20, size_t(1) << 20, size_t(20000)}) {
      std::vector<void*> got;
      got.reserve(100000);
      try {
        while (got.size() < 100000) got.push_back(cpu_allocate(size));
      } catch (const OutOfMemory&) {
        ++raised;
      }
      for (void* p : got) cpu_free(p, size);
    }
    _exit(raised == 3 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
#endif
}

void fork_while_others_allocate() {
#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
  std::atomic<bool> stop{false};
  std::vector<std::thread> others;
  for (unsigned t = 0; t < 3; ++t) {
    others.emplace_back([&, t] {
      std::mt19937 random(t);
      while (!stop) {
        std::vector<Piece> pieces;
        for (int i = 0; i < 300; ++i) pieces.push_back(make(1 + random() % 20000, 1));
        pieces.push_back(make(3 << 20, 1));
        for (const Piece& piece : pieces) drop(piece);
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(20);  // ends a child that hangs
      bool whole = true;
      for (int j = 0; j < 300; ++j) whole = drop(make(size_t(j) * 1000 + 1, uint8_t(j))) && whole;
      cpu_empty_cache();
      _exit(whole ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  stop = true;
  for (std::thread& t : others) t.join();
#endif
}

}  // namespace

int main() {
  every_size();
  random_traffic();
  steady_loop_has_no_page_fault();
  freed_on_another_thread();
  sixteen_threads();
  freed_while_a_thread_ends();
  empty_cache_gives_back();
  too_much();
  mmap_refuses();
  fork_while_others_allocate();
  return report();
}
