// What the cells of recurrent layers do with the gates of one hidden unit, forwards and backwards.
#pragma once

#include "kernels/math.h"

namespace cnn::kernels::inline CNN_ISA {

// sigmoid(x), 1 from 87 on: exp(-x) is subnormal there, and a hundred times as slow. As integers, to stay free of
// branches.
CNN_HD float gate(float x) {
  const int32_t u = int32_t(float_to_bits(x)), most = 0x42ae0000;
  const float y = sigmoid(bits_to_float(uint32_t(u < most ? u : most)));
  return x != x ? x : y;
}
CNN_HD double gate(double x) { return sigmoid(x); }

// h = act(a): the gradient of a, from h
template <bool kRelu, class T> CNN_HD T plain_grad(T h, T dh) {
  if constexpr (kRelu) return h > T(0) ? dh : T(0);
  else return dh * (T(1) - h * h);
}

// c = f c' + i g, h = o tanh(c); i, f, o sigmoid, g tanh
template <class T> CNN_HD T lstm_state(T i, T f, T g, T before) { return f * before + i * g; }
template <class T> struct LstmGrad {
  T i, f, g, o, before;
};
template <class T> CNN_HD LstmGrad<T> lstm_grad(T i, T f, T g, T o, T before, T tanh_c, T dh, T dc) {
  const T d = dc + dh * o * (T(1) - tanh_c * tanh_c);
  return {d * g * i * (T(1) - i), d * before * f * (T(1) - f), d * i * (T(1) - g * g), dh * tanh_c * o * (T(1) - o),
          d * f};
}

// n = tanh(a_n + r hn), h = n + z (h' - n); r, z sigmoid, hn = W h' + b
template <class T> CNN_HD T gru_state(T z, T n, T before) { return n + z * (before - n); }
template <class T> struct GruGrad {
  T r, z, n, hn, before;
};
template <class T> CNN_HD GruGrad<T> gru_grad(T r, T z, T n, T hn, T before, T d) {
  const T n_in = d * (T(1) - z) * (T(1) - n * n);
  return {n_in * hn * r * (T(1) - r), d * (before - n) * z * (T(1) - z), n_in, n_in * r, d * z};
}

}  // namespace cnn::kernels::CNN_ISA
