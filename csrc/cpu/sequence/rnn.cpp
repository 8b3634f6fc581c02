// Recurrent layers: per step one fork of the pool, whose tasks are panels of hidden units. A task multiplies the state
// by its columns of the recurrent weights, packed once for all steps, and applies the cell while the gates are in
// cache.
#include <optional>

#include "core/parallel.h"
#include "cpu/heavy_kernels.h"
#include "cpu/gemm/packed_matrix.h"
#include "cpu/sequence/rnn_cells.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// Multiplications of a step below which a second thread does not pay.
inline constexpr int64_t kSerialStep = 1 << 17;

// Where the rows of each step lie, in the order in which the layer runs.
class Steps {
 public:
  explicit Steps(const RnnArgs& args) : args_(args), offsets_(args.steps) {
    for (int64_t t = 0, at = 0; t < args.steps; at += args.batch_sizes[t++]) offsets_[t] = at;
  }
  int64_t count() const { return args_.steps; }
  int64_t rows(int64_t i) const { return args_.batch_sizes[at(i)]; }
  int64_t first(int64_t i) const { return offsets_[at(i)]; }
  // Rows of step i that go on in step i + 1.
  int64_t going_on(int64_t i) const { return i + 1 < count() ? min_of(rows(i), rows(i + 1)) : 0; }

 private:
  int64_t at(int64_t i) const { return args_.reverse ? args_.steps - 1 - i : i; }
  const RnnArgs& args_;
  Scratch<int64_t> offsets_;
};

template <class T> void copy_rows(const T* from, T* to, int64_t n) {
  if (n > 0) __builtin_memcpy(to, from, size_t(n) * sizeof(T));
}

template <class T> void add_to(T* __restrict to, const T* __restrict x, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) to[i] += x[i];
}

template <class T> T* as(void* p) { return static_cast<T*>(p); }
template <class T> const T* as(const void* p) { return static_cast<const T*>(p); }
template <class T> T* row_of(T* base, int64_t row, int64_t width) { return base ? base + row * width : nullptr; }

// f(panel) for all panels; `work` is that of the whole step.
template <class F> void each_panel(int64_t panels, int64_t work, const F& f) {
  const int64_t grain = max_of(1, kSerialStep * panels / max_of(work, 1) / 2);
  parallel_for(panels, grain, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) f(p);
  });
}

// --- forward --------------------------------------------------------------------------------------------------------

