// Reading and writing at computed places. Indices are int64, dense, already checked; negative ones count from the end.
#pragma once

#include "kernels/functor.h"
#include "kernels/unary.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types)
#define CNN_EACH_INDEX(X)                                                                   \
  X(CheckRange, Bits) X(IndexRead, Bits) X(IndexWrite, Bits) X(IndexAdd, Numbers)             \
  X(Gather, Bits) X(ScatterSet, Bits) X(ScatterAdd, Numbers) X(ScatterMul, Numbers)           \
  X(ScatterMax, All) X(ScatterMin, All) X(NonZero, Bits) X(SearchSorted, Numbers)             \
  X(Triangle, Bits)

inline constexpr int kIndexDims = 12;

// bad[0] = 1 + position of the first index outside [low, high), if there is one
struct CheckRange {
  const int64_t* index;
  int64_t low, high;
  int64_t* bad;
  template <class T> CNN_HD void operator()(int64_t i) const {
    if ((index[i] < low || index[i] >= high) && *bad == 0) *bad = i + 1;
  }
};

// Where element (row, j) of an indexed result lies in x: the result's outer dimensions each step either along x or
// along the index tensors.
struct IndexPlace {
  int ndim;                         // outer dimensions of the result
  int64_t sizes[kIndexDims], x_strides[kIndexDims], index_strides[kIndexDims];
  int count;                        // index tensors
  const int64_t* index[kIndexDims];
  int64_t extents[kIndexDims], strides[kIndexDims];  // of x along the indexed dimensions
  int64_t inner, inner_stride;      // the result's last dimensions, which step evenly through x
  CNN_HD int64_t operator()(int64_t row) const {
    int64_t at = 0, which = 0;
    for (int d = ndim - 1; d >= 0; --d) {
      const int64_t q = row % sizes[d];
      row /= sizes[d];
      at += q * x_strides[d];
      which += q * index_strides[d];
    }
    for (int k = 0; k < count; ++k) {
      const int64_t v = index[k][which];
      at += (v < 0 ? v + extents[k] : v) * strides[k];
    }
    return at;
  }
};

// y[row, :] = x[place of row]
struct IndexRead {
  IndexPlace place;
  const void* x;
  void* y;
  template <class T> CNN_HD void operator()(int64_t row) const {
    const T* from = static_cast<const T*>(x) + place(row);
    T* to = static_cast<T*>(y) + row * place.inner;
    if (place.inner_stride == 1)
      for (int64_t j = 0; j < place.inner; ++j) to[j] = from[j];
    else
      for (int64_t j = 0; j < place.inner; ++j) to[j] = from[j * place.inner_stride];
  }
};
// x[place of row] = y[row, :]
struct IndexWrite {
  IndexPlace place;
  void* x;
  const void* y;
  template <class T> CNN_HD void operator()(int64_t row) const {
    T* to = static_cast<T*>(x) + place(row);
    const T* from = static_cast<const T*>(y) + row * place.inner;
    for (int64_t j = 0; j < place.inner; ++j) to[j * place.inner_stride] = from[j];
  }
};
struct IndexAdd {
  IndexPlace place;
  void* x;
  const void* y;
  template <class T> CNN_HD void operator()(int64_t row) const {
    T* to = static_cast<T*>(x) + place(row);
    const T* from = static_cast<const T*>(y) + row * place.inner;
    for (int64_t j = 0; j < place.inner; ++j) to[j * place.inner_stride] = T(to[j * place.inner_stride] + from[j]);
  }
};

// Position i of a dense index tensor, with the coordinate along one dimension taken from it.
struct GatherPlace {
  int ndim;
  int64_t sizes[kIndexDims], strides[kIndexDims];  // of the index; of x, 0 along the dimension
  const int64_t* index;
  int64_t stride, extent;
  CNN_HD int64_t operator()(int64_t i) const {
    int64_t at = (index[i] < 0 ? index[i] + extent : index[i]) * stride;
    for (int d = ndim - 1; d >= 0; --d) {
      at += i % sizes[d] * strides[d];
      i /= sizes[d];
    }
    return at;
  }
};
struct Gather {
  GatherPlace place;
  const void* x;
  void* y;
  template <class T> CNN_HD void operator()(int64_t i) const {
    static_cast<T*>(y)[i] = static_cast<const T*>(x)[place(i)];
  }
};
struct ScatterSet {
  GatherPlace place;
  void* x;
  const void* y;
  template <class T> CNN_HD void operator()(int64_t i) const {
    static_cast<T*>(x)[place(i)] = static_cast<const T*>(y)[i];
  }
};
struct ScatterAdd {
  GatherPlace place;
  void* x;
  const void* y;
  template <class T> CNN_HD void operator()(int64_t i) const {
    T& p = static_cast<T*>(x)[place(i)];
    p = T(p + static_cast<const T*>(y)[i]);
  }
};
struct ScatterMul {
  GatherPlace place;
  void* x;
  const void* y;
  template <class T> CNN_HD void operator()(int64_t i) const {
    T& p = static_cast<T*>(x)[place(i)];
    p = T(p * static_cast<const T*>(y)[i]);
  }
};
// nan wins
struct ScatterMax {
  GatherPlace place;
  void* x;
  const void* y;
  template <class T> CNN_HD void operator()(int64_t i) const {
    T& p = static_cast<T*>(x)[place(i)];
    const T v = static_cast<const T*>(y)[i];
    if (v > p || v != v) p = v;
  }
};
struct ScatterMin {
  GatherPlace place;
  void* x;
  const void* y;
  template <class T> CNN_HD void operator()(int64_t i) const {
    T& p = static_cast<T*>(x)[place(i)];
    const T v = static_cast<const T*>(y)[i];
    if (v < p || v != v) p = v;
  }
};

// The coordinates of true elements, one row each, in order; counter[0] counts them.
struct NonZero {
  const bool* mask;
  int64_t *out, *counter;
  int ndim;
  int64_t sizes[kIndexDims];
  template <class T> CNN_HD void operator()(int64_t i) const {
    if (!mask[i]) return;
    int64_t* row = out + (*counter)++ * ndim;
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

}  // namespace cnn::kernels::CNN_ISA
