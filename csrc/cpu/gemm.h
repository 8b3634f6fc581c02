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

// Products of integers, modulo their width.
void gemm_integers(const GemmArgs& args);

// Multiplications below which a second thread does not pay.
inline constexpr int64_t kSerialWork = 1 << 17;

}  // namespace cnn::cpu::CNN_ISA
