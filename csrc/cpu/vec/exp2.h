// 2^x of a vector that is not positive, for sums of weights.
#pragma once

#include "cpu/vec/vec.h"
#include "kernels/math.h"

namespace cnn::cpu::inline CNN_ISA {

// 2^x for x <= 0, within an ulp; zero instead of numbers below the normal ones, which would cost a hundred times as
// much. x = n + r with |r| <= 1/2: adding 1.5 2^23 rounds to an integer and leaves it in the low bits. NaN stays.
CNN_HD Vec<float> vec_exp2_negative(Vec<float> x) {
  typedef uint32_t Bits __attribute__((vector_size(kVecBytes)));
  constexpr float kCoefficients[] = {1.53353620e-4f,
                                     1.33988739e-3f,
                                     9.61843692e-3f,
                                     5.55033237e-2f,
                                     2.40226477e-1f,
                                     6.93147182e-1f,
                                     1.0f};  // minimax, less the last
  const Vec<float> shifted = x + 12582912.0f, r = x - (shifted - 12582912.0f);
  Vec<float> y = vec_splat(kCoefficients[0]);
#pragma GCC unroll 8
  for (int i = 1; i < 7; ++i) y = vec_fma(y, r, vec_splat(kCoefficients[i]));
  const Vec<float> power = (Vec<float>)(((Bits)shifted << 23) + 0x3f800000u);
  return x < -126.0f ? Vec<float>{} : y * power;
}
CNN_HD Vec<double> vec_exp2_negative(Vec<double> x) {
  for (int l = 0; l < kLanes<double>; ++l) x[l] = kernels::exp2(x[l]);
  return x;
}

}  // namespace cnn::cpu::CNN_ISA
