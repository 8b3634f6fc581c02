// Memory of the GPUs. The driver gives segments; tensors get blocks that are split off them, and joined again with
// their free neighbours when they are released: small blocks from segments of 2 MiB, those up to 10 MiB from segments
// of 20 MiB, larger ones from one of their own. Free blocks belong to the stream that they were made for, whose work is
// in order. What is asked for while a graph is recorded comes from segments of a pool of its own: the graph uses their
// addresses whenever it runs, so nobody else gets a block of theirs, freed or not, before all graphs of the pool are
// gone. The program has pools, too, for what a thread asks for while it says so. Nothing is freed at exit: the driver
// does it, and tensors may outlive this library's own objects.
#include <pthread.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <tuple>
#include <unordered_map>

#include "cuda/graphs.h"
#include "cuda/memory.h"
#include "cuda/streams.h"

namespace cnn::cuda {
namespace {

constexpr size_t kSmallest = 512, kSmall = size_t(1) << 20, kSmallSegment = size_t(2) << 20;
constexpr size_t kMiddle = size_t(10) << 20, kMiddleSegment = size_t(20) << 20, kRounding = size_t(2) << 20;
constexpr size_t kMost = size_t(1) << 60;

size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }

struct Lists;

struct Block {
  char* data;
  size_t size;
  int device;
  cudaStream_t stream;
  bool small;
  Lists* lists;  // where it is when it is free
  bool taken = false;
  size_t requested = 0;
  Block *before = nullptr, *after = nullptr;  // its neighbours in the segment
  std::vector<cudaStream_t> users = {};  // other streams that use it
  int marks = 0;  // of theirs that must be reached before it is free

  bool whole() const { return !before && !after; }
};

struct ByFit {  // within a stream the smallest first, and of these the lowest
  bool operator()(const Block* a, const Block* b) const {
    return std::tie(a->stream, a->size, a->data) < std::tie(b->stream, b->size, b->data);
  }
};
using FreeBlocks = std::set<Block*, ByFit>;

struct Lists {
  FreeBlocks free[2];  // large, small
  uint64_t number = 0;  // of a pool
  int graphs = 0, holders = 0;  // that it is kept for; holders are the program's
  bool programs = false;  // is it the program's? Then what nobody keeps goes back to the driver as soon as it is free
  bool spare = false;  // do others get its blocks before they run out of memory?
  bool whole = false;  // is a segment given as a whole, never split?
  int64_t segments = 0;
};

struct Pool {
  Lists lists;
  std::map<uint64_t, Lists> apart;  // by number
  Waiting<Block> waiting;
  CudaMemory counts;
  size_t limit = ~size_t(0);
  double fraction = 1;

  // Calls f for the lists that segments may be taken from, to give them back.
  template <class F> void each_to_drop(const F& f) {
    f(lists);
    for (auto& [number, own] : apart)
      if (own.graphs + own.holders == 0) f(own);
  }
  void forget_empty() {
    std::erase_if(
        apart, [](const auto& own) { return own.second.graphs + own.second.holders == 0 && own.second.segments == 0; });
  }

