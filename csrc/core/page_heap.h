// Memory from the system in 2 MiB aligned mappings, cut into extents of pages. Freed extents are
// joined with their neighbours and kept, up to a share of the machine's memory.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace cnn {

class PageHeap {
 public:
  static constexpr size_t kPage = 4096;
  static constexpr size_t kHugePage = size_t(2) << 20;

  // An extent of `size` bytes, a multiple of kPage; nullptr when the system cannot give it.
  void* take(size_t size);
  // Takes back any part of an extent, in whole pages. Does not throw.
  void give(void* p, size_t size) noexcept;
  // Unmaps free extents, in whole huge pages, until `keep` bytes of them are left.
  void release(size_t keep) noexcept;

  size_t reserved() const { return reserved_.load(std::memory_order_relaxed); }
  // How often memory had to be mapped.
  uint64_t mappings() const { return mappings_.load(std::memory_order_relaxed); }
  std::mutex& mutex() { return mutex_; }

 private:
  using Extent = std::pair<size_t, char*>;  // size, start

  void* fit(size_t size);
  bool grow(size_t size);
  void insert(char* p, size_t size) noexcept;
  void erase(std::map<char*, size_t>::iterator at) noexcept;
  void release_locked(size_t keep) noexcept;
  void unmap(char* p, size_t size) noexcept;

  std::mutex mutex_;
  std::map<char*, size_t> by_address_;
  std::set<Extent> by_size_;
  size_t free_bytes_ = 0;
  std::atomic<size_t> reserved_{0};
  std::atomic<uint64_t> mappings_{0};
};

}  // namespace cnn
