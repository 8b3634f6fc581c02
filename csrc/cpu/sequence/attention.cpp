// Attention in blocks of queries and keys, so that scores never leave the cache: forward keeps a running maximum and
// sum of each row (Milakov and Gimelshein 2018), backward computes the scores again (Dao et al. 2022).
#include "core/parallel.h"
#include "cpu/gemm/gemm.h"
#include "cpu/heavy_kernels.h"
#include "cpu/scratch.h"
#include "kernels/math.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

inline constexpr int64_t kKeyBlock = 512;
inline constexpr int64_t kQueryBlock = 128, kCausalQueryBlock = 64;  // smaller where half of the last block is empty

template <class T> T* plane(const AttentionPlanes& p, int64_t batch, int64_t head) {
  return static_cast<T*>(p.data) + batch * p.batch + head * p.head;
}

// The scores of `rows` queries from i on and `cols` keys from j on.
struct Window {
  int64_t i, rows, j, cols;
};

// One head of one element of the batch.
template <class T> class Head {
 public:
  Head(const AttentionArgs& args, int64_t batch, int64_t head)
      : a_(args), kv_(head / (args.heads / args.kv_heads)), batch_(batch), head_(head) {}

  const T* q(int64_t i) const { return plane<T>(a_.q, batch_, head_) + i * a_.q.row; }
  const T* k(int64_t j) const { return plane<T>(a_.k, batch_, kv_) + j * a_.k.row; }
  const T* v(int64_t j) const { return plane<T>(a_.v, batch_, kv_) + j * a_.v.row; }
  T* out(int64_t i) const { return plane<T>(a_.out, batch_, head_) + i * a_.out.row; }
  T* lse() const { return static_cast<T*>(a_.lse) + (batch_ * a_.heads + head_) * a_.rows; }
  const T* d_out(int64_t i) const { return plane<T>(a_.d_out, batch_, head_) + i * a_.d_out.row; }
  T* dq(int64_t i) const { return plane<T>(a_.dq, batch_, head_) + i * a_.dq.row; }
  T* dk(int64_t j) const { return plane<T>(a_.dk, batch_, kv_) + j * a_.dk.row; }
  T* dv(int64_t j) const { return plane<T>(a_.dv, batch_, kv_) + j * a_.dv.row; }
  const T* noise(int64_t i, int64_t j) const {
    if (!a_.noise) return nullptr;
    return static_cast<const T*>(a_.noise) + ((batch_ * a_.heads + head_) * a_.rows + i) * a_.cols + j;
  }

  // s [rows, cols] = scale q k^T + mask
  void scores(const Window& w, T* s) const {
    Gemm<T> g;
    g.m = w.rows, g.n = w.cols, g.k = a_.width;
    g.a = q(w.i), g.a_row = a_.q.row, g.a_col = 1;
    g.b = k(w.j), g.b_row = 1, g.b_col = a_.k.row;
    g.c = s, g.c_row = w.cols;
    g.alpha = T(a_.scale);
    gemm(g);
    if (a_.mask) add_mask(w, s);
    if (a_.causal)
      for (int64_t r = 0; r < w.rows; ++r)
        for (int64_t c = max_of(0, w.i + r + 1 - w.j); c < w.cols; ++c) s[r * w.cols + c] = -kernels::infinity<T>();
  }

 private:
  void add_mask(const Window& w, T* s) const {
    const int64_t at = batch_ * a_.mask_batch + head_ * a_.mask_head + w.i * a_.mask_row + w.j * a_.mask_col;
    for (int64_t r = 0; r < w.rows; ++r, s += w.cols) {
      if (a_.mask_is_bool) {
        const uint8_t* seen = static_cast<const uint8_t*>(a_.mask) + at + r * a_.mask_row;
        if (a_.mask_col == 1)
          for (int64_t c = 0; c < w.cols; ++c) s[c] = seen[c] ? s[c] : -kernels::infinity<T>();
        else
          for (int64_t c = 0; c < w.cols; ++c) s[c] = seen[c * a_.mask_col] ? s[c] : -kernels::infinity<T>();
      } else {
        const T* bias = static_cast<const T*>(a_.mask) + at + r * a_.mask_row;
        if (a_.mask_col == 1)
          for (int64_t c = 0; c < w.cols; ++c) s[c] += bias[c];
        else
          for (int64_t c = 0; c < w.cols; ++c) s[c] += bias[c * a_.mask_col];
      }
    }
  }

  const AttentionArgs& a_;
  int64_t kv_, batch_, head_;
};

