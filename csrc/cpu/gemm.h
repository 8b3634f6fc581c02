// One matrix product, typed: what the table's gemm and the convolutions stand on.
#pragma once

#include "cpu/heavy.h"
#include "cpu/vec.h"

namespace cnn::cpu::inline CNN_ISA {

// c = relu?(alpha * a @ b + (accumulate ? c : 0) + row_bias[i] + col_bias[j]).  Strides in elements.
template <class T> struct Gemm {
  int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  int64_t a_row = 0, a_col = 0;
  const T* b = nullptr;
  int64_t b_row = 0, b_col = 0;
  T* c = nullptr;
  int64_t c_row = 0, c_col = 1;
  T alpha = 1;
  bool accumulate = false, relu = false;
  const T* row_bias = nullptr;
  const T* col_bias = nullptr;
  int64_t row_bias_stride = 1, col_bias_stride = 1;
};

// Runs on the pool when the product is worth it; serial inside a parallel region.
void gemm(const Gemm<float>& g);
void gemm(const Gemm<double>& g);

// B [k, n] laid out once for many products, as in the steps of a recurrent layer. The memory is the caller's.
template <class T> int64_t packed_size(int64_t k, int64_t n);  // in elements
template <class T> void pack_b(const T* b, int64_t b_row, int64_t b_col, int64_t k, int64_t n, T* packed);
// As gemm, with g.b, b_row and b_col not read. With `columns` the packed matrix has that many, of which this product
// takes g.n from `first` on, a multiple of packed_step<T>(); so threads can share one packing.
template <class T> void gemm_packed(const Gemm<T>& g, const T* packed, int64_t columns = 0, int64_t first = 0);
template <class T> int64_t packed_step();

// Products of integers, modulo their width.
void gemm_integers(const GemmArgs& args);

// Both operands dense along k (a_col and b_row are 1) and few rows: dot products, nothing packed.
template <class T> void gemm_dot(const Gemm<T>& g);

// Multiplications below which a second thread does not pay, and elements to lay out.
inline constexpr int64_t kSerialWork = 1 << 17, kPackWork = 1 << 14;

}  // namespace cnn::cpu::CNN_ISA
