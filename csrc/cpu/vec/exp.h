// The exponential of a vector that is not positive, for sums of weights.
#pragma once

#include "cpu/vec/vec.h"
#include "kernels/math.h"

namespace cnn::cpu::inline CNN_ISA {

// exp(x) for x <= 0, within an ulp; zero below -87, as subnormal numbers cost a hundred times as much. x = n ln2 + r
// with |r| <= ln2/2: adding 1.5 2^23 rounds to an integer and leaves it in the low bits. NaN stays.
CNN_HD Vec<float> vec_exp_negative(Vec<float> x) {
  typedef uint32_t Bits __attribute__((vector_size(kVecBytes)));
  constexpr float kCoefficients[] = {
      1.38145988e-3f, 8.36871658e-3f, 4.16683890e-2f, 1.66665211e-1f, 4.99999940e-1f, 1.0f, 1.0f};  // minimax
  const Vec<float> round = vec_splat(12582912.0f), shifted = vec_fma(x, vec_splat(1.44269504f), round);
  const Vec<float> n = shifted - round, high = vec_fma(n, vec_splat(-0.693359375f), x);
  const Vec<float> r = vec_fma(n, vec_splat(2.12194440e-4f), high);
  Vec<float> y = vec_splat(kCoefficients[0]);
#pragma GCC unroll 8
  for (int i = 1; i < 7; ++i) y = vec_fma(y, r, vec_splat(kCoefficients[i]));
  const Vec<float> power = (Vec<float>)(((Bits)shifted << 23) + 0x3f800000u);
  return x < vec_splat(-87.0f) ? Vec<float>{} : y * power;
}
CNN_HD Vec<double> vec_exp_negative(Vec<double> x) {
  for (int l = 0; l < kLanes<double>; ++l) x[l] = kernels::exp(x[l]);
  return x;
}

}  // namespace cnn::cpu::CNN_ISA
