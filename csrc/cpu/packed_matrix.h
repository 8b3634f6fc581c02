// A right operand laid out once for many products: what a recurrent layer multiplies by at every step.
#pragma once

#include "core/parallel.h"
#include "cpu/gemm_pack.h"
#include "cpu/gemm_tile.h"
#include "cpu/scratch.h"

namespace cnn::cpu::inline CNN_ISA {

// B [k, n] as panels of the tile's width, each k deep.
template <class T> class PackedMatrix {
 public:
  static constexpr int64_t kWidth = kTileCols<T>;

  PackedMatrix(const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n)
      : k_(k), n_(n), data_(ceil_div(n, kWidth) * kWidth * k) {
    parallel_for(panels(), 1 + (1 << 14) / (1 + k * kWidth), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p)
        pack_panel(b + p * kWidth * b_col, b_row, b_col, k, cols(p), data_ + p * kWidth * k, kWidth);
    });
  }

  int64_t panels() const { return ceil_div(n_, kWidth); }
  int64_t cols(int64_t panel) const { return min_of(kWidth, n_ - panel * kWidth); }

  // c[:, columns of the panel] = a [m, k] @ b + (accumulate ? c : 0) + bias, in this thread. `c` and `bias` begin at
  // column 0 of B.
  void multiply(int64_t panel, int64_t m, const T* a, int64_t a_row, T* c, int64_t c_row, bool accumulate,
                const T* bias = nullptr) const {
    if (m <= 0) return;
    const Parts rows(m, ceil_div(m, kTileRows));
    Tile<T> t;
    t.k = k_, t.a_row = a_row, t.a_col = 1;
    t.b = data_ + panel * kWidth * k_, t.b_row = kWidth;
    t.c_row = c_row, t.c_col = 1, t.cols = cols(panel);
    t.epilogue.accumulate = accumulate;
    t.epilogue.col_bias = bias ? bias + panel * kWidth : nullptr;
    for (int64_t i = 0; i < rows.count; ++i) {
      t.a = a + rows.begin(i) * a_row;
      t.c = c + rows.begin(i) * c_row + panel * kWidth;
      tile_of<T, kTileVecs, false, kTileRows>(rows.size(i))(t);
    }
  }

 private:
  int64_t k_, n_;
  Scratch<T> data_;
};

}  // namespace cnn::cpu::CNN_ISA
