// Resampling as a formula of one element of y: the sum of the inputs that its taps along each axis name.
#pragma once

#include "cuda/fast_div.h"
#include "cuda/over.cuh"
#include "cuda/sum_type.h"
#include "device/heavy_table.h"

namespace cnn::cuda {

// A ResampleAxis on the device, with its weights as they are used. start null: output o is input o.
template <class S> struct TapsOfAxis {
  uint32_t in = 1;
  FastDiv by_out;
  const int32_t *start = nullptr, *index = nullptr;
  const S* weight = nullptr;

  struct Range {
    int32_t begin, end;
  };
  CNN_HD Range of(uint32_t o) const {
    if (!start) return {int32_t(o), int32_t(o) + 1};
    return {start[o], start[o + 1]};
  }
  CNN_HD uint32_t place(int32_t k) const { return uint32_t(start ? index[k] : k); }
  CNN_HD S scale(int32_t k) const { return weight ? weight[k] : S(1); }
};

// i = [outer][out...][inner]
template <class From, class To> struct Resample {
  using S = Sum<From>;
  TapsOfAxis<S> axis[3];
  FastDiv by_inner;
  const From* x;
  To* y;

  CNN_HD void operator()(uint32_t i) const {
    const uint32_t inner = by_inner.divisor;
    uint32_t rest = by_inner.divide(i), o[3];
    const uint32_t j = i - rest * inner;
    for (int d = 2; d >= 0; --d) {
      const uint32_t q = axis[d].by_out.divide(rest);
      o[d] = rest - q * axis[d].by_out.divisor;
      rest = q;
    }
    const auto depth = axis[0].of(o[0]), height = axis[1].of(o[1]), width = axis[2].of(o[2]);
    const From* const from = x + rest * axis[0].in * axis[1].in * axis[2].in * inner + j;
    S sum = -S(0);  // which leaves a single tap as it is, sign and all
    for (int32_t a = depth.begin; a < depth.end; ++a) {
      S slices = -S(0);
      for (int32_t b = height.begin; b < height.end; ++b) {
        const uint32_t row = (axis[0].place(a) * axis[1].in + axis[1].place(b)) * axis[2].in;
        S columns = -S(0);
        for (int32_t c = width.begin; c < width.end; ++c)
          columns += S(from[(row + axis[2].place(c)) * inner]) * axis[2].scale(c);
        slices += columns * axis[1].scale(b);
      }
      sum += slices * axis[0].scale(a);
    }
    const bool none = depth.begin == depth.end || height.begin == height.end || width.begin == width.end;
    y[i] = To(none ? S(0) : sum);
  }
};

}  // namespace cnn::cuda
