// What this machine gives us: the instruction set, the processors and the memory, cgroup limits included.
#pragma once

#include <cstdint>
#include <string>

#include "cnn/export.h"

namespace cnn {

enum class Isa { Baseline, Avx2, Avx512 };

// The instruction set of the kernels, chosen once. CNN_CPU_CAPABILITY ("default", "avx2", "avx512", "avx512_bf16")
// can lower it, never raise it.
CNN_API Isa cpu_isa();
CNN_API const char* isa_name(Isa isa);

// What multiplies bfloat16: matrix tiles (AMX), products of pairs of elements (AVX512_BF16), or conversions to float.
enum class Bf16 { Floats, Pairs, Tiles };
// Chosen once: tiles where this process may use them, else pairs where they are faster than floats. CNN_CPU_CAPABILITY
// goes without either; but "avx512_bf16" takes pairs wherever the processor has them.
CNN_API Bf16 cpu_bf16();
CNN_API const char* bf16_name(Bf16 bf16);

// Processors that this process may keep busy: its affinity mask, cut down to the cgroup's CPU quota.
CNN_API int available_cpus();

// Bytes of memory that this process could ever have: physical memory or the cgroup's limit.
CNN_API uint64_t memory_limit();
// Bytes that it could still get now, memory that the kernel can reclaim and free swap included.
CNN_API uint64_t memory_available();

// The limits of the process's cgroup and all cgroups above it, versions 1 and 2. `root` stands
// before /proc and /sys, so that a test can lay out a tree of its own.
struct CgroupLimits {
  uint64_t memory_limit = UINT64_MAX;      // bytes
  uint64_t memory_available = UINT64_MAX;  // bytes
  double cpus = 0;                         // quota over period; 0 where there is no quota
};
CNN_API CgroupLimits cgroup_limits(const std::string& root = "");

}  // namespace cnn
