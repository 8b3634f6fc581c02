#include "core/allocator.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

#include "core/cpu_info.h"
#include "core/layouts.h"
#include "core/page_heap.h"

#if defined(__SANITIZE_ADDRESS__)
#define CNN_ASAN 1
#else
#define CNN_ASAN 0
#endif

namespace cnn {
namespace {

// ---------------------------------------------------------------------------------- size classes

[[maybe_unused]] constexpr size_t kAlignment = 64;
constexpr size_t kSmallMax = size_t(32) << 10;   // up to here blocks live in thread-local lists
constexpr size_t kMediumMax = size_t(2) << 20;   // up to here in central lists, above in the heap
constexpr size_t kLargeUnit = size_t(64) << 10;  // large blocks are multiples of this
constexpr size_t kRequestMax = size_t(1) << 46;

// Multiples of 64 up to 512 bytes; above, each power of two is split in eight.
constexpr int size_class(size_t nbytes) {
  if (nbytes <= 512) return int((nbytes + 63) / 64) - 1;
  const int power = 63 - std::countl_zero(uint64_t(nbytes - 1));
  return (power - 9) * 8 + int((nbytes - 1) >> (power - 3));
}
constexpr size_t class_bytes(int index) {
  if (index < 8) return size_t(index + 1) * 64;
  return size_t(index % 8 + 9) << (index / 8 + 5);
}
constexpr int kSmallClasses = size_class(kSmallMax) + 1;
constexpr int kClasses = size_class(kMediumMax) + 1;

constexpr auto kClassBytes = [] {
  std::array<size_t, kClasses> bytes{};
  for (int i = 0; i < kClasses; ++i) bytes[size_t(i)] = class_bytes(i);
  return bytes;
}();
static_assert(class_bytes(size_class(513)) == 576 && class_bytes(size_class(1024)) == 1024);
static_assert(class_bytes(kSmallClasses - 1) == kSmallMax && class_bytes(kClasses - 1) == kMediumMax);

size_t block_bytes(size_t nbytes) {
  if (nbytes <= kMediumMax) return kClassBytes[size_t(size_class(nbytes))];
  return (nbytes + kLargeUnit - 1) / kLargeUnit * kLargeUnit;
}

// ------------------------------------------------------------------------------------ statistics

struct Totals {
  std::atomic<int64_t> allocated{0};
  std::atomic<int64_t> peak{0};
  std::atomic<uint64_t> requests{0};

