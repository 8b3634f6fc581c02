// Recurrent layers: for each step a product for all gates, and a kernel that applies the cell, a thread for each hidden
// unit of a row. Everything about the steps is known to the host, so nothing waits.
#pragma once

#include <vector>

#include "cuda/fast_div.h"
#include "cuda/heavy_entries.h"
#include "cuda/memory.h"
#include "cuda/runtime.h"
#include "kernels/rnn.h"

namespace cnn::cuda {

inline constexpr int kCellThreads = 256;

// The rows of one step. `next` is where a row's state goes if the row goes on, `last` where it goes otherwise.
template <class T> struct CellStep {
  uint32_t units, going_on;  // rows * hidden; rows that go on
  FastDiv hidden;
  T *gates, *hn;
  const T *h_before, *c_before;
  T *h, *h_next, *h_last;  // h_next: null where h is yet to be projected
  T *c_next, *c_last;
};

template <RnnCell kCell> inline constexpr int kGates = kCell == RnnCell::Lstm ? 4 : kCell == RnnCell::Gru ? 3 : 1;

template <RnnCell kCell, class T>
__global__ void __launch_bounds__(kCellThreads) cell_forward(CellStep<T> s) {
  const uint32_t at = blockIdx.x * kCellThreads + threadIdx.x;
  if (at >= s.units) return;
  const uint32_t hidden = s.hidden.divisor, row = s.hidden.divide(at), unit = at - row * hidden;
  T* const gates = s.gates + int64_t(row) * (kGates<kCell> * hidden) + unit;
  T h;
  if constexpr (kCell == RnnCell::Lstm) {
    const T i = kernels::gate(gates[0]), f = kernels::gate(gates[hidden]), g = kernels::tanh(gates[2 * hidden]),
            o = kernels::gate(gates[3 * hidden]), c = kernels::lstm_state(i, f, g, s.c_before[at]);
    gates[0] = i, gates[hidden] = f, gates[2 * hidden] = g, gates[3 * hidden] = o;
    (row < s.going_on ? s.c_next : s.c_last)[at] = c;
    h = o * kernels::tanh(c);
  } else if constexpr (kCell == RnnCell::Gru) {
    const T r = kernels::gate(gates[0]), z = kernels::gate(gates[hidden]),
            n = kernels::tanh(gates[2 * hidden] + r * s.hn[at]);
    gates[0] = r, gates[hidden] = z, gates[2 * hidden] = n;
    h = kernels::gru_state(z, n, s.h_before[at]);
  } else {
    const T a = gates[0];
    h = kCell == RnnCell::Relu ? (a < T(0) ? T(0) : a) : kernels::tanh(a);
    gates[0] = h;
  }
  s.h[at] = h;
  if (s.h_next) (row < s.going_on ? s.h_next : s.h_last)[at] = h;
}

// dh becomes what reaches h_before besides the product (Gru), dc the gradient of c_before.
template <class T> struct CellGradStep {
  uint32_t units;
  FastDiv hidden;
  const T *gates, *hn, *h_before, *c_before, *dy;  // dy: null where dh has it
  T *dh, *dc, *d_gates, *d_hidden;
};

template <RnnCell kCell, class T>
__global__ void __launch_bounds__(kCellThreads) cell_backward(CellGradStep<T> s) {
  const uint32_t at = blockIdx.x * kCellThreads + threadIdx.x;
  if (at >= s.units) return;
  const uint32_t hidden = s.hidden.divisor, row = s.hidden.divide(at), unit = at - row * hidden;
  const int64_t place = int64_t(row) * (kGates<kCell> * hidden) + unit;
  const T* const gates = s.gates + place;
  T* const to = s.d_gates + place;
  const T dh = s.dy ? s.dh[at] + s.dy[at] : s.dh[at];
  if constexpr (kCell == RnnCell::Lstm) {
    const T i = gates[0], f = gates[hidden], g = gates[2 * hidden], o = gates[3 * hidden], before = s.c_before[at];
    const T tanh_c = kernels::tanh(kernels::lstm_state(i, f, g, before));
    const auto d = kernels::lstm_grad(i, f, g, o, before, tanh_c, dh, s.dc[at]);
    to[0] = d.i, to[hidden] = d.f, to[2 * hidden] = d.g, to[3 * hidden] = d.o;
    s.dc[at] = d.before;
  } else if constexpr (kCell == RnnCell::Gru) {
    T* const also = s.d_hidden + place;
    const auto d = kernels::gru_grad(gates[0], gates[hidden], gates[2 * hidden], s.hn[at], s.h_before[at], dh);
    to[0] = also[0] = d.r, to[hidden] = also[hidden] = d.z;
    to[2 * hidden] = d.n, also[2 * hidden] = d.hn;
    s.dh[at] = d.before;
  } else {
    to[0] = kernels::plain_grad<kCell == RnnCell::Relu>(gates[0], dh);
  }
}

// y = a + b, b null for nothing
template <class T> __global__ void __launch_bounds__(kCellThreads)
    add_rows_of(T* y, const T* a, const T* b, uint32_t n) {
  const uint32_t i = blockIdx.x * kCellThreads + threadIdx.x;
  if (i < n) y[i] = b ? a[i] + b[i] : a[i];
}

template <class T> T* as(void* p) { return static_cast<T*>(p); }
template <class T> const T* as(const void* p) { return static_cast<const T*>(p); }
template <class T> T* rows_from(T* base, int64_t row, int64_t width) { return base ? base + row * width : nullptr; }

// A layer, and where the rows of each step lie, in the order in which it runs.
template <class T> class RnnRun {
 public:
  explicit RnnRun(const RnnArgs& args) : a_(args), offsets_(size_t(args.steps)) {
    for (int64_t t = 0, at = 0; t < args.steps; at += args.batch_sizes[t++]) offsets_[size_t(t)] = at;
    const int64_t width = args.hidden > args.state ? args.hidden : args.state;
    check_implemented(args.batch * width < (int64_t(1) << 31), "rnn", args.batch, " rows of ", width,
                      " hidden units on CUDA; call .cpu() first");
  }

  template <RnnCell kCell> void forward() const {
    constexpr int64_t gates = kGates<kCell>;
    const int64_t hidden = a_.hidden, state = a_.state, width = gates * hidden;
    for (int64_t i = 0; i < a_.steps; ++i) {
      start_rows(i, i == 0 ? 0 : rows(i - 1));
      const int64_t n = rows(i), at = first(i);
      const int64_t together = kCell == RnnCell::Gru ? 2 : gates;  // gates whose product is added to what is there
      T* const before = as<T>(a_.h_before) + at * state;
      T* const hn = rows_from(as<T>(a_.hn), at, hidden);
      GemmArgs g =
          product(n, together * hidden, state, before, as<T>(a_.w_hh), 1, state, as<T>(a_.gates) + at * width, width);
      g.accumulate = true;
      heavy_table.gemm(g);
      if (kCell == RnnCell::Gru) {
        g = product(n, hidden, state, before, as<T>(a_.w_hh) + 2 * hidden * state, 1, state, hn, hidden);
        g.bias = a_.b_hn;
        heavy_table.gemm(g);
      }
      CellStep<T> s{};
      s.units = uint32_t(n * hidden);
      s.going_on = uint32_t(going_on(i));
      s.hidden = division();
      s.gates = as<T>(a_.gates) + at * width;
      s.hn = hn;
      s.h_before = before;
      s.c_before = rows_from(as<T>(a_.c_before), at, hidden);
      s.h = (a_.w_hr ? as<T>(a_.h_whole) : as<T>(a_.y)) + at * hidden;
      const int64_t next = s.going_on > 0 ? first(i + 1) : 0;
      if (!a_.w_hr) s.h_next = as<T>(a_.h_before) + next * state, s.h_last = as<T>(a_.h);
      s.c_next = rows_from(as<T>(a_.c_before), next, hidden);
      s.c_last = as<T>(a_.c);
      const auto kernel = cell_forward<kCell, T>;
      if (s.units > 0) CNN_LAUNCH(kernel, blocks(s.units), kCellThreads, s);
      if (a_.w_hr) project(i);
    }
  }

  template <RnnCell kCell> void backward() const {
    const int64_t hidden = a_.hidden, state = a_.state, width = kGates<kCell> * hidden;
    const Scratch whole(a_.w_hr ? size_t(a_.batch * hidden) * sizeof(T) : 0);  // gradient of h before the projection
    for (int64_t i = a_.steps - 1; i >= 0; --i) {
      const int64_t n = rows(i), at = first(i);
      const T* const dy = rows_from(as<T>(a_.dy), at, state);
      if (a_.w_hr) {
        T* const d_state = as<T>(a_.d_state) + at * state;
        const auto add = add_rows_of<T>;
        const T* const d_last = as<T>(a_.h);
        if (n * state > 0) CNN_LAUNCH(add, blocks(n * state), kCellThreads, d_state, d_last, dy, uint32_t(n * state));
        heavy_table.gemm(product(n, hidden, state, d_state, as<T>(a_.w_hr), hidden, 1, as<T>(whole.data()), hidden));
      }
      CellGradStep<T> s{};
      s.units = uint32_t(n * hidden);
      s.hidden = division();
      s.gates = as<T>(a_.gates) + at * width;
      s.hn = rows_from(as<T>(a_.hn), at, hidden);
      s.h_before = as<T>(a_.h_before) + at * state;
      s.c_before = rows_from(as<T>(a_.c_before), at, hidden);
      s.dy = a_.w_hr ? nullptr : dy;
      s.dh = a_.w_hr ? as<T>(whole.data()) : as<T>(a_.h);
      s.dc = as<T>(a_.c);
      s.d_gates = as<T>(a_.d_gates) + at * width;
      s.d_hidden = rows_from(as<T>(a_.d_hidden), at, width);
      const auto kernel = cell_backward<kCell, T>;
      if (s.units > 0) CNN_LAUNCH(kernel, blocks(s.units), kCellThreads, s);
      // Gradient of the state that the step started from.
      GemmArgs g =
          product(n, state, width, s.d_hidden ? s.d_hidden : s.d_gates, as<T>(a_.w_hh), state, 1, as<T>(a_.h), state);
      g.accumulate = kCell == RnnCell::Gru;
      heavy_table.gemm(g);
    }
  }

 private:
  int64_t step(int64_t i) const { return a_.reverse ? a_.steps - 1 - i : i; }
  int64_t rows(int64_t i) const { return a_.batch_sizes[step(i)]; }
  int64_t first(int64_t i) const { return offsets_[size_t(step(i))]; }
  // Rows of step i that go on in step i + 1.
  int64_t going_on(int64_t i) const {
    if (i + 1 == a_.steps) return 0;
    return rows(i) < rows(i + 1) ? rows(i) : rows(i + 1);
  }
  FastDiv division() const { return FastDiv(uint32_t(a_.hidden > 0 ? a_.hidden : 1)); }
  static unsigned blocks(int64_t n) { return unsigned((n + kCellThreads - 1) / kCellThreads); }

  static void copy(T* to, const T* from, int64_t n) {
    if (n > 0)
      check_cuda(cudaMemcpyAsync(to, from, size_t(n) * sizeof(T), cudaMemcpyDeviceToDevice, kStream), "copying states");
  }

  // The rows that begin at step i, from the first states.
  void start_rows(int64_t i, int64_t from) const {
    const int64_t count = rows(i) - from, at = first(i) + from;
    copy(as<T>(a_.h_before) + at * a_.state, as<T>(a_.h) + from * a_.state, count * a_.state);
    if (a_.c) copy(as<T>(a_.c_before) + at * a_.hidden, as<T>(a_.c) + from * a_.hidden, count * a_.hidden);
  }

  void project(int64_t i) const {
    const int64_t n = rows(i), at = first(i), on = going_on(i), state = a_.state;
    T* const y = as<T>(a_.y) + at * state;
    const T* const whole = as<T>(a_.h_whole) + at * a_.hidden;
    heavy_table.gemm(product(n, state, a_.hidden, whole, as<T>(a_.w_hr), 1, a_.hidden, y, state));
    if (on > 0) copy(as<T>(a_.h_before) + first(i + 1) * state, y, on * state);
    copy(as<T>(a_.h) + on * state, y + on * state, (n - on) * state);
  }

  // c [m, n] = a [m, k] b [k, n], a and c dense in their rows
  GemmArgs product(int64_t m, int64_t n, int64_t k, const T* a, const T* b, int64_t b_row, int64_t b_col, T* c,
                   int64_t c_row) const {
    GemmArgs g;
    g.dtype = dtype_of<T>;
    g.tf32 = a_.tf32;
    g.m = m, g.n = n, g.k = k;
    g.a = a, g.a_row = k, g.a_col = 1;
    g.b = b, g.b_row = b_row, g.b_col = b_col;
    g.c = c, g.c_row = c_row;
    return g;
  }

  const RnnArgs& a_;
  std::vector<int64_t> offsets_;
};

template <class T> void run_rnn(const RnnArgs& args, bool forward) {
  const RnnRun<T> run(args);
  const auto with = [&]<RnnCell kCell>() { forward ? run.template forward<kCell>() : run.template backward<kCell>(); };
  switch (args.cell) {
    case RnnCell::Tanh:
      return with.template operator()<RnnCell::Tanh>();
    case RnnCell::Relu:
      return with.template operator()<RnnCell::Relu>();
    case RnnCell::Lstm:
      return with.template operator()<RnnCell::Lstm>();
    case RnnCell::Gru:
      return with.template operator()<RnnCell::Gru>();
  }
}

}  // namespace cnn::cuda
