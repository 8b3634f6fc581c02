// What a cell does with its gates, for a range of hidden units of one row. `before` is what the step started from.
#pragma once

#include "cpu/vec/vec.h"
#include "kernels/rnn.h"

namespace cnn::cpu::inline CNN_ISA {

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

// One function to a loop, so that the compiler makes vectors of each.
template <class T> void sigmoid_all(T* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = kernels::gate(x[i]);
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
    for (int64_t u = begin; u < end; ++u) da[u] = kernels::plain_grad<kRelu>(h[u], dh[u]);
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
    for (int64_t u = begin; u < end; ++u) h[u] = c[u] = kernels::lstm_state(gi[u], gf[u], gg[u], before[u]);
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
    for (int64_t u = begin; u < end; ++u) tanh_c[u - begin] = kernels::lstm_state(gi[u], gf[u], gg[u], before[u]);
    tanh_all(tanh_c, end - begin);
#pragma GCC ivdep
    for (int64_t u = begin; u < end; ++u) {
      const auto d = kernels::lstm_grad(gi[u], gf[u], gg[u], go[u], before[u], tanh_c[u - begin], dh[u], dc[u]);
      di[u] = d.i, df[u] = d.f, dg[u] = d.g, d_o[u] = d.o;
      dc[u] = d.before;
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
    for (int64_t u = begin; u < end; ++u) h[u] = kernels::gru_state(gz[u], gn[u], before[u]);
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
      const auto d = kernels::gru_grad(gr[u], gz[u], gn[u], hn[u], before[u], dh[u]);
      dr[u] = er[u] = d.r, dz[u] = ez[u] = d.z;
      dn[u] = d.n, en[u] = d.hn;
      dh[u] = d.before;
    }
  }
};

}  // namespace cnn::cpu::CNN_ISA
