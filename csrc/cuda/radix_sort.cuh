// A stable sort of the rows of unsigned keys, least digit first, eight bits at a time. Keys come with their places,
// which are numbers below 2^32. Rows of up to a tile are sorted in a block's shared memory; longer ones are cut into
// tiles: for each digit the tiles count, the counts are scanned, and the tiles move their keys to where those say.
#pragma once

#include "cuda/memory.h"
#include "cuda/scan.cuh"
#include "cuda/scan.h"

namespace cnn::cuda {

inline constexpr int kSortThreads = 256, kSortItems = 8, kSortWarps = kSortThreads / 32, kDigits = 256;
inline constexpr int kSortTile = kSortThreads * kSortItems;

// Keys and places as a sort reads them.
template <class Key> struct KeyPairs {
  const Key* keys;
  const uint32_t* places;  // null: an element's number in its row
  int64_t n;
  __device__ Key key(int64_t row, int64_t i) const { return keys[row * n + i]; }
  __device__ uint32_t place(int64_t row, int64_t i) const { return places ? places[row * n + i] : uint32_t(i); }
};

template <class Key> __device__ inline int digit_of(Key key, int shift) { return int(key >> shift) & (kDigits - 1); }

// This warp's items, `items` times 32 in a row, counted by digit; rank[k] is how many of the warp's items before the
// k-th of this lane have its digit. Lanes beyond `count` take part with nothing.
template <class Key>
__device__ inline void rank_items(const Key* keys, int items, int first, int count, int shift, uint32_t* counts,
                                  uint32_t* ranks) {
  const int lane = int(threadIdx.x) % 32;
  for (int d = lane; d < kDigits; d += 32) counts[d] = 0;
  __syncwarp();
#pragma unroll
  for (int k = 0; k < kSortItems; ++k) {
    if (k >= items) break;
    const bool there = first + k * 32 + lane < count;
    const int digit = there ? digit_of(keys[k], shift) : kDigits;
    const unsigned peers = __match_any_sync(kAllLanes, digit);
    const int before = __popc(peers & ((1u << lane) - 1));
    const uint32_t base = there ? counts[digit] : 0;
    __syncwarp();
    if (there && before == 0) counts[digit] = base + uint32_t(__popc(peers));
    __syncwarp();
    ranks[k] = base + uint32_t(before);
  }
}

// Row blockIdx.x of up to a tile's elements. Digits that are the same in all keys are passed over.
template <class Key, class Load>
__global__ void __launch_bounds__(kSortThreads) sort_in_block(Load load, int n, Key* keys_out, uint32_t* places_out) {
  __shared__ Key keys[kSortTile];
  __shared__ uint32_t places[kSortTile];
  __shared__ uint32_t counts[kSortWarps][kDigits];
  __shared__ uint32_t starts[kDigits];
  __shared__ Key differs[kSortWarps];
  const int warps = int(blockDim.x) / 32, warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32;
  const int items = (n + int(blockDim.x) - 1) / int(blockDim.x), first = warp * items * 32;
  const int64_t row = blockIdx.x;
  Key mine[kSortItems];
  uint32_t my_places[kSortItems], ranks[kSortItems];
  const Key one = load.key(row, 0);
  Key difference = 0;
#pragma unroll
  for (int k = 0; k < kSortItems; ++k) {
    const int i = first + k * 32 + lane;
    if (k >= items || i >= n) break;
    mine[k] = load.key(row, i);
    my_places[k] = load.place(row, i);
    difference |= mine[k] ^ one;
  }
  for (int step = 16; step > 0; step /= 2) difference |= __shfl_xor_sync(kAllLanes, difference, step);
  if (lane == 0) differs[warp] = difference;
  __syncthreads();
  difference = 0;
  for (int w = 0; w < warps; ++w) difference |= differs[w];

  for (int shift = 0; shift < int(sizeof(Key)) * 8; shift += 8) {
    if (digit_of(difference, shift) == 0) continue;
    rank_items(mine, items, first, n, shift, counts[warp], ranks);
    __syncthreads();
    for (int d = int(threadIdx.x); d < kDigits; d += int(blockDim.x)) {
      uint32_t sum = 0;
      for (int w = 0; w < warps; ++w) {
        const uint32_t count = counts[w][d];
        counts[w][d] = sum;
        sum += count;
      }
      starts[d] = sum;
    }
    __syncthreads();
    if (warp == 0) {  // starts: from counts to their running sums, eight digits a lane
      uint32_t sum = 0;
      for (int d = lane * 8; d < lane * 8 + 8; ++d) sum += starts[d];
      uint32_t through = sum;
      for (int step = 1; step < 32; step *= 2) {
        const uint32_t before = __shfl_up_sync(kAllLanes, through, unsigned(step));
        if (lane >= step) through += before;
      }
      uint32_t at = through - sum;
      for (int d = lane * 8; d < lane * 8 + 8; ++d) {
        const uint32_t count = starts[d];
        starts[d] = at;
        at += count;
      }
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kSortItems; ++k) {
      if (k >= items || first + k * 32 + lane >= n) break;
      const int digit = digit_of(mine[k], shift);
      const uint32_t to = starts[digit] + counts[warp][digit] + ranks[k];
      keys[to] = mine[k];
      places[to] = my_places[k];
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < kSortItems; ++k) {
      const int i = first + k * 32 + lane;
      if (k >= items || i >= n) break;
      mine[k] = keys[i];
      my_places[k] = places[i];
    }
  }
#pragma unroll
  for (int k = 0; k < kSortItems; ++k) {
    const int i = first + k * 32 + lane;
    if (k >= items || i >= n) break;
    keys_out[row * n + i] = mine[k];
    places_out[row * n + i] = my_places[k];
  }
}

// counts [rows, digits, tiles]; their running sums are where each tile's keys of a digit go, in all rows.
template <class Key, class Load>
__global__ void __launch_bounds__(kSortThreads)
    count_digits(Load load, int64_t n, unsigned tiles, int shift, uint32_t* counts) {
  __shared__ uint32_t mine[kDigits];
  const unsigned row = blockIdx.x / tiles, tile = blockIdx.x - row * tiles;
  mine[threadIdx.x] = 0;
  __syncthreads();
  for (int k = 0; k < kSortItems; ++k) {
    const int64_t i = int64_t(tile) * kSortTile + k * kSortThreads + threadIdx.x;
    if (i < n) atomicAdd(&mine[digit_of(load.key(row, i), shift)], 1u);
  }
  __syncthreads();
  counts[(int64_t(row) * kDigits + threadIdx.x) * tiles + tile] = mine[threadIdx.x];
}

template <class Key, class Load>
__global__ void __launch_bounds__(kSortThreads)
    move_by_digit(Load load, int64_t n, unsigned tiles, int shift, const uint32_t* starts, Key* keys_out,
                  uint32_t* places_out) {
  __shared__ uint32_t counts[kSortWarps][kDigits];
  const unsigned row = blockIdx.x / tiles, tile = blockIdx.x - row * tiles;
  const int warp = int(threadIdx.x) / 32, lane = int(threadIdx.x) % 32, first = warp * kSortItems * 32;
  const int64_t begin = int64_t(tile) * kSortTile;
  const int count = int(n - begin < kSortTile ? n - begin : kSortTile);
  Key keys[kSortItems] = {};
  uint32_t ranks[kSortItems];
#pragma unroll
  for (int k = 0; k < kSortItems; ++k)
    if (const int i = first + k * 32 + lane; i < count) keys[k] = load.key(row, begin + i);
  rank_items(keys, kSortItems, first, count, shift, counts[warp], ranks);
  __syncthreads();
  uint32_t at = starts[(int64_t(row) * kDigits + threadIdx.x) * tiles + tile];
  for (int w = 0; w < kSortWarps; ++w) {
    const uint32_t here = counts[w][threadIdx.x];
    counts[w][threadIdx.x] = at;
    at += here;
  }
  __syncthreads();
#pragma unroll
  for (int k = 0; k < kSortItems; ++k) {
    const int i = first + k * 32 + lane;
    if (i >= count) break;
    const uint32_t to = counts[warp][digit_of(keys[k], shift)] + ranks[k];
    keys_out[to] = keys[k];
    places_out[to] = load.place(row, begin + i);
  }
}

// Sorted rows of n keys, in working memory; rows * n is below 2^31.
template <class Key> class RadixSort {
 public:
  RadixSort(int64_t rows, int64_t n)
      : rows_(rows),
        n_(n),
        in_block_(n <= kSortTile),
        tiles_(unsigned((n + kSortTile - 1) / kSortTile)),
        memory_(size_t(rows * n) * (sizeof(Key) + sizeof(uint32_t)) * (in_block_ ? 1 : 2)),
        counts_(in_block_ ? 0 : size_t(rows) * kDigits * tiles_ * sizeof(uint32_t)) {
    char* at = static_cast<char*>(memory_.data());
    for (int k = 0; k < (in_block_ ? 1 : 2); ++k) {
      keys_[k] = reinterpret_cast<Key*>(at);
      at += size_t(rows * n) * sizeof(Key);
    }
    for (int k = 0; k < (in_block_ ? 1 : 2); ++k) {
      places_[k] = reinterpret_cast<uint32_t*>(at);
      at += size_t(rows * n) * sizeof(uint32_t);
    }
  }

  // Keys have no digits beyond `bits`.
  template <class Load> void run(const Load& load, int bits) {
    if (in_block_) {
      const int warps = n_ < kSortThreads ? int((n_ + 31) / 32) : kSortWarps;
      const auto kernel = sort_in_block<Key, Load>;
      CNN_LAUNCH(kernel, unsigned(rows_), warps * 32, load, int(n_), keys_[0], places_[0]);
      return;
    }
    pass(load, 0, 0);
    int to = 0;
    for (int shift = 8; shift < bits; shift += 8) {
      pass(KeyPairs<Key>{keys_[to], places_[to], n_}, shift, 1 - to);
      to = 1 - to;
    }
    result_ = to;
  }
  const Key* keys() const { return keys_[result_]; }
  const uint32_t* places() const { return places_[result_]; }

 private:
  template <class Load> void pass(const Load& load, int shift, int to) {
    const unsigned blocks = unsigned(rows_) * tiles_;
    uint32_t* const counts = static_cast<uint32_t*>(counts_.data());
    const auto count = count_digits<Key, Load>;
    CNN_LAUNCH(count, blocks, kSortThreads, load, n_, tiles_, shift, counts);
    exclusive_scan(counts, rows_ * kDigits * tiles_);
    const auto move = move_by_digit<Key, Load>;
    CNN_LAUNCH(move, blocks, kSortThreads, load, n_, tiles_, shift, counts, keys_[to], places_[to]);
  }

  int64_t rows_, n_;
  bool in_block_;
  unsigned tiles_;
  Scratch memory_, counts_;
  Key* keys_[2] = {};
  uint32_t* places_[2] = {};
  int result_ = 0;
};

}  // namespace cnn::cuda
