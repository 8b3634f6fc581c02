// Memory of the emulated devices: an arena for each, which only that device's kernels and copies can touch.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <stdexcept>
#include <string>

namespace cnn::emulation {

inline constexpr int kMaxDevices = 8;
inline constexpr size_t kPage = 4096, kAligned = 256;  // of a block's first byte
inline constexpr size_t kLargePage = size_t(2) << 20;
inline constexpr int kFresh = 0xa5;  // what new memory is filled with: what is not written shows

// CNN_EMULATION, words in any order: "deferred" and "guarded" (see stream.h and Memory), "devices=2", "seed=1".
struct Options {
  bool deferred = false, guarded = false;
  int devices = 2;
  uint64_t seed = 1;

  Options() {
    const char* const env = std::getenv("CNN_EMULATION");
    const std::string words = env ? env : "";
    deferred = words.find("deferred") != words.npos;
    guarded = words.find("guarded") != words.npos;
    if (guarded) setenv("PYTORCH_NO_CUDA_MEMORY_CACHING", "1", 0);  // or blocks would stand side by side in segments
    const auto number = [&](const char* name, uint64_t value) {
      const size_t at = words.find(name);
      return at == words.npos ? value : std::strtoull(words.c_str() + at + std::strlen(name), nullptr, 10);
    };
    devices = int(number("devices=", 2));
    seed = number("seed=", 1);
    if (devices < 1 || devices > kMaxDevices) throw std::runtime_error("CNN_EMULATION: 1 to 8 devices");
  }
};
inline Options& options() {
  static Options o;
  return o;
}

// What the program has asked of the GPUs so far.
struct Counts {
  int64_t launches = 0;  // of kernels, of cuBLASLt's products and of graphs
  int64_t copies = 0;  // from the host to a device that the host waits for
  int64_t waits = 0;  // of the host for a device: copies back, synchronization
};
inline Counts& counts() {
  static Counts c;
  return c;
}

inline std::recursive_mutex& mutex() {
  static auto* const m = new std::recursive_mutex;
  return *m;
}

// Guarded: a block ends where a forbidden page begins, and stays forbidden once it is freed.
struct Memory {
  static constexpr size_t kTotal = size_t(1) << 34;
  size_t extent = options().guarded ? size_t(1) << 40 : kTotal;  // of addresses: guarded ones are not used again
  char* base;
  size_t used = 0;  // of the addresses
  size_t taken = 0;  // bytes in blocks
  size_t limit = kTotal;  // less, to try what happens without memory
  int open = 0;
  struct Place {
    char* begin;
    size_t bytes;
  };
  std::multimap<size_t, Place> free;  // by size
  struct Block {
    size_t size;
    Place place;
  };
  std::map<const char*, Block> blocks;  // by first byte

  Memory() {
    void* const p = mmap(nullptr, extent, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) throw std::runtime_error("no address space for device memory");
    base = static_cast<char*>(p);
    // Opening and closing the arena takes a time for each page.
    if (!options().guarded) madvise(base, extent, MADV_HUGEPAGE);
  }

  bool holds(const void* p) const { return p >= base && p < base + extent; }

  // The block around p; null where there is none.
  const std::pair<const char* const, Block>* block_at(const void* p) const {
    auto after = blocks.upper_bound(static_cast<const char*>(p));
    if (after == blocks.begin()) return nullptr;
    --after;
    return p < after->first + after->second.size ? &*after : nullptr;
  }

  void protect(int how) {
    const size_t whole = (used + kLargePage - 1) / kLargePage * kLargePage;
    if (used && mprotect(base, std::min(whole, extent), how) != 0) throw std::runtime_error("mprotect failed");
  }