template <class T> Vec<T> larger(Vec<T> a, Vec<T> b) { return b > a ? b : a; }

// In every lane the one kStep lanes away.
template <class T, int kStep, int... kLane> Vec<T> exchanged(Vec<T> v, LaneList<kLane...>) {
  return __builtin_shufflevector(v, v, (kLane ^ kStep)...);
}
// In every lane the largest of all of them.
template <class T, int kStep = kLanes<T> / 2> Vec<T> largest_of_lanes(Vec<T> v) {
  if constexpr (kStep > 0) {
    v = larger<T>(v, exchanged<T, kStep>(v, AllLanes<T>{}));
    v = largest_of_lanes<T, kStep / 2>(v);
  }
  return v;
}

// The largest of a row and `top`; four strands hide the latency.
template <class T> T row_max(const T* x, int64_t n, T top) {
  const Vec<T> start = vec_splat(top);
  Vec<T> best[4] = {start, start, start, start};
  int64_t i = 0;
  for (; i + 4 * kLanes<T> <= n; i += 4 * kLanes<T>)
#pragma GCC unroll 4
    for (int l = 0; l < 4; ++l) best[l] = larger<T>(best[l], vec_load(x + i + l * kLanes<T>));
  for (; i + kLanes<T> <= n; i += kLanes<T>) best[0] = larger<T>(best[0], vec_load(x + i));
  top = largest_of_lanes<T>(larger<T>(larger<T>(best[0], best[1]), larger<T>(best[2], best[3])))[0];
  for (; i < n; ++i) top = x[i] > top ? x[i] : top;
  return top;
}

template <class T> T row_sum(const T* x, int64_t n) {
  Vec<T> sum[4] = {};
  int64_t i = 0;
  for (; i + 4 * kLanes<T> <= n; i += 4 * kLanes<T>)
#pragma GCC unroll 4
    for (int l = 0; l < 4; ++l) sum[l] += vec_load(x + i + l * kLanes<T>);
  for (; i + kLanes<T> <= n; i += kLanes<T>) sum[0] += vec_load(x + i);
  T total = vec_sum<T>((sum[0] + sum[1]) + (sum[2] + sum[3]));
  for (; i < n; ++i) total += x[i];
  return total;
}

// exp(x) of a score less the largest of its row, so that x <= 0 but for rounding. 0 below -87: subnormal results cost a
// hundred times as much, and masked scores would all be such. As integers, to stay free of branches.
CNN_HD float exp_score(float x) {
  const uint32_t a = kernels::float_to_bits(x) & 0x7fffffffu, most = 0x42ae0000u;
  const float y = kernels::exp(-kernels::bits_to_float(a < most ? a : most));
  const float z = a < most ? y : 0.0f;
  return x != x ? x : z;
}
CNN_HD double exp_score(double x) { return kernels::exp(x); }

template <class T> void exp_of(T* __restrict x, int64_t n, T shift) {
  for (int64_t i = 0; i < n; ++i) x[i] = exp_score(x[i] - shift);
}
template <class T> void scale_row(T* __restrict x, int64_t n, T by) {
  for (int64_t i = 0; i < n; ++i) x[i] *= by;
}
template <class T> void multiply_row(T* __restrict x, const T* __restrict by, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] *= by[i];
}

int64_t query_block(const AttentionArgs& args) { return args.causal ? kCausalQueryBlock : kQueryBlock; }

// --- forward --------------------------------------------------------------------------------------------------------

