#include "core/cpu_info.h"

#include <sched.h>
#include <strings.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace cnn {
namespace {

Isa detect_isa() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  unsigned a = 0, b = 0, c = 0, d = 0;  // clang's __builtin_cpu_supports does not know f16c
  const bool f16c = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_F16C);
  const bool avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2") && f16c;
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512) return Isa::Avx512;
  if (avx2) return Isa::Avx2;
#endif
  return Isa::Baseline;
}

// CNN_CPU_CAPABILITY: the most that the kernels may use.
enum class Wish { Baseline, Avx2, Avx512, Avx512Bf16, Everything };

Wish read_wish() {
  const char* wish = std::getenv("CNN_CPU_CAPABILITY");
  if (!wish || !*wish) return Wish::Everything;
  if (!strcasecmp(wish, "default") || !strcasecmp(wish, "baseline")) return Wish::Baseline;
  if (!strcasecmp(wish, "avx2")) return Wish::Avx2;
  if (!strcasecmp(wish, "avx512")) return Wish::Avx512;
  if (!strcasecmp(wish, "avx512_bf16")) return Wish::Avx512Bf16;
  std::fprintf(stderr, "cnn: CNN_CPU_CAPABILITY=%s is ignored: expected default, avx2, avx512 or avx512_bf16\n", wish);
  return Wish::Everything;
}

Wish wish() {
  static const Wish wish = read_wish();
  return wish;
}

Isa choose_isa() {
  const Isa best = detect_isa();
  if (wish() == Wish::Baseline) return Isa::Baseline;
  return wish() == Wish::Avx2 ? std::min(best, Isa::Avx2) : best;
}

#if defined(__x86_64__)

bool detect_pairs() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kBf16 = 1u << 5;  // leaf 7.1, eax
  return cpu_isa() == Isa::Avx512 && __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & kBf16);
}

// Intel's cores with tiles take four times as long for a vector of pairs as for one of floats.
bool pairs_are_fast() { return !__builtin_cpu_is("intel") || __builtin_cpu_is("cooperlake"); }

bool detect_tiles() {
#if defined(__linux__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kBf16 = 1u << 22, kTile = 1u << 24;  // leaf 7, edx
  if (!detect_pairs() || !__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & kBf16) == 0 || (d & kTile) == 0) return false;
  unsigned low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  constexpr unsigned kTileState = 3u << 17;
  if ((low & kTileState) != kTileState) return false;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

Bf16 choose_bf16() {
  if (wish() == Wish::Everything && detect_tiles()) return Bf16::Tiles;
  const bool may = wish() == Wish::Avx512Bf16 || (wish() == Wish::Everything && pairs_are_fast());
  return may && detect_pairs() ? Bf16::Pairs : Bf16::Floats;
}

#else
Bf16 choose_bf16() { return Bf16::Floats; }
#endif

// The whole of a small file; empty when it cannot be read.
std::string read_file(const std::string& path) {
  std::string text;
  if (std::FILE* file = std::fopen(path.c_str(), "re")) {
    char buffer[4096];
    size_t got;
    while ((got = std::fread(buffer, 1, sizeof buffer, file)) > 0) text.append(buffer, got);
    std::fclose(file);
  }
  return text;
}

// Calls f(line) for each line of text, without its newline.
template <class F>
void each_line(std::string_view text, const F& f) {
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    f(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// The number at the start of the text; `otherwise` where there is none ("max", a missing file).
uint64_t number_or(std::string_view text, uint64_t otherwise) {
  const size_t start = std::min(text.find_first_not_of(" \t"), text.size());
  uint64_t value = 0;
  size_t i = start;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    value = value * 10 + uint64_t(text[i] - '0');
  }
  return i == start ? otherwise : value;
}

// The number that follows `key` at the start of a line, as in /proc/meminfo and memory.stat.
uint64_t field_or(std::string_view text, std::string_view key, uint64_t otherwise) {
  uint64_t value = otherwise;
  each_line(text, [&](std::string_view line) {
    if (line.starts_with(key)) value = number_or(line.substr(key.size()), otherwise);
  });
  return value;
}

// Where the two versions keep the same three facts.
struct MemoryFiles {
  const char* limit;
  const char* usage;
  const char* reclaimable;  // key in memory.stat; version 1 has a total over the subtree
};
constexpr MemoryFiles kMemoryV1 = {"/memory.limit_in_bytes", "/memory.usage_in_bytes", "total_inactive_file "};
constexpr MemoryFiles kMemoryV2 = {"/memory.max", "/memory.current", "inactive_file "};

void narrow_memory(CgroupLimits& limits, const std::string& dir, const MemoryFiles& files) {
  const uint64_t limit = number_or(read_file(dir + files.limit), UINT64_MAX);
  if (limit >= uint64_t(1) << 62) return;  // how version 1 spells "no limit"
  const uint64_t usage = number_or(read_file(dir + files.usage), 0);
  const uint64_t reclaimable = field_or(read_file(dir + "/memory.stat"), files.reclaimable, 0);
  const uint64_t held = usage - std::min(usage, reclaimable);
  limits.memory_limit = std::min(limits.memory_limit, limit);
  limits.memory_available = std::min(limits.memory_available, limit - std::min(limit, held));
}

void narrow_cpus(CgroupLimits& limits, uint64_t quota, uint64_t period) {
  if (quota == 0 || quota == UINT64_MAX || period == 0) return;
  const double cpus = double(quota) / double(period);
  limits.cpus = limits.cpus == 0 ? cpus : std::min(limits.cpus, cpus);
}

// Calls f with the directory of `path` below `mount` and with every directory above it, the mount
// itself last: inside a container the path may name a place that only the host can see.
template <class F>
void each_level(const std::string& mount, std::string path, const F& f) {
  while (path.size() > 1) {
    f(mount + path);
    path.resize(path.rfind('/'));
  }
  f(mount);
}

bool has_item(std::string_view list, std::string_view item) {
  for (size_t at = list.find(item); at != list.npos; at = list.find(item, at + 1)) {
    const size_t end = at + item.size();
    if ((at == 0 || list[at - 1] == ',') && (end == list.size() || list[end] == ',')) return true;
  }
  return false;
}

}  // namespace