template <class T, class Cell> class Forward {
  static_assert(PackedMatrix<T>::kWidth <= kMaxUnits);

 public:
  explicit Forward(const RnnArgs& args) : a_(args), steps_(args) {
    for (int g = 0; g < Cell::kGates; ++g)
      weights_[g].emplace(as<T>(a_.w_hh) + g * a_.hidden * a_.state, 1, a_.state, a_.state, a_.hidden);
    if (a_.w_hr) projection_.emplace(as<T>(a_.w_hr), 1, a_.hidden, a_.hidden, a_.state);
  }

  void run() {
    start_rows(0, 0);
    for (int64_t i = 0; i < steps_.count(); ++i) {
      if (i > 0) start_rows(i, steps_.rows(i - 1));
      const int64_t rows = steps_.rows(i), panels = weights_[0]->panels();
      each_panel(panels, rows * a_.state * a_.hidden * Cell::kGates, [&](int64_t p) { gates_of(i, p); });
      if (projection_)
        each_panel(projection_->panels(), rows * a_.state * a_.hidden, [&](int64_t p) { project(i, p); });
    }
  }

 private:
  // The rows that begin at step i: from the first states.
  void start_rows(int64_t i, int64_t from) {
    const int64_t count = steps_.rows(i) - from, at = steps_.first(i) + from;
    copy_rows(as<T>(a_.h) + from * a_.state, as<T>(a_.h_before) + at * a_.state, count * a_.state);
    if (Cell::kHasCell)
      copy_rows(as<T>(a_.c) + from * a_.hidden, as<T>(a_.c_before) + at * a_.hidden, count * a_.hidden);
  }

  // Where the state of a row goes after step i: to the next step, or to the results.
  T* next(void* before, void* last, int64_t i, int64_t row, int64_t width) {
    return row < steps_.going_on(i) ? as<T>(before) + (steps_.first(i + 1) + row) * width : as<T>(last) + row * width;
  }

  void gates_of(int64_t i, int64_t panel) {
    const int64_t rows = steps_.rows(i), first = steps_.first(i), width = Cell::kGates * a_.hidden;
    const T* h = as<T>(a_.h_before) + first * a_.state;
    T* gates = as<T>(a_.gates) + first * width;
    T* hn = row_of(as<T>(a_.hn), first, a_.hidden);
    for (int g = 0; g < Cell::kGates; ++g) {
      if (Cell::kIsGru && g == 2) weights_[g]->multiply(panel, rows, h, a_.state, hn, a_.hidden, false, as<T>(a_.b_hn));
      else weights_[g]->multiply(panel, rows, h, a_.state, gates + g * a_.hidden, width, true);
    }
    const int64_t begin = panel * PackedMatrix<T>::kWidth, end = begin + weights_[0]->cols(panel);
    T* out = projection_ ? as<T>(a_.h_whole) : as<T>(a_.y);
    CellRow<T> row{};
    row.hidden = a_.hidden;
    for (int64_t r = 0; r < rows; ++r) {
      row.gates = gates + r * width;
      row.hn = row_of(hn, r, a_.hidden);
      row.h_before = h + r * a_.state;
      row.h = out + (first + r) * a_.hidden;
      if constexpr (Cell::kHasCell) {
        row.c_before = as<T>(a_.c_before) + (first + r) * a_.hidden;
        row.c = next(a_.c_before, a_.c, i, r, a_.hidden);
      }
      Cell::forward(row, begin, end);
      if (!projection_) copy_rows(row.h + begin, next(a_.h_before, a_.h, i, r, a_.hidden) + begin, end - begin);
    }
  }

  void project(int64_t i, int64_t panel) {
    const int64_t rows = steps_.rows(i), first = steps_.first(i);
    T* y = as<T>(a_.y) + first * a_.state;
    projection_->multiply(panel, rows, as<T>(a_.h_whole) + first * a_.hidden, a_.hidden, y, a_.state, false);
    const int64_t begin = panel * PackedMatrix<T>::kWidth;
    for (int64_t r = 0; r < rows; ++r)
      copy_rows(y + r * a_.state + begin, next(a_.h_before, a_.h, i, r, a_.state) + begin, projection_->cols(panel));
  }

  const RnnArgs& a_;
  Steps steps_;
  std::optional<PackedMatrix<T>> weights_[Cell::kGates];  // [state, hidden] of each gate
  std::optional<PackedMatrix<T>> projection_;  // [hidden, state]
};

// --- backward -------------------------------------------------------------------------------------------------------

