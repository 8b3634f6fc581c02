// Runs a kernel: a fiber for each thread of a block, and blocks in turn. Threads run in a seeded random order, each up
// to its next barrier, so a missing barrier shows as a wrong result; barriers that not all threads reach are reported.
#pragma once

#include <setjmp.h>
#include <ucontext.h>

#include <algorithm>
#include <map>
#include <tuple>
#include <type_traits>

#include "emulation/checks.h"
#include "emulation/stream.h"

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
};
inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace cnn::emulation {

inline constexpr size_t kStack = 1 << 16;
inline constexpr unsigned kMaxThreads = 1024, kWarp = 32;
inline constexpr size_t kMaxArguments = 32764;  // bytes, since CUDA 12.1

// Shared memory that launches ask for: bytes of a block, and those that a kernel has been allowed on a device.
inline constexpr size_t kUnaskedShared = 48 << 10, kMostShared = 227 << 10;
alignas(1024) inline char shared_memory[kMostShared];
CNN_UNCHECKED inline char* launched_shared() { return shared_memory; }
inline size_t& allowed_shared(int device, const void* kernel) {
  static auto* const all = new std::map<std::pair<int, const void*>, size_t>;
  return all->try_emplace({device, kernel}, kUnaskedShared).first->second;
}

enum class State : uint8_t { Ready, AtBlockBarrier, AtWarpBarrier, Done };

// Fibers are made once: each runs thread after thread. Switching by jumps takes no call of the system, as that of
// contexts does.
struct Machine {
  jmp_buf scheduler;
  jmp_buf fibers[kMaxThreads];
  bool made[kMaxThreads] = {};
  State states[kMaxThreads];
  uint64_t exchange[kMaxThreads];  // what lanes shuffle
  int later_copies[kMaxThreads];  // how many copies of a thread are put off (cuda_emulation_mma.h)
  std::vector<char> stacks = std::vector<char>(kStack * kMaxThreads);
  unsigned threads = 0, current = 0;
  size_t shared = 0;  // bytes that the launch gives a block
  void (*body)(const void*) = nullptr;
  const void* arguments = nullptr;
};
CNN_UNCHECKED inline Machine& machine() {
  static auto* const m = new Machine;
  return *m;
}

// From a fiber to the scheduler, until that comes back.
[[gnu::noinline]] CNN_UNCHECKED inline void leave_fiber(State state) {
  Machine& m = machine();
  m.states[m.current] = state;
  if (_setjmp(m.fibers[m.current]) == 0) _longjmp(m.scheduler, 1);
}

CNN_UNCHECKED inline void wait(State barrier) {
  const unsigned me = machine().current;
  checks::leave();
  leave_fiber(barrier);
  checks::enter(me);
}

CNN_UNCHECKED inline void fiber_main() {
  Machine& m = machine();
  for (;;) {
    checks::enter(m.current);
    m.body(m.arguments);
    checks::leave();
    leave_fiber(State::Done);
  }
}

// From the scheduler to the current thread's fiber, until that leaves.
[[gnu::noinline]] CNN_UNCHECKED inline void enter_fiber() {
  Machine& m = machine();
  const unsigned t = m.current;
  if (_setjmp(m.scheduler) != 0) return;
  if (m.made[t]) _longjmp(m.fibers[t], 1);
  m.made[t] = true;
  ucontext_t fresh;
  getcontext(&fresh);
  fresh.uc_stack.ss_sp = m.stacks.data() + t * kStack;
  fresh.uc_stack.ss_size = kStack;
  fresh.uc_link = nullptr;
  makecontext(&fresh, fiber_main, 0);
  setcontext(&fresh);
}

// Opens the barriers that all the threads left have reached. False: none was.
CNN_UNCHECKED inline bool release() {
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
    checks::open_warp(w / kWarp);
    any = true;
  }
  if (any || !all_at_block) return any;
  for (unsigned t = 0; t < m.threads; ++t)
    if (m.states[t] == State::AtBlockBarrier) m.states[t] = State::Ready;
  checks::open_block();
  return true;
}

CNN_UNCHECKED inline void run_block() {
  Machine& m = machine();
  unsigned order[kMaxThreads], done = 0;
  checks::begin_block();
  std::memset(shared_memory, kFresh, m.shared);
  for (unsigned t = 0; t < m.threads; ++t) {
    m.states[t] = State::Ready;
    m.later_copies[t] = 0;
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
      enter_fiber();
      done += m.states[t] == State::Done;
      ran = true;
    }
    if (!ran && !release()) {
      std::fill_n(m.made, kMaxThreads, false);  // those that wait will not go on
      throw std::runtime_error("deadlock: a barrier that not all threads reach");
    }
    if (ran) release();
  }
}

