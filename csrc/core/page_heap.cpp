#include "core/page_heap.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "core/cpu_info.h"

namespace cnn {
namespace {

constexpr size_t kSmallestMapping = size_t(4) << 20;
constexpr size_t kLargestSpare = size_t(64) << 20;

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

char* map(size_t size) {
  void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
}

char* align_up(char* p, size_t unit) {
  return p + (round_up(reinterpret_cast<uintptr_t>(p), unit) - reinterpret_cast<uintptr_t>(p));
}

// A mapping aligned to huge pages, and advised to use them. The kernel lays mappings side by side,
// so after the first one the plain call mostly is aligned already.
char* map_aligned(size_t size) {
  char* p = map(size);
  if (p && align_up(p, PageHeap::kHugePage) != p) {
    munmap(p, size);
    p = map(size + PageHeap::kHugePage);
    if (p) {
      char* start = align_up(p, PageHeap::kHugePage);
      const size_t head = size_t(start - p);
      if (head) munmap(p, head);
      if (head < PageHeap::kHugePage) munmap(start + size, PageHeap::kHugePage - head);
      p = start;
    }
  }
  if (p) madvise(p, size, MADV_HUGEPAGE);
  return p;
}

bool system_can_give(size_t size, size_t reserved) {
  return size <= memory_limit() && reserved <= memory_limit() - size && size <= memory_available();
}

}  // namespace

void* PageHeap::take(size_t size) {
  std::lock_guard lock(mutex_);
  if (void* p = fit(size)) return p;
  return grow(size) ? fit(size) : nullptr;
}

void PageHeap::give(void* p, size_t size) noexcept {
  std::lock_guard lock(mutex_);
  insert(static_cast<char*>(p), size);
  // What a training step has freed at its end is wanted again by the next, so the cap is generous.
  if (const size_t cap = size_t(memory_limit() / 2); free_bytes_ > cap) release_locked(cap / 2);
}

void PageHeap::release(size_t keep) noexcept {
  std::lock_guard lock(mutex_);
  release_locked(keep);
}

// The smallest free extent that is large enough, and of those the first in memory.
void* PageHeap::fit(size_t size) {
  const auto best = by_size_.lower_bound({size, nullptr});
  if (best == by_size_.end()) return nullptr;
  const auto [found, start] = *best;
  erase(by_address_.find(start));
  if (found > size) insert(start + size, found - size);
  return start;
}

// Maps at least `size` more bytes. Small requests get room to spare, so that mappings stay few.
bool PageHeap::grow(size_t size) {
  const size_t spare = std::clamp(reserved() / 8, kSmallestMapping, kLargestSpare);
  const size_t wish = round_up(std::max(size, spare), kHugePage);
  const size_t need = round_up(size, kHugePage);
  for (const size_t bytes : {wish, need}) {
    if (!system_can_give(bytes, reserved())) continue;
    if (char* p = map_aligned(bytes)) {
      reserved_.fetch_add(bytes, std::memory_order_relaxed);
      mappings_.fetch_add(1, std::memory_order_relaxed);
      insert(p, bytes);
      return true;
    }
  }
  if (free_bytes_ < kHugePage) return false;
  release_locked(0);  // free extents that are all too small: trade them for one that fits
  if (!system_can_give(need, reserved())) return false;
  char* p = map_aligned(need);
  if (!p) return false;
  reserved_.fetch_add(need, std::memory_order_relaxed);
  mappings_.fetch_add(1, std::memory_order_relaxed);
  insert(p, need);
  return true;
}

void PageHeap::insert(char* p, size_t size) noexcept {
  auto next = by_address_.upper_bound(p);
  if (next != by_address_.end() && p + size == next->first) {
    size += next->second;
    const auto joined = next++;
    erase(joined);
  }
  if (next != by_address_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == p) {
      p = before->first;
      size += before->second;
      erase(before);
    }
  }
  try {
    const auto at = by_address_.emplace(p, size).first;
    try {
      by_size_.emplace(size, p);
      free_bytes_ += size;
    } catch (const std::bad_alloc&) {
      by_address_.erase(at);
      throw;
    }
  } catch (const std::bad_alloc&) {
    unmap(p, size);  // no memory left for the books: the system shall have the extent
  }
}

void PageHeap::erase(std::map<char*, size_t>::iterator at) noexcept {
  free_bytes_ -= at->second;
  by_size_.erase({at->second, at->first});
  by_address_.erase(at);
}

void PageHeap::release_locked(size_t keep) noexcept {
  // From the largest down; what cannot be unmapped in whole huge pages stays.
  size_t below = SIZE_MAX;
  while (free_bytes_ > keep) {
    auto at = by_size_.lower_bound({below, nullptr});
    if (at == by_size_.begin()) return;
    const auto [size, start] = *--at;
    char* from = align_up(start, kHugePage);
    char* to = start + size;
    to -= reinterpret_cast<uintptr_t>(to) % kHugePage;
    if (from >= to) {
      if (size < kHugePage) return;
      below = size;
      continue;
    }
    erase(by_address_.find(start));
    unmap(from, size_t(to - from));
    if (start < from) insert(start, size_t(from - start));
    if (to < start + size) insert(to, size_t(start + size - to));
  }
}

void PageHeap::unmap(char* p, size_t size) noexcept {
  if (munmap(p, size) == 0) reserved_.fetch_sub(size, std::memory_order_relaxed);
}

}  // namespace cnn
