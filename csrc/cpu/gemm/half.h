// What the ways of multiplying 16-bit floats share: operands, sizes, and the path from sums in float to C.
#pragma once

#include <string.h>

#include <type_traits>

#include "core/parallel.h"
#include "cpu/gemm/epilogue.h"
#include "cpu/gemm/gemm.h"
#include "cpu/scratch.h"
#include "cpu/vec/half.h"

namespace cnn::cpu::inline CNN_ISA {

// A matrix of 16-bit floats or, on request rounded to them, of float.
struct Operand {
  const void* data;
  int64_t row, col;
  const uint16_t* bits() const { return static_cast<const uint16_t*>(data); }
  Operand from(int64_t i, int64_t j) const { return {bits() + i * row + j * col, row, col}; }  // of 16 bits
  Operand transposed() const { return {data, col, row}; }
};

// What surrounds the products of a batch: sizes, epilogue with the bias in float.
struct Plan {
  int64_t m, n, k;
  int64_t c_row, c_col;
  Epilogue<float> epilogue;  // row_bias and col_bias of the whole matrix, dense

  Plan transposed() const {
    Plan t{n, m, k, c_col, c_row, epilogue};
    t.epilogue.row_bias = epilogue.col_bias, t.epilogue.col_bias = epilogue.row_bias;
    return t;
  }
};

inline constexpr int64_t kFinishRoom = 32 * 32;  // elements that can be finished at a time

// C at [i, j] from sums [rows][width].
template <class C>
void finish(const Plan& plan, C* c, int64_t i, int64_t j, const float* sums, int64_t rows, int64_t cols,
            int64_t width) {
  Tile<float> t{};
  c += i * plan.c_row + j * plan.c_col;
  t.c_row = plan.c_row, t.c_col = plan.c_col, t.cols = cols;
  t.epilogue = plan.epilogue;
  if (t.epilogue.row_bias) t.epilogue.row_bias += i;
  if (t.epilogue.col_bias) t.epilogue.col_bias += j;
  if constexpr (std::is_same_v<C, float>) {
    t.c = c;
    finish_tile(t, sums, int(rows), int(width));
  } else {
    float wide[kFinishRoom];
    t.c = wide, t.c_row = cols, t.c_col = 1;
    if (t.epilogue.accumulate)
      for (int64_t r = 0; r < rows; ++r)
        for (int64_t s = 0; s < cols; ++s) wide[r * cols + s] = float(c[r * plan.c_row + s * plan.c_col]);
    finish_tile(t, sums, int(rows), int(width));
    for (int64_t r = 0; r < rows; ++r) {
      C* const row = c + r * plan.c_row;
      if (plan.c_col == 1) cast_dense(cols, wide + r * cols, row);
      else
        for (int64_t s = 0; s < cols; ++s) row[s * plan.c_col] = C(wide[r * cols + s]);
    }
  }
}

// Few rows of A: B, dense along its rows or its columns, is read once and nothing of it laid out. Not for C of float.
template <class C> bool thin_pays(const Plan& plan, const Operand& b);
template <class C> void multiply_thin(const Plan& plan, const Operand& a, const Operand& b, C* c);

// Does this build know the instructions? Whether the processor does, cpu_bf16() tells.
#if defined(__AVX512F__) && defined(__x86_64__)
inline constexpr bool kHasBf16 = true;
#else
inline constexpr bool kHasBf16 = false;
#endif

// Of bfloat16 in panels, through tiles or pairs, whichever cpu_bf16() names: never through floats. C may be float.
template <class C> void multiply_panels(const Plan& plan, const Operand& a, const Operand& b, C* c);

}  // namespace cnn::cpu::CNN_ISA
