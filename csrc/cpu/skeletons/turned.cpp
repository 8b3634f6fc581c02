// Elementwise calls in which an input lies dense along another dimension than the output (x.t() + y, a transposed
// copy). They run in square tiles: a tile of such an input is turned into working memory first, or, where the functor
// only moves, straight into the output.
#include <atomic>

#include "core/parallel.h"
#include "cpu/skeletons/skeletons.h"
#include "kernels/arithmetic.h"

namespace cnn::cpu {
namespace {

constexpr int64_t kTile = 64, kMinSide = 8;
constexpr int64_t kTilesInTask = 8;
constexpr int64_t kPastCache = 4 << 20;  // bytes of output from which it is not worth keeping in the cache

int64_t tiles_of(int64_t n) { return (n + kTile - 1) / kTile; }

class Turned {
 public:
  Turned(int functor, const MapCall& call, int across, const Tables& tables)
      : call_(call),
        tables_(tables),
        loop_(tables.map[functor][int(call.key)]),
        across_(across),
        columns_(tiles_of(call.sizes[0])),
        rows_(tiles_of(call.sizes[across])) {
    for (int d = 1; d < call.ndim; ++d)
      if (d != across) outer_ *= call.sizes[d];
    for (int k = call.outputs; k < call.operands; ++k)
      turned_[k] = call.strides[k][across] == item_size(call.dtypes[k]) && call.strides[k][0] != 0 &&
                   call.strides[k][0] != item_size(call.dtypes[k]);
    copies_ = functor == kernels::IdOf<kernels::Copy>::value;
    past_cache_ = outer_ * call.sizes[0] * call.sizes[across] * item_size(call.dtypes[0]) >= kPastCache;
  }

  int64_t tiles() const { return outer_ * rows_ * columns_; }

  // Neighbouring tiles stand side by side along the output's rows.
  void run(int64_t begin, int64_t end) const {
    for (int64_t t = begin; t < end; ++t) {
      int64_t rest = t / columns_;
      const int64_t i = t % columns_ * kTile, j = rest % rows_ * kTile;
      rest /= rows_;
      void* p[kMapOperands];
      for (int k = 0; k < call_.operands; ++k)
        p[k] = static_cast<char*>(call_.data[k]) + i * call_.strides[k][0] + j * call_.strides[k][across_];
      for (int d = 1; d < call_.ndim; ++d) {
        if (d == across_) continue;
        const int64_t at = rest % call_.sizes[d];
        rest /= call_.sizes[d];
        for (int k = 0; k < call_.operands; ++k) p[k] = static_cast<char*>(p[k]) + at * call_.strides[k][d];
      }
      const int64_t n = call_.sizes[0] - i < kTile ? call_.sizes[0] - i : kTile;
      const int64_t rows = call_.sizes[across_] - j < kTile ? call_.sizes[across_] - j : kTile;
      run_tile(n, rows, p);
    }
    if (copies_ && past_cache_) std::atomic_thread_fence(std::memory_order_seq_cst);
  }

 private:
  void run_tile(int64_t n, int64_t rows, void** p) const {
    if (copies_) {
      tables_.transpose_of(call_.key)(p[1], call_.strides[1][0], p[0], call_.strides[0][across_], rows, n, past_cache_);
      return;
    }
    alignas(64) char buffers[kMapOperands - 1][kTile * kTile * 8];
    int64_t strides[kMapOperands], row_strides[kMapOperands];
    for (int k = 0; k < call_.operands; ++k) {
      strides[k] = call_.strides[k][0];
      row_strides[k] = call_.strides[k][across_];
      if (!turned_[k]) continue;
      const int64_t item = item_size(call_.dtypes[k]);
      tables_.transpose_of(call_.dtypes[k])(p[k], strides[k], buffers[k - 1], kTile * item, rows, n, false);
      p[k] = buffers[k - 1];
      strides[k] = item;
      row_strides[k] = kTile * item;
    }
    loop_(call_.functor, n, rows, p, strides, row_strides);
  }

  const MapCall& call_;
  const Tables& tables_;
  MapLoop loop_;
  int across_;
  int64_t columns_, rows_, outer_ = 1;
  bool turned_[kMapOperands] = {};
  bool copies_, past_cache_;
};

// The dimension along which an input is dense while the output is dense along the innermost one; 0 if there is none.
int turned_dimension(const MapCall& call) {
  if (call.outputs != 1 || call.ndim < 2 || call.sizes[0] < kMinSide) return 0;
  if (call.strides[0][0] != item_size(call.dtypes[0])) return 0;
  for (int k = 1; k < call.operands; ++k) {
    const int64_t item = item_size(call.dtypes[k]), step = call.strides[k][0];
    if (step == 0 || step == item) continue;
    for (int d = 1; d < call.ndim; ++d)
      if (call.strides[k][d] == item && call.sizes[d] >= kMinSide) return d;
  }
  return 0;
}

}  // namespace

bool map_turned(int functor, const MapCall& call) {
  const int across = turned_dimension(call);
  if (across == 0) return false;
  for (int k = 0; k < call.operands; ++k)
    if (call.dtypes[k] != call.compute[k]) return false;
  const Turned turned(functor, call, across, tables());
  const int64_t tiles = turned.tiles();
  if (tiles <= kTilesInTask) {
    turned.run(0, tiles);
    return true;
  }
  WorkScope scope(0.5 * double(tiles) * kTile * kTile * call.cost);
  parallel_for(tiles, kTilesInTask, [&](int64_t begin, int64_t end) { turned.run(begin, end); });
  return true;
}

}  // namespace cnn::cpu
