// Functors that order rows: rows are sorted as keys, and each functor takes what it wants of the order. Of long rows of
// which little is wanted that is selected first.
#pragma once

#include "cuda/radix_sort.cuh"
#include "cuda/rows.cuh"
#include "cuda/select.cuh"
#include "kernels/rank.h"

namespace cnn::cuda {

inline constexpr int kRankThreads = 256;
inline constexpr int64_t kMostRanked = int64_t(1) << 24;  // elements sorted at a time, but a row at least

template <class T> using RankKey = typename kernels::KeyOf<T>::Type;

template <class T> struct KeysOfRows {
  const char* x;
  int64_t stride;  // in bytes
  bool descending;
  __device__ RankKey<T> key(int64_t row, int64_t i) const {
    const RankKey<T> key = kernels::KeyOf<T>::of(reinterpret_cast<const T*>(x + row * stride)[i]);
    return descending ? RankKey<T>(~key) : key;
  }
  __device__ uint32_t place(int64_t, int64_t i) const { return uint32_t(i); }
};

// The first `count` elements of each row in order, of which `listed` are known: Sort, TopK.
template <class T>
__global__ void __launch_bounds__(kRankThreads)
    take_first(RowsBlock block, const uint32_t* order, int64_t listed, int64_t count) {
  const int64_t all = block.rows * count, step = int64_t(gridDim.x) * kRankThreads;
  for (int64_t at = int64_t(blockIdx.x) * kRankThreads + threadIdx.x; at < all; at += step) {
    const int64_t row = at / count, i = at - row * count;
    const uint32_t place = order[row * listed + i];
    const T* const x = reinterpret_cast<const T*>(block.data[2] + row * block.strides[2]);
    reinterpret_cast<T*>(block.data[0] + row * block.strides[0])[i] = x[place];
    reinterpret_cast<int64_t*>(block.data[1] + row * block.strides[1])[i] = int64_t(place);
  }
}

// The first place in sorted keys whose key is above `key`.
template <class Key> __device__ inline int64_t first_above(const Key* keys, int64_t n, Key key) {
  int64_t low = 0, high = n;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (keys[middle] <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Which of n elements in order is the median, where the first `numbers` are no NaN.
__device__ inline int64_t median_of(int64_t numbers, int64_t n, bool ignore_nan) {
  return numbers == n || (ignore_nan && numbers > 0) ? (numbers - 1) / 2 : numbers;
}

// Which element of a row's order the functor asks for.
template <class T, class Key> __device__ inline int64_t wanted_of(const kernels::Kth& f, const Key*, int64_t) {
  return f.k - 1;
}
template <class T, class Key> __device__ inline int64_t wanted_of(const kernels::Median& f, const Key* keys,
                                                                  int64_t n) {
  int64_t numbers = n;  // NaN is the largest key, and that of nothing else
  if constexpr (kernels::kIsFloating<T>) numbers = first_above(keys, n, Key(Key(~Key(0)) - 1));
  return median_of(numbers, n, f.ignore_nan);
}

// One element of each row, a thread for each: Kth, Median.
template <class F, class T>
__global__ void __launch_bounds__(kRankThreads)
    take_one(F f, RowsBlock block, const RankKey<T>* keys, const uint32_t* order) {
  const int64_t row = int64_t(blockIdx.x) * kRankThreads + threadIdx.x;
  if (row >= block.rows) return;
  const uint32_t place = order[row * block.n + wanted_of<T>(f, keys + row * block.n, block.n)];
  *reinterpret_cast<T*>(block.data[0] + row * block.strides[0]) =
      reinterpret_cast<const T*>(block.data[2] + row * block.strides[2])[place];
  *reinterpret_cast<int64_t*>(block.data[1] + row * block.strides[1]) = int64_t(place);
}

// The longest run of equal keys, the first of several; its last element. A block for each row.
template <class T>
__global__ void __launch_bounds__(kRankThreads)
    take_mode(RowsBlock block, const RankKey<T>* all_keys, const uint32_t* order) {
  __shared__ int64_t lengths[kRankThreads], starts[kRankThreads];
  const int64_t row = blockIdx.x, n = block.n;
  const RankKey<T>* const keys = all_keys + row * n;
  int64_t length = 0, start = 0;
  for (int64_t i = threadIdx.x; i < n; i += kRankThreads) {
    if (i > 0 && keys[i - 1] == keys[i]) continue;
    const int64_t run = first_above(keys + i, n - i, keys[i]);
    if (run > length) length = run, start = i;
  }
  lengths[threadIdx.x] = length, starts[threadIdx.x] = start;
  for (int half = kRankThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    const int me = int(threadIdx.x), other = me + half;
    if (me < half && (lengths[other] > lengths[me] || (lengths[other] == lengths[me] && starts[other] < starts[me])))
      lengths[me] = lengths[other], starts[me] = starts[other];
  }
  if (threadIdx.x != 0) return;
  const uint32_t place = order[row * n + starts[0] + lengths[0] - 1];
  *reinterpret_cast<T*>(block.data[0] + row * block.strides[0]) =
      reinterpret_cast<const T*>(block.data[2] + row * block.strides[2])[place];
  *reinterpret_cast<int64_t*>(block.data[1] + row * block.strides[1]) = int64_t(place);
}

// Which of n keys in order is wanted, from 1, where `nans` of them are NaN.
struct RankOfKth {
  int64_t k;
  __device__ int64_t operator()(int64_t, int64_t) const { return k; }
};
struct RankOfMedian {
  bool ignore_nan;
  __device__ int64_t operator()(int64_t n, int64_t nans) const { return median_of(n - nans, n, ignore_nan) + 1; }
};
inline RankOfKth rank_in(const kernels::TopK& f) { return {f.k}; }
inline RankOfKth rank_in(const kernels::Kth& f) { return {f.k}; }
inline RankOfMedian rank_in(const kernels::Median& f) { return {f.ignore_nan}; }

// Writes the one element that is wanted.
template <class T> struct TakeOne {
  RowsBlock block;
  __device__ void operator()(unsigned row, int64_t i, RankKey<T>, uint32_t, bool last) const {
    if (!last) return;
    *reinterpret_cast<T*>(block.data[0] + row * block.strides[0]) =
        reinterpret_cast<const T*>(block.data[2] + row * block.strides[2])[i];
    *reinterpret_cast<int64_t*>(block.data[1] + row * block.strides[1]) = i;
  }
};

// Functors that may want little of a row.
template <class F>
inline constexpr bool kSelects = !kernels::Same<F, kernels::Sort>::value && !kernels::Same<F, kernels::Mode>::value;
template <class F> bool selects(const F& f, int64_t n) {
  if (n <= kSortTile) return false;
  if constexpr (kernels::Same<F, kernels::TopK>::value) return f.k > 0 && f.k <= n / 4;
  return true;
}

template <class F, class T> void select_of_rows(const F& f, const RowsBlock& block) {
  using Key = RankKey<T>;
  constexpr bool kAll = kernels::Same<F, kernels::TopK>::value, kMedian = kernels::Same<F, kernels::Median>::value;
  bool descending = false;
  if constexpr (kAll) descending = f.largest;
  Selection<Key, KeysOfRows<T>> selection({block.data[2], block.strides[2], descending}, block.rows, block.n);
  selection.find(rank_in(f), kMedian && kernels::kIsFloating<T>, !kAll);
  if constexpr (kAll) {
    const Scratch keys(size_t(block.rows * f.k) * sizeof(Key)), places(size_t(block.rows * f.k) * sizeof(uint32_t));
    const TakeAll<Key> all = {static_cast<Key*>(keys.data()), static_cast<uint32_t*>(places.data()), f.k};
    selection.take(all);
    RadixSort<Key> sort(block.rows, f.k);
    sort.run(KeyPairs<Key>{all.keys, all.places, f.k}, int(sizeof(T)) * 8);
    const auto kernel = take_first<T>;
    CNN_LAUNCH(kernel, unsigned((block.rows * f.k + kRankThreads - 1) / kRankThreads), kRankThreads, block,
               sort.places(), f.k, f.k);
  } else {
    selection.take(TakeOne<T>{block});
  }
}

template <class F, class T> void rank_rows(const F& f, const RowsBlock& block) {
  using kernels::Same;
  if constexpr (kSelects<F>)
    if (selects(f, block.n)) return select_of_rows<F, T>(f, block);
  bool descending = false;
  if constexpr (Same<F, kernels::Sort>::value) descending = f.descending;
  if constexpr (Same<F, kernels::TopK>::value) descending = f.largest;
  RadixSort<RankKey<T>> sort(block.rows, block.n);
  sort.run(KeysOfRows<T>{block.data[2], block.strides[2], descending}, int(sizeof(T)) * 8);
  if constexpr (Same<F, kernels::Sort>::value || Same<F, kernels::TopK>::value) {
    int64_t count = block.n;
    if constexpr (Same<F, kernels::TopK>::value) count = f.k;
    const int64_t blocks = (block.rows * count + kRankThreads - 1) / kRankThreads;
    const auto kernel = take_first<T>;
    if (blocks > 0) CNN_LAUNCH(kernel, unsigned(blocks), kRankThreads, block, sort.places(), block.n, count);
  } else if constexpr (Same<F, kernels::Mode>::value) {
    const auto kernel = take_mode<T>;
    CNN_LAUNCH(kernel, unsigned(block.rows), kRankThreads, block, sort.keys(), sort.places());
  } else {
    const auto kernel = take_one<F, T>;
    CNN_LAUNCH(kernel, unsigned((block.rows + kRankThreads - 1) / kRankThreads), kRankThreads, f, block, sort.keys(),
               sort.places());
  }
}

// Rows of n elements that are worked on together, by how many elements are sorted of each.
template <class F> int64_t rows_at_once(const F& f, int64_t n) {
  int64_t sorted = n;
  if constexpr (kernels::Same<F, kernels::TopK>::value) sorted = selects(f, n) ? f.k : n;
  else if constexpr (kSelects<F>) sorted = selects(f, n) ? 1 : n;
  const int64_t all = ((int64_t(1) << 31) - 1) / n, most = kMostRanked / sorted;
  return most < 1 ? 1 : most < all ? most : all;
}

template <class F, class T> void launch_ranked(const RowsBlock& all) {
  if (all.n == 0) return;
  check_implemented(all.n < (int64_t(1) << 31), "", "sorting rows of ", all.n, " elements on CUDA; call .cpu() first");
  const int64_t most = rows_at_once(*static_cast<const F*>(all.functor), all.n);
  RowsBlock block = all;
  for (int64_t first = 0; first < all.rows; first += most) {
    block.rows = most < all.rows - first ? most : all.rows - first;
    rank_rows<F, T>(*static_cast<const F*>(all.functor), block);
    for (int k = 0; k < kMapOperands; ++k)
      if (block.data[k]) block.data[k] += block.rows * block.strides[k];
  }
}

template <class F> void add_ranked(Tables& t) {
  RowsLaunch* row = t.rows[kernels::IdOf<F>::value];
  row[int(DType::Float32)] = launch_ranked<F, float>;
  row[int(DType::Float64)] = launch_ranked<F, double>;
  row[int(DType::Int64)] = launch_ranked<F, int64_t>;
}

}  // namespace cnn::cuda
