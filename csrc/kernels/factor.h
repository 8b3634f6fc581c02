// Functors on small matrices, one of a batch to an index: the blocks that factorizations and triangular systems are cut
// into. Elements of a row lie side by side; the loops go along rows.
#pragma once

#include "kernels/create.h"
#include "kernels/math.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types)
#define CNN_EACH_FACTOR(X) X(CholeskyBlock, Floats) X(LuPanel, Floats) X(TriangularBlock, Floats)

// to -= factor from, n elements of rows that are not the same.
template <class T>
CNN_HD void subtract_row(T* __restrict to, T factor, const T* __restrict from, int64_t n) {
  for (int64_t c = 0; c < n; ++c) to[c] -= factor * from[c];
}

// The upper triangle of an n x n block becomes its factor U, A = U' U. A pivot that is not positive ends it, and
// info[i] becomes its number in the whole matrix, counted from 1; matrices with one are left alone from then on.
struct CholeskyBlock {
  void* a;
  int32_t* info;
  int64_t n, batch_stride, row_stride;
  int64_t first;  // number of the block's first row in the whole matrix
  template <class T>
  CNN_HD void operator()(int64_t i) const {
    if (info[i] != 0) return;
    T* const block = static_cast<T*>(a) + i * batch_stride;
    for (int64_t j = 0; j < n; ++j) {
      T* const row = block + j * row_stride;
      if (!(row[j] > T(0))) {
        info[i] = int32_t(first + j + 1);
        return;
      }
      const T pivot = row[j] = sqrt(row[j]);
      for (int64_t c = j + 1; c < n; ++c) row[c] /= pivot;
      for (int64_t r = j + 1; r < n; ++r) subtract_row(block + r * row_stride + r, row[r], row + r, n - r);
    }
  }
};

// Columns [first, first + width) of an m x n matrix, below row `first`, become their factors L (its diagonal of ones is
// not kept) and U. The largest element of a column is brought up; whole rows are exchanged. pivots[j] is the row that
// row j was exchanged with, counted from 1; info[i] the first column, counted from 1, that had zeros alone.
struct LuPanel {
  void* a;
  int32_t *pivots, *info;
  int64_t m, n, batch_stride, pivots_stride;  // rows are n apart
  int64_t first, width;
  template <class T>
  CNN_HD void operator()(int64_t i) const {
    T* const matrix = static_cast<T*>(a) + i * batch_stride;
    const int64_t end = first + width;
    for (int64_t j = first; j < end && j < m; ++j) {
      T* const row = matrix + j * n;
      const int64_t p = largest_below(matrix, j);
      pivots[i * pivots_stride + j] = int32_t(p + 1);
      if (p != j) exchange(row, matrix + p * n);
      const T pivot = row[j];
      if (pivot == T(0)) {
        if (info[i] == 0) info[i] = int32_t(j + 1);
        continue;
      }
      for (int64_t r = j + 1; r < m; ++r) {
        T* const to = matrix + r * n;
        to[j] /= pivot;
        subtract_row(to + j + 1, to[j], row + j + 1, end - j - 1);
      }
    }
  }

 private:
  template <class T>
  CNN_HD int64_t largest_below(const T* matrix, int64_t j) const {
    int64_t best = j;
    for (int64_t r = j + 1; r < m; ++r)
      if (fabs(matrix[r * n + j]) > fabs(matrix[best * n + j])) best = r;
    return best;
  }
  template <class T>
  CNN_HD void exchange(T* x, T* y) const {
    for (int64_t c = 0; c < n; ++c) {
      const T t = x[c];
      x[c] = y[c];
      y[c] = t;
    }
  }
};

// x becomes inv(a) x for an n x n triangle a of any strides. Columns of x are shared out: `chunks` to a matrix. A zero
// on the diagonal divides like any number.
struct TriangularBlock {
  static constexpr int64_t kColumns = 256;
  const void* a;
  void* x;
  int64_t n, columns, chunks;
  int64_t a_batch, a_row, a_column, x_batch, x_row;
  bool upper, unit;  // unit: the diagonal is taken as ones
  template <class T>
  CNN_HD void operator()(int64_t i) const {
    const int64_t batch = i / chunks, from = i % chunks * kColumns;
    const int64_t count = columns - from < kColumns ? columns - from : kColumns;
    const T* const t = static_cast<const T*>(a) + batch * a_batch;
    T* const block = static_cast<T*>(x) + batch * x_batch + from;
    for (int64_t s = 0; s < n; ++s) {
      const int64_t r = upper ? n - 1 - s : s;
      T* const row = block + r * x_row;
      for (int64_t q = 0; q < s; ++q) {
        const int64_t solved = upper ? n - 1 - q : q;
        subtract_row(row, t[r * a_row + solved * a_column], block + solved * x_row, count);
      }
      if (unit) continue;
      const T pivot = t[r * (a_row + a_column)];
      for (int64_t c = 0; c < count; ++c) row[c] /= pivot;
    }
  }
};

// They share the numbers of the family that fills memory by position.
enum { kEachFactorBefore = kEachCreateEnd - 1, CNN_EACH_FACTOR(CNN_ENUM_ID) kEachFactorEnd };
static_assert(kEachFactorEnd <= (kEachCreate + 1) * kFamilySize, "a family of more functors than numbers");
CNN_EACH_FACTOR(CNN_ID_OF)

}  // namespace cnn::kernels::CNN_ISA
