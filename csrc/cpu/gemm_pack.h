// Packing: a block of a matrix laid out in the order in which the register tile reads it.
#pragma once

#include "cpu/vec.h"

namespace cnn::cpu::inline CNN_ISA {

typedef float Quad __attribute__((vector_size(16)));
typedef double Pair __attribute__((vector_size(16)));

// to[p * width + j] = from[j * ld + p] for a square of 16 bytes.
CNN_HD void transpose_square(const float* from, int64_t ld, float* to, int64_t width) {
  Quad r[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) __builtin_memcpy(&r[j], from + j * ld, 16);
  const Quad a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5), b = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
  const Quad c = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7), d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
  const Quad t[4] = {__builtin_shufflevector(a, b, 0, 1, 4, 5), __builtin_shufflevector(a, b, 2, 3, 6, 7),
                     __builtin_shufflevector(c, d, 0, 1, 4, 5), __builtin_shufflevector(c, d, 2, 3, 6, 7)};
#pragma GCC unroll 4
  for (int p = 0; p < 4; ++p) __builtin_memcpy(to + p * width, &t[p], 16);
}
CNN_HD void transpose_square(const double* from, int64_t ld, double* to, int64_t width) {
  Pair a, b;
  __builtin_memcpy(&a, from, 16);
  __builtin_memcpy(&b, from + ld, 16);
  const Pair t0 = __builtin_shufflevector(a, b, 0, 2), t1 = __builtin_shufflevector(a, b, 1, 3);
  __builtin_memcpy(to, &t0, 16);
  __builtin_memcpy(to + width, &t1, 16);
}

// One panel: to[p * width + j] = from[p * k_stride + j * stride] for p < k, j < count; columns from count to width are 0.
template <class T>
void pack_panel(const T* from, int64_t k_stride, int64_t stride, int64_t k, int64_t count, T* to, int64_t width) {
  if (stride == 1) {
    for (int64_t p = 0; p < k; ++p) {
      const T* row = from + p * k_stride;
      T* out = to + p * width;
      int64_t j = 0;
      for (; j + kLanes<T> <= count; j += kLanes<T>) vec_store(out + j, vec_load(row + j));
      for (; j < count; ++j) out[j] = row[j];
      for (; j < width; ++j) out[j] = T(0);
    }
    return;
  }
  constexpr int kSide = 16 / int(sizeof(T));
  const int64_t square_k = k_stride == 1 ? k / kSide * kSide : 0;
  int64_t j = 0;
  for (; j + kSide <= count; j += kSide) {
    for (int64_t p = 0; p < square_k; p += kSide)
      transpose_square(from + j * stride + p, stride, to + p * width + j, width);
    for (int64_t p = square_k; p < k; ++p)
      for (int64_t i = j; i < j + kSide; ++i) to[p * width + i] = from[p * k_stride + i * stride];
  }
  for (; j < width; ++j)
    for (int64_t p = 0; p < k; ++p) to[p * width + j] = j < count ? from[p * k_stride + j * stride] : T(0);
}

}  // namespace cnn::cpu::CNN_ISA