  void count(bool small, CudaCount CudaPoolCounts::* what, int64_t n) {
    (counts.all.*what).add(n);
    CudaPoolCounts& own = small ? counts.small : counts.large;
    (own.*what).add(n);
  }
};

bool cached_by_default() {
  const char* const off = std::getenv("PYTORCH_NO_CUDA_MEMORY_CACHING");
  return !off || std::strcmp(off, "1") != 0;
}

struct Allocator {
  std::mutex mutex;
  std::unordered_map<const void*, Block*> taken;  // by first byte
  std::array<Pool, kMaxDevices> pools;
  bool caching = cached_by_default();
  int64_t handed_out = 0;
};
Allocator& allocator() {
  static Allocator* const a = [] {
    // A forked child frees the tensors it has inherited: it must not find the lock in the hands of another thread.
    pthread_atfork([] { allocator().mutex.lock(); }, [] { allocator().mutex.unlock(); },
                   [] { allocator().mutex.unlock(); });
    return new Allocator;
  }();
  return *a;
}
Pool& pool_of(int index) { return allocator().pools[size_t(index)]; }
Lists& lists_of(int index, uint64_t number) {
  Lists& lists = pool_of(index).apart[number];
  lists.number = number;
  return lists;
}

// The pools that this thread's memory comes from, the innermost last.
struct Route {
  int device;
  uint64_t pool;
};
thread_local std::vector<Route> routes;

Lists& lists_for(int index, Graph* graph, uint64_t of_graph) {
  if (graph) return pool_of(index).apart.at(of_graph);
  for (auto r = routes.rbegin(); r != routes.rend(); ++r)
    if (r->device == index) return pool_of(index).apart.at(r->pool);
  return pool_of(index).lists;
}

std::string text_of(size_t nbytes) {
  static constexpr const char* kUnits[] = {"bytes", "KiB", "MiB", "GiB"};
  int unit = 0;
  double n = double(nbytes);
  for (; n >= 1024 && unit < 3; ++unit) n /= 1024;
  char text[48];
  std::snprintf(text, sizeof text, unit ? "%.2f %s" : "%.0f %s", n, kUnits[unit]);
  return text;
}

[[noreturn]] void out_of_memory(size_t nbytes, int device, Pool& pool) {
  ++pool.counts.out_of_memory;
  size_t left = 0, total = 0;
  cudaMemGetInfo(&left, &total);
  const size_t reserved = size_t(pool.counts.all.reserved_bytes.current);
  const size_t allocated = size_t(pool.counts.all.allocated_bytes.current);
  const std::string allowed =
      pool.limit == ~size_t(0) ? "" : " This process may have " + text_of(pool.limit) + " of it.";
  fail(ErrorKind::OutOfMemory, "", "CUDA out of memory. Tried to allocate ", text_of(nbytes), ". GPU ", device,
       " has a total capacity of ", text_of(total), " of which ", text_of(left), " is free.", allowed,
       " Of the allocated memory ", text_of(allocated), " is allocated by tensors, and ", text_of(reserved - allocated),
       " is reserved but unallocated.");
}

// ---- Segments ----

// Null where the driver has none, or the program may not have it.
char* new_segment(Pool& pool, size_t size) {
  if (size_t(pool.counts.all.reserved_bytes.current) + size > pool.limit) return nullptr;
  void* data = nullptr;
  const BesideCaptures beside;
  const cudaError_t error = cudaMalloc(&data, size);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    return nullptr;
  }
  check_cuda(error, "cudaMalloc");
  ++pool.counts.device_allocations;
  return static_cast<char*>(data);
}

// Back to the driver, which waits for the device; the block is whole and in no list.
cudaError_t drop(Pool& pool, Block* block) {
  pool.count(block->small, &CudaPoolCounts::segments, -1);
  pool.count(block->small, &CudaPoolCounts::reserved_bytes, -int64_t(block->size));
  ++pool.counts.device_frees;
  --block->lists->segments;
  char* const data = block->data;
  delete block;
  const BesideCaptures beside;
  return cudaFree(data);
}

void drop_free(Pool& pool, FreeBlocks& list, FreeBlocks::iterator at) {
  Block* const block = *at;
  list.erase(at);
  check_cuda(drop(pool, block), "cudaFree");
}

void drop_all(Pool& pool) {
  pool.each_to_drop([&](Lists& lists) {
    for (FreeBlocks& list : lists.free)
      for (auto at = list.begin(); at != list.end();) {
        const auto next = std::next(at);
        if ((*at)->whole()) drop_free(pool, list, at);
        at = next;
      }
  });
  pool.forget_empty();
}

// Free segments until there may be room: the smallest that is large enough, else the largest ones first. False: there
// is none.
bool drop_some(Pool& pool, size_t size) {
  size_t freed = 0;
  while (freed < size) {
    FreeBlocks* list = nullptr;
    FreeBlocks::iterator best;
    pool.each_to_drop([&](Lists& lists) {
      for (FreeBlocks& blocks : lists.free)
        for (auto at = blocks.begin(); at != blocks.end(); ++at) {
          if (!(*at)->whole()) continue;
          const size_t have = list ? (*best)->size : 0, n = (*at)->size;
          if (!list || (have >= size ? n >= size && n < have : n > have)) list = &blocks, best = at;
        }
    });
    if (!list) break;
    freed += (*best)->size;
    drop_free(pool, *list, best);
  }
  return freed > 0;
}

