// What happens to a sum on its way to memory: clamp(sum * scale + bias, low, high). NaN stays.
#pragma once

#include "cpu/vec/vec.h"

namespace cnn::cpu::inline CNN_ISA {

template <class T> struct Bounds {
  T low = -T(__builtin_inf()), high = T(__builtin_inf());
  CNN_HD bool any() const { return low > -T(__builtin_inf()) || high < T(__builtin_inf()); }
  CNN_HD T operator()(T y) const { return y < low ? low : y > high ? high : y; }
};

template <class T> CNN_HD Vec<T> bounded(Vec<T> y, Vec<T> low, Vec<T> high) {
  y = y < low ? low : y;
  return y > high ? high : y;
}

// By channel: what stands for the first of some.
template <class T> struct Finish {
  const T* scale = nullptr;  // null: 1
  const T* bias = nullptr;   // null: 0
  Bounds<T> bounds;
  CNN_HD Finish from(int64_t channel) const {
    return {scale ? scale + channel : nullptr, bias ? bias + channel : nullptr, bounds};
  }
};

// Of at most a vector of channels, in registers.
template <class T> struct FinishLanes {
  Vec<T> scale, bias, low, high;
  CNN_HD FinishLanes(const Finish<T>& f, int64_t channels)
      : scale(f.scale ? vec_load_n(f.scale, channels) : vec_splat(T(1))),
        bias(f.bias ? vec_load_n(f.bias, channels) : Vec<T>{}),
        low(vec_splat(f.bounds.low)),
        high(vec_splat(f.bounds.high)) {}
  CNN_HD Vec<T> operator()(Vec<T> sum) const { return bounded<T>(vec_fma(sum, scale, bias), low, high); }
};

}  // namespace cnn::cpu::CNN_ISA