// Rows i to i + rows of one head. top and total: maximum of a row's scores so far, and sum of exp(score - top).
template <class T> void forward_block(const AttentionArgs& args, const Head<T>& head, int64_t i, int64_t rows) {
  const int64_t seen = args.causal ? min_of(args.cols, i + rows) : args.cols;
  Scratch<T> s(rows * min_of(kKeyBlock, seen)), top(rows), total(rows);
  for (int64_t r = 0; r < rows; ++r) top[r] = -kernels::infinity<T>(), total[r] = T(0);
  for (int64_t j = 0; j < seen; j += kKeyBlock) {
    const Window w = {i, rows, j, min_of(kKeyBlock, seen - j)};
    head.scores(w, s);
    for (int64_t r = 0; r < rows; ++r) {
      T* row = s + r * w.cols;
      const T highest = row_max(row, w.cols, top[r]);
      const T shift = highest == -kernels::infinity<T>() ? T(0) : highest;
      exp_of(row, w.cols, shift);
      const T kept = j > 0 ? exp_score(top[r] - shift) : T(0);
      total[r] = total[r] * kept + row_sum(row, w.cols);
      top[r] = highest;
      if (const T* noise = head.noise(i + r, j)) multiply_row(row, noise, w.cols);
      if (j > 0) scale_row(head.out(i + r), args.value_width, kept);
    }
    Gemm<T> g;
    g.m = rows, g.n = args.value_width, g.k = w.cols;
    g.a = s, g.a_row = w.cols, g.a_col = 1;
    g.b = head.v(j), g.b_row = args.v.row, g.b_col = 1;
    g.c = head.out(i), g.c_row = args.out.row;
    g.accumulate = j > 0;
    gemm(g);
  }
  for (int64_t r = 0; r < rows; ++r) {
    const bool any = top[r] != -kernels::infinity<T>();
    scale_row(head.out(i + r), args.value_width, any ? T(1) / total[r] : T(0));
    head.lse()[i + r] = any ? top[r] + kernels::log(total[r]) : kernels::infinity<T>();
  }
}

template <class T> void forward(const AttentionArgs& args) {
  const int64_t block = query_block(args), blocks = ceil_div(args.rows, block);
  const int64_t work = min_of(block, args.rows) * args.cols * (args.width + args.value_width);
  parallel_for(args.batch * args.heads * blocks, 1 + kSerialWork / (work + 1), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      const int64_t which = n / blocks, i = n % blocks * block;
      const Head<T> head(args, which / args.heads, which % args.heads);
      forward_block(args, head, i, min_of(block, args.rows - i));
    }
  });
}

// --- backward -------------------------------------------------------------------------------------------------------

// ds = p (dp - sum(d_out out)) scale, with p = exp(s - lse), dp = noise (d_out v^T); leaves p noise in s, ds in dp.
template <class T>
void score_gradients(T* __restrict s, T* __restrict dp, int64_t n, T lse, T inner, T scale, const T* noise) {
  exp_of(s, n, lse);
  if (noise) {
    for (int64_t c = 0; c < n; ++c) {
      dp[c] = s[c] * (dp[c] * noise[c] - inner) * scale;
      s[c] *= noise[c];
    }
  } else {
    for (int64_t c = 0; c < n; ++c) dp[c] = s[c] * (dp[c] - inner) * scale;
  }
}

// c [m, n] += a b
template <class T> struct Operand {
  const T* data;
  int64_t row, col;
};
template <class T>
void add_product(int64_t m, int64_t n, int64_t k, const Operand<T>& a, const Operand<T>& b, T* c, int64_t c_row) {
  Gemm<T> g;
  g.m = m, g.n = n, g.k = k;
  g.a = a.data, g.a_row = a.row, g.a_col = a.col;
  g.b = b.data, g.b_row = b.row, g.b_col = b.col;
  g.c = c, g.c_row = c_row;
  g.accumulate = true;
  gemm(g);
}

