#include "cuda/watch.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "core/parallel.h"
#include "cuda/graphs.h"
#include "cuda/memory.h"
#include "cuda/runtime.h"
#include "cuda/streams.h"

namespace cnn::cuda {

using kernels::Note;

constexpr size_t kChunk = 64;

struct NoteChunk {
  int device;
  Note* notes;
  Watch watches[kChunk];
  size_t given = 0;
};

namespace {

constexpr const char* kLater = " (found on the GPU, in this or an earlier call)";
constexpr uint64_t kNotes = 4096;  // more than there can be kernels under way

// Notes are used in turn. Kernels write them and the alarm where the host can look without waiting.
struct Board {
  uint32_t* alarm;
  Note* notes;
  Watch watches[kNotes];
  std::atomic<uint64_t> given{0};
  std::vector<NoteChunk*> chunks;  // of graphs, those included that have been let go and may be running
  std::vector<NoteChunk*> free;
  Waiting<NoteChunk> let_go;
};

std::mutex mutex;
std::atomic<Board*> boards[kMaxDevices];
thread_local bool watched = false;  // since the last wait for a kernel with a note

char* mapped(size_t nbytes) {
  const BesideCaptures beside;
  void* memory = nullptr;
  check_cuda(cudaHostAlloc(&memory, nbytes, cudaHostAllocMapped), "pinning memory");
  return static_cast<char*>(memory);
}
Note* make_notes(char* memory, uint64_t count, uint32_t* alarm) {
  Note* const notes = new (memory) Note[count];
  for (uint64_t i = 0; i < count; ++i) notes[i].alarm = alarm;
  return notes;
}
Board* make_board() {
  char* const memory = mapped(sizeof(Note) * kNotes + 64);
  Board* const b = new Board;
  b->alarm = new (memory) uint32_t(0);
  b->notes = make_notes(memory + 64, kNotes, b->alarm);
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
  for (NoteChunk* const chunk : b.chunks)
    for (size_t i = 0; i < chunk->given; ++i) {
      Note& note = chunk->notes[i];
      if (note.empty()) continue;
      if (!found) watch = chunk->watches[i], value = note.value();
      found = true;
      note.word = Note::kNothing;
    }
  __atomic_store_n(b.alarm, 0, __ATOMIC_RELAXED);
  return found;
}

void tell(Board& b, const char* when) {
  if (!rung(b)) [[likely]]
    return;
  if (captures()) return;
  const WorkScope others_run(2 * WorkScope::kWorthwhileNs);
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

Note* GraphNotes::next(const Watch& watch) {
  Board& b = board();
  std::lock_guard lock(mutex);
  if (chunks_.empty() || chunks_.back()->given == kChunk || chunks_.back()->device != selected()) {
    if (b.free.empty())
      b.free.push_back(new NoteChunk{selected(), make_notes(mapped(sizeof(Note) * kChunk), kChunk, b.alarm), {}});
    b.chunks.push_back(b.free.back());
    chunks_.push_back(b.free.back());
    b.free.pop_back();
  }
  NoteChunk& chunk = *chunks_.back();
  chunk.watches[chunk.given] = watch;
  return chunk.notes + chunk.given++;
}

void GraphNotes::run_again() const { watched |= !chunks_.empty(); }

void GraphNotes::let_go(int device, cudaStream_t stream) {
  std::lock_guard lock(mutex);
  for (NoteChunk* const chunk : chunks_) boards[chunk->device].load()->let_go.add(device, stream, chunk);
  chunks_.clear();
}

void collect_graph_notes() {
  Board* const b = boards[selected()].load(std::memory_order_acquire);
  if (!b) return;
  std::lock_guard lock(mutex);
  b->let_go.collect(false, [&](NoteChunk* chunk) {
    for (size_t i = 0; i < chunk->given; ++i) chunk->notes[i].word = Note::kNothing;
    chunk->given = 0;
    b->chunks.erase(std::find(b->chunks.begin(), b->chunks.end(), chunk));
    b->free.push_back(chunk);
  });
}

Note* watch(const Watch& watch) {
  if (Graph* const graph = this_graph()) return graph->notes.next(watch);
  Board& b = board();
  const uint64_t k = b.given.fetch_add(1) % kNotes;
  b.watches[k] = watch;
  b.notes[k].word = Note::kNothing;
  watched = true;
  return b.notes + k;
}

void note(const char* text) {
  const auto fail_with = [](const Watch& watch, int64_t, const char*) { fail(watch.kind, "", watch.op); };
  watch({fail_with, strdup(text), ErrorKind::Runtime, 0, 0})->add(0, 0);
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
  if (!watched || !at_once() || captures()) return;
  watched = false;
  check_cuda(cudaDeviceSynchronize(), "waiting for the device");
  tell(board(), "");
}

}  // namespace cnn::cuda
