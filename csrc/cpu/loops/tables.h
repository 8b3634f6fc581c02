// What one instruction set's build of the CPU kernels offers: tables of loops, one function to get at them.
#pragma once

#include "device/backend.h"
#include "kernels/ids.h"

namespace cnn::cpu {

// `rows` rows of n elements; operands with byte strides along the row and from row to row, outputs first.
using MapLoop = void (*)(const void* functor, int64_t n, int64_t rows, void* const* data, const int64_t* strides,
                         const int64_t* row_strides);
// n elements from one dtype to another, byte strides.
using CastLoop = void (*)(int64_t n, const void* from, int64_t from_stride, void* to, int64_t to_stride);

// functor(i) for i in [begin, end).
using EachLoop = void (*)(const void* functor, int64_t begin, int64_t end);

// The loops of one reduction for one T. Accumulators are arrays of acc_bytes each.
struct ReduceLoops {
  int acc_bytes;
  int cost;                // of one element
  bool ragged_rows;        // rows are taken in vectors to the last element
  DType y_dtype[2];        // what `finish` writes
  // acc[r] of rows of n dense elements, `base` being the number of the first; n = 0 gives identities.
  void (*rows)(const void* functor, const void* x, int64_t rows, int64_t row_stride, int64_t n, int64_t base,
               void* acc);
  // acc[j] of m columns that lie side by side in n rows.
  void (*columns)(const void* functor, const void* x, int64_t m, int64_t n, int64_t stride, int64_t base, void* acc);
  void (*combine)(const void* functor, int64_t count, void* acc, const void* later);
  void (*finish)(const void* functor, int64_t count, int64_t n, const void* acc, void* y0, void* y1);
};

// One functor over `rows` rows, dense along the row; row strides in bytes, outputs first.
struct RowsLoop {
  void (*run)(const void* functor, int64_t n, int64_t rows, void* const* data, const int64_t* row_strides,
              void* scratch);
  int cost;     // of one element
  int scratch;  // bytes of working memory for each element of a row
  // `count` rows that stand side by side as columns; null where they must be gathered. Element i of column j is
  // data + i * pitch * size + j * step, step the bytes from column to column.
  void (*columns)(const void* functor, int64_t n, int64_t count, int64_t pitch, void* const* data,
                  const int64_t* steps);
};

// Dense bytes, stored past the cache; other threads see them after a full fence only.
using StreamLoop = void (*)(void* to, const void* from, int64_t nbytes);
// to[i][j] = from[j][i] for i < rows, j < columns; pitches in bytes. `past_cache` as in StreamLoop.
using TransposeLoop = void (*)(const void* from, int64_t from_pitch, void* to, int64_t to_pitch, int64_t rows,
                               int64_t columns, bool past_cache);

struct Tables {
  ReduceLoops reduce[kernels::kReduceIds][kDTypes];
  RowsLoop rows[kernels::kRowsIds][kDTypes];
  EachLoop each[kernels::kEachIds][kDTypes];
  MapLoop map[kernels::kMapIds][kDTypes];
  CastLoop cast[kDTypes][kDTypes];
  StreamLoop stream;
  TransposeLoop transpose[4];  // by log2 of an element's size

  TransposeLoop transpose_of(DType t) const {
    const int64_t size = item_size(t);
    return transpose[size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3];
  }
};

}  // namespace cnn::cpu
