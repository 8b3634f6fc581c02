// Watches every access of emulated kernels (see checks.h): is it inside a block of the device's memory, aligned,
// written before it is read, and in order with what other threads do there? Two accesses to a byte of which one is a
// write are in order when a barrier that both threads pass lies between them. Nothing orders the blocks of a launch.
#include "emulation/checks.h"

#include <link.h>

#include <cinttypes>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <unordered_map>

#include "emulation/fibers.h"

namespace cnn::emulation::checks {
namespace {

constexpr unsigned kNobody = ~0u;

// Who did something to a byte, and when. Blocks are numbered over all launches.
struct Event {
  uint32_t block = 0;
  uint16_t thread = 0, phase = 0, warp_phase = 0;
};
enum Readers : uint8_t { One, OfOneWarp, OfWarps };
struct Cell {
  Event write, read;
  bool written = false;  // ever, since the memory was new
  bool atomic = false;  // was the last write?
  bool blocks = false;  // have several blocks of this launch read it?
  Readers readers = One;  // threads of read.block in read.phase
};

enum class Space { Own, Constant, Shared, Global, Wrong };

struct Watch {
  Grid grid{};
  uint32_t first = 1, block = 0;  // of this launch; the running one
  uint16_t phase = 0, warp_phases[kMaxThreads / kWarp] = {};
  unsigned thread = kNobody;
  int64_t faults = 0;
  std::string fault;  // the first
  std::unordered_map<uintptr_t, Cell*> pages;
  uintptr_t last_page = 0;
  Cell* last_cells = nullptr;
  struct Image {
    uintptr_t begin = 0, end = 0, data_begin = 0, data_end = 0;
  } image;
};
Watch& watch() {
  static auto* const w = new Watch;
  return *w;
}
thread_local bool on = false;

Cell& cell_of(uintptr_t at) {
  Watch& w = watch();
  const uintptr_t page = at / kPage;
  if (page != w.last_page || !w.last_cells) {
    Cell*& cells = w.pages[page];
    if (!cells) cells = new Cell[kPage];
    w.last_page = page;
    w.last_cells = cells;
  }
  return w.last_cells[at % kPage];
}

// The segments of the library or program that this is part of: shared memory is its data, constants are not.
Watch::Image own_image() {
  Watch::Image found;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* out) {
        Watch::Image image{~uintptr_t(0), 0, ~uintptr_t(0), 0};
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const auto& part = info->dlpi_phdr[i];
          if (part.p_type != PT_LOAD) continue;
          const uintptr_t begin = info->dlpi_addr + part.p_vaddr, end = begin + part.p_memsz;
          if (begin < image.begin) image.begin = begin;
          if (end > image.end) image.end = end;
          if (!(part.p_flags & PF_W)) continue;
          if (begin < image.data_begin) image.data_begin = begin;
          if (end > image.data_end) image.data_end = end;
        }
        const auto here = reinterpret_cast<uintptr_t>(&watch);
        if (here < image.begin || here >= image.end) return 0;
        *static_cast<Watch::Image*>(out) = image;
        return 1;
      },
      &found);
  return found;
}

std::string who(const Event& e) {
  return "thread " + std::to_string(e.thread) + " of block " + std::to_string(e.block - watch().first);
}
Event now() {
  const Watch& w = watch();
  return {w.block, uint16_t(w.thread), w.phase, w.warp_phases[w.thread / kWarp]};
}

void fault(const std::string& what, const void* p, size_t n, bool wild = false) {
  Watch& w = watch();
  if (w.faults++ > 0) return;
  char text[64];
  std::snprintf(text, sizeof text, " %zu bytes at %p", n, p);
  w.fault = std::string(w.grid.name) + ": " + who(now()) + " " + what + text;
  if (wild) std::fprintf(stderr, "%s\n", w.fault.c_str());  // the access that follows may end the process
}

bool within(uintptr_t at, size_t n, uintptr_t begin, uintptr_t end) { return at >= begin && at + n <= end; }

bool is_register(uintptr_t at) {
  for (const dim3* d : {&threadIdx, &blockIdx, &blockDim, &gridDim})
    if (within(at, 1, reinterpret_cast<uintptr_t>(d), reinterpret_cast<uintptr_t>(d + 1))) return true;
  return false;
}