Isa cpu_isa() {
  static const Isa isa = choose_isa();
  return isa;
}

Bf16 cpu_bf16() {
  static const Bf16 bf16 = choose_bf16();
  return bf16;
}

const char* bf16_name(Bf16 bf16) {
  switch (bf16) {
    case Bf16::Tiles:
      return "tiles";
    case Bf16::Pairs:
      return "pairs";
    default:
      return "floats";
  }
}

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::Avx512:
      return "AVX512";
    case Isa::Avx2:
      return "AVX2";
    default:
      return "DEFAULT";
  }
}

CgroupLimits cgroup_limits(const std::string& root) {
  CgroupLimits limits;
  const std::string top = root + "/sys/fs/cgroup";
  // Each line reads "number:controllers:path"; version 2 has number 0 and no controllers.
  each_line(read_file(root + "/proc/self/cgroup"), [&](std::string_view line) {
    const size_t first = line.find(':');
    const size_t second = first == line.npos ? first : line.find(':', first + 1);
    if (second == line.npos || second + 1 >= line.size() || line[second + 1] != '/') return;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string path(line.substr(second + 1));
    if (controllers.empty()) {
      each_level(top, path, [&](const std::string& dir) {
        narrow_memory(limits, dir, kMemoryV2);
        const std::string quota = read_file(dir + "/cpu.max");  // "quota period" or "max period"
        const size_t space = std::min(quota.find(' '), quota.size());
        narrow_cpus(limits, number_or(quota, 0), number_or(std::string_view(quota).substr(space), 0));
      });
    }
    if (has_item(controllers, "memory")) {
      each_level(top + "/memory", path, [&](const std::string& dir) { narrow_memory(limits, dir, kMemoryV1); });
    }
    if (has_item(controllers, "cpu")) {
      each_level(top + "/cpu", path, [&](const std::string& dir) {
        // No quota is written "-1", which reads as no number.
        narrow_cpus(limits, number_or(read_file(dir + "/cpu.cfs_quota_us"), 0),
                    number_or(read_file(dir + "/cpu.cfs_period_us"), 0));
      });
    }
  });
  return limits;
}

int available_cpus() {
  int count = 0;
  cpu_set_t mask;
  if (sched_getaffinity(0, sizeof mask, &mask) == 0) count = CPU_COUNT(&mask);
  if (count == 0) count = int(sysconf(_SC_NPROCESSORS_ONLN));  // more processors than a mask holds
  const double quota = cgroup_limits().cpus;
  if (quota > 0) count = std::min(count, int(std::ceil(std::min(quota, 1e6))));
  return std::max(count, 1);
}

uint64_t memory_limit() {
  static const uint64_t limit = [] {
    const std::string info = read_file("/proc/meminfo");
    uint64_t total = field_or(info, "MemTotal:", 0) + field_or(info, "SwapTotal:", 0);
    if (total == 0) {
      total = uint64_t(sysconf(_SC_PHYS_PAGES)) * uint64_t(sysconf(_SC_PAGESIZE)) / 1024;
    }
    return std::min(total * 1024, cgroup_limits().memory_limit);
  }();
  return limit;
}

uint64_t memory_available() {
  const std::string info = read_file("/proc/meminfo");
  const uint64_t kib = field_or(info, "MemAvailable:", memory_limit() / 1024);
  return std::min((kib + field_or(info, "SwapFree:", 0)) * 1024, cgroup_limits().memory_available);
}

}  // namespace cnn