// ---- Blocks ----

bool is_split(const Block* b) { return !b->whole(); }

// Joins the free neighbour to the block; returns its size.
size_t absorb(Block* block, Block* other) {
  if (!other || other->taken || other->marks) return 0;
  const size_t size = other->size;
  other->lists->free[other->small].erase(other);
  if (other == block->before) {
    block->data = other->data;
    block->before = other->before;
    if (block->before) block->before->after = block;
  } else {
    block->after = other->after;
    if (block->after) block->after->before = block;
  }
  block->size += size;
  delete other;
  return size;
}

// Nobody uses it any more.
void make_free(Pool& pool, Block* block) {
  pool.count(block->small, &CudaPoolCounts::active, -1);
  pool.count(block->small, &CudaPoolCounts::active_bytes, -int64_t(block->size));
  int64_t parts = 0, bytes = 0;
  for (Block* const other : {block->before, block->after})
    if (const size_t joined = absorb(block, other)) --parts, bytes -= int64_t(joined);
  if (is_split(block)) ++parts, bytes += int64_t(block->size);
  pool.count(block->small, &CudaPoolCounts::inactive_split, parts);
  pool.count(block->small, &CudaPoolCounts::inactive_split_bytes, bytes);
  const Lists& lists = *block->lists;
  if (block->whole() && lists.graphs == 0 && (!allocator().caching || (lists.programs && lists.holders == 0))) {
    if (drop(pool, block) != cudaSuccess) cudaGetLastError();  // of a tensor that dies: nobody to tell
    return;
  }
  block->lists->free[block->small].insert(block);
}

// Takes over what other streams have done with; with `wait`, after waiting for them.
void collect(Pool& pool, bool wait) {
  pool.waiting.collect(wait, [&](Block* block) {
    if (--block->marks == 0) make_free(pool, block);
  });
}

Block* find(Pool& pool, Lists& lists, size_t size, bool small, cudaStream_t stream) {
  Block wanted{nullptr, size, 0, stream, small, &lists};
  FreeBlocks& list = lists.free[small];
  const auto at = list.lower_bound(&wanted);
  if (at == list.end() || (*at)->stream != stream) return nullptr;
  Block* const block = *at;
  list.erase(at);
  if (!is_split(block)) return block;
  pool.count(small, &CudaPoolCounts::inactive_split, -1);
  pool.count(small, &CudaPoolCounts::inactive_split_bytes, -int64_t(block->size));
  return block;
}

Block* from_driver(Pool& pool, Lists& lists, size_t size, bool small, int device, bool caching) {
  const size_t segment = !caching         ? size
                         : small          ? kSmallSegment
                         : size < kMiddle ? kMiddleSegment
                                          : round_up(size, kRounding);
  char* data = new_segment(pool, segment);
  if (!data) {
    ++pool.counts.retries;
    if (drop_some(pool, segment)) data = new_segment(pool, segment);
  }
  if (!data) {
    if (!pool.waiting.empty()) ++pool.counts.waits, collect(pool, true);
    drop_all(pool);
    data = new_segment(pool, segment);
  }
  if (!data) return nullptr;
  pool.count(small, &CudaPoolCounts::segments, 1);
  pool.count(small, &CudaPoolCounts::reserved_bytes, int64_t(segment));
  ++lists.segments;
  return new Block{data, segment, device, stream_on(device), small, &lists};
}

// What the block has beyond `size` becomes a free block, if it is worth it.
void cut(Pool& pool, Block* block, size_t size) {
  if (block->lists->whole) return;
  const size_t rest = block->size - size;
  if (block->small ? rest < kSmallest : rest <= kSmall) return;
  Block* const other = new Block{block->data + size, rest, block->device, block->stream, block->small, block->lists};
  other->before = block;
  other->after = block->after;
  if (other->after) other->after->before = other;
  block->after = other;
  block->size = size;
  other->lists->free[other->small].insert(other);
  pool.count(block->small, &CudaPoolCounts::inactive_split, 1);
  pool.count(block->small, &CudaPoolCounts::inactive_split_bytes, int64_t(rest));
}

}  // namespace