Space space_of(const void* p, size_t n, bool writes) {
  const Watch& w = watch();
  const auto at = reinterpret_cast<uintptr_t>(p);
  const auto stacks = reinterpret_cast<uintptr_t>(w.grid.stacks), mine = stacks + w.thread * w.grid.stack_size;
  if (within(at, n, mine, mine + w.grid.stack_size)) return Space::Own;
  if (within(at, n, stacks, stacks + kMaxThreads * w.grid.stack_size)) {
    fault("touches another thread's variable,", p, n);
    return Space::Wrong;
  }
  const auto arguments = reinterpret_cast<uintptr_t>(w.grid.arguments);
  if (within(at, n, arguments, arguments + w.grid.arguments_size) || is_register(at)) {
    if (writes) fault("writes to the kernel's arguments,", p, n);
    return Space::Constant;
  }
  const auto shared = reinterpret_cast<uintptr_t>(w.grid.shared);
  if (within(at, 1, shared, shared + kMostShared) && !within(at, n, shared, shared + w.grid.shared_size)) {
    fault("goes past the end of " + std::to_string(w.grid.shared_size) + " bytes of shared memory,", p, n);
    return Space::Wrong;
  }
  if (within(at, n, w.image.data_begin, w.image.data_end)) return Space::Shared;
  if (within(at, n, w.image.begin, w.image.end)) return Space::Constant;
  const int device = device_of(p);
  if (device >= 0 && device != w.grid.device) {
    fault("on cuda:" + std::to_string(w.grid.device) + " touches memory of cuda:" + std::to_string(device) + ",", p, n,
          true);
    return Space::Wrong;
  }
  if (device >= 0) {
    const auto* const block = memory(device).block_at(p);
    if (block && static_cast<const char*>(p) + n <= block->first + block->second.size) return Space::Global;
    fault(block ? "goes past the end of a block of " + std::to_string(block->second.size) + " bytes:"
                : "touches device memory outside of every block,",
          p, n, true);
    return Space::Wrong;
  }
  const auto* const pinned = pinned_at(p);
  if (pinned && static_cast<const char*>(p) + n <= pinned->first + pinned->second) return Space::Global;
  fault(pinned ? "goes past the end of pinned memory," : "touches memory of the host,", p, n, true);
  return Space::Wrong;
}

// Is what a byte remembers of this launch, and not in order with what happens now?
bool unordered(const Event& then, const Event& e, bool shared) {
  if (then.block < watch().first || (then.block == e.block && then.thread == e.thread)) return false;
  if (then.block != e.block) return !shared;
  const bool one_warp = then.thread / kWarp == e.thread / kWarp;
  return then.phase == e.phase && (!one_warp || then.warp_phase == e.warp_phase);
}

void note_read(Cell& c, const Event& e) {
  Event& r = c.read;
  if (r.block != e.block) {
    c.blocks = r.block >= watch().first;
    c.readers = One;
  } else if (r.phase != e.phase) {
    c.readers = One;
  } else if (r.thread / kWarp != e.thread / kWarp) {
    c.readers = OfWarps;
  } else if (r.thread != e.thread && r.warp_phase == e.warp_phase && c.readers == One) {
    c.readers = OfOneWarp;
  }
  r = e;
}

bool readers_race(const Cell& c, const Event& e, bool shared) {
  if (unordered(c.read, e, shared)) return true;
  if (c.read.block < watch().first) return false;
  if (c.blocks && !shared) return true;
  if (c.read.block != e.block || c.read.phase != e.phase) return false;
  return c.readers == OfWarps || (c.readers == OfOneWarp && c.read.warp_phase == e.warp_phase);
}

void access(const void* p, size_t n, bool writes, bool atomic) {
  const Space space = space_of(p, n, writes);
  if (space != Space::Shared && space != Space::Global) return;
  const bool shared = space == Space::Shared, tracked = !shared && device_of(p) >= 0;
  const Event e = now();
  for (size_t i = 0; i < n; ++i) {
    Cell& c = cell_of(reinterpret_cast<uintptr_t>(p) + i);
    const char* const kind = shared ? "shared memory," : "memory of the device,";
    if (!writes && (shared ? c.write.block != e.block : tracked && !c.written))
      return fault(std::string("reads ") + kind + " that nobody has written,", p, n);
    if (unordered(c.write, e, shared) && !(atomic && c.atomic))
      return fault(
          std::string(writes ? "writes to " : "reads ") + kind + " a race with the write of " + who(c.write) + ",", p,
          n);
    if (writes && !atomic && readers_race(c, e, shared))
      return fault(std::string("writes to ") + kind + " a race with the read of " + who(c.read) + ",", p, n);
    if (writes) {
      c.write = e;
      c.written = true;
      c.atomic = atomic;
    } else {
      note_read(c, e);
    }
  }
}

// The compiler's calls. `on` is false outside of kernels, and in here: headers that are shared with kernels call too.
void watched(const void* p, size_t n, bool writes, bool atomic = false) {
  if (!on) return;
  on = false;
  access(p, n, writes, atomic);
  on = true;
}
void read(const void* p, size_t n) { watched(p, n, false); }
void write(const void* p, size_t n) { watched(p, n, true); }

}  // namespace

