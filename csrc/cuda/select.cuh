// The k-th smallest key of long rows without sorting them: its digits are found one by one, most significant first, by
// counting the keys that share those known so far. Blocks share rows. What lies up to that key is then listed in order.
#pragma once

#include "cuda/radix_sort.cuh"

namespace cnn::cuda {

inline constexpr int kSelectItems = 16, kSelectTile = kSortThreads * kSelectItems;

// What is known of a row's wanted key.
template <class Key> struct Wanted {
  Key prefix, mask;  // a key with these digits in this mask may be it
  uint32_t rank;  // of the wanted one among such keys, from 1
  uint32_t found;  // no more digits are needed
};

// The tile of a row that a block works on.
struct SelectTile {
  unsigned row, tile;
  int64_t begin;
  __device__ explicit SelectTile(unsigned tiles)
      : row(blockIdx.x / tiles), tile(blockIdx.x - row * tiles), begin(int64_t(tile) * kSelectTile) {}
};

template <class Key, class Load>
__global__ void __launch_bounds__(kSortThreads)
    count_candidates(Load load, int64_t n, unsigned tiles, int shift, const Wanted<Key>* wanted, uint32_t* counts) {
  __shared__ uint32_t mine[kDigits];
  const SelectTile at(tiles);
  const Wanted<Key> w = wanted[at.row];
  if (w.found) return;
  mine[threadIdx.x] = 0;
  __syncthreads();
  for (int k = 0; k < kSelectItems; ++k) {
    const int64_t i = at.begin + k * kSortThreads + threadIdx.x;
    if (i >= n) break;
    const Key key = load.key(at.row, i);
    if ((key & w.mask) == w.prefix) atomicAdd(&mine[digit_of(key, shift)], 1u);
  }
  __syncthreads();
  if (mine[threadIdx.x] > 0) atomicAdd(&counts[at.row * kDigits + threadIdx.x], mine[threadIdx.x]);
}

// A block for each row: the digit that the wanted key has. `alone`: one key is wanted, not all up to it.
template <class Key>
__global__ void __launch_bounds__(kSortThreads)
    choose_digit(Wanted<Key>* wanted, uint32_t* counts, int shift, bool alone) {
  uint32_t total;
  const Wanted<Key> w = wanted[blockIdx.x];
  uint32_t* const count = counts + blockIdx.x * kDigits + threadIdx.x;
  const uint32_t mine = *count, before = block_exclusive<kSortThreads>(mine, &total);
  *count = 0;  // for the next digit
  if (w.found || w.rank <= before || w.rank > before + mine) return;
  const uint32_t rank = w.rank - before;
  wanted[blockIdx.x] = {Key(w.prefix | Key(threadIdx.x) << shift), Key(w.mask | Key(kDigits - 1) << shift), rank,
                        mine == (alone ? 1u : rank)};
}

// For each tile how many keys are below the wanted one, and how many may be it: [2, rows, tiles].
template <class Key, class Load>
__global__ void __launch_bounds__(kSortThreads)
    count_up_to(Load load, int64_t n, unsigned tiles, const Wanted<Key>* wanted, uint32_t* counts) {
  const SelectTile at(tiles);
  const Wanted<Key> w = wanted[at.row];
  uint32_t both = 0, total;
  for (int k = 0; k < kSelectItems; ++k) {
    const int64_t i = at.begin + k * kSortThreads + threadIdx.x;
    if (i >= n) break;
    const Key digits = load.key(at.row, i) & w.mask;
    both += digits < w.prefix ? 1u : digits == w.prefix ? 1u << 16 : 0u;
  }
  block_exclusive<kSortThreads>(both, &total);
  if (threadIdx.x != 0) return;
  counts[blockIdx.x] = total & 0xffff;
  counts[gridDim.x + blockIdx.x] = total >> 16;
}

// take(row, i, key, at) for every key below the wanted one, and for the first `rank` of those that may be it: `at` is
// its number among those taken, in the order of the row; `last` tells the wanted one. `starts`: the counts, scanned.
template <class Key, class Load, class Take>
__global__ void __launch_bounds__(kSortThreads)
    take_up_to(Load load, int64_t n, unsigned tiles, const Wanted<Key>* wanted, const uint32_t* starts, Take take) {
  const SelectTile at(tiles);
  const Wanted<Key> w = wanted[at.row];
  const unsigned first = at.row * tiles;
  uint32_t below = starts[blockIdx.x] - starts[first],
           equal = starts[gridDim.x + blockIdx.x] - starts[gridDim.x + first];
  for (int k = 0; k < kSelectItems; ++k) {
    const int64_t i = at.begin + k * kSortThreads + threadIdx.x;
    const Key key = i < n ? load.key(at.row, i) : Key(0), digits = key & w.mask;
    const bool is_below = i < n && digits < w.prefix, is_equal = i < n && digits == w.prefix;
    uint32_t total;
    const uint32_t before = block_exclusive<kSortThreads>(is_below ? 1u : is_equal ? 1u << 16 : 0u, &total);
    const uint32_t belows = below + (before & 0xffff), equals = equal + (before >> 16);
    if (is_below || (is_equal && equals < w.rank))
      take(at.row, i, key, belows + (equals < w.rank ? equals : w.rank), is_equal && equals + 1 == w.rank);
    below += total & 0xffff, equal += total >> 16;
  }
}

// The keys taken of each row, `count` of them, side by side.
template <class Key> struct TakeAll {
  Key* keys;
  uint32_t* places;
  int64_t count;
  __device__ void operator()(unsigned row, int64_t i, Key key, uint32_t at, bool) const {
    keys[row * count + at] = key;
    places[row * count + at] = uint32_t(i);
  }
};

// For each tile how many keys are the largest that there is: NaN.
template <class Key, class Load>
__global__ void __launch_bounds__(kSortThreads) count_nans(Load load, int64_t n, unsigned tiles, uint32_t* counts) {
  const SelectTile at(tiles);
  uint32_t mine = 0, total;
  for (int k = 0; k < kSelectItems; ++k) {
    const int64_t i = at.begin + k * kSortThreads + threadIdx.x;
    if (i < n && load.key(at.row, i) == Key(~Key(0))) ++mine;
  }
  block_exclusive<kSortThreads>(mine, &total);
  if (threadIdx.x == 0) counts[blockIdx.x] = total;
}

// Nothing is known of any row. rank_of(n, NaNs of the row) says which key is wanted, from 1.
template <class Key, class RankOf>
__global__ void __launch_bounds__(kSortThreads)
    begin_selection(RankOf rank_of, int64_t n, unsigned tiles, const uint32_t* nans, Wanted<Key>* wanted,
                    uint32_t* counts) {
  uint32_t mine = 0, total;
  if (nans)
    for (unsigned tile = threadIdx.x; tile < tiles; tile += kSortThreads) mine += nans[blockIdx.x * tiles + tile];
  block_exclusive<kSortThreads>(mine, &total);
  counts[blockIdx.x * kDigits + threadIdx.x] = 0;
  if (threadIdx.x == 0) wanted[blockIdx.x] = {0, 0, uint32_t(rank_of(n, int64_t(total))), 0};
}

// Rows of n keys, fewer than 2^31 of them in all.
template <class Key, class Load> class Selection {
 public:
  Selection(const Load& load, int64_t rows, int64_t n)
      : load_(load),
        rows_(unsigned(rows)),
        n_(n),
        tiles_(unsigned((n + kSelectTile - 1) / kSelectTile)),
        wanted_(size_t(rows) * sizeof(Wanted<Key>)),
        counts_(size_t(rows) * (kDigits + 2 * tiles_) * sizeof(uint32_t)) {}

  // Finds the key that rank_of asks for; with `alone` it is all that is wanted.
  template <class RankOf> void find(const RankOf& rank_of, bool asks_for_nans, bool alone) {
    uint32_t* const nans = asks_for_nans ? of_tiles() : nullptr;
    const auto count_first = count_nans<Key, Load>;
    if (nans) CNN_LAUNCH(count_first, blocks(), kSortThreads, load_, n_, tiles_, nans);
    const auto begin = begin_selection<Key, RankOf>;
    CNN_LAUNCH(begin, rows_, kSortThreads, rank_of, n_, tiles_, nans, wanted(), digits());
    const auto count = count_candidates<Key, Load>;
    const auto choose = choose_digit<Key>;
    for (int shift = int(sizeof(Key)) * 8 - 8; shift >= 0; shift -= 8) {
      CNN_LAUNCH(count, blocks(), kSortThreads, load_, n_, tiles_, shift, wanted(), digits());
      CNN_LAUNCH(choose, rows_, kSortThreads, wanted(), digits(), shift, alone);
    }
  }
  // See take_up_to.
  template <class Take> void take(const Take& f) {
    const auto count = count_up_to<Key, Load>;
    CNN_LAUNCH(count, blocks(), kSortThreads, load_, n_, tiles_, wanted(), of_tiles());
    exclusive_scan(of_tiles(), int64_t(2) * blocks());
    const auto list = take_up_to<Key, Load, Take>;
    CNN_LAUNCH(list, blocks(), kSortThreads, load_, n_, tiles_, wanted(), of_tiles(), f);
  }

 private:
  unsigned blocks() const { return rows_ * tiles_; }
  Wanted<Key>* wanted() const { return static_cast<Wanted<Key>*>(wanted_.data()); }
  uint32_t* digits() const { return static_cast<uint32_t*>(counts_.data()); }
  uint32_t* of_tiles() const { return digits() + size_t(rows_) * kDigits; }

  Load load_;
  unsigned rows_;
  int64_t n_;
  unsigned tiles_;
  Scratch wanted_, counts_;
};

}  // namespace cnn::cuda
