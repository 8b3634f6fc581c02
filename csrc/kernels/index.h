// Reading and writing at computed places. Indices are int64 and dense; negative ones count from the end.
#pragma once

#include "kernels/functor.h"
#include "kernels/math.h"
#include "kernels/note.h"

namespace cnn {
class BoundedIndices;  // ops/indexing.h
}

namespace cnn::kernels::inline CNN_ISA {

// An index tensor as kernels read it. Its memory may be shared with others (NumPy, `.data`), who write into it when
// they like, so each value is bounded where it is used, whatever was checked before. Only BoundedIndices makes one, and
// raises when the kernel has met a value that is out of range.
class IndexValues {
 public:
  IndexValues() = default;  // of no tensor; not to be read
  // Once for each use: the memory may change between two reads.
  CNN_HD int64_t load(int64_t i) const { return static_cast<const volatile int64_t*>(data_)[i]; }
  // v, the value at i, counted from the front becomes `place` if it is in range; else that is noted.
  CNN_HD bool bound(int64_t v, int64_t i, int64_t& place) const {
    place = v < 0 ? v + wrap_ : v;
    if (uint64_t(place) < uint64_t(extent_)) return true;
    bad_->add(i, v);
    return false;
  }
  CNN_HD bool read(int64_t i, int64_t& place) const { return bound(load(i), i, place); }
  CNN_HD int64_t extent() const { return extent_; }

