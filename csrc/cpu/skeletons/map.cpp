// Drives the elementwise loops: cuts a call into chunks for the pool, and casts operands in small blocks where their
// dtype is not the one the functor runs in.
#include <atomic>

#include "core/parallel.h"
#include "cpu/skeletons/skeletons.h"
#include "kernels/arithmetic.h"

namespace cnn::cpu {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements of cost 1 in a chunk
constexpr int64_t kBlock = 256;      // elements cast at a time
constexpr int64_t kTurn = 1 << 10;   // elements from which it is worth looking how the operands lie
constexpr int64_t kPastCache = 32 << 20, kStreamed = 4096;  // bytes of an output stored past the cache, and at a time

// A large output that is dense in rows and no operand's memory: it would push everything else out of the cache.
bool goes_past_cache(const MapCall& call, int64_t numel) {
  const int64_t item = item_size(call.dtypes[0]);
  if (numel * item < kPastCache || call.outputs != 1 || call.strides[0][0] != item) return false;
  for (int k = 1; k < call.operands; ++k)
    if (call.data[k] == call.data[0]) return false;
  return call.sizes[0] * item >= 512;
}

// A loop over [rows, n], casting where needed.
class Runner {
 public:
  Runner(int functor, const MapCall& call, const Tables& tables, int64_t numel)
      : call_(call), loop_(tables.map[functor][int(call.key)]), tables_(tables) {
    for (int k = 0; k < call.operands; ++k) casts_ |= call.dtypes[k] != call.compute[k];
    streams_ = !casts_ && goes_past_cache(call, numel);
    copies_ = functor == kernels::IdOf<kernels::Copy>::value;
  }

  void run(int64_t n, int64_t rows, void* const* data, const int64_t* strides, const int64_t* row_strides) const {
    if (streams_) {
      for (int64_t r = 0; r < rows; ++r) run_streamed(n, r, data, strides, row_strides);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      return;
    }
    if (!casts_) {
      loop_(call_.functor, n, rows, data, strides, row_strides);
      return;
    }
    if (copies_) {  // one conversion is all there is to do
      const CastLoop cast = tables_.cast[int(call_.dtypes[1])][int(call_.dtypes[0])];
      for (int64_t r = 0; r < rows; ++r)
        cast(n, static_cast<char*>(data[1]) + r * row_strides[1], strides[1],
             static_cast<char*>(data[0]) + r * row_strides[0], strides[0]);
      return;
    }
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < n; i += kBlock)
        run_block(n - i < kBlock ? n - i : kBlock, r, i, data, strides, row_strides);
  }

 private:
  // One row, by way of a buffer that stays in the cache.
  void run_streamed(int64_t n, int64_t row, void* const* data, const int64_t* strides,
                    const int64_t* row_strides) const {
    const int64_t item = strides[0], step = kStreamed / item;
    const int64_t none[kMapOperands] = {};
    char* y = static_cast<char*>(data[0]) + row * row_strides[0];
    void* p[kMapOperands];
    for (int k = 1; k < call_.operands; ++k) p[k] = static_cast<char*>(data[k]) + row * row_strides[k];
    if (copies_ && strides[1] == item) {
      tables_.stream(y, p[1], n * item);
      return;
    }
    alignas(64) char buffer[kStreamed];
    for (int64_t i = 0; i < n; i += step) {
      const int64_t count = n - i < step ? n - i : step;
      p[0] = buffer;
      loop_(call_.functor, count, 1, p, strides, none);
      tables_.stream(y + i * item, buffer, count * item);
      for (int k = 1; k < call_.operands; ++k) p[k] = static_cast<char*>(p[k]) + count * strides[k];
    }
  }

  void run_block(int64_t n, int64_t row, int64_t at, void* const* data, const int64_t* strides,
                 const int64_t* row_strides) const {
    alignas(64) char buffers[kMapOperands][kBlock * 8];
    void* p[kMapOperands];
    int64_t s[kMapOperands];
    const int64_t none[kMapOperands] = {};
    void* place[kMapOperands];
    for (int k = 0; k < call_.operands; ++k) {
      place[k] = static_cast<char*>(data[k]) + row * row_strides[k] + at * strides[k];
      const DType from = call_.dtypes[k], to = call_.compute[k];
      if (from == to) {
        p[k] = place[k];
        s[k] = strides[k];
        continue;
      }
      p[k] = buffers[k];
      s[k] = strides[k] == 0 && k >= call_.outputs ? 0 : item_size(to);
      if (k >= call_.outputs)
        tables_.cast[int(from)][int(to)](s[k] ? n : 1, place[k], strides[k], buffers[k], item_size(to));
    }
    loop_(call_.functor, n, 1, p, s, none);
    for (int k = 0; k < call_.outputs; ++k)
      if (call_.dtypes[k] != call_.compute[k])
        tables_.cast[int(call_.compute[k])][int(call_.dtypes[k])](n, buffers[k], s[k], place[k], strides[k]);
  }

  const MapCall& call_;
  MapLoop loop_;
  const Tables& tables_;
  bool casts_ = false, streams_ = false, copies_ = false;
};

// A call over one dimension, whole.
void run_line(const MapCall& call, const Runner& runner) {
  int64_t strides[kMapOperands];
  const int64_t none[kMapOperands] = {};
  for (int k = 0; k < call.operands; ++k) strides[k] = call.strides[k][0];
  runner.run(call.sizes[0], 1, call.data, strides, none);
}

// Elements [begin, end) of the call in its own order (dimension 0 innermost).
void run_range(const MapCall& call, const Runner& runner, int64_t begin, int64_t end) {
  int64_t index[kMapDims];
  void* p[kMapOperands];
  int64_t strides[kMapOperands], row_strides[kMapOperands];
  for (int k = 0; k < call.operands; ++k) {
    strides[k] = call.strides[k][0];
    row_strides[k] = call.ndim > 1 ? call.strides[k][1] : 0;
  }
  const int64_t n = call.sizes[0];
  while (begin < end) {
    int64_t rest = begin;
    for (int d = 0; d < call.ndim; ++d) {
      index[d] = rest % call.sizes[d];
      rest /= call.sizes[d];
    }
    for (int k = 0; k < call.operands; ++k) {
      char* at = static_cast<char*>(call.data[k]);
      for (int d = 0; d < call.ndim; ++d) at += index[d] * call.strides[k][d];
      p[k] = at;
    }
    int64_t length = n - index[0], rows = 1;  // a part of a row, or whole rows up to the end of dimension 1
    if (length > end - begin) length = end - begin;
    if (index[0] == 0 && length == n && call.ndim > 1) {
      rows = call.sizes[1] - index[1];
      if (rows > (end - begin) / n) rows = (end - begin) / n;
    }
    runner.run(length, rows, p, strides, row_strides);
    begin += length * rows;
  }
}

}  // namespace

bool has_map(int functor, DType key) { return tables().map[functor][int(key)] != nullptr; }

void map(int functor, const MapCall& call) {
  int64_t numel = 1;
  for (int d = 0; d < call.ndim; ++d) numel *= call.sizes[d];
  if (numel >= kTurn && call.ndim > 1 && map_turned(functor, call)) return;
  const Runner runner(functor, call, tables(), numel);
  const int64_t grain = kGrain / call.cost / 64 * 64;  // whole vectors
  if (numel <= grain) return call.ndim == 1 ? run_line(call, runner) : run_range(call, runner, 0, numel);
  WorkScope scope(0.3 * double(numel) * call.cost);
  parallel_for(numel, grain, [&](int64_t begin, int64_t end) { run_range(call, runner, begin, end); });
}

}  // namespace cnn::cpu
