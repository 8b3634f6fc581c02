// Functors whose elements depend on the ones before them: running sums and extrema. A row is cut into parts of fixed
// size; of several parts the totals come first, then their running totals, then the elements. So the order of sums
// follows from the row's length alone.
#pragma once

#include "cuda/memory.h"
#include "cuda/rows.cuh"
#include "kernels/scan.h"

namespace cnn::cuda {

inline constexpr int kScanThreads = 256, kScanItems = 4, kScanTiles = 4;
inline constexpr int64_t kScanPart = int64_t(kScanThreads) * kScanItems * kScanTiles;

template <class F, class T> using ScanAcc = typename F::template Acc<T>;

// Block b scans part b % parts of row b / parts. `totals` [rows, parts]: written where `sums`, else what each part ends
// with; null where rows have one part.
template <class F, class T>
__global__ void __launch_bounds__(kScanThreads)
    scan_parts(F f, RowsBlock block, int64_t parts, ScanAcc<F, T>* totals, bool sums) {
  using Acc = ScanAcc<F, T>;
  alignas(16) __shared__ char memory[kScanThreads * sizeof(Acc)];
  Acc* const shared = reinterpret_cast<Acc*>(memory);
  const int64_t row = blockIdx.x / parts, part = blockIdx.x - row * parts, n = block.n;
  void* p[kMapOperands];
  row_operands(block, row, p);
  const kernels::RowData data{p};
  const int thread = int(threadIdx.x), threads = int(blockDim.x), tile = threads * kScanItems;
  const int64_t begin = part * kScanPart, end = begin + kScanPart < n ? begin + kScanPart : n;
  bool started = !sums && part > 0;  // is there something before?
  Acc before{};
  if (started) before = totals[row * parts + part - 1];
  for (int64_t first = begin; first < end; first += tile) {
    const int64_t at = first + thread * kScanItems;
    Acc items[kScanItems] = {};
#pragma unroll
    for (int k = 0; k < kScanItems; ++k) {
      if (at + k >= end) break;
      const Acc one = f.template at<T>(data, at + k, n);
      items[k] = k == 0 ? one : f.template join<T>(items[k - 1], one);
      shared[thread] = items[k];
    }
    const int last = int((end - first + kScanItems - 1) / kScanItems);  // threads that have items
    for (int step = 1; step < threads; step *= 2) {
      __syncthreads();
      const bool joins = thread >= step && thread < last;
      Acc mine{};
      if (joins) mine = f.template join<T>(shared[thread - step], shared[thread]);
      __syncthreads();
      if (joins) shared[thread] = mine;
    }
    __syncthreads();
    if (!sums) {
      bool any = started;
      Acc start = before;
      if (thread > 0 && thread < last)
        start = any ? f.template join<T>(before, shared[thread - 1]) : shared[thread - 1];
      any |= thread > 0;
#pragma unroll
      for (int k = 0; k < kScanItems; ++k) {
        if (at + k >= end) break;
        f.template put<T>(data, at + k, n, any ? f.template join<T>(start, items[k]) : items[k]);
      }
    }
    const Acc total = shared[(last < threads ? last : threads) - 1];
    before = started ? f.template join<T>(before, total) : total;
    started = true;
    __syncthreads();
  }
  if (sums && thread == 0) totals[row * parts + part] = before;
}

// Totals become running totals, a thread for each row.
template <class F, class T>
__global__ void __launch_bounds__(kScanThreads) scan_totals(F f, int64_t rows, int64_t parts, ScanAcc<F, T>* totals) {
  const int64_t row = int64_t(blockIdx.x) * kScanThreads + threadIdx.x;
  if (row >= rows) return;
  ScanAcc<F, T>* const mine = totals + row * parts;
  for (int64_t k = 1; k < parts; ++k) mine[k] = f.template join<T>(mine[k - 1], mine[k]);
}

template <class F, class T> void launch_scanned(const RowsBlock& block) {
  using Acc = ScanAcc<F, T>;
  if (block.n == 0) return;
  const F& f = *static_cast<const F*>(block.functor);
  const int64_t parts = (block.n + kScanPart - 1) / kScanPart, blocks = block.rows * parts;
  check_implemented(blocks < (int64_t(1) << 31), "", "scanning ", block.rows, " rows on CUDA; call .cpu() first");
  int threads = 32;
  while (threads < kScanThreads && threads * kScanItems < block.n) threads *= 2;
  const Scratch scratch(parts == 1 ? 0 : size_t(blocks) * sizeof(Acc));
  Acc* const totals = static_cast<Acc*>(scratch.data());
  const auto kernel = scan_parts<F, T>;
  if (parts > 1) {
    CNN_LAUNCH(kernel, unsigned(blocks), threads, f, block, parts, totals, true);
    const auto join = scan_totals<F, T>;
    CNN_LAUNCH(join, unsigned((block.rows + kScanThreads - 1) / kScanThreads), kScanThreads, f, block.rows, parts,
               totals);
  }
  CNN_LAUNCH(kernel, unsigned(blocks), threads, f, block, parts, totals, false);
}

template <class F, kernels::RowTypes kTypes>
void add_scanned(Tables& t) {
  RowsLaunch* row = t.rows[kernels::IdOf<F>::value];
  row[int(DType::Float32)] = launch_scanned<F, float>;
  row[int(DType::Float64)] = launch_scanned<F, double>;
  if constexpr (kTypes == kernels::RowTypes::Wide) row[int(DType::Int64)] = launch_scanned<F, int64_t>;
}

}  // namespace cnn::cuda
