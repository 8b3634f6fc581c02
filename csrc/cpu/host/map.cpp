// Drives the elementwise loops: cuts a call into chunks for the pool, and casts operands in small blocks where their
// dtype is not the one the functor runs in.
#include "cpu/host/skeletons.h"
#include "core/parallel.h"

namespace cnn::cpu {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements of cost 1 in a chunk
constexpr int64_t kBlock = 256;      // elements cast at a time

// A loop over [rows, n], casting where needed.
class Runner {
 public:
  Runner(const MapCall& call, MapLoop loop, const Tables& tables) : call_(call), loop_(loop), tables_(tables) {
    for (int k = 0; k < call.operands; ++k) casts_ |= call.dtypes[k] != call.compute[k];
  }

  void run(int64_t n, int64_t rows, void* const* data, const int64_t* strides, const int64_t* row_strides) const {
    if (!casts_) {
      loop_(call_.functor, n, rows, data, strides, row_strides);
      return;
    }
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t i = 0; i < n; i += kBlock)
        run_block(n - i < kBlock ? n - i : kBlock, r, i, data, strides, row_strides);
  }

 private:
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
  bool casts_ = false;
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
  const Tables& t = tables();
  const Runner runner(call, t.map[functor][int(call.key)], t);
  int64_t numel = 1;
  for (int d = 0; d < call.ndim; ++d) numel *= call.sizes[d];
  const int64_t grain = kGrain / call.cost;
  if (numel <= grain) return call.ndim == 1 ? run_line(call, runner) : run_range(call, runner, 0, numel);
  WorkScope scope(0.3 * double(numel) * call.cost);
  parallel_for(numel, grain, [&](int64_t begin, int64_t end) { run_range(call, runner, begin, end); });
}

}  // namespace cnn::cpu
