// The gradient of attention, from scores that are computed again (Dao et al. 2022).
#include "core/parallel.h"
#include "cpu/sequence/attention.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

inline constexpr int64_t kRowBlock = 128;  // rows whose weights are kept for the products along them

// p = exp(s - largest - rest) in place of s, p (dp - inner) in place of dp, of n numbers, whole vectors.
template <class T> void score_gradients(T* __restrict s, T* __restrict dp, int64_t n, T largest, T rest, T inner) {
  const Vec<T> top = vec_splat(largest), shift = vec_splat(rest), less = vec_splat(inner);
  for (int64_t c = 0; c < n; c += kLanes<T>) {
    const Vec<T> p = vec_exp_negative(vec_load(s + c) - top - shift);
    vec_store(s + c, p);
    vec_store(dp + c, p * (vec_load(dp + c) - less));
  }
}

template <class T> void zero(T* p, int64_t n) { __builtin_memset(p, 0, size_t(max_of(n, 0)) * sizeof(T)); }

template <class T> T dot(const T* a, const T* b, int64_t n) {
  Vec<T> sum{};
  int64_t e = 0;
  for (; e + kLanes<T> <= n; e += kLanes<T>) sum = vec_fma(vec_load(a + e), vec_load(b + e), sum);
  T total = vec_sum<T>(sum);
  for (; e < n; ++e) total += a[e] * b[e];
  return total;
}

// c [m, n] += a b, with a [k, m] read across its rows.
template <class T>
void add_product(int64_t m, int64_t n, int64_t k, const T* a, int64_t a_row, const T* b, T* c, int64_t c_row) {
  Gemm<T> g;
  g.m = m, g.n = n, g.k = k;
  g.a = a, g.a_row = 1, g.a_col = a_row;
  g.b = b, g.b_row = n, g.b_col = 1;
  g.c = c, g.c_row = c_row;
  g.accumulate = true;
  gemm(g);
}