void begin_grid(const Grid& grid) {
  Watch& w = watch();
  if (!w.image.end) w.image = own_image();
  w.grid = grid;
  w.first = w.block + 1;
  w.faults = 0;
}

void end_grid() {
  const Watch& w = watch();
  if (w.faults > 0)
    throw std::runtime_error(w.fault + (w.faults > 1 ? " (" + std::to_string(w.faults) + " such accesses)" : ""));
}

void begin_block() {
  Watch& w = watch();
  ++w.block;
  w.phase = 0;
  for (uint16_t& phase : w.warp_phases) phase = 0;
}
void open_block() { ++watch().phase; }
void open_warp(unsigned warp) { ++watch().warp_phases[warp]; }

void enter(unsigned thread) {
  watch().thread = thread;
  on = true;
}
void leave() { on = false; }

void fill(const void* p, size_t n) {
  if (device_of(p) < 0) return;
  for (size_t i = 0; i < n; ++i) cell_of(reinterpret_cast<uintptr_t>(p) + i).written = true;
}
void forget(const void* p, size_t n) {
  for (size_t i = 0; i < n; ++i) cell_of(reinterpret_cast<uintptr_t>(p) + i) = {};
}
void atomic(const void* p, size_t n) { watched(p, n, true, true); }

}  // namespace cnn::emulation::checks

using cnn::emulation::checks::read;
using cnn::emulation::checks::write;

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void** p, void*) { write(p, sizeof *p); }
void __tsan_vptr_read(void** p) { read(p, sizeof *p); }
void __tsan_read_range(void* p, size_t n) { read(p, n); }
void __tsan_write_range(void* p, size_t n) { write(p, n); }
#define CNN_ACCESS(n)                                     \
  void __tsan_read##n(void* p) { read(p, n); }            \
  void __tsan_write##n(void* p) { write(p, n); }          \
  void __tsan_unaligned_read##n(void* p) { read(p, n); }  \
  void __tsan_unaligned_write##n(void* p) { write(p, n); }
CNN_ACCESS(1)
CNN_ACCESS(2)
CNN_ACCESS(4)
CNN_ACCESS(8)
CNN_ACCESS(16)

// What clang makes of larger copies.
void* __tsan_memcpy(void* to, const void* from, size_t n) {
  read(from, n);
  write(to, n);
  return std::memcpy(to, from, n);
}
void* __tsan_memmove(void* to, const void* from, size_t n) {
  read(from, n);
  write(to, n);
  return std::memmove(to, from, n);
}
void* __tsan_memset(void* to, int value, size_t n) {
  write(to, n);
  return std::memset(to, value, n);
}

// -fsanitize=alignment: called where an address is not a multiple of what its type needs, which is a fault on a GPU.
struct Mismatch {
  const char* file;
  uint32_t line, column;
};
void __ubsan_handle_type_mismatch_v1(Mismatch* where, void* p) {
  using namespace cnn::emulation::checks;
  const bool was_on = on;
  on = false;
  if (was_on) fault("(" + std::string(where->file) + ":" + std::to_string(where->line) + ") misaligned,", p, 0);
  on = was_on;
}
void __ubsan_handle_type_mismatch_v1_abort(Mismatch* where, void* p) { __ubsan_handle_type_mismatch_v1(where, p); }

// Host code of the same files uses these; kernels have CUDA's own.
#define CNN_ATOMIC(bits, T)                                                                                          \
  T __tsan_atomic##bits##_load(const volatile T* p, int) { return __atomic_load_n(p, __ATOMIC_SEQ_CST); }            \
  void __tsan_atomic##bits##_store(volatile T* p, T v, int) { __atomic_store_n(p, v, __ATOMIC_SEQ_CST); }            \
  T __tsan_atomic##bits##_exchange(volatile T* p, T v, int) { return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST); }  \
  T __tsan_atomic##bits##_fetch_add(volatile T* p, T v, int) { return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST); }  \
  T __tsan_atomic##bits##_fetch_sub(volatile T* p, T v, int) { return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST); }  \
  int __tsan_atomic##bits##_compare_exchange_strong(volatile T* p, T* expected, T v, int, int) {                     \
    return __atomic_compare_exchange_n(p, expected, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                   \
  }                                                                                                                  \
  int __tsan_atomic##bits##_compare_exchange_weak(volatile T* p, T* expected, T v, int, int) {                       \
    return __atomic_compare_exchange_n(p, expected, v, true, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                    \
  }
CNN_ATOMIC(8, uint8_t)
CNN_ATOMIC(16, uint16_t)
CNN_ATOMIC(32, uint32_t)
CNN_ATOMIC(64, uint64_t)
void __tsan_atomic_thread_fence(int) {}
}