// a.h and a.c hold the gradients of the states that the rows have after the step at hand.
template <class T, class Cell> class Backward {
 public:
  explicit Backward(const RnnArgs& args)
      : a_(args),
        steps_(args),
        product_(a_.d_hidden ? as<T>(a_.d_hidden) : as<T>(a_.d_gates)),
        weights_(as<T>(a_.w_hh), a_.state, 1, Cell::kGates * a_.hidden, a_.state) {
    if (a_.w_hr) projection_.emplace(as<T>(a_.w_hr), a_.hidden, 1, a_.state, a_.hidden);
  }

  void run() {
    const int64_t last = steps_.count() - 1;
    if (projection_) return run_projected();
    const int64_t panels = weights_.panels();
    each_panel(panels, steps_.rows(last) * a_.hidden * 16, [&](int64_t p) { cell(last, p); });
    for (int64_t i = last; i >= 0; --i) {
      each_panel(panels, work_of(i), [&](int64_t p) {
        before(i, p);
        if (i > 0) cell(i - 1, p);
      });
    }
  }

 private:
  int64_t work_of(int64_t i) const { return steps_.rows(i) * a_.state * a_.hidden * Cell::kGates; }

  void run_projected() {
    for (int64_t i = steps_.count() - 1; i >= 0; --i) {
      sum_state(i);
      each_panel(projection_->panels(), steps_.rows(i) * a_.state * a_.hidden, [&](int64_t p) { cell(i, p); });
      each_panel(weights_.panels(), work_of(i), [&](int64_t p) { before(i, p); });
    }
  }

  // d_state = dy + what comes from later steps
  void sum_state(int64_t i) {
    const int64_t n = steps_.rows(i) * a_.state, at = steps_.first(i) * a_.state;
    T* to = as<T>(a_.d_state) + at;
    copy_rows(as<T>(a_.h), to, n);
    if (a_.dy) add_to(to, as<T>(a_.dy) + at, 0, n);
  }

  // Gradients of the gates of step i, for the units of a panel.
  void cell(int64_t i, int64_t panel) {
    const int64_t rows = steps_.rows(i), first = steps_.first(i), width = Cell::kGates * a_.hidden;
    const int64_t begin = panel * PackedMatrix<T>::kWidth, end = min_of(begin + PackedMatrix<T>::kWidth, a_.hidden);
    Scratch<T> whole(projection_ ? rows * a_.hidden : 0);  // gradient of h before the projection
    if (projection_)
      projection_->multiply(panel, rows, as<T>(a_.d_state) + first * a_.state, a_.state, whole, a_.hidden, false);
    CellRow<T> row{};
    row.hidden = a_.hidden;
    for (int64_t r = 0; r < rows; ++r) {
      row.gates = as<T>(a_.gates) + (first + r) * width;
      row.hn = row_of(as<T>(a_.hn), first + r, a_.hidden);
      row.h_before = as<T>(a_.h_before) + (first + r) * a_.state;
      row.c_before = row_of(as<T>(a_.c_before), first + r, a_.hidden);
      row.dh = (projection_ ? static_cast<T*>(whole) : as<T>(a_.h)) + r * a_.hidden;
      row.dc = row_of(as<T>(a_.c), r, a_.hidden);
      row.d_gates = as<T>(a_.d_gates) + (first + r) * width;
      row.d_hidden = row_of(as<T>(a_.d_hidden), first + r, width);
      if (a_.dy && !projection_) add_to(row.dh, as<T>(a_.dy) + (first + r) * a_.hidden, begin, end);
      Cell::backward(row, begin, end);
    }
  }

  // Gradient of the state that step i started from.
  void before(int64_t i, int64_t panel) {
    const int64_t width = Cell::kGates * a_.hidden;
    weights_.multiply(panel, steps_.rows(i), product_ + steps_.first(i) * width, width, as<T>(a_.h), a_.state,
                      Cell::kIsGru);
  }

  const RnnArgs& a_;
  Steps steps_;
  const T* product_;  // gradient of the recurrent product
  PackedMatrix<T> weights_;  // [G hidden, state]
  std::optional<PackedMatrix<T>> projection_;  // [state, hidden]
};

template <template <class, class> class Pass, class T> void run_cell(const RnnArgs& args) {
  switch (args.cell) {
    case RnnCell::Tanh:
      return Pass<T, PlainCell<false>>(args).run();
    case RnnCell::Relu:
      return Pass<T, PlainCell<true>>(args).run();
    case RnnCell::Lstm:
      return Pass<T, LstmCell>(args).run();
    case RnnCell::Gru:
      return Pass<T, GruCell>(args).run();
  }
}

template <template <class, class> class Pass> void run_pass(const RnnArgs& args) {
  const WorkScope scope(double(args.total) * double(args.hidden) * double(args.state) / 20);
  if (args.dtype == DType::Float64) run_cell<Pass, double>(args);
  else run_cell<Pass, float>(args);
}

}  // namespace

void rnn_forward(const RnnArgs& args) { run_pass<Forward>(args); }
void rnn_backward(const RnnArgs& args) { run_pass<Backward>(args); }

}  // namespace cnn::cpu::CNN_ISA