// `name` is the launching function's, for reports.
CNN_UNCHECKED inline void run_grid(const char* name, int device, unsigned blocks, unsigned threads, size_t shared,
                                   void (*body)(const void*), const void* arguments, size_t size) {
  const Access access(device);
  Machine& m = machine();
  m.threads = threads;
  m.shared = shared;
  m.body = body;
  m.arguments = arguments;
  gridDim = {blocks, 1, 1};
  blockDim = {threads, 1, 1};
  checks::begin_grid(
      {name, device, static_cast<const char*>(arguments), size, m.stacks.data(), kStack, shared_memory, shared});
  for (unsigned b = 0; b < blocks; ++b) {
    blockIdx = {b, 0, 0};
    if (threads == 1 && shared == 0 && !checks::kOn) {
      m.current = 0;
      threadIdx = {0, 0, 0};
      body(arguments);
    } else {
      run_block();
    }
  }
  checks::end_grid();
}

// Kernels get copies of their arguments, made at the launch.
template <class... P, class... A>
void launch(const char* name, unsigned blocks, unsigned threads, size_t shared, cudaStream_t stream,
            void (*kernel)(P...), const A&... arguments) {
  static_assert((std::is_trivially_copyable_v<P> && ...), "arguments of a kernel are copied bit by bit");
  static_assert((sizeof(P) + ... + 0) <= kMaxArguments);
  if (blocks == 0 || blocks >> 31 || threads == 0 || threads > kMaxThreads)
    throw std::runtime_error("invalid launch configuration");
  const Access lock;
  if (shared > allowed_shared(queue().stream(stream).device, reinterpret_cast<const void*>(kernel)))
    throw std::runtime_error("more shared memory than the kernel has been allowed");
  counts().launches += !queue().stream(stream).capture;
  struct Call {
    void (*kernel)(P...);
    std::tuple<P...> arguments;
  };
  const Call call{kernel, std::tuple<P...>(P(arguments)...)};
  queue().add(stream, [=, device = queue().stream(stream).device] {
    const auto body = [](const void* c) {
      const Call& made = *static_cast<const Call*>(c);
      std::apply(made.kernel, made.arguments);
    };
    run_grid(name, device, blocks, threads, shared, body, &call, sizeof call);
  });
}

}  // namespace cnn::emulation

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __shared__ static
#define __launch_bounds__(...)
#define __grid_constant__
#define CNN_LAUNCH_SHARED(kernel, blocks, threads, bytes, ...)                                            \
  ::cnn::emulation::launch(__PRETTY_FUNCTION__, unsigned(blocks), unsigned(threads), size_t(bytes),       \
                           ::cnn::cuda::kStream, kernel __VA_OPT__(, ) __VA_ARGS__)

CNN_UNCHECKED inline void __syncthreads() { cnn::emulation::wait(cnn::emulation::State::AtBlockBarrier); }
CNN_UNCHECKED inline void __syncwarp(unsigned = ~0u) { cnn::emulation::wait(cnn::emulation::State::AtWarpBarrier); }

// The value of the lane `down` further on; its own where there is none.
template <class T>
CNN_UNCHECKED T __shfl_down_sync(unsigned, T value, unsigned down) {
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

template <class T, class F>
CNN_UNCHECKED T atomic_change(T* p, const F& f) {
  cnn::emulation::checks::atomic(p, sizeof(T));
  const T before = *p;
  *p = f(before);
  return before;
}
template <class T>
CNN_UNCHECKED T atomicAdd(T* p, std::type_identity_t<T> value) {
  static_assert(std::is_integral_v<T>, "the order of atomic sums is open: floats would vary");
  return atomic_change(p, [value](T x) { return T(x + value); });
}
template <class T>
CNN_UNCHECKED T atomicMin(T* p, std::type_identity_t<T> value) {
  return atomic_change(p, [value](T x) { return value < x ? value : x; });
}
template <class T>
CNN_UNCHECKED T atomicMax(T* p, std::type_identity_t<T> value) {
  return atomic_change(p, [value](T x) { return value > x ? value : x; });
}
template <class T>
CNN_UNCHECKED T atomicOr(T* p, std::type_identity_t<T> value) {
  return atomic_change(p, [value](T x) { return T(x | value); });
}
template <class T>
CNN_UNCHECKED T atomicExch(T* p, std::type_identity_t<T> value) {
  return atomic_change(p, [value](T) { return value; });
}
template <class T>
CNN_UNCHECKED T atomicCAS(T* p, std::type_identity_t<T> expected, std::type_identity_t<T> value) {
  return atomic_change(p, [=](T x) { return x == expected ? value : x; });
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
