// What a cell does with its gates, for a range of hidden units of one row. `before` is what the step started from.
#pragma once

#include "cpu/vec/vec.h"
#include "kernels/math.h"

namespace cnn::cpu::inline CNN_ISA {

using kernels::sigmoid;
using kernels::tanh;

// One row of one step: pointers to its rows, null where the cell has no such thing.
template <class T> struct CellRow {
  T* gates;     // [G hidden]
  T* hn;        // [hidden]
  const T* h_before;
  const T* c_before;
  T* h;         // forward: out
  T* c;         // forward: out
  T* dh;        // backward: gradient of h; becomes what reaches h_before besides the product
  T* dc;        // backward: gradient of c, then of c_before
  T* d_gates;
  T* d_hidden;
  int64_t hidden;
};

// Units of one call at most: a panel.
inline constexpr int kMaxUnits = 32;

// sigmoid(x), 1 from 87 on: exp(-x) is subnormal there, and a hundred times as slow. As integers, to stay free of
// branches.
CNN_HD float gate(float x) {
  const int32_t u = int32_t(kernels::float_to_bits(x)), most = 0x42ae0000;
  const float y = sigmoid(kernels::bits_to_float(uint32_t(u < most ? u : most)));
  return x != x ? x : y;
}
CNN_HD double gate(double x) { return sigmoid(x); }

// One function to a loop, so that the compiler makes vectors of each.
template <class T> void sigmoid_all(T* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = gate(x[i]);
}
template <class T> void tanh_all(T* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = tanh(x[i]);
}

// The rows of a step overlap only where they are one and the same, which lets these loops be vectors.

// h = act(a)
template <bool kRelu> struct PlainCell {
  static constexpr int kGates = 1;
  static constexpr bool kHasCell = false, kIsGru = false;
  template <class T> static void forward(const CellRow<T>& row, int64_t begin, int64_t end) {
    T* __restrict a = row.gates;
    T* __restrict h = row.h;
#pragma GCC ivdep
    for (int64_t u = begin; u < end; ++u) {
      const T x = kRelu ? (a[u] < T(0) ? T(0) : a[u]) : tanh(a[u]);
      a[u] = x;
      h[u] = x;
    }
  }
  // da = dh * act'(a)
  template <class T> static void backward(const CellRow<T>& row, int64_t begin, int64_t end) {
    const T* __restrict h = row.gates;
    const T* __restrict dh = row.dh;
    T* __restrict da = row.d_gates;
#pragma GCC ivdep
    for (int64_t u = begin; u < end; ++u) da[u] = kRelu ? (h[u] > T(0) ? dh[u] : T(0)) : dh[u] * (T(1) - h[u] * h[u]);
  }
};

// c = f c' + i g, h = o tanh(c); i, f, o sigmoid, g tanh
struct LstmCell {
  static constexpr int kGates = 4;
  static constexpr bool kHasCell = true, kIsGru = false;
  template <class T> static void forward(const CellRow<T>& row, int64_t begin, int64_t end) {
    T* __restrict gi = row.gates;
    T* __restrict gf = gi + row.hidden;
    T* __restrict gg = gf + row.hidden;
    T* __restrict go = gg + row.hidden;
    T* __restrict h = row.h;
    T* __restrict c = row.c;
    const T* __restrict before = row.c_before;
    const int64_t n = end - begin;
    for (T* gate : {gi, gf, go}) sigmoid_all(gate + begin, n);
    tanh_all(gg + begin, n);
#pragma GCC ivdep
    for (int64_t u = begin; u < end; ++u) h[u] = c[u] = gf[u] * before[u] + gi[u] * gg[u];
    tanh_all(h + begin, n);
#pragma GCC ivdep
    for (int64_t u = begin; u < end; ++u) h[u] *= go[u];
  }
  template <class T> static void backward(const CellRow<T>& row, int64_t begin, int64_t end) {
    const T* __restrict gi = row.gates;
    const T* __restrict gf = gi + row.hidden;
    const T* __restrict gg = gf + row.hidden;
    const T* __restrict go = gg + row.hidden;
    const T* __restrict before = row.c_before;
    const T* __restrict dh = row.dh;
    T* __restrict dc = row.dc;
    T* __restrict di = row.d_gates;
    T* __restrict df = di + row.hidden;
    T* __restrict dg = df + row.hidden;
    T* __restrict d_o = dg + row.hidden;
    T tanh_c[kMaxUnits];
    for (int64_t u = begin; u < end; ++u) tanh_c[u - begin] = gf[u] * before[u] + gi[u] * gg[u];
    tanh_all(tanh_c, end - begin);
#pragma GCC ivdep
    for (int64_t u = begin; u < end; ++u) {
      const T i = gi[u], f = gf[u], g = gg[u], o = go[u], tc = tanh_c[u - begin];
      const T d = dc[u] + dh[u] * o * (T(1) - tc * tc);
      di[u] = d * g * i * (T(1) - i);
      df[u] = d * before[u] * f * (T(1) - f);
      dg[u] = d * i * (T(1) - g * g);
      d_o[u] = dh[u] * tc * o * (T(1) - o);
      dc[u] = d * f;
    }
  }
};

// n = tanh(a_n + r hn), h = n + z (h' - n); r, z sigmoid, hn = W h' + b
struct GruCell {
  static constexpr int kGates = 3;
  static constexpr bool kHasCell = false, kIsGru = true;
  template <class T> static void forward(const CellRow<T>& row, int64_t begin, int64_t end) {
    T* __restrict gr = row.gates;
    T* __restrict gz = gr + row.hidden;
    T* __restrict gn = gz + row.hidden;
    T* __restrict h = row.h;
    const T* __restrict hn = row.hn;
    const T* __restrict before = row.h_before;
    const int64_t n = end - begin;
    for (T* gate : {gr, gz}) sigmoid_all(gate + begin, n);
#pragma GCC ivdep
    for (int64_t u = begin; u < end; ++u) gn[u] += gr[u] * hn[u];
    tanh_all(gn + begin, n);
#pragma GCC ivdep
    for (int64_t u = begin; u < end; ++u) h[u] = gn[u] + gz[u] * (before[u] - gn[u]);
  }
  template <class T> static void backward(const CellRow<T>& row, int64_t begin, int64_t end) {
    const T* __restrict gr = row.gates;
    const T* __restrict gz = gr + row.hidden;
    const T* __restrict gn = gz + row.hidden;
    const T* __restrict hn = row.hn;
    const T* __restrict before = row.h_before;
    T* __restrict dh = row.dh;
    T* __restrict dr = row.d_gates;
    T* __restrict dz = dr + row.hidden;
    T* __restrict dn = dz + row.hidden;
    T* __restrict er = row.d_hidden;
    T* __restrict ez = er + row.hidden;
    T* __restrict en = ez + row.hidden;
#pragma GCC ivdep
    for (int64_t u = begin; u < end; ++u) {
      const T r = gr[u], z = gz[u], n = gn[u], d = dh[u];
      const T n_in = d * (T(1) - z) * (T(1) - n * n);
      const T z_in = d * (before[u] - n) * z * (T(1) - z);
      const T r_in = n_in * hn[u] * r * (T(1) - r);
      dr[u] = r_in, dz[u] = z_in, dn[u] = n_in;
      er[u] = r_in, ez[u] = z_in, en[u] = n_in * r;
      dh[u] = d * z;
    }
  }
};

}  // namespace cnn::cpu::CNN_ISA
