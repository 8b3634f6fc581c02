#include "cuda/attention.cuh"

namespace cnn::cuda {
namespace {

// The planes of one call of the products: head `head` of batch `batch`, and from there on by these steps.
struct Planes {
  int64_t count, batch, head, kv_head;
  int64_t batch_step, head_step, kv_step;
  bool adds;  // to gradients of keys that planes before have written
};

// f(planes) for all batches and heads, in a fixed order, by as few calls as strides allow. Heads that share their keys
// are in different calls.
template <class F> void each_planes(const AttentionArgs& a, const F& f) {
  const int64_t group = a.heads / a.kv_heads;
  const auto joins = [&](const AttentionPlanes& p) { return !p.data || a.batch == 1 || p.batch == a.heads * p.head; };
  const bool mask_joins = !a.mask || a.batch == 1 || a.mask_batch == a.heads * a.mask_head;
  if (group == 1 && mask_joins && joins(a.q) && joins(a.k) && joins(a.v) && joins(a.out) && joins(a.d_out) &&
      joins(a.dq) && joins(a.dk) && joins(a.dv))
    return f(Planes{a.batch * a.heads, 0, 0, 0, 0, 1, 1, false});
  if (a.heads < a.batch * group) {
    for (int64_t h = 0; h < a.heads; ++h) f(Planes{a.batch, 0, h, h / group, 1, 0, 0, h % group > 0});
    return;
  }
  for (int64_t b = 0; b < a.batch; ++b)
    for (int64_t g = 0; g < group; ++g) f(Planes{a.kv_heads, b, g, 0, 0, group, 1, g > 0});
}

template <class T> class AttentionRun {
 public:
  explicit AttentionRun(const AttentionArgs& args) : a_(args) {
    const int64_t all = a_.rows * a_.cols;
    rows_ = a_.rows;
    planes_ = all > 0 ? kMostScores / all : 1;
    if (planes_ < 1) {
      planes_ = 1;
      rows_ = kMostScores / a_.cols;
      if (rows_ > 16) rows_ -= rows_ % 16;
      if (rows_ < 1) rows_ = 1;
      if (rows_ > a_.rows) rows_ = a_.rows;
    }
    if (planes_ > a_.batch * a_.heads) planes_ = a_.batch * a_.heads;
  }
  size_t buffer() const { return size_t(planes_ * rows_ * a_.cols) * sizeof(T); }

  // f(planes, first row, rows, whether none of these planes' rows came before), from the last rows on: of causal
  // attention those see most keys.
  template <class F> void each_window(const F& f) const {
    each_planes(a_, [&](const Planes& all) {
      for (int64_t done = 0; done < all.count; done += planes_) {
        Planes p = all;
        p.count = all.count - done < planes_ ? all.count - done : planes_;
        p.batch += done * all.batch_step, p.head += done * all.head_step, p.kv_head += done * all.kv_step;
        for (int64_t end = a_.rows; end > 0; end -= rows_) {
          const int64_t first = end > rows_ ? end - rows_ : 0;
          f(p, first, end - first, end == a_.rows);
        }
      }
    });
  }

  void forward() const {
    const Scratch scores(buffer());
    each_window([&](const Planes& p, int64_t first, int64_t rows, bool) {
      const int64_t cols = seen(first, rows);
      T* const s = static_cast<T*>(scores.data());
      multiply_scores(p, first, rows, cols, a_.q, a_.width, a_.k, a_.scale, s);
      launch_scores(score_rows(p, first, rows, cols, s, nullptr), true);
      GemmArgs g = product(p, rows, a_.value_width, cols);
      left_scores(g, s, rows, cols);
      right_keys(g, p, a_.v);
      to_rows(g, p, a_.out, first);
      heavy_table.gemm(g);
    });
  }

  void backward() const {
    const Scratch scores(buffer()), gradients(buffer());
    each_window([&](const Planes& p, int64_t first, int64_t rows, bool fresh) {
      // The first window writes the gradients of all keys, zeros where nobody sees them.
      const int64_t cols = fresh ? a_.cols : seen(first, rows);
      T *const s = static_cast<T*>(scores.data()), *const ds = static_cast<T*>(gradients.data());
      multiply_scores(p, first, rows, cols, a_.q, a_.width, a_.k, a_.scale, s);
      multiply_scores(p, first, rows, cols, a_.d_out, a_.value_width, a_.v, 1, ds);
      launch_scores(score_rows(p, first, rows, cols, s, ds), false);
      GemmArgs g = product(p, rows, a_.width, cols);
      left_scores(g, ds, rows, cols);
      right_keys(g, p, a_.k);
      to_rows(g, p, a_.dq, first);
      heavy_table.gemm(g);
      add_along(p, first, rows, cols, s, a_.d_out, a_.value_width, a_.dv, !fresh);
      add_along(p, first, rows, cols, ds, a_.q, a_.width, a_.dk, !fresh);
    });
  }

 private:
  int64_t seen(int64_t first, int64_t rows) const {
    return a_.causal && first + rows < a_.cols ? first + rows : a_.cols;
  }

  T* query_row(const AttentionPlanes& x, const Planes& p, int64_t row) const {
    return static_cast<T*>(x.data) + p.batch * x.batch + p.head * x.head + row * x.row;
  }
  T* keys(const AttentionPlanes& x, const Planes& p) const {
    return static_cast<T*>(x.data) + p.batch * x.batch + p.kv_head * x.head;
  }
  static int64_t query_step(const AttentionPlanes& x, const Planes& p) {
    return p.batch_step * x.batch + p.head_step * x.head;
  }
  static int64_t key_step(const AttentionPlanes& x, const Planes& p) {
    return p.batch_step * x.batch + p.kv_step * x.head;
  }

  GemmArgs product(const Planes& p, int64_t m, int64_t n, int64_t k) const {
    GemmArgs g;
    g.dtype = dtype_of<T>;
    g.tf32 = a_.tf32;
    g.batch = p.count, g.m = m, g.n = n, g.k = k;
    return g;
  }
  static void left_scores(GemmArgs& g, const T* s, int64_t rows, int64_t cols) {
    g.a = s, g.a_batch = rows * cols, g.a_row = cols, g.a_col = 1;
  }
  void right_keys(GemmArgs& g, const Planes& p, const AttentionPlanes& x) const {
    g.b = keys(x, p), g.b_batch = key_step(x, p), g.b_row = x.row, g.b_col = 1;
  }
  void to_rows(GemmArgs& g, const Planes& p, const AttentionPlanes& x, int64_t first) const {
    g.c = query_row(x, p, first), g.c_batch = query_step(x, p), g.c_row = x.row;
  }

  // s [rows, cols] = scale x y^T, of rows of x and keys y
  void multiply_scores(const Planes& p, int64_t first, int64_t rows, int64_t cols, const AttentionPlanes& x,
                       int64_t width, const AttentionPlanes& y, double scale, T* s) const {
    GemmArgs g = product(p, rows, cols, width);
    g.a = query_row(x, p, first), g.a_batch = query_step(x, p), g.a_row = x.row, g.a_col = 1;
    g.b = keys(y, p), g.b_batch = key_step(y, p), g.b_row = 1, g.b_col = y.row;
    g.c = s, g.c_batch = rows * cols, g.c_row = cols;
    g.alpha = scale;
    heavy_table.gemm(g);
  }

  // y [cols, width] (+)= s^T x, of rows of x and keys y
  void add_along(const Planes& p, int64_t first, int64_t rows, int64_t cols, const T* s, const AttentionPlanes& x,
                 int64_t width, const AttentionPlanes& y, bool accumulate) const {
    GemmArgs g = product(p, cols, width, rows);
    g.a = s, g.a_batch = rows * cols, g.a_row = 1, g.a_col = cols;
    g.b = query_row(x, p, first), g.b_batch = query_step(x, p), g.b_row = x.row, g.b_col = 1;
    g.c = keys(y, p), g.c_batch = key_step(y, p), g.c_row = y.row;
    g.accumulate = accumulate || p.adds;
    heavy_table.gemm(g);
  }

  ScoreRows<T> score_rows(const Planes& p, int64_t first, int64_t rows, int64_t cols, T* s, T* ds) const {
    ScoreRows<T> r{};
    r.s = s, r.ds = ds;
    r.planes = p.count, r.rows = rows, r.first_row = first, r.cols = cols;
    r.causal = a_.causal;
    r.scale = T(a_.scale);
    if (a_.mask) {
      const int64_t at = p.batch * a_.mask_batch + p.head * a_.mask_head;
      r.mask_is_bool = a_.mask_is_bool;
      r.mask = static_cast<const char*>(a_.mask) + at * (a_.mask_is_bool ? 1 : int64_t(sizeof(T)));
      r.mask_plane = p.batch_step * a_.mask_batch + p.head_step * a_.mask_head;
      r.mask_row = a_.mask_row, r.mask_col = a_.mask_col;
    }
    const int64_t plane = p.batch * a_.heads + p.head, step = p.batch_step * a_.heads + p.head_step;
    if (a_.noise) {
      r.noise = static_cast<const T*>(a_.noise) + plane * a_.rows * a_.cols;
      r.noise_plane = step * a_.rows * a_.cols, r.noise_row = a_.cols;
    }
    r.largest = static_cast<T*>(a_.lse) + plane * a_.rows;
    r.rest = r.largest + a_.batch * a_.heads * a_.rows;
    r.lse_plane = step * a_.rows;
    return r;
  }

  const AttentionArgs& a_;
  int64_t planes_, rows_;  // of a buffer
};

bool by_tiles(const AttentionArgs& a) {
  return is_reduced(a.dtype) || (a.dtype == DType::Float32 && a.tf32 && attention_fits_tiles(a));
}

}  // namespace

void attention_forward(const AttentionArgs& args) {
  if (by_tiles(args)) attention_forward_by_tiles(args);
  else if (args.dtype == DType::Float64) AttentionRun<double>(args).forward();
  else AttentionRun<float>(args).forward();
}
void attention_backward(const AttentionArgs& args) {
  if (by_tiles(args)) attention_backward_by_tiles(args);
  else if (args.dtype == DType::Float64) AttentionRun<double>(args).backward();
  else AttentionRun<float>(args).backward();
}

}  // namespace cnn::cuda