template <class T>
void backward_window(const AttentionArgs& args, const Head<T>& head, const Window& w, const T* inner, T* s, T* dp) {
  head.scores(w, s);
  Gemm<T> g;
  g.m = w.rows, g.n = w.cols, g.k = args.value_width;
  g.a = head.d_out(w.i), g.a_row = args.d_out.row, g.a_col = 1;
  g.b = head.v(w.j), g.b_row = 1, g.b_col = args.v.row;
  g.c = dp, g.c_row = w.cols;
  gemm(g);
  for (int64_t r = 0; r < w.rows; ++r)
    score_gradients(s + r * w.cols, dp + r * w.cols, w.cols, head.lse()[w.i + r], inner[w.i + r], T(args.scale),
                    head.noise(w.i + r, w.j));
  add_product<T>(w.cols, args.value_width, w.rows, {s, 1, w.cols}, {head.d_out(w.i), args.d_out.row, 1}, head.dv(w.j),
                 args.dv.row);
  add_product<T>(w.cols, args.width, w.rows, {dp, 1, w.cols}, {head.q(w.i), args.q.row, 1}, head.dk(w.j), args.dk.row);
  add_product<T>(w.rows, args.width, w.cols, {dp, w.cols, 1}, {head.k(w.j), args.k.row, 1}, head.dq(w.i), args.dq.row);
}

template <class T> void zero_rows(T* p, int64_t rows, int64_t stride, int64_t width) {
  for (int64_t i = 0; i < rows; ++i) __builtin_memset(p + i * stride, 0, size_t(width) * sizeof(T));
}

template <class T> void backward_head(const AttentionArgs& args, const Head<T>& head, T* s, T* dp, T* inner) {
  zero_rows(head.dq(0), args.rows, args.dq.row, args.width);
  for (int64_t i = 0; i < args.rows; ++i) {
    const T* out = head.out(i);
    const T* d_out = head.d_out(i);
    Vec<T> sum{};
    int64_t e = 0;
    for (; e + kLanes<T> <= args.value_width; e += kLanes<T>)
      sum = vec_fma(vec_load(out + e), vec_load(d_out + e), sum);
    inner[i] = vec_sum<T>(sum);
    for (; e < args.value_width; ++e) inner[i] += out[e] * d_out[e];
  }
  const int64_t block = query_block(args);
  for (int64_t j = 0; j < args.cols; j += kKeyBlock) {
    for (int64_t i = args.causal ? j / block * block : 0; i < args.rows; i += block) {
      const int64_t rows = min_of(block, args.rows - i);
      const int64_t seen = args.causal ? min_of(args.cols, i + rows) : args.cols;
      if (seen > j) backward_window(args, head, {i, rows, j, min_of(kKeyBlock, seen - j)}, inner, s, dp);
    }
  }
}

// One task for the heads that share their keys and values, for they add to the same gradients.
template <class T> void backward(const AttentionArgs& args) {
  const int64_t group = args.heads / args.kv_heads;
  const int64_t work = args.rows * args.cols * (3 * args.width + 2 * args.value_width) * group;
  const int64_t window = min_of(query_block(args), args.rows) * min_of(kKeyBlock, args.cols);
  parallel_for(args.batch * args.kv_heads, 1 + kSerialWork / (work + 1), [&](int64_t begin, int64_t end) {
    Scratch<T> s(window), dp(window), inner(args.rows);
    for (int64_t n = begin; n < end; ++n) {
      const int64_t batch = n / args.kv_heads, kv = n % args.kv_heads;
      const Head<T> first(args, batch, kv * group);
      zero_rows(first.dk(0), args.cols, args.dk.row, args.width);
      zero_rows(first.dv(0), args.cols, args.dv.row, args.value_width);
      for (int64_t h = kv * group; h < (kv + 1) * group; ++h)
        backward_head<T>(args, Head<T>(args, batch, h), s, dp, inner);
    }
  });
}

double cost_of(const AttentionArgs& args) {
  return double(args.batch) * double(args.heads) * double(args.rows) * double(args.cols) * double(args.width) / 20;
}

}  // namespace

void attention_forward(const AttentionArgs& args) {
  const WorkScope scope(cost_of(args));
  if (args.dtype == DType::Float64) forward<double>(args);
  else forward<float>(args);
}
void attention_backward(const AttentionArgs& args) {
  const WorkScope scope(cost_of(args));
  if (args.dtype == DType::Float64) backward<double>(args);
  else backward<float>(args);
}

}  // namespace cnn::cpu::CNN_ISA