 private:
  friend cnn::BoundedIndices;
  CNN_HD IndexValues(const int64_t* data, int64_t extent, bool negative, Note* bad)
      : data_(data), extent_(extent), wrap_(negative ? extent : 0), bad_(bad) {}
  const int64_t* data_ = nullptr;
  int64_t extent_ = 0, wrap_ = 0;  // wrap: the extent where negative values are allowed
  Note* bad_ = nullptr;
};

// X(functor, types)
#define CNN_EACH_INDEX(X)                                                                   \
  X(CheckRange, Bits) X(IndexRead, Bits) X(IndexWrite, Bits) X(IndexAdd, Numbers)             \
  X(Gather, Bits) X(ScatterSet, Bits) X(ScatterAdd, Numbers) X(ScatterMul, Numbers)           \
  X(ScatterMax, All) X(ScatterMin, All) X(NonZero, Bits) X(SearchSorted, Numbers)             \
  X(Triangle, Bits) X(FlipRows, Bits)

inline constexpr int kIndexDims = 12;

// Notes indices outside [low, high).
struct CheckRange {
  const int64_t* index;
  int64_t low, high;
  Note* bad;
  CNN_HD bool outside(int64_t i) const { return (index[i] < low) | (index[i] >= high); }
  template <class T> CNN_HD void operator()(int64_t i) const {
    if (outside(i)) bad->add(i, index[i]);
  }
};

// Where element (row, j) of an indexed result lies in x: the result's outer dimensions each step either along x or
// along the index tensors.
struct IndexPlace {
  void* x;                          // the memory that the strides are of
  int ndim;                         // outer dimensions of the result
  int64_t sizes[kIndexDims], x_strides[kIndexDims], index_strides[kIndexDims];
  int count;                        // index tensors
  IndexValues index[kIndexDims];
  int64_t strides[kIndexDims];      // of x along the indexed dimensions
  int64_t inner, inner_stride;      // the result's last dimensions, which step evenly through x
  struct Steps {
    int64_t at, which;  // in x and in the index tensors
  };
  CNN_HD Steps across(int64_t row, int last) const {  // by the coordinates of outer dimensions up to `last`
    Steps s = {0, 0};
    for (int d = last; d >= 0; --d) {
      const int64_t q = row % sizes[d];
      row /= sizes[d];
      s.at += q * x_strides[d];
      s.which += q * index_strides[d];
    }
    return s;
  }
  CNN_HD bool along(Steps& s) const {  // adds where the indices lead; false if one is out of range
    for (int k = 0; k < count; ++k) {
      int64_t v;
      if (!index[k].read(s.which, v)) return false;
      s.at += v * strides[k];
    }
    return true;
  }
};
// Calls F's move(row, place of row); move_one does element j of a row alone. Of writes that may meet, join says what
// becomes of what is there and one more; of those with kReplaces the last one stays.
template <class F> struct IndexEach {
  static constexpr bool kReplaces = false;
  IndexPlace place;
  template <class T> CNN_HD void operator()(int64_t row) const {
    IndexPlace::Steps s = place.across(row, place.ndim - 1);
    if (place.along(s)) static_cast<const F*>(this)->template move<T>(row, s.at);
  }
};

// y[row, :] = x[place of row]
struct IndexRead : IndexEach<IndexRead> {
  void* y;
  template <class T> CNN_HD void move_one(int64_t row, int64_t at, int64_t j) const {
    static_cast<T*>(y)[row * place.inner + j] = static_cast<const T*>(place.x)[at + j * place.inner_stride];
  }
  template <class T> CNN_HD void move(int64_t row, int64_t at) const {
    const T* from = static_cast<const T*>(place.x) + at;
    T* to = static_cast<T*>(y) + row * place.inner;
    if (place.inner_stride == 1)
      for (int64_t j = 0; j < place.inner; ++j) to[j] = from[j];
    else
      for (int64_t j = 0; j < place.inner; ++j) to[j] = from[j * place.inner_stride];
  }
};
// x[place of row] = y[row, :]
struct IndexWrite : IndexEach<IndexWrite> {
  static constexpr bool kReplaces = true;
  const void* y;
  template <class T> CNN_HD void move_one(int64_t row, int64_t at, int64_t j) const {
    static_cast<T*>(place.x)[at + j * place.inner_stride] = static_cast<const T*>(y)[row * place.inner + j];
  }
  template <class T> CNN_HD void move(int64_t row, int64_t at) const {
    T* to = static_cast<T*>(place.x) + at;
    const T* from = static_cast<const T*>(y) + row * place.inner;
    for (int64_t j = 0; j < place.inner; ++j) to[j * place.inner_stride] = from[j];
  }
};
struct IndexAdd : IndexEach<IndexAdd> {
  const void* y;
  template <class T> CNN_HD void move_one(int64_t row, int64_t at, int64_t j) const {
    T& to = static_cast<T*>(place.x)[at + j * place.inner_stride];
    to = join(to, static_cast<const T*>(y)[row * place.inner + j]);
  }
  template <class T> CNN_HD void move(int64_t row, int64_t at) const {
    T* to = static_cast<T*>(place.x) + at;
    const T* from = static_cast<const T*>(y) + row * place.inner;
    for (int64_t j = 0; j < place.inner; ++j) to[j * place.inner_stride] = join(to[j * place.inner_stride], from[j]);
  }
  template <class T> CNN_HD static T join(T held, T x) { return T(held + x); }
};

// Position i of a dense index tensor, with the coordinate along one dimension taken from it.
struct GatherPlace {
  void* x;  // the memory that the strides are of
  int ndim;
  int64_t sizes[kIndexDims], strides[kIndexDims];  // of the index; of x, 0 along the dimension
  IndexValues index;
  int64_t stride;  // of x along the dimension
  CNN_HD bool along(int64_t i, int64_t& at) const {  // adds where the index leads; false if it is out of range
    int64_t v;
    if (!index.read(i, v)) return false;
    at += v * stride;
    return true;
  }
  CNN_HD int64_t across(int64_t i, int last) const {  // by the coordinates of dimensions up to `last`
    int64_t at = 0;
    for (int d = last; d >= 0; --d) {
      at += i % sizes[d] * strides[d];
      i /= sizes[d];
    }
    return at;
  }
};
// Calls F's move(i, place of i); y is dense and as large as the index. Of writes that may meet, join says what becomes
// of what is there and one more; of those with kReplaces the last one stays.
template <class F> struct GatherEach {
  static constexpr bool kReplaces = false;
  GatherPlace place;
  void* y;
  template <class T> CNN_HD void operator()(int64_t i) const {
    int64_t at = place.across(i, place.ndim - 1);
    if (place.along(i, at)) static_cast<const F*>(this)->template move<T>(i, at);
  }
  template <class T> CNN_HD T& target(int64_t at) const { return static_cast<T*>(place.x)[at]; }
  template <class T> CNN_HD T& own(int64_t i) const { return static_cast<T*>(y)[i]; }
  template <class T> CNN_HD void move(int64_t i, int64_t at) const {
    target<T>(at) = F::join(target<T>(at), own<T>(i));
  }
};
struct Gather : GatherEach<Gather> {
  template <class T> CNN_HD void move(int64_t i, int64_t at) const { own<T>(i) = target<T>(at); }
};
struct ScatterSet : GatherEach<ScatterSet> {
  static constexpr bool kReplaces = true;
  template <class T> CNN_HD static T join(T, T x) { return x; }
};
struct ScatterAdd : GatherEach<ScatterAdd> {
  template <class T> CNN_HD static T join(T held, T x) { return T(held + x); }
};
struct ScatterMul : GatherEach<ScatterMul> {
  template <class T> CNN_HD static T join(T held, T x) { return T(held * x); }
};
// nan wins
struct ScatterMax : GatherEach<ScatterMax> {
  template <class T> CNN_HD static T join(T held, T x) { return x > held || x != x ? x : held; }
};
struct ScatterMin : GatherEach<ScatterMin> {
  template <class T> CNN_HD static T join(T held, T x) { return x < held || x != x ? x : held; }
};

// The coordinates of true elements, one row each, in order; counter[0] counts them. `out` has room for as many as were
// counted before; the mask may have changed since.
struct NonZero {
  const uint8_t* mask;  // any byte but 0 is true
  int64_t *out, *counter, room;
  int ndim;
  int64_t sizes[kIndexDims];
  template <class T> CNN_HD void operator()(int64_t i) const {
    if (mask[i]) write(i, (*counter)++);
  }
  CNN_HD void write(int64_t i, int64_t at) const {
    if (at >= room) return;
    int64_t* row = out + at * ndim;
    for (int d = ndim - 1; d >= 0; --d) {
      row[d] = i % sizes[d];
      i /= sizes[d];
    }
  }
};

// The first position in a sorted row whose value is >= (or > for `right`) v[i]; nan is above all.
struct SearchSorted {
  const void *sorted, *values;
  int64_t* out;
  int64_t length, per_row;  // of one sorted row; values that belong to it (0: one row serves all)
  bool right;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const T* row = static_cast<const T*>(sorted) + (per_row ? i / per_row * length : 0);
    const T v = static_cast<const T*>(values)[i];
    int64_t low = 0, high = length;
    while (low < high) {
      const int64_t middle = low + (high - low) / 2;
      const T m = row[middle];
      const bool before = right ? !(m > v || (m != m && v == v)) || v != v : (m < v) || (v != v && m == m);
      if (before) low = middle + 1;
      else high = middle;
    }
    out[i] = low;
  }
};

