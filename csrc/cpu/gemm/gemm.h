// One matrix product, typed: what the table's gemm and the convolutions stand on.
#pragma once

#include "core/parallel.h"
#include "cpu/gemm/finish.h"
#include "cpu/heavy.h"
#include "cpu/vec/vec.h"

namespace cnn::cpu::inline CNN_ISA {

// c = clamp((alpha * a @ b + (accumulate ? c : 0)) * row_scale[i] * col_scale[j] + row_bias[i] + col_bias[j], bounds).
// Strides in elements; a scale that is null is 1, a bias that is null 0.
template <class T> struct Gemm {
  int64_t m = 0, n = 0, k = 0;
  const T* a = nullptr;
  int64_t a_row = 0, a_col = 0;
  const T* b = nullptr;
  int64_t b_row = 0, b_col = 0;
  T* c = nullptr;
  int64_t c_row = 0, c_col = 1;
  T alpha = 1;
  bool accumulate = false;
  Bounds<T> bounds;
  const T* row_scale = nullptr;
  const T* col_scale = nullptr;
  const T* row_bias = nullptr;
  const T* col_bias = nullptr;
  int64_t row_bias_stride = 1, col_bias_stride = 1;
  Storage* keeper = nullptr;  // of b, if what is laid out of it may be kept (core/layouts.h)
};

// Runs on the pool when the product is worth it; serial inside a parallel region.
void gemm(const Gemm<float>& g);
void gemm(const Gemm<double>& g);

// B, dense along k, packed whatever the shape; so the panels that g.keeper keeps are those of every call.
void gemm_by_panels(const Gemm<float>& g);

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

// At most kStreamRows rows, and B dense along its rows: B is read as a stream.
template <class T> void gemm_stream(const Gemm<T>& g);
inline constexpr int64_t kStreamRows = 4;

// Of 16-bit floats, and of float32 rounded to bfloat16 where that pays.
void gemm_half(const GemmArgs& args);
bool rounding_pays(const GemmArgs& args);

// Multiplications below which a second thread does not pay, and elements to lay out.
inline constexpr int64_t kSerialWork = 1 << 17, kPackWork = 1 << 14;
inline constexpr int64_t kTasks = 16;  // enough of them for the pool to even out

// run(i) for each product of the batch: many small ones go to the pool whole, large ones are cut inside.
template <class F> void each_product(const GemmArgs& args, const F& run) {
  const double work = double(args.m) * double(args.n) * double(args.k) + 1;
  const auto several = [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) run(i);
  };
  if (args.batch > 1 && (work < kSerialWork || args.batch >= kTasks))
    parallel_for(args.batch, 1 + int64_t(double(kSerialWork) / work), several);
  else several(0, args.batch);
}

}  // namespace cnn::cpu::CNN_ISA
