#include "cuda/watch.h"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "cuda/memory.h"
#include "cuda/runtime.h"
#include "cuda/streams.h"

namespace cnn::cuda {
namespace {

using kernels::Note;

constexpr const char* kLater = " (found on the GPU, in this or an earlier call)";
constexpr uint64_t kNotes = 4096;  // more than there can be kernels under way

// Notes are used in turn. Kernels write them and the alarm where the host can look without waiting.
struct Board {
  uint32_t* alarm;
  Note* notes;
  Watch watches[kNotes];
  std::atomic<uint64_t> given{0};
};

std::mutex mutex;
std::atomic<Board*> boards[kMaxDevices];
thread_local bool watched = false;  // since the last wait for a kernel with a note

Board* make_board() {
  void* memory = nullptr;
  check_cuda(cudaHostAlloc(&memory, sizeof(Note) * kNotes + 64, cudaHostAllocMapped), "pinning memory");
  Board* const b = new Board;
  b->alarm = new (memory) uint32_t(0);
  b->notes = new (static_cast<char*>(memory) + 64) Note[kNotes];
  for (uint64_t i = 0; i < kNotes; ++i) b->notes[i].alarm = b->alarm;
  return b;
}

Board& board() {
  std::atomic<Board*>& at = boards[selected()];
  Board* b = at.load(std::memory_order_acquire);
  if (b) return *b;
  std::lock_guard lock(mutex);
  if (!at.load()) at.store(make_board(), std::memory_order_release);
  return *at.load();
}

bool rung(const Board& b) { return __atomic_load_n(b.alarm, __ATOMIC_RELAXED) != 0; }

// Takes the oldest note that is not empty, and clears all.
bool take(Board& b, Watch& watch, int64_t& value) {
  std::lock_guard lock(mutex);
  const uint64_t given = b.given.load();
  bool found = false;
  for (uint64_t k = given < kNotes ? 0 : given - kNotes; k < given; ++k) {
    Note& note = b.notes[k % kNotes];
    if (note.empty()) continue;
    if (!found) watch = b.watches[k % kNotes], value = note.value();
    found = true;
    note.word = Note::kNothing;
  }
  __atomic_store_n(b.alarm, 0, __ATOMIC_RELAXED);
  return found;
}

void tell(Board& b, const char* when) {
  if (!rung(b)) [[likely]]
    return;
  // Whatever else the same kernels have to say is said when they are done: the first of it does not depend on the time.
  check_cuda(cudaDeviceSynchronize(), "waiting for the device");
  Watch watch;
  int64_t value = 0;
  if (take(b, watch, value)) watch.fail(watch, value, when);
}

bool at_once() {
  static const bool now = [] {
    const char* const checks = std::getenv("CNN_CUDA_CHECKS");
    return checks && std::strcmp(checks, "now") == 0;
  }();
  return now;
}

}  // namespace

Note* watch(const Watch& watch) {
  Board& b = board();
  const uint64_t k = b.given.fetch_add(1) % kNotes;
  b.watches[k] = watch;
  b.notes[k].word = Note::kNothing;
  watched = true;
  return b.notes + k;
}

void tell_notes() {
  if (Board* const b = boards[selected()].load(std::memory_order_acquire)) tell(*b, kLater);
}

void tell_all_notes() {
  for (int device = 0; device < kMaxDevices; ++device) {
    Board* const b = boards[device].load(std::memory_order_acquire);
    if (!b || !rung(*b)) continue;
    const Selected there(device);
    tell(*b, kLater);
  }
}

void tell_at_once() {
  if (!watched || !at_once()) return;
  watched = false;
  check_cuda(cudaDeviceSynchronize(), "waiting for the device");
  tell(board(), "");
}

}  // namespace cnn::cuda