  void add(int64_t bytes) {
    const int64_t now = allocated.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    int64_t top = peak.load(std::memory_order_relaxed);
    while (now > top && !peak.compare_exchange_weak(top, now, std::memory_order_relaxed)) {
    }
  }
};

// Written by one thread and read by others, which is cheaper than an atomic addition.
template <class T>
void add_own(std::atomic<T>& counter, T amount) {
  counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

#if !CNN_ASAN

// ------------------------------------------------------------------------------------- the state

struct Block {
  Block* next;
};

struct BlockList {
  Block* head = nullptr;
  size_t count = 0;

  void push(Block* block) {
    block->next = head;
    head = block;
    ++count;
  }
  Block* pop() {
    Block* block = head;
    if (block) {
      head = block->next;
      --count;
    }
    return block;
  }
};

// The blocks of one size that all threads share. Small ones are cut from slabs.
struct alignas(64) Central {
  std::mutex mutex;
  BlockList free;
  char* cut = nullptr;  // the uncut rest of the newest slab
  char* cut_end = nullptr;
  std::vector<char*> slabs;
};

constexpr int64_t kPendingMax = 64 << 10;  // how far a thread's count may run ahead of the totals
constexpr size_t kMediumCacheMax = size_t(512) << 20;

constexpr size_t slab_bytes(int index) { return std::max(size_t(64) << 10, 8 * class_bytes(index)); }
constexpr auto kThreadListMax = [] {
  std::array<size_t, kSmallClasses> most{};
  for (int i = 0; i < kSmallClasses; ++i) {
    most[size_t(i)] = std::clamp<size_t>((64 << 10) / class_bytes(i), 4, 256);
  }
  return most;
}();

struct ThreadCache {
  std::array<BlockList, kSmallClasses> lists;
  std::atomic<int64_t> pending{0};    // bytes allocated minus freed, not yet in the totals
  std::atomic<uint64_t> requests{0};  // not yet in the totals
  ThreadCache* previous = nullptr;
  ThreadCache* next = nullptr;
};

struct Allocator {
  Allocator();
  Central central[kClasses];
  PageHeap heap;
  Totals totals;
  std::atomic<size_t> medium_cached{0};
  std::mutex threads_mutex;
  ThreadCache* threads = nullptr;
};

// Never destroyed: tensors may die in static destructors and in threads that outlive main.
Allocator& allocator() {
  static Allocator& instance = *new Allocator;
  return instance;
}

// A child is forked with every lock held, so that it finds all lists whole.
void lock_all() {
  Allocator& a = allocator();
  a.threads_mutex.lock();
  for (Central& central : a.central) central.mutex.lock();
  a.heap.mutex().lock();
}
void unlock_all() {
  Allocator& a = allocator();
  a.heap.mutex().unlock();
  for (Central& central : a.central) central.mutex.unlock();
  a.threads_mutex.unlock();
}

Allocator::Allocator() { pthread_atfork(lock_all, unlock_all, unlock_all); }

// --------------------------------------------------------------------------------- thread caches

// One pointer, so that it fits the reserve of static thread storage that dlopen may use.
__attribute__((tls_model("initial-exec"))) thread_local ThreadCache* current_cache = nullptr;
thread_local bool thread_is_ending = false;

void flush_list(int index, BlockList& list, size_t keep) {
  Central& central = allocator().central[index];
  std::lock_guard lock(central.mutex);
  while (list.count > keep) central.free.push(list.pop());
}

void flush_counts(ThreadCache& cache) {
  Totals& totals = allocator().totals;
  totals.add(cache.pending.exchange(0, std::memory_order_relaxed));
  totals.requests.fetch_add(cache.requests.exchange(0, std::memory_order_relaxed), std::memory_order_relaxed);
}

struct CacheOwner {
  ~CacheOwner() {
    thread_is_ending = true;
    ThreadCache* cache = current_cache;
    current_cache = nullptr;
    if (!cache) return;
    for (int i = 0; i < kSmallClasses; ++i) flush_list(i, cache->lists[size_t(i)], 0);
    Allocator& a = allocator();
    {
      std::lock_guard lock(a.threads_mutex);
      flush_counts(*cache);
      (cache->previous ? cache->previous->next : a.threads) = cache->next;
      if (cache->next) cache->next->previous = cache->previous;
    }
    delete cache;
  }
};
thread_local CacheOwner cache_owner;

// The cache of this thread, made at first use; nullptr once the thread is ending.
ThreadCache* own_cache() {
  if (current_cache || thread_is_ending) return current_cache;
  ThreadCache* cache = new (std::nothrow) ThreadCache;
  if (!cache) return nullptr;
  (void)&cache_owner;  // using it registers its destructor
  Allocator& a = allocator();
  std::lock_guard lock(a.threads_mutex);
  cache->next = a.threads;
  if (a.threads) a.threads->previous = cache;
  a.threads = cache;
  return current_cache = cache;
}

void count(ThreadCache* cache, int64_t bytes) {
  if (!cache) {
    allocator().totals.add(bytes);
    if (bytes > 0) allocator().totals.requests.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  add_own(cache->pending, bytes);
  if (bytes > 0) add_own(cache->requests, uint64_t(1));
  const int64_t pending = cache->pending.load(std::memory_order_relaxed);
  if (pending > kPendingMax || pending < -kPendingMax) [[unlikely]]
    flush_counts(*cache);
}

// --------------------------------------------------------------------------------- the slow paths

// An extent from the heap; when the system has no more, once again after emptying our caches.
void* take_extent(size_t bytes) {
  if (void* p = allocator().heap.take(bytes)) return p;
  cpu_empty_cache();
  return allocator().heap.take(bytes);
}

// Cuts the next block, from a new slab where the last one is used up. The lock is held; nullptr
// when a slab is needed and the heap has none.
Block* cut_block(Central& central, int index) {
  const size_t bytes = kClassBytes[size_t(index)];
  if (size_t(central.cut_end - central.cut) < bytes) {
    central.slabs.push_back(nullptr);  // first, as it may throw
    char* slab = static_cast<char*>(allocator().heap.take(slab_bytes(index)));
    if (!slab) {
      central.slabs.pop_back();
      return nullptr;
    }
    central.slabs.back() = slab;
    central.cut = slab;
    central.cut_end = slab + slab_bytes(index) / bytes * bytes;
  }
  Block* block = reinterpret_cast<Block*>(central.cut);
  central.cut += bytes;
  return block;
}

// One block, and half a list more for the thread where that needs no new slab.
Block* refill_small(ThreadCache* cache, int index) {
  Central& central = allocator().central[index];
  std::lock_guard lock(central.mutex);
  Block* block = central.free.pop();
  if (!block) block = cut_block(central, index);
  if (!block || !cache) return block;
  BlockList& list = cache->lists[size_t(index)];
  const size_t wanted = kThreadListMax[size_t(index)] / 2;
  while (list.count < wanted && central.free.count > 0) list.push(central.free.pop());
  return block;
}

void* allocate_small(size_t nbytes) {
  const int index = size_class(nbytes);
  ThreadCache* cache = own_cache();
  Block* block = refill_small(cache, index);
  if (!block) {
    cpu_empty_cache();
    block = refill_small(cache, index);
  }
  if (!block) throw_out_of_memory(nbytes);
  count(cache, int64_t(kClassBytes[size_t(index)]));
  return block;
}

void* allocate_medium(size_t nbytes) {
  Allocator& a = allocator();
  const int index = size_class(nbytes);
  const size_t bytes = kClassBytes[size_t(index)];
  void* p;
  {
    std::lock_guard lock(a.central[index].mutex);
    p = a.central[index].free.pop();
  }
  if (p) {
    a.medium_cached.fetch_sub(bytes, std::memory_order_relaxed);
  } else {
    p = take_extent(bytes);
    if (!p) throw_out_of_memory(nbytes);
  }
  count(own_cache(), int64_t(bytes));
  return p;
}

void free_medium(void* p, int index) {
  Allocator& a = allocator();
  const size_t bytes = kClassBytes[size_t(index)];
  if (a.medium_cached.load(std::memory_order_relaxed) + bytes > kMediumCacheMax) {
    a.heap.give(p, bytes);
  } else {
    a.medium_cached.fetch_add(bytes, std::memory_order_relaxed);
    std::lock_guard lock(a.central[index].mutex);
    a.central[index].free.push(static_cast<Block*>(p));
  }
  count(own_cache(), -int64_t(bytes));
}

// ------------------------------------------------------------------------------------ empty_cache

// Gives the heap every slab of which no block is in use or in a thread's list.
void release_slabs(Central& central, int index) {
  Allocator& a = allocator();
  std::lock_guard lock(central.mutex);
  const size_t bytes = kClassBytes[size_t(index)];
  const size_t per_slab = slab_bytes(index) / bytes;
  std::vector<char*>& slabs = central.slabs;
  std::sort(slabs.begin(), slabs.end());
  const auto slab_of = [&](const char* p) {
    return size_t(std::upper_bound(slabs.begin(), slabs.end(), p) - slabs.begin()) - 1;
  };
  std::vector<size_t> unused(slabs.size(), 0);
  for (const Block* b = central.free.head; b; b = b->next) {
    ++unused[slab_of(reinterpret_cast<const char*>(b))];
  }
  if (central.cut < central.cut_end) {
    unused[slab_of(central.cut)] += size_t(central.cut_end - central.cut) / bytes;
  }
  const auto whole = [&](const void* p) { return unused[slab_of(static_cast<const char*>(p))] == per_slab; };
  if (central.cut < central.cut_end && whole(central.cut)) central.cut = central.cut_end = nullptr;
  BlockList kept;
  while (Block* block = central.free.pop()) {
    if (!whole(block)) kept.push(block);
  }
  central.free = kept;
  size_t left = 0;
  for (size_t i = 0; i < slabs.size(); ++i) {
    if (unused[i] == per_slab) {
      a.heap.give(slabs[i], slab_bytes(index));
    } else {
      slabs[left++] = slabs[i];
    }
  }
  slabs.resize(left);
}

void release_medium(Central& central, int index) {
  Allocator& a = allocator();
  const size_t bytes = kClassBytes[size_t(index)];
  std::lock_guard lock(central.mutex);
  while (Block* block = central.free.pop()) {
    a.heap.give(block, bytes);
    a.medium_cached.fetch_sub(bytes, std::memory_order_relaxed);
  }
}

#else  // CNN_ASAN

constexpr size_t kAsanChecked = size_t(64) << 20;  // the system is asked about larger requests only

Totals& totals() {
  static Totals instance;
  return instance;
}

#endif

}  // namespace

// ----------------------------------------------------------------------------------- the interface

#if !CNN_ASAN

void* cpu_allocate(size_t nbytes) {
  if (nbytes - 1 < kSmallMax) [[likely]] {  // 0 wraps around
    if (ThreadCache* cache = current_cache) [[likely]] {
      const size_t index = size_t(size_class(nbytes));
      if (Block* block = cache->lists[index].pop()) [[likely]] {
        count(cache, int64_t(kClassBytes[index]));
        return block;
      }
    }
    return allocate_small(nbytes);
  }
  if (nbytes == 0) return nullptr;
  if (nbytes <= kMediumMax) return allocate_medium(nbytes);
  if (nbytes > kRequestMax) throw_out_of_memory(nbytes);
  void* p = take_extent(block_bytes(nbytes));
  if (!p) throw_out_of_memory(nbytes);
  count(own_cache(), int64_t(block_bytes(nbytes)));
  return p;
}

void cpu_free(void* p, size_t nbytes) {
  if (!p) return;
  if (nbytes > kMediumMax) {
    allocator().heap.give(p, block_bytes(nbytes));
    count(own_cache(), -int64_t(block_bytes(nbytes)));
    return;
  }
  const int index = size_class(nbytes);
  if (nbytes > kSmallMax) return free_medium(p, index);
  ThreadCache* cache = current_cache ? current_cache : own_cache();
  if (cache) [[likely]] {
    BlockList& list = cache->lists[size_t(index)];
    list.push(static_cast<Block*>(p));
    const size_t most = kThreadListMax[size_t(index)];
    if (list.count > most) [[unlikely]]
      flush_list(index, list, most / 2);
  } else {
    Central& central = allocator().central[index];
    std::lock_guard lock(central.mutex);
    central.free.push(static_cast<Block*>(p));
  }
  count(cache, -int64_t(kClassBytes[size_t(index)]));
}

MemoryStats cpu_memory_stats() {
  Allocator& a = allocator();
  std::lock_guard lock(a.threads_mutex);
  int64_t allocated = a.totals.allocated.load(std::memory_order_relaxed);
  uint64_t requests = a.totals.requests.load(std::memory_order_relaxed);
  for (const ThreadCache* cache = a.threads; cache; cache = cache->next) {
    allocated += cache->pending.load(std::memory_order_relaxed);
    requests += cache->requests.load(std::memory_order_relaxed);
  }
  MemoryStats stats;
  stats.allocated_bytes = uint64_t(std::max<int64_t>(allocated, 0));
  stats.reserved_bytes = a.heap.reserved();
  const int64_t peak = a.totals.peak.load(std::memory_order_relaxed);
  stats.peak_allocated_bytes = uint64_t(std::max(peak, allocated));
  stats.misses = a.heap.mappings();
  stats.hits = requests - std::min(requests, stats.misses);
  return stats;
}

void cpu_empty_cache() {
  drop_layouts();
  Allocator& a = allocator();
  if (ThreadCache* cache = current_cache) {
    for (int i = 0; i < kSmallClasses; ++i) flush_list(i, cache->lists[size_t(i)], 0);
  }
  for (int i = 0; i < kSmallClasses; ++i) release_slabs(a.central[i], i);
  for (int i = kSmallClasses; i < kClasses; ++i) release_medium(a.central[i], i);
  a.heap.release(0);
}

#else  // Under AddressSanitizer every block comes from malloc, so that it sees each misuse.

void* cpu_allocate(size_t nbytes) {
  if (nbytes == 0) return nullptr;
  const bool questionable = nbytes > kAsanChecked && nbytes > memory_available();
  if (nbytes > kRequestMax || questionable) throw_out_of_memory(nbytes);
  void* p = nullptr;  // not from aligned_alloc, whose sizes are rounded: nothing past the last byte is ours
  if (posix_memalign(&p, kAlignment, nbytes) != 0) throw_out_of_memory(nbytes);
  totals().add(int64_t(block_bytes(nbytes)));
  totals().requests.fetch_add(1, std::memory_order_relaxed);
  return p;
}

void cpu_free(void* p, size_t nbytes) {
  if (!p) return;
  totals().add(-int64_t(block_bytes(nbytes)));
  std::free(p);
}

MemoryStats cpu_memory_stats() {
  MemoryStats stats;
  stats.allocated_bytes = uint64_t(totals().allocated.load(std::memory_order_relaxed));
  stats.reserved_bytes = stats.allocated_bytes;
  stats.peak_allocated_bytes = uint64_t(totals().peak.load(std::memory_order_relaxed));
  stats.misses = totals().requests.load(std::memory_order_relaxed);
  return stats;
}

void cpu_empty_cache() { drop_layouts(); }

#endif

bool checks_layouts() { return false; }

}  // namespace cnn
