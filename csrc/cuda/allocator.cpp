// Blocks from cudaMalloc are kept for the next tensor of their size class. Nothing is freed at exit: the driver does
// it, and tensors may outlive this library's own objects.
#include <pthread.h>

#include <mutex>
#include <unordered_map>
#include <vector>

#include "cuda/memory.h"
#include "cuda/runtime.h"

namespace cnn::cuda {
namespace {

constexpr size_t kSmallest = 512;

// Eight classes for each doubling: at most an eighth of a block is unused.
size_t class_size(size_t nbytes) {
  if (nbytes <= kSmallest) return kSmallest;
  const int top = 63 - __builtin_clzll(nbytes - 1);  // 2^top < nbytes <= 2^(top + 1)
  const size_t step = size_t(1) << (top >= 12 ? top - 3 : 9);
  return (nbytes + step - 1) / step * step;
}

struct Pool {
  std::unordered_map<size_t, std::vector<void*>> free;  // by class
  CudaMemory memory;
};

struct Block {
  size_t nbytes;
  int device;
};

struct Allocator {
  std::mutex mutex;
  std::unordered_map<void*, Block> used;
  std::unordered_map<int, Pool> pools;
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

// The selected device is `device`. cudaFree waits for the device, so nothing under way loses its memory.
void drop_cache(Pool& pool) {
  for (auto& [size, blocks] : pool.free) {
    for (void* p : blocks) {
      check_cuda(cudaFree(p), "cudaFree");
      pool.memory.reserved -= size;
    }
    blocks.clear();
  }
}

std::string in_mib(size_t nbytes) { return std::to_string(nbytes >> 20) + " MiB"; }

[[noreturn]] void out_of_memory(size_t nbytes, int device, const Pool& pool) {
  size_t left = 0, total = 0;
  cudaMemGetInfo(&left, &total);
  fail(ErrorKind::OutOfMemory, "", "CUDA out of memory. Tried to allocate ", in_mib(nbytes), ". GPU ", device,
       " has a total capacity of ", in_mib(total), " of which ", in_mib(left), " is free; ",
       in_mib(pool.memory.allocated), " is in tensors of this process.");
}

}  // namespace

void* allocate(size_t nbytes, Device device) {
  if (nbytes == 0) return nullptr;
  Allocator& a = allocator();
  const int index = device.index;
  select(index);
  std::lock_guard lock(a.mutex);
  Pool& pool = a.pools[index];
  if (nbytes > (size_t(1) << 60)) out_of_memory(nbytes, index, pool);
  const size_t size = class_size(nbytes);
  std::vector<void*>& kept = pool.free[size];
  void* data = nullptr;
  if (!kept.empty()) {
    data = kept.back();
    kept.pop_back();
  } else {
    cudaError_t error = cudaMalloc(&data, size);
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      drop_cache(pool);
      error = cudaMalloc(&data, size);
    }
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      out_of_memory(nbytes, index, pool);
    }
    check_cuda(error, "cudaMalloc");
    pool.memory.reserved += size;
  }
  a.used[data] = {size, index};
  ++a.handed_out;
  pool.memory.allocated += size;
  if (pool.memory.allocated > pool.memory.peak) pool.memory.peak = pool.memory.allocated;
  return data;
}

void release(void*, void* data, size_t) {
  if (!data) return;
  Allocator& a = allocator();
  std::lock_guard lock(a.mutex);
  const auto found = a.used.find(data);
  const Block block = found->second;
  a.used.erase(found);
  Pool& pool = a.pools[block.device];
  pool.memory.allocated -= block.nbytes;
  pool.free[block.nbytes].push_back(data);
}

void empty_cache() {
  Allocator& a = allocator();
  const int before = selected();
  {
    std::lock_guard lock(a.mutex);
    for (auto& [index, pool] : a.pools) {
      select(index);
      drop_cache(pool);
    }
  }
  select(before);
}

CudaMemory memory(int index) {
  Allocator& a = allocator();
  std::lock_guard lock(a.mutex);
  return a.pools[index].memory;
}

int64_t blocks_handed_out() {
  Allocator& a = allocator();
  std::lock_guard lock(a.mutex);
  return a.handed_out;
}

}  // namespace cnn::cuda
