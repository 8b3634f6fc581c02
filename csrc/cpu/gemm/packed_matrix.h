// A right operand laid out once for many products: what a recurrent layer multiplies by at every step.
#pragma once

#include "core/parallel.h"
#include "cpu/gemm/pack.h"
#include "cpu/gemm/tile.h"
#include "cpu/scratch.h"

namespace cnn::cpu::inline CNN_ISA {

// c [kRows, cols] = a @ b (+ c or bias), a dense along k, b a panel; sums start from what they are added to and go
// straight back to memory.
template <class T, int kRows> struct PackedTile {
  static void run(const T* a, int64_t a_row, const T* b, int64_t k, T* c, int64_t c_row, int64_t cols, bool accumulate,
                  const T* bias) {
    constexpr int64_t kWidth = kLanes<T>;
    Vec<T> acc[kRows][kTileVecs];
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
      for (int v = 0; v < kTileVecs; ++v) {
        const T* start = accumulate ? c + i * c_row : bias;
        const int64_t lanes = max_of(0, cols - v * kWidth);
        acc[i][v] = start && lanes ? vec_load_n(start + v * kWidth, lanes) : Vec<T>{};
      }
    for (int64_t p = 0; p < k; ++p, b += kTileCols<T>) {
      Vec<T> bv[kTileVecs];
#pragma GCC unroll 2
      for (int v = 0; v < kTileVecs; ++v) bv[v] = vec_load(b + v * kWidth);
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const Vec<T> av = vec_splat(a[i * a_row + p]);
#pragma GCC unroll 2
        for (int v = 0; v < kTileVecs; ++v) acc[i][v] = vec_fma(av, bv[v], acc[i][v]);
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 2
      for (int v = 0; v < kTileVecs; ++v) {
        const int64_t lanes = max_of(0, cols - v * kWidth);
        if (lanes) vec_store_n(c + i * c_row + v * kWidth, acc[i][v], lanes);
      }
  }
  // The tile of 1 to kRows rows.
  static decltype(&run) of(int64_t rows) {
    if constexpr (kRows > 1)
      if (rows < kRows) return PackedTile<T, kRows - 1>::of(rows);
    return &run;
  }
};

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
    const T* b = data_ + panel * kWidth * k_;
    for (int64_t i = 0; i < rows.count; ++i)
      PackedTile<T, kTileRows>::of(rows.size(i))(a + rows.begin(i) * a_row, a_row, b, k_,
                                                 c + rows.begin(i) * c_row + panel * kWidth, c_row, cols(panel),
                                                 accumulate, bias ? bias + panel * kWidth : nullptr);
  }

 private:
  int64_t k_, n_;
  Scratch<T> data_;
};

}  // namespace cnn::cpu::CNN_ISA
