#include "core/layouts.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "cnn/check.h"
#include "cnn/storage.h"
#include "core/allocator.h"
#include "core/process_lock.h"

namespace cnn {

struct LaidOut {
  std::atomic<int> references{1};
  size_t nbytes;
  void* memory;
};

// Those of one storage, in the list of all such.
struct Layouts {
  struct Entry {
    LayoutKey key;
    uint64_t stamp;
    LaidOut* layout;  // null: asked for once
  };
  std::vector<Entry> entries;
  Storage* storage;
  Layouts *before = nullptr, *after = nullptr;
};

namespace {

constexpr size_t kMost = 4;  // of one storage

std::mutex& lock() { return process_lock<Layouts>(); }
Layouts* first = nullptr;  // guarded by it, as all entries are

void link(Layouts* l) {
  l->after = first;
  if (first) first->before = l;
  first = l;
}
void unlink(Layouts* l) {
  (l->before ? l->before->after : first) = l->after;
  if (l->after) l->after->before = l->before;
}

// Outside the lock: the allocator has locks of its own.
void release(Layouts* layouts) {
  if (!layouts) return;
  for (const Layouts::Entry& e : layouts->entries) release_layout(e.layout);
  delete layouts;
}

}  // namespace

LaidOut* new_layout(size_t nbytes) {
  auto layout = std::make_unique<LaidOut>();
  layout->nbytes = nbytes;
  layout->memory = cpu_allocate(nbytes);
  return layout.release();
}

void* layout_memory(const LaidOut* layout) { return layout->memory; }

void release_layout(LaidOut* layout) {
  if (!layout || layout->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  cpu_free(layout->memory, layout->nbytes);
  delete layout;
}

void check_layout(const LaidOut* kept, const LaidOut* made) {
  check(kept->nbytes == made->nbytes && std::memcmp(kept->memory, made->memory, kept->nbytes) == 0, "",
        "a layout of a weight was kept although the weight has changed");
}

LaidOut* find_layout(Storage& keeper, const LayoutKey& key, uint64_t* stamp) {
  *stamp = 0;
  LaidOut *found = nullptr, *old = nullptr;
  {
    std::lock_guard guard(lock());
    if (!keeper.keeps_layouts()) return nullptr;
    Layouts* layouts = keeper.layouts().load(std::memory_order_relaxed);
    if (!layouts) {
      layouts = new Layouts{{}, &keeper};
      link(layouts);
      keeper.layouts().store(layouts);
    }
    const uint64_t now = keeper.stamp();  // writers look for layouts after they have counted
    auto& entries = layouts->entries;
    const auto e = std::find_if(entries.begin(), entries.end(), [&](const auto& one) { return one.key == key; });
    if (e == entries.end()) {
      if (entries.size() == kMost) old = entries.front().layout, entries.erase(entries.begin());
      entries.push_back({key, now, nullptr});
    } else if (e->stamp != now) {
      old = e->layout;
      *e = {key, now, nullptr};
    } else if (e->layout) {
      found = e->layout;
      found->references.fetch_add(1, std::memory_order_relaxed);
    } else {
      *stamp = now;
    }
  }
  release_layout(old);
  return found;
}

void keep_layout(Storage& keeper, const LayoutKey& key, uint64_t stamp, LaidOut* layout) {
  std::lock_guard guard(lock());
  Layouts* const layouts = keeper.layouts().load(std::memory_order_relaxed);
  if (!layouts || !keeper.keeps_layouts() || keeper.stamp() != stamp) return;
  for (Layouts::Entry& e : layouts->entries)
    if (e.key == key && e.stamp == stamp && !e.layout) {
      layout->references.fetch_add(1, std::memory_order_relaxed);
      e.layout = layout;
    }
}

void drop_layouts(Storage& keeper) {
  Layouts* layouts;
  {
    std::lock_guard guard(lock());
    layouts = keeper.layouts().exchange(nullptr);
    if (layouts) unlink(layouts);
  }
  release(layouts);
}

void drop_layouts() {
  Layouts* all;
  {
    std::lock_guard guard(lock());
    all = std::exchange(first, nullptr);
    for (Layouts* l = all; l; l = l->after) l->storage->layouts().store(nullptr, std::memory_order_relaxed);
  }
  while (Layouts* const l = all) {
    all = l->after;
    release(l);
  }
}

}  // namespace cnn
