// The caching allocator of CPU tensors. Freed blocks are kept for the next tensor of their size, so
// that a steady training loop makes no system call and takes no page fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>

#include "cnn/export.h"

namespace cnn {

class CNN_API OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(size_t nbytes);
  const char* what() const noexcept override { return text_; }

 private:
  char text_[144];
};
[[noreturn]] CNN_API void throw_out_of_memory(size_t nbytes);

// Uninitialised memory, aligned to 64 bytes; nullptr for 0 bytes. Throws OutOfMemory when the
// machine or its cgroup cannot give that much.
CNN_API void* cpu_allocate(size_t nbytes);
// Any thread may free; nbytes is what the block was allocated with.
CNN_API void cpu_free(void* p, size_t nbytes);

struct MemoryStats {
  uint64_t allocated_bytes = 0;  // held by tensors, rounded up to the blocks that hold them
  uint64_t reserved_bytes = 0;   // taken from the system
  uint64_t peak_allocated_bytes = 0;  // to within 64 KiB for each thread
  uint64_t hits = 0;                  // allocations served from memory that we already had
  uint64_t misses = 0;                // allocations that went to the system
};
CNN_API MemoryStats cpu_memory_stats();

// Gives unused memory back to the system, except what other threads keep in their own lists.
CNN_API void cpu_empty_cache();

}  // namespace cnn