void* allocate(size_t nbytes, Device device) {
  if (nbytes == 0) return nullptr;
  Allocator& a = allocator();
  const int index = device.index;
  select(index);
  Graph* const graph = this_graph();
  const uint64_t own = graph ? cuda::pool_of(*graph, index) : 0;
  std::lock_guard lock(a.mutex);
  Pool& pool = pool_of(index);
  Lists& lists = lists_for(index, graph, own);
  if (nbytes > kMost) out_of_memory(nbytes, index, pool);
  const size_t size = a.caching ? round_up(nbytes, kSmallest) : nbytes;
  const bool small = size <= kSmall;
  if (!pool.waiting.empty()) collect(pool, false);
  Block* block = a.caching ? find(pool, lists, size, small, stream_on(index)) : nullptr;
  if (!block) block = from_driver(pool, lists, size, small, index, a.caching);
  if (!block && a.caching && !graph)
    for (auto at = pool.apart.begin(); at != pool.apart.end() && !block; ++at)
      if (at->second.spare) block = find(pool, at->second, size, small, stream_on(index));
  if (!block) out_of_memory(nbytes, index, pool);
  cut(pool, block, size);
  block->taken = true;
  block->requested = nbytes;
  a.taken.emplace(block->data, block);
  ++a.handed_out;
  pool.count(small, &CudaPoolCounts::allocations, 1);
  pool.count(small, &CudaPoolCounts::allocated_bytes, int64_t(block->size));
  pool.count(small, &CudaPoolCounts::requested_bytes, int64_t(nbytes));
  pool.count(small, &CudaPoolCounts::active, 1);
  pool.count(small, &CudaPoolCounts::active_bytes, int64_t(block->size));
  return block->data;
}

void release(void*, void* data, size_t) {
  if (!data) return;
  Allocator& a = allocator();
  std::lock_guard lock(a.mutex);
  const auto found = a.taken.find(data);
  Block* const block = found->second;
  a.taken.erase(found);
  Pool& pool = pool_of(block->device);
  pool.count(block->small, &CudaPoolCounts::allocations, -1);
  pool.count(block->small, &CudaPoolCounts::allocated_bytes, -int64_t(block->size));
  pool.count(block->small, &CudaPoolCounts::requested_bytes, -int64_t(block->requested));
  block->taken = false;
  // Who drops a tensor inside `with stream(s)` has most likely used it there.
  if (const cudaStream_t here = stream_on(block->device); here != block->stream) block->users.push_back(here);
  block->marks = int(block->users.size());
  for (const cudaStream_t user : block->users) pool.waiting.add(block->device, user, block);
  block->users.clear();
  if (block->marks == 0) make_free(pool, block);
}

void keep_pool(int device, uint64_t number) {
  std::lock_guard lock(allocator().mutex);
  ++lists_of(device, number).graphs;
}

namespace {

// One who has kept it is gone.
void after_letting_go(int device, Lists& lists) {
  Pool& pool = pool_of(device);
  if (lists.programs && lists.graphs + lists.holders == 0) {
    const Selected selected(device);
    for (FreeBlocks& list : lists.free)
      std::erase_if(list, [&](Block* block) {
        if (!block->whole()) return false;
        if (drop(pool, block) != cudaSuccess) cudaGetLastError();  // nobody to tell
        return true;
      });
  }
  pool.forget_empty();
}

}  // namespace

void let_go_pool(int device, uint64_t number) {
  std::lock_guard lock(allocator().mutex);
  Lists& lists = pool_of(device).apart.at(number);
  --lists.graphs;
  after_letting_go(device, lists);
}

void hold_pool(int device, uint64_t number, bool spare, bool whole) {
  std::lock_guard lock(allocator().mutex);
  Lists& lists = lists_of(device, number);
  ++lists.holders;
  lists.programs = true, lists.spare = spare, lists.whole = whole;
}
void let_go_held_pool(int device, uint64_t number) {
  std::lock_guard lock(allocator().mutex);
  Lists& lists = pool_of(device).apart.at(number);
  --lists.holders;
  after_letting_go(device, lists);
}
void enter_pool(int device, uint64_t number) {
  routes.push_back({device, number});
  std::lock_guard lock(allocator().mutex);
  Lists& lists = lists_of(device, number);
  ++lists.holders;
  lists.programs = true;
}
void leave_pool(int device, uint64_t number) {
  const auto mine = std::find_if(routes.rbegin(), routes.rend(),
                                 [&](const Route& r) { return r.device == device && r.pool == number; });
  check(mine != routes.rend(), "", "use_mem_pool must end in the thread in which it has begun");
  routes.erase(std::next(mine).base());
  let_go_held_pool(device, number);
}
int pool_users(int device, uint64_t number) {
  std::lock_guard lock(allocator().mutex);
  const auto& apart = pool_of(device).apart;
  const auto found = apart.find(number);
  return found == apart.end() ? 0 : found->second.graphs + found->second.holders;
}

