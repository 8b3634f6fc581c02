#include <cstdio>

#include "core/allocator.h"

namespace cnn {

OutOfMemory::OutOfMemory(size_t nbytes) {
  std::snprintf(text_, sizeof text_,
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate %zu bytes. "
                "Error code 12 (Cannot allocate memory)",
                nbytes);
}

void throw_out_of_memory(size_t nbytes) { throw OutOfMemory(nbytes); }

}  // namespace cnn