// y = x with some dimensions reversed: row by row of dense tensors, forwards or backwards
struct FlipRows {
  const void* x;
  void* y;
  int ndim;  // outer dimensions
  int64_t sizes[kIndexDims], n;
  bool flips[kIndexDims], backwards;
  template <class T> CNN_HD void operator()(int64_t row) const {
    int64_t from_row = 0, rest = row, step = 1;
    for (int d = ndim - 1; d >= 0; --d) {
      const int64_t q = rest % sizes[d];
      rest /= sizes[d];
      from_row += (flips[d] ? sizes[d] - 1 - q : q) * step;
      step *= sizes[d];
    }
    const T* from = static_cast<const T*>(x) + from_row * n;
    T* to = static_cast<T*>(y) + row * n;
    if (backwards)
      for (int64_t j = 0; j < n; ++j) to[j] = from[n - 1 - j];
    else
      for (int64_t j = 0; j < n; ++j) to[j] = from[j];
  }
};

// y = x where the column is on the kept side of the diagonal, else 0: rows of dense matrices
struct Triangle {
  const void* x;
  void* y;
  int64_t rows, columns, diagonal;
  bool upper;
  template <class T> CNN_HD void operator()(int64_t row) const {
    const T* from = static_cast<const T*>(x) + row * columns;
    T* to = static_cast<T*>(y) + row * columns;
    const int64_t edge = row % rows + diagonal;
    for (int64_t j = 0; j < columns; ++j) to[j] = (upper ? j >= edge : j <= edge) ? from[j] : T(0);
  }
};

CNN_NUMBER(kEachIndex, CNN_EACH_INDEX)

}  // namespace cnn::kernels::CNN_ISA
