// What a kernel does to memory, checked access by access, in a build whose kernels are compiled with -fsanitize=thread
// and CNN_CUDA_CHECKED: the compiler then calls a function before each access, and checks.cpp has those functions.
#pragma once

#include <cstddef>

// The emulation's own accesses are not the kernel's.
#define CNN_UNCHECKED __attribute__((no_sanitize("thread")))

namespace cnn::emulation::checks {

// A launch: whose memory its threads may touch. Thread t's stack is the t-th of `stacks`.
struct Grid {
  const char* name;
  int device;
  const char* arguments;
  size_t arguments_size;
  const char* stacks;
  size_t stack_size;
  const char* shared;  // what the launch gives a block: `shared_size` bytes, of kMostShared that there are
  size_t shared_size;
};

#ifdef CNN_CUDA_CHECKED
inline constexpr bool kOn = true;
void begin_grid(const Grid& grid);
void end_grid();  // throws what was found
void begin_block();
void open_block();  // a barrier of the whole block has been passed
void open_warp(unsigned warp);
void enter(unsigned thread);  // the kernel's own code runs
void leave();
void fill(const void* p, size_t n);  // a copy wrote device memory
void forget(const void* p, size_t n);  // the memory is new
void atomic(const void* p, size_t n);  // the calling thread changes it, in one step
#else
inline constexpr bool kOn = false;
inline void begin_grid(const Grid&) {}
inline void end_grid() {}
inline void begin_block() {}
inline void open_block() {}
inline void open_warp(unsigned) {}
inline void enter(unsigned) {}
inline void leave() {}
inline void fill(const void*, size_t) {}
inline void forget(const void*, size_t) {}
inline void atomic(const void*, size_t) {}
#endif

}  // namespace cnn::emulation::checks