// One stack, whose heads add to the same gradients of keys and values.
template <class T> class Backward {
 public:
  explicit Backward(const AttentionArgs& args)
      : a_(args),
        rows_(args.heads / args.kv_heads * args.rows),
        blocks_(rows_, ceil_div(rows_, kRowBlock)),
        block_(min_of(kKeyBlock, args.cols)),
        s_row_(whole_vectors<T>(block_) + kLanes<T>),
        keys_lie_(read_in_place<T>(args.k, args.width, rows_)),
        q_(blocks_.largest() * args.width),
        d_out_(blocks_.largest() * args.value_width),
        p_(blocks_.largest() * s_row_),
        ds_(blocks_.largest() * s_row_),
        inner_(rows_),
        dq_(kTileRows * args.width),
        packed_k_(panels_size<T>(args.width, block_)),
        packed_v_(panels_size<T>(args.value_width, block_)),
        packed_rows_(keys_lie_ ? 0 : panels_size<T>(block_, args.width)) {}

  void run(const Stack<T>& stack) {
    for (int64_t r = 0; r < rows_; ++r) {
      zero(stack.query_row(a_.dq, r), a_.width);
      inner_[r] = dot(stack.query_row(a_.out, r), stack.query_row(a_.d_out, r), a_.value_width);
    }
    for (int64_t j = 0; j < a_.cols; j += block_) {
      const int64_t keys = min_of(block_, a_.cols - j);
      const T *const k = stack.key_row(a_.k, j), *const v = stack.key_row(a_.v, j);
      for (int64_t i = j; i < j + keys; ++i)
        zero(stack.key_row(a_.dk, i), a_.width), zero(stack.key_row(a_.dv, i), a_.value_width);
      k_ = packed_panels<T>(k, 1, a_.k.row, a_.width, keys, packed_k_);
      v_ = packed_panels<T>(v, 1, a_.v.row, a_.value_width, keys, packed_v_);
      k_rows_ = keys_lie_ ? PanelsB<T>{k, a_.k.row, kTileCols<T>}
                          : packed_panels<T>(k, a_.k.row, 1, keys, a_.width, packed_rows_);
      for (int64_t b = 0; b < blocks_.count; ++b) {
        const int64_t first = blocks_.begin(b), rows = blocks_.size(b);
        const int64_t cols = min_of(keys, stack.seen(first, rows) - j);
        if (cols > 0) run_window(stack, first, rows, j, cols);
      }
    }
  }

 private:
  void run_window(const Stack<T>& stack, int64_t first, int64_t rows, int64_t j, int64_t cols) {
    const int64_t width = a_.width, value_width = a_.value_width;
    stack.copy_rows(a_.q, first, rows, width, T(a_.scale), q_);
    stack.copy_rows(a_.d_out, first, rows, value_width, T(1), d_out_);
    const Parts panels(rows, ceil_div(rows, kTileRows));
    for (int64_t p = 0; p < panels.count; ++p) run_panel(stack, first, panels.begin(p), panels.size(p), j, cols);
    add_product<T>(cols, value_width, rows, p_, s_row_, d_out_, stack.key_row(a_.dv, j), a_.dv.row);
    add_product<T>(cols, width, rows, ds_, s_row_, q_, stack.key_row(a_.dk, j), a_.dk.row);
  }

  // The rows r to r + m of a block, which begins at row `first` of the stack: weights and gradients of scores, and
  // with them the gradient of the queries.
  void run_panel(const Stack<T>& stack, int64_t first, int64_t r, int64_t m, int64_t j, int64_t cols) {
    T *const s = p_ + r * s_row_, *const ds = ds_ + r * s_row_;
    const int64_t row = first + r, n = max_of(0, min_of(cols, stack.seen(row, m) - j)), whole = whole_vectors<T>(n);
    if (n > 0) {
      multiply_panels<T>(m, n, a_.width, q_ + r * a_.width, a_.width, k_, s, s_row_);
      multiply_panels<T>(m, n, a_.value_width, d_out_ + r * a_.value_width, a_.value_width, v_, ds, s_row_);
      stack.mask(row, m, j, n, s, s_row_);
    }
    for (int64_t i = 0; i < m; ++i) {
      T *const s_i = s + i * s_row_, *const ds_i = ds + i * s_row_;
      const T* const noise = stack.noise(row + i, j);
      zero(ds_i + n, whole - n);
      if (noise) multiply_row(ds_i, noise, n);
      score_gradients(s_i, ds_i, whole, *stack.largest(row + i), *stack.rest(row + i), inner_[row + i]);
      if (noise) multiply_row(s_i, noise, n);
      zero(s_i + whole, cols - whole), zero(ds_i + whole, cols - whole);
    }
    if (n == 0) return;
    multiply_panels<T>(m, a_.width, n, ds, s_row_, k_rows_, dq_, a_.width);
    for (int64_t i = 0; i < m; ++i) {
      T* const to = stack.query_row(a_.dq, row + i);
      for (int64_t e = 0; e < a_.width; ++e) to[e] += dq_[i * a_.width + e] * T(a_.scale);
    }
  }

  const AttentionArgs& a_;
  const int64_t rows_;
  const Parts blocks_;
  const int64_t block_, s_row_;
  const bool keys_lie_;
  const Scratch<T> q_, d_out_, p_, ds_, inner_, dq_, packed_k_, packed_v_, packed_rows_;
  PanelsB<T> k_, v_, k_rows_;
};

template <class T> void backward(const AttentionArgs& args) {
  const int64_t group = args.heads / args.kv_heads;
  const int64_t work = args.rows * args.cols * (3 * args.width + 2 * args.value_width) * group;
  parallel_for(args.batch * args.kv_heads, 1 + kSerialWork / (work + 1), [&](int64_t begin, int64_t end) {
    Backward<T> backward(args);
    for (int64_t n = begin; n < end; ++n) backward.run(Stack<T>(args, n / args.kv_heads, n % args.kv_heads));
  });
}

}  // namespace

void attention_backward(const AttentionArgs& args) {
  const WorkScope scope(attention_cost(args));
  if (args.dtype == DType::Float64) backward<double>(args);
  else backward<float>(args);
}

}  // namespace cnn::cpu::CNN_ISA