void keep_for_stream(void* data, void* stream) {
  Allocator& a = allocator();
  std::lock_guard lock(a.mutex);
  const auto found = a.taken.find(data);
  if (found == a.taken.end()) return;  // another library's
  Block* const block = found->second;
  const auto user = static_cast<cudaStream_t>(stream);
  if (user == block->stream) return;
  for (const cudaStream_t known : block->users)
    if (known == user) return;
  block->users.push_back(user);
}

void empty_cache() {
  Allocator& a = allocator();
  std::lock_guard lock(a.mutex);
  for (int index = 0; index < kMaxDevices; ++index) {
    Pool& pool = pool_of(index);
    const FreeBlocks(&free)[2] = pool.lists.free;
    if (free[0].empty() && free[1].empty() && pool.apart.empty() && pool.waiting.empty()) continue;
    const Selected device(index);
    collect(pool, true);
    drop_all(pool);
  }
}

// ---- What is counted ----

CudaMemory memory(int index) {
  std::lock_guard lock(allocator().mutex);
  return pool_of(index).counts;
}

void reset_memory(int index, bool peaks) {
  std::lock_guard lock(allocator().mutex);
  CudaMemory& m = pool_of(index).counts;
  if (!peaks) m.retries = m.out_of_memory = m.waits = m.device_allocations = m.device_frees = 0;
  using P = CudaPoolCounts;
  for (P* const pool : {&m.all, &m.small, &m.large})
    for (CudaCount P::* const what :
         {&P::allocations, &P::allocated_bytes, &P::requested_bytes, &P::segments, &P::reserved_bytes, &P::active,
          &P::active_bytes, &P::inactive_split, &P::inactive_split_bytes}) {
      CudaCount& c = pool->*what;
      if (peaks) c.peak = c.current;
      else c.allocated = c.freed = 0;
    }
}

void set_memory_limit(int index, double fraction) {
  size_t left = 0, total = 0;
  check_cuda(cudaMemGetInfo(&left, &total), "cudaMemGetInfo");
  std::lock_guard lock(allocator().mutex);
  pool_of(index).limit = fraction < 1 ? size_t(fraction * double(total)) : ~size_t(0);
  pool_of(index).fraction = fraction;
}
double memory_limit(int index) {
  std::lock_guard lock(allocator().mutex);
  return pool_of(index).fraction;
}

void set_caching(bool enabled) {
  std::lock_guard lock(allocator().mutex);
  allocator().caching = enabled;
}

int64_t blocks_handed_out() {
  std::lock_guard lock(allocator().mutex);
  return allocator().handed_out;
}

std::vector<CudaBlock> blocks(int index) {
  Allocator& a = allocator();
  std::lock_guard lock(a.mutex);
  std::set<const Block*> firsts;
  const auto add_first = [&](const Block* b) {
    while (b->before) b = b->before;
    firsts.insert(b);
  };
  for (const auto& [data, block] : a.taken)
    if (block->device == index) add_first(block);
  const auto add_free = [&](const Lists& lists) {
    for (const FreeBlocks& list : lists.free)
      for (const Block* block : list) add_first(block);
  };
  add_free(pool_of(index).lists);
  for (const auto& [number, lists] : pool_of(index).apart) add_free(lists);
  pool_of(index).waiting.each(add_first);
  std::vector<CudaBlock> all;
  for (const Block* const first : firsts)
    for (const Block* b = first; b; b = b->after)
      all.push_back({uintptr_t(b->data), uintptr_t(first->data), uintptr_t(b->stream), b->size, b->requested, b->small,
                     b->taken, b->taken || b->marks > 0, b->lists->number});
  return all;
}

}  // namespace cnn::cuda
