// CUDA on the host, to run kernels where there is no GPU: a fiber for each thread of a block, and blocks in
// turn.
//
// Threads run in a seeded random order, each up to its next barrier, so a missing barrier shows as a wrong result;
// barriers that not all threads reach are reported. Device memory can be touched only inside kernels and copies:
// anything else faults.
// Not covered: memory ordering within a barrier's phase, asynchrony, timing.
#pragma once

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <utility>
#include <vector>

#define __global__
#define __device__
#define __host__
#define __shared__ static
#define __launch_bounds__(...)
#define CNN_LAUNCH(kernel, blocks, threads, ...) \
  ::cnn::emulation::launch(unsigned(blocks), unsigned(threads), [&] { kernel(__VA_ARGS__); })

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace cnn::emulation {

// ---- Device memory ----

inline std::recursive_mutex& mutex() {
  static auto* const m = new std::recursive_mutex;
  return *m;
}

// What the program has asked of the GPU so far.
struct Counts {
  int64_t launches = 0;  // of kernels, and of cuBLASLt's products
  int64_t copies = 0;  // from the host to the device that the host waits for
  int64_t waits = 0;  // of the host for the device: copies back, synchronization
};
inline Counts& counts() {
  static Counts c;
  return c;
}

inline constexpr size_t kArena = size_t(1) << 34;

struct Memory {
  char* base;
  size_t used = 0;
  int open = 0;
  std::multimap<size_t, void*> free;
  std::map<void*, size_t> size;
  size_t limit = kArena;  // less, to try what happens without memory

  Memory() {
    void* p = mmap(nullptr, kArena, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::runtime_error("no address space for device memory");
    base = static_cast<char*>(p);
  }
  bool holds(const void* p) const { return p >= base && p < base + kArena; }
  void protect(int how) {
    if (used && mprotect(base, used, how) != 0) throw std::runtime_error("mprotect failed");
  }
};
inline Memory& memory() {
  static auto* const m = new Memory;
  return *m;
}

// Device memory may be touched while one lives.
struct Access {
  std::lock_guard<std::recursive_mutex> lock{mutex()};
  Access() {
    if (memory().open++ == 0) memory().protect(PROT_READ | PROT_WRITE);
  }
  ~Access() {
    if (--memory().open == 0) memory().protect(PROT_NONE);
  }
};

// ---- Threads ----

inline constexpr size_t kStack = 1 << 16;
inline constexpr unsigned kMaxThreads = 1024, kWarp = 32;

enum class State : uint8_t { Ready, AtBlockBarrier, AtWarpBarrier, Done };

struct Machine {
  ucontext_t scheduler;
  ucontext_t fibers[kMaxThreads];
  State states[kMaxThreads];
  uint64_t exchange[kMaxThreads];  // what lanes shuffle
  std::vector<char> stacks = std::vector<char>(kStack * kMaxThreads);
  unsigned threads = 0, current = 0;
  uint64_t random = 1;
  void (*body)(void*) = nullptr;
  void* argument = nullptr;
};
inline Machine& machine() {
  static auto* const m = new Machine;
  return *m;
}

inline void set_seed(uint64_t seed) { machine().random = seed * 2 + 1; }

inline uint64_t draw() {  // xorshift64 (Marsaglia 2003)
  uint64_t& r = machine().random;
  r ^= r << 13;
  r ^= r >> 7;
  r ^= r << 17;
  return r;
}

inline void wait(State barrier) {
  Machine& m = machine();
  const unsigned me = m.current;
  m.states[me] = barrier;
  swapcontext(&m.fibers[me], &m.scheduler);
}

inline void fiber_main() {
  Machine& m = machine();
  m.body(m.argument);
  m.states[m.current] = State::Done;
  swapcontext(&m.fibers[m.current], &m.scheduler);
}

// Opens the barriers that all the threads left have reached. False: none was.
inline bool release() {
  Machine& m = machine();
  bool any = false, all_at_block = true;
  for (unsigned w = 0; w < m.threads; w += kWarp) {
    const unsigned end = w + kWarp < m.threads ? w + kWarp : m.threads;
    bool waits = false, complete = true;
    for (unsigned t = w; t < end; ++t) {
      waits |= m.states[t] == State::AtWarpBarrier;
      complete &= m.states[t] == State::AtWarpBarrier || m.states[t] == State::Done;
      all_at_block &= m.states[t] == State::AtBlockBarrier || m.states[t] == State::Done;
    }
    if (!waits || !complete) continue;
    for (unsigned t = w; t < end; ++t)
      if (m.states[t] == State::AtWarpBarrier) m.states[t] = State::Ready;
    any = true;
  }
  if (any || !all_at_block) return any;
  for (unsigned t = 0; t < m.threads; ++t)
    if (m.states[t] == State::AtBlockBarrier) m.states[t] = State::Ready;
  return true;
}

inline void run_block() {
  Machine& m = machine();
  unsigned order[kMaxThreads], done = 0;
  for (unsigned t = 0; t < m.threads; ++t) {
    getcontext(&m.fibers[t]);
    m.fibers[t].uc_stack.ss_sp = m.stacks.data() + t * kStack;
    m.fibers[t].uc_stack.ss_size = kStack;
    m.fibers[t].uc_link = nullptr;
    makecontext(&m.fibers[t], fiber_main, 0);
    m.states[t] = State::Ready;
    order[t] = t;
  }
  while (done < m.threads) {
    for (unsigned t = m.threads; t > 1; --t) std::swap(order[t - 1], order[draw() % t]);
    bool ran = false;
    for (unsigned k = 0; k < m.threads; ++k) {
      const unsigned t = order[k];
      if (m.states[t] != State::Ready) continue;
      m.current = t;
      threadIdx = {t, 0, 0};
      swapcontext(&m.scheduler, &m.fibers[t]);
      done += m.states[t] == State::Done;
      ran = true;
    }
    if (!ran && !release()) throw std::runtime_error("deadlock: a barrier that not all threads reach");
    if (ran) release();
  }
}

template <class F>
void launch(unsigned blocks, unsigned threads, const F& body) {
  if (blocks == 0 || threads == 0 || threads > kMaxThreads) throw std::runtime_error("invalid launch configuration");
  const Access access;
  ++counts().launches;
  Machine& m = machine();
  m.threads = threads;
  m.body = [](void* f) { (*static_cast<const F*>(f))(); };
  m.argument = const_cast<F*>(&body);
  gridDim = {blocks, 1, 1};
  blockDim = {threads, 1, 1};
  for (unsigned b = 0; b < blocks; ++b) {
    blockIdx = {b, 0, 0};
    if (threads == 1) {
      threadIdx = {0, 0, 0};
      body();
    } else {
      run_block();
    }
  }
}

}  // namespace cnn::emulation

inline void __syncthreads() { cnn::emulation::wait(cnn::emulation::State::AtBlockBarrier); }
inline void __syncwarp() { cnn::emulation::wait(cnn::emulation::State::AtWarpBarrier); }

// The value of the lane `down` further on; its own where there is none.
template <class T>
T __shfl_down_sync(unsigned, T value, unsigned down) {
  static_assert(sizeof(T) <= 8);
  auto& m = cnn::emulation::machine();
  const unsigned me = m.current;
  std::memcpy(&m.exchange[me], &value, sizeof(T));
  __syncwarp();
  const bool there = me % cnn::emulation::kWarp + down < cnn::emulation::kWarp && me + down < m.threads;
  T result;
  std::memcpy(&result, &m.exchange[there ? me + down : me], sizeof(T));
  __syncwarp();
  return result;
}

// ---- The runtime's calls that the plug-in makes ----

using cudaStream_t = void*;
enum cudaError_t { cudaSuccess, cudaErrorMemoryAllocation, cudaErrorNoDevice, cudaErrorInsufficientDriver };
enum cudaMemcpyKind { cudaMemcpyHostToDevice, cudaMemcpyDeviceToHost, cudaMemcpyDeviceToDevice };
enum cudaMemoryType { cudaMemoryTypeUnregistered, cudaMemoryTypeDevice };
struct cudaPointerAttributes {
  cudaMemoryType type;
  int device;
};
struct cudaDeviceProp {
  char name[256];
};

inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char* cudaGetErrorString(cudaError_t e) {
  return e == cudaErrorMemoryAllocation ? "out of memory" : "an emulated error";
}
inline cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
inline cudaError_t cudaSetDevice(int) { return cudaSuccess; }
inline cudaError_t cudaDeviceSynchronize() {
  const cnn::emulation::Access access;
  ++cnn::emulation::counts().waits;
  return cudaSuccess;
}
inline cudaError_t cudaGetDeviceProperties(cudaDeviceProp* p, int) {
  std::snprintf(p->name, sizeof p->name, "emulated on the host");
  return cudaSuccess;
}
inline cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* a, const void* p) {
  *a = {cnn::emulation::memory().holds(p) ? cudaMemoryTypeDevice : cudaMemoryTypeUnregistered, 0};
  return cudaSuccess;
}
inline cudaError_t cudaMemcpy(void* to, const void* from, size_t n, cudaMemcpyKind kind) {
  const cnn::emulation::Access access;
  auto& counts = cnn::emulation::counts();
  counts.copies += kind == cudaMemcpyHostToDevice;
  counts.waits += kind == cudaMemcpyDeviceToHost;
  std::memmove(to, from, n);
  return cudaSuccess;
}
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t n, cudaMemcpyKind kind, cudaStream_t) {
  return cudaMemcpy(to, from, n, kind);
}
inline cudaError_t cudaMemcpyPeer(void* to, int, const void* from, int, size_t n) {
  return cudaMemcpy(to, from, n, cudaMemcpyDeviceToDevice);
}
inline cudaError_t cudaMalloc(void** p, size_t n) {
  const cnn::emulation::Access access;
  auto& m = cnn::emulation::memory();
  const auto kept = m.free.find(n);
  if (kept != m.free.end()) {
    *p = kept->second;
    m.free.erase(kept);
  } else {
    const size_t rounded = (n + 4095) / 4096 * 4096;
    if (m.used + rounded > m.limit || m.used + rounded > cnn::emulation::kArena) return cudaErrorMemoryAllocation;
    *p = m.base + m.used;
    m.used += rounded;
    m.protect(PROT_READ | PROT_WRITE);
  }
  m.size[*p] = n;
  std::memset(*p, 0xa5, n);  // what is not written shows
  return cudaSuccess;
}
inline cudaError_t cudaFree(void* p) {
  const cnn::emulation::Access access;
  auto& m = cnn::emulation::memory();
  m.free.emplace(m.size[p], p);
  return cudaSuccess;
}
inline cudaError_t cudaMemGetInfo(size_t* left, size_t* total) {
  const auto& m = cnn::emulation::memory();
  *total = m.limit;
  *left = m.limit - m.used;
  return cudaSuccess;
}
