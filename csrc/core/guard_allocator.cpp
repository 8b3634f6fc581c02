// The allocator of -DCNN_GUARD=ON, in the place of allocator.cpp: it keeps nothing for the next tensor, and ends the
// process at the first misuse of memory that it sees.
//
// A block ends exactly where a forbidden page begins, so that reading or writing past it is a SIGSEGV at that very
// instruction; it is aligned to what its size is a multiple of (a float32 to 4 bytes), up to 64. The margin in front of
// it is filled, and looked at when the block is freed. A freed block stays forbidden for a while. Each such block takes
// two of the mappings that the system allows a process; beyond kPagedMax blocks the others come from malloc, with a
// margin on both sides, and are looked at when they are freed and again when they leave the quarantine.
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

#include "core/allocator.h"
#include "core/cpu_info.h"
#include "core/layouts.h"

namespace cnn {
namespace {

constexpr size_t kPage = 4096;
constexpr size_t kMargin = 64;  // on either side of a block without a page of its own
constexpr size_t kPagedMax = 20000;  // two mappings each, of 65530 that Linux allows
constexpr size_t kQuarantineBlocks = 4096;  // freed and still forbidden: a mapping each
constexpr size_t kQuarantineBytes = size_t(512) << 20;  // of addresses; forbidden pages take no memory
constexpr size_t kFilledEnd = size_t(16) << 20;  // a large block is filled at its ends, and its middle never backed
constexpr size_t kAsked = size_t(64) << 20;  // larger requests are held against the free memory first
constexpr size_t kRequestMax = size_t(1) << 46;

// Twice in a float32 and four times in a float64: a NaN of every floating dtype, and -1,970,337,082,376,200 of int64.
constexpr unsigned char kPattern[2] = {0xF8, 0xFF};

struct Block {
  char* span;  // what the system gave
  size_t span_bytes;
  size_t nbytes;
  bool paged;
  bool freed;
};

struct Guard {
  Guard();
  std::mutex mutex;
  std::unordered_map<char*, Block> blocks;  // by where they begin; freed ones until they leave the quarantine
  std::deque<char*> quarantine;
  size_t quarantine_bytes = 0;
  size_t paged = 0;  // blocks in use that have a forbidden page
  MemoryStats stats;
};

// Never destroyed: tensors may die in static destructors and in threads that outlive main.
Guard& guard() {
  static Guard& instance = *new Guard;
  return instance;
}
void lock() { guard().mutex.lock(); }
void unlock() { guard().mutex.unlock(); }
Guard::Guard() { pthread_atfork(lock, unlock, unlock); }

[[noreturn, gnu::format(printf, 1, 2)]] void fail(const char* format, ...) {
  char text[256];
  va_list arguments;
  va_start(arguments, format);
  const int length = std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (write(STDERR_FILENO, text, std::min(sizeof text - 1, size_t(length))) < 0) _exit(134);
  std::abort();
}

size_t round_up(size_t n, size_t unit) { return (n + unit - 1) / unit * unit; }

// The pattern goes by address, so that every part of it looks alike.
unsigned char pattern_at(const char* p) { return kPattern[reinterpret_cast<uintptr_t>(p) & 1]; }
void fill(char* from, char* to) {
  if (from < to && (reinterpret_cast<uintptr_t>(from) & 1)) *from++ = char(kPattern[1]);
  for (; to - from >= 2; from += 2) std::memcpy(from, kPattern, 2);
  if (from < to) *from = char(kPattern[0]);
}
void fill_fresh(char* p, size_t nbytes) {
  if (nbytes <= 2 * kFilledEnd) return fill(p, p + nbytes);
  fill(p, p + kFilledEnd);
  fill(p + nbytes - kFilledEnd, p + nbytes);
}
void check_filled(const char* from, const char* to, const char* p, size_t nbytes, const char* when) {
  for (const char* at = from; at < to; ++at) {
    if (static_cast<unsigned char>(*at) == pattern_at(at)) continue;
    fail("cnn guard: a block of %zu bytes was written at byte %td, %s (0x%02x instead of 0x%02x)\n", nbytes, at - p,
         when, static_cast<unsigned char>(*at), pattern_at(at));
  }
}

// ----------------------------------------------------------------------------- blocks and quarantine

size_t held(size_t nbytes) { return round_up(nbytes, kMargin); }

char* map_block(size_t nbytes, Block& block) {
  const size_t bytes = round_up(nbytes, kPage);
  void* span = mmap(nullptr, bytes + kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (span == MAP_FAILED) return nullptr;
  char* const start = static_cast<char*>(span);
  if (mprotect(start + bytes, kPage, PROT_NONE) != 0) {
    munmap(span, bytes + kPage);
    return nullptr;
  }
  block = {start, bytes + kPage, nbytes, true, false};
  fill(start, start + bytes - nbytes);
  return start + bytes - nbytes;
}

char* malloc_block(size_t nbytes, Block& block) {
  const size_t bytes = held(nbytes) + 2 * kMargin;
  char* const start = static_cast<char*>(std::aligned_alloc(kMargin, bytes));
  if (!start) return nullptr;
  block = {start, bytes, nbytes, false, false};
  fill(start, start + kMargin);
  fill(start + kMargin + nbytes, start + bytes);
  return start + kMargin;
}

void check_margins(const char* p, const Block& block) {
  const char* const end = p + block.nbytes;
  check_filled(block.span, p, p, block.nbytes, "before its start");
  if (!block.paged) check_filled(end, block.span + block.span_bytes, p, block.nbytes, "past its end");
}

// Makes a block that nobody uses any more unusable; its memory goes back to the system.
void forbid(char* p, const Block& block) {
  if (block.paged) {
    mmap(block.span, block.span_bytes, PROT_NONE, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  } else {
    fill(p, p + block.nbytes);
  }
}

// The oldest blocks of the quarantine, until few enough are left. The lock is held, and not while they are given back.
std::vector<std::pair<char*, Block>> leaving(Guard& g, size_t blocks, size_t bytes) {
  std::vector<std::pair<char*, Block>> out;
  while (g.quarantine.size() > blocks || (g.quarantine_bytes > bytes && !g.quarantine.empty())) {
    const auto at = g.blocks.find(g.quarantine.front());
    g.quarantine.pop_front();
    g.quarantine_bytes -= at->second.span_bytes;
    g.stats.reserved_bytes -= at->second.span_bytes;
    out.push_back(*at);
    g.blocks.erase(at);
  }
  return out;
}

void return_span(const Block& block) {
  if (block.paged) munmap(block.span, block.span_bytes);
  else std::free(block.span);
}

void give_back(const std::vector<std::pair<char*, Block>>& blocks) {
  for (const auto& [p, block] : blocks) {
    if (!block.paged) check_filled(block.span, block.span + block.span_bytes, p, block.nbytes, "after it was freed");
    return_span(block);
  }
}

char* take_block(size_t nbytes, Block& block) {
  bool may_page;
  {
    std::lock_guard lock(guard().mutex);
    may_page = guard().paged < kPagedMax;
  }
  if (may_page) {
    if (char* p = map_block(nbytes, block)) return p;
    cpu_empty_cache();
    if (char* p = map_block(nbytes, block)) return p;
  }
  return malloc_block(nbytes, block);
}

}  // namespace

// ----------------------------------------------------------------------------------- the interface

void* cpu_allocate(size_t nbytes) {
  if (nbytes == 0) return nullptr;
  if (nbytes > kRequestMax || (nbytes > kAsked && nbytes > memory_available())) throw_out_of_memory(nbytes);
  Block block;
  char* const p = take_block(nbytes, block);
  if (!p) throw_out_of_memory(nbytes);
  fill_fresh(p, nbytes);
  Guard& g = guard();
  std::lock_guard lock(g.mutex);
  try {
    g.blocks.emplace(p, block);
  } catch (const std::bad_alloc&) {
    return_span(block);
    throw_out_of_memory(nbytes);
  }
  g.paged += block.paged;
  MemoryStats& s = g.stats;
  ++s.misses;
  s.reserved_bytes += block.span_bytes;
  s.allocated_bytes += held(nbytes);
  s.peak_allocated_bytes = std::max(s.peak_allocated_bytes, s.allocated_bytes);
  return p;
}

void cpu_free(void* data, size_t nbytes) {
  if (!data) return;
  Guard& g = guard();
  char* const p = static_cast<char*>(data);
  Block block;
  {
    std::lock_guard lock(g.mutex);
    const auto at = g.blocks.find(p);
    if (at == g.blocks.end())
      fail("cnn guard: no block begins at %p, which was to be freed as %zu bytes\n", data, nbytes);
    if (at->second.freed) fail("cnn guard: a block of %zu bytes was freed twice\n", nbytes);
    if (at->second.nbytes != nbytes) {
      fail("cnn guard: a block of %zu bytes was freed as one of %zu bytes\n", at->second.nbytes, nbytes);
    }
    at->second.freed = true;
    block = at->second;
  }
  check_margins(p, block);
  forbid(p, block);
  std::vector<std::pair<char*, Block>> left;
  try {
    std::lock_guard lock(g.mutex);
    g.paged -= block.paged;
    g.stats.allocated_bytes -= held(nbytes);
    g.quarantine.push_back(p);
    g.quarantine_bytes += block.span_bytes;
    left = leaving(g, kQuarantineBlocks, kQuarantineBytes);
  } catch (const std::bad_alloc&) {
    return;  // no memory left for the books: this block, or those that were to leave, stay forbidden
  }
  give_back(left);
}

MemoryStats cpu_memory_stats() {
  std::lock_guard lock(guard().mutex);
  return guard().stats;
}

bool checks_layouts() { return true; }

void cpu_empty_cache() {
  drop_layouts();
  std::vector<std::pair<char*, Block>> left;
  {
    std::lock_guard lock(guard().mutex);
    left = leaving(guard(), 0, 0);
  }
  give_back(left);
}

}  // namespace cnn