  // Null where there is none left. The arena is open.
  char* take(size_t n) {
    const size_t bytes = (n + kPage - 1) / kPage * kPage;
    if (taken + bytes > limit) return nullptr;
    Place place{base + used, bytes + (options().guarded ? kPage : 0)};
    const auto kept = free.find(place.bytes);
    if (kept != free.end()) {
      place = kept->second;
      free.erase(kept);
    } else {
      if (used + place.bytes > extent) return nullptr;
      used += place.bytes;
      if (mprotect(place.begin, place.bytes, PROT_READ | PROT_WRITE) != 0) return nullptr;
    }
    char* begin = place.begin;
    if (options().guarded) {
      forbid(begin + bytes, kPage);
      begin += (bytes - n) / kAligned * kAligned;
    }
    taken += bytes;
    blocks[begin] = {n, place};
    std::memset(place.begin, kFresh, bytes);
    return begin;
  }

  void give_back(void* p) {
    const auto found = blocks.find(static_cast<char*>(p));
    if (found == blocks.end()) throw std::runtime_error("cudaFree of what is no block of this device");
    const Place place = found->second.place;
    const size_t bytes = place.bytes - (options().guarded ? kPage : 0);
    const char* const end = found->first + found->second.size;
    for (const char* q = end; options().guarded && q < place.begin + bytes; ++q)
      if (uint8_t(*q) != kFresh) throw std::runtime_error("somebody wrote behind the end of a block");
    taken -= bytes;
    blocks.erase(found);
    if (options().guarded) return forbid(place.begin, bytes);
    madvise(place.begin, bytes, MADV_DONTNEED);  // pages that are not there need no protection
    free.emplace(place.bytes, place);
  }

 private:
  // Pages behind the end of an empty file: whoever touches them gets SIGBUS, whatever mprotect says.
  void forbid(char* at, size_t bytes) {
    static const int empty = memfd_create("guard", 0);
    if (mmap(at, bytes, PROT_NONE, MAP_SHARED | MAP_FIXED, empty, at - base) == MAP_FAILED)
      throw std::runtime_error("no guard page");
  }
};
inline Memory& memory(int device = 0) {
  static auto* const m = new Memory[size_t(options().devices)];
  return m[device];
}

// The device whose memory p is in; -1 for the host's.
inline int device_of(const void* p) {
  for (int d = 0; d < options().devices; ++d)
    if (memory(d).holds(p)) return d;
  return -1;
}

// Pinned memory of the host, and what a test lends to kernels: first bytes and sizes.
inline std::map<const char*, size_t>& pinned() {
  static auto* const m = new std::map<const char*, size_t>;
  return *m;
}
inline const std::pair<const char* const, size_t>* pinned_at(const void* p) {
  auto after = pinned().upper_bound(static_cast<const char*>(p));
  if (after == pinned().begin()) return nullptr;
  --after;
  return p < after->first + after->second ? &*after : nullptr;
}

// The memory of these devices may be touched while one lives; it also is the emulation's lock.
class Access {
 public:
  Access() = default;
  explicit Access(int a, int b = -1) : devices_{a, b == a ? -1 : b} {
    for (const int d : devices_)
      if (d >= 0 && memory(d).open++ == 0) memory(d).protect(PROT_READ | PROT_WRITE);
  }
  ~Access() {
    for (const int d : devices_)
      if (d >= 0 && --memory(d).open == 0) memory(d).protect(PROT_NONE);
  }
  Access(const Access&) = delete;
  Access& operator=(const Access&) = delete;

  // Lets other threads go on for a while, however often this one holds the lock.
  static void give_way(int microseconds) {
    const int held = depth();
    for (int i = 0; i < held; ++i) mutex().unlock();
    usleep(useconds_t(microseconds));
    for (int i = 0; i < held; ++i) mutex().lock();
  }

 private:
  static int& depth() {
    thread_local int d = 0;
    return d;
  }
  struct Lock {
    Lock() { mutex().lock(), ++depth(); }
    ~Lock() { --depth(), mutex().unlock(); }
  };
  Lock lock_;
  int devices_[2] = {-1, -1};
};

}  // namespace cnn::emulation
