// Functors that order a row. Elements become unsigned keys whose order is theirs, NaN above all; sorting is stable.
#pragma once

#include "kernels/rows.h"

namespace cnn::kernels::inline CNN_ISA {

#define CNN_ROWS_RANK(X) X(Sort, Wide) X(TopK, Wide) X(Kth, Wide) X(Median, Wide) X(Mode, Wide)

template <class T> struct KeyOf;
template <> struct KeyOf<float> {
  using Type = uint32_t;
  static CNN_HD uint32_t of(float x) {
    if (x != x) return 0xffffffffu;
    const uint32_t u = float_to_bits(x == 0.0f ? 0.0f : x);  // both zeros are one key
    return u & 0x80000000u ? ~u : u | 0x80000000u;
  }
};
template <> struct KeyOf<double> {
  using Type = uint64_t;
  static CNN_HD uint64_t of(double x) {
    if (x != x) return ~uint64_t(0);
    const double y = x == 0.0 ? 0.0 : x;
    uint64_t u;
    __builtin_memcpy(&u, &y, 8);
    return u >> 63 ? ~u : u | uint64_t(1) << 63;
  }
};
template <> struct KeyOf<int64_t> {
  using Type = uint64_t;
  static CNN_HD uint64_t of(int64_t x) { return uint64_t(x) ^ uint64_t(1) << 63; }
};

// An element's key and its place.
template <class T> struct Ranked {
  typename KeyOf<T>::Type key;
  typename KeyOf<T>::Type index;  // of the key's width: a float row has fewer than 2^32 elements
};

// Sorts by key, keeping the order of equals; the result lies in a or b.
template <class T> CNN_HD Ranked<T>* sort_ranked(Ranked<T>* a, Ranked<T>* b, int64_t n) {
  using Key = typename KeyOf<T>::Type;
  if (n <= 48) {  // insertion
    for (int64_t i = 1; i < n; ++i) {
      const Ranked<T> x = a[i];
      int64_t j = i;
      for (; j > 0 && a[j - 1].key > x.key; --j) a[j] = a[j - 1];
      a[j] = x;
    }
    return a;
  }
  // Radix, least digit first. A digit that is the same in all keys is skipped.
  for (int shift = 0; shift < int(sizeof(Key)) * 8; shift += 8) {
    int64_t start[256] = {};
    for (int64_t i = 0; i < n; ++i) ++start[a[i].key >> shift & 255];
    if (start[a[0].key >> shift & 255] == n) continue;
    int64_t total = 0;
    for (int d = 0; d < 256; ++d) {
      const int64_t count = start[d];
      start[d] = total;
      total += count;
    }
    for (int64_t i = 0; i < n; ++i) b[start[a[i].key >> shift & 255]++] = a[i];
    Ranked<T>* const t = a;
    a = b;
    b = t;
  }
  return a;
}

struct RankFunctor : RowFunctor {
  static constexpr bool kSerial = true;
  static constexpr int kCost = 24;
  static constexpr int kScratch = 32;  // two arrays of Ranked

  template <class T, class Team>
  CNN_HD static Ranked<T>* sorted(const Team& team, const T* x, int64_t n, bool descending) {
    using Key = typename KeyOf<T>::Type;
    Ranked<T>* a = static_cast<Ranked<T>*>(team.scratch);
    for (int64_t i = 0; i < n; ++i) a[i] = {descending ? Key(~KeyOf<T>::of(x[i])) : KeyOf<T>::of(x[i]), Key(i)};
    return sort_ranked<T>(a, a + n, n);
  }
};

// values and indices of a row in order
struct Sort : RankFunctor {
  bool descending = false;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    T* values = row.at<T>(0);
    int64_t* indices = row.at<int64_t>(1);
    const T* x = row.at<T>(2);
    const Ranked<T>* order = sorted(team, x, n, descending);
    for (int64_t i = 0; i < n; ++i) {
      values[i] = x[order[i].index];
      indices[i] = int64_t(order[i].index);
    }
  }
};

// The first k of that order.
struct TopK : RankFunctor {
  int64_t k = 1;
  bool largest = true;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    T* values = row.at<T>(0);
    int64_t* indices = row.at<int64_t>(1);
    const T* x = row.at<T>(2);
    const Ranked<T>* order = k <= 32 ? first_k(team, x, n) : sorted(team, x, n, largest);
    for (int64_t i = 0; i < k; ++i) {
      values[i] = x[order[i].index];
      indices[i] = int64_t(order[i].index);
    }
  }

 private:
  // Keeps the best k seen so far, in order.
  template <class T, class Team> CNN_HD const Ranked<T>* first_k(const Team& team, const T* x, int64_t n) const {
    using Key = typename KeyOf<T>::Type;
    Ranked<T>* best = static_cast<Ranked<T>*>(team.scratch);
    int64_t held = 0;
    for (int64_t i = 0; i < n && k > 0; ++i) {
      const Key key = largest ? Key(~KeyOf<T>::of(x[i])) : KeyOf<T>::of(x[i]);
      if (held == k && key >= best[k - 1].key) continue;
      int64_t j = held < k ? held++ : k - 1;
      for (; j > 0 && best[j - 1].key > key; --j) best[j] = best[j - 1];
      best[j] = {key, Key(i)};
    }
    return best;
  }
};

// value and index of the k-th smallest element, k from 1
struct Kth : RankFunctor {
  int64_t k = 1;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    const T* x = row.at<T>(2);
    const int64_t at = int64_t(sorted(team, x, n, false)[k - 1].index);
    *row.at<T>(0) = x[at];
    *row.at<int64_t>(1) = at;
  }
};

// The lower median. A NaN is the median of its row, unless they are ignored.
struct Median : RankFunctor {
  bool ignore_nan = false;
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    const T* x = row.at<T>(2);
    int64_t numbers = 0, first_nan = n;
    for (int64_t i = 0; i < n; ++i) {
      if (x[i] == x[i]) ++numbers;
      else if (first_nan == n) first_nan = i;
    }
    int64_t at = first_nan;
    if (numbers == n || (ignore_nan && numbers > 0)) at = int64_t(sorted(team, x, n, false)[(numbers - 1) / 2].index);
    *row.at<T>(0) = x[at];
    *row.at<int64_t>(1) = at;
  }
};

// The most frequent value (the smallest of those) and its last place.
struct Mode : RankFunctor {
  template <class T, class Team> CNN_HD void run(const Team& team, RowData row, int64_t n) const {
    const T* x = row.at<T>(2);
    const Ranked<T>* order = sorted(team, x, n, false);
    int64_t best = 0, most = 0, length = 0;
    for (int64_t i = 0; i < n; ++i) {
      length = i > 0 && order[i].key == order[i - 1].key ? length + 1 : 1;
      if (length > most) {
        most = length;
        best = i;
      }
    }
    const int64_t at = int64_t(order[best].index);
    *row.at<T>(0) = x[at];
    *row.at<int64_t>(1) = at;
  }
};

CNN_NUMBER(kRowsRank, CNN_ROWS_RANK)

}  // namespace cnn::kernels::inline CNN_ISA
