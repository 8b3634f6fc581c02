// Pinned memory of the host. Blocks have sizes of powers of two and are kept for the next of their size; a block that a
// GPU copies from or to is handed on when the stream has come past that copy.
#include <pthread.h>

#include <chrono>
#include <map>
#include <mutex>

#include "cuda/memory.h"
#include "cuda/streams.h"

namespace cnn::cuda {
namespace {

constexpr size_t kSmallest = 512;
constexpr size_t kMost = size_t(1) << 50;
constexpr size_t kUnderWay = size_t(64) << 20;  // bytes of copies that are not done; beyond, the next one waits

struct Block {
  char* data;
  size_t size;
  std::vector<std::pair<int, cudaStream_t>> users;  // device and stream
  int marks = 0;  // of theirs that must be reached before it is free
  int graphs = 0;  // that hold it
  bool freed = false;  // while they do
};

struct Pinned {
  std::mutex mutex;
  std::map<const char*, Block*> taken;  // by first byte
  std::map<size_t, std::vector<Block*>> free;
  Waiting<Block> waiting;
  size_t waiting_bytes = 0;
  CudaPinnedMemory counts;
};
Pinned& pinned() {
  static Pinned* const p = [] {
    pthread_atfork([] { pinned().mutex.lock(); }, [] { pinned().mutex.unlock(); }, [] { pinned().mutex.unlock(); });
    return new Pinned;
  }();
  return *p;
}

size_t class_size(size_t nbytes) {
  size_t size = kSmallest;
  while (size < nbytes) size *= 2;
  return size;
}

int64_t microseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start).count();
}
void count_time(CudaCount& c, int64_t us) {
  c.allocated += us;
  if (us > c.peak) c.peak = us;
  if (c.current == 0 || us < c.freed) c.freed = us;
  ++c.current;
}

void make_free(Pinned& p, Block* block) {
  p.counts.active.add(-1);
  p.counts.active_bytes.add(-int64_t(block->size));
  p.free[block->size].push_back(block);
}

void collect(Pinned& p, bool wait) {
  p.waiting.collect(wait, [&](Block* block) {
    if (--block->marks != 0) return;
    p.waiting_bytes -= block->size;
    make_free(p, block);
  });
}

void drop_all(Pinned& p) {
  const BesideCaptures beside;
  std::map<size_t, std::vector<Block*>> dropped;
  dropped.swap(p.free);
  for (const auto& [size, blocks] : dropped)
    for (Block* const block : blocks) {
      p.counts.blocks.add(-1);
      p.counts.bytes.add(-int64_t(size));
      char* const data = block->data;
      delete block;
      const auto start = std::chrono::steady_clock::now();
      const cudaError_t error = cudaFreeHost(data);
      count_time(p.counts.free_us, microseconds_since(start));
      check_cuda(error, "cudaFreeHost");
    }
}

Block* from_driver(Pinned& p, size_t size) {
  void* data = nullptr;
  const auto start = std::chrono::steady_clock::now();
  const BesideCaptures beside;
  cudaError_t error = cudaHostAlloc(&data, size, cudaHostAllocPortable);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    collect(p, true);
    drop_all(p);
    error = cudaHostAlloc(&data, size, cudaHostAllocPortable);
  }
  count_time(p.counts.allocation_us, microseconds_since(start));
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    fail(ErrorKind::OutOfMemory, "", "CUDA: there are no ", int64_t(size), " bytes of pinned memory");
  }
  check_cuda(error, "cudaHostAlloc");
  p.counts.blocks.add(1);
  p.counts.bytes.add(int64_t(size));
  return new Block{static_cast<char*>(data), size, {}};
}

// The block around an address; null where there is none.
Block* block_at(Pinned& p, const void* data) {
  const char* const at = static_cast<const char*>(data);
  auto after = p.taken.upper_bound(at);
  if (after == p.taken.begin()) return nullptr;
  --after;
  return at < after->first + after->second->size ? after->second : nullptr;
}

// Nobody but streams uses it any more.
void leave(Pinned& p, Block* block) {
  block->marks = int(block->users.size());
  for (const auto& [device, user] : block->users) p.waiting.add(device, user, block);
  block->users.clear();
  if (block->marks == 0) make_free(p, block);
  else p.waiting_bytes += block->size;
}

}  // namespace

void* allocate_pinned(size_t nbytes) {
  if (nbytes == 0) return nullptr;
  Pinned& p = pinned();
  std::lock_guard lock(p.mutex);
  if (nbytes > kMost)
    fail(ErrorKind::OutOfMemory, "", "CUDA: there are no ", int64_t(nbytes), " bytes of pinned memory");
  const size_t size = class_size(nbytes);
  if (!p.waiting.empty()) collect(p, false);
  Block* block = nullptr;
  if (const auto found = p.free.find(size); found != p.free.end() && !found->second.empty()) {
    block = found->second.back();
    found->second.pop_back();
  } else {
    block = from_driver(p, size);
  }
  p.taken[block->data] = block;
  p.counts.active.add(1);
  p.counts.active_bytes.add(int64_t(size));
  return block->data;
}

void free_pinned(void*, void* data, size_t) {
  if (!data) return;
  Pinned& p = pinned();
  std::lock_guard lock(p.mutex);
  const auto found = p.taken.find(static_cast<const char*>(data));
  Block* const block = found->second;
  if (block->graphs > 0) {
    block->freed = true;
    return;
  }
  p.taken.erase(found);
  leave(p, block);
}

void let_go_pinned(const void* data, int device, cudaStream_t stream) {
  Pinned& p = pinned();
  std::lock_guard lock(p.mutex);
  const auto found = p.taken.find(static_cast<const char*>(data));
  Block* const block = found->second;
  block->users.emplace_back(device, stream);
  if (--block->graphs > 0 || !block->freed) return;
  block->freed = false;
  p.taken.erase(found);
  leave(p, block);
}

Stage::Stage(size_t nbytes) {
  {
    Pinned& p = pinned();
    std::lock_guard lock(p.mutex);
    if (p.waiting_bytes >= kUnderWay) collect(p, true);
  }
  data_ = allocate_pinned(nbytes);
}
Stage::~Stage() { free_pinned(nullptr, data_, 0); }

bool is_pinned(const void* data) {
  Pinned& p = pinned();
  std::lock_guard lock(p.mutex);
  return block_at(p, data) != nullptr;
}

void keep_pinned_for_stream(const void* data) {
  Pinned& p = pinned();
  std::lock_guard lock(p.mutex);
  Block* const block = block_at(p, data);
  if (!block) return;
  if (Graph* const graph = this_graph()) {  // which uses it whenever it runs
    if (graph->pinned.insert(block->data).second) ++block->graphs;
    return;
  }
  const std::pair user(selected(), stream());
  for (const auto& known : block->users)
    if (known == user) return;
  block->users.push_back(user);
}

CudaPinnedMemory pinned_memory() {
  std::lock_guard lock(pinned().mutex);
  return pinned().counts;
}

void reset_pinned(bool peaks) {
  std::lock_guard lock(pinned().mutex);
  CudaPinnedMemory& m = pinned().counts;
  for (CudaCount* const c : {&m.blocks, &m.bytes, &m.active, &m.active_bytes}) {
    if (peaks) c->peak = c->current;
    else c->allocated = c->freed = 0;
  }
  if (!peaks) m.allocation_us = m.free_us = {};
}

void empty_pinned_cache() {
  Pinned& p = pinned();
  std::lock_guard lock(p.mutex);
  collect(p, true);
  drop_all(p);
}

}  // namespace cnn::cuda
