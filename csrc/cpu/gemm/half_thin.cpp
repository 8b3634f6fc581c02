// Products of few rows of 16-bit floats: memory is the limit, so B is read once, as it lies, and becomes float in the
// registers. Subnormal numbers count.
#include "core/cpu_info.h"
#include "cpu/gemm/half.h"
#include "cpu/vec/lane_sums.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

inline constexpr int64_t kOne = kLanes<float>, kStep = 2 * kOne;  // elements of a vector of floats, and of 16 bits

// --- B dense along k: dot products ----------------------------------------------------------------------------------

inline constexpr int64_t kMostDots = 16;  // rows of A
inline constexpr int64_t kDotBlock = kFinishRoom / kMostDots;  // columns of a task
inline constexpr int kDotRows = kRegisters == 32 ? 4 : 2, kDotCols = 4;

// Rows of A, in the order of load_two and filled up with zeros, and columns of B as they lie.
template <class T> struct Dots {
  const float* a;
  int64_t a_row;
  const T* b;
  int64_t b_col;
  int64_t k;  // whole vectors
  const T* rest;  // of the columns past them, a vector for each; null where there is none
  float* sums;  // [rows][width]
  int64_t width;
};

template <class T, int kRows, int kCols> void dots(const Dots<T>& d) {
  Vec<float> acc[kRows][kCols] = {};
  const auto add = [&](int64_t p, const T* from, int64_t stride) __attribute__((always_inline)) {
    Two x[kRows];
#pragma GCC unroll 4
    for (int i = 0; i < kRows; ++i) {
      const float* const a = d.a + i * d.a_row + p;
      x[i] = {vec_load(a), vec_load(a + kOne)};
    }
#pragma GCC unroll 4
    for (int j = 0; j < kCols; ++j) {
      const Two y = load_two(from + j * stride);
#pragma GCC unroll 4
      for (int i = 0; i < kRows; ++i) acc[i][j] = vec_fma(x[i].other, y.other, vec_fma(x[i].one, y.one, acc[i][j]));
    }
  };
  for (int64_t p = 0; p < d.k; p += kStep) add(p, d.b + p, d.b_col);
  if (d.rest) add(d.k, d.rest, kStep);
#pragma GCC unroll 16
  for (int at = 0; at < kRows * kCols; at += kOne) {
    Vec<float> parts[kOne];
#pragma GCC unroll 16
    for (int l = 0; l < kOne; ++l)
      parts[l] = at + l < kRows * kCols ? acc[(at + l) / kCols % kRows][(at + l) % kCols] : Vec<float>{};
    float found[kOne];
    vec_store(found, lane_sums<float>(parts));
    for (int l = 0; l < kOne && at + l < kRows * kCols; ++l)
      d.sums[(at + l) / kCols * d.width + (at + l) % kCols] = found[l];
  }
}

template <class T, int kRows, int kCols> void dots_of(int64_t rows, int64_t cols, const Dots<T>& d) {
  if constexpr (kRows > 1)
    if (rows < kRows) return dots_of<T, kRows - 1, kCols>(rows, cols, d);
  if constexpr (kCols > 1)
    if (cols < kCols) return dots_of<T, kRows, kCols - 1>(rows, cols, d);
  dots<T, kRows, kCols>(d);
}

template <class T> void multiply_dots(const Plan& plan, const Operand& a, const Operand& b, T* c) {
  const int64_t whole = plan.k / kStep * kStep, depth = ceil_div(plan.k, kStep) * kStep;
  const T* const from = static_cast<const T*>(a.data);
  Scratch<float> rows(plan.m * depth);
  for (int64_t i = 0; i < plan.m; ++i) {
    float* const row = rows + i * depth;
    for (int64_t p = whole; p < depth; ++p) row[p] = 0;
    for (int64_t p = 0; p < plan.k; ++p) row[place_in_two<T>(p)] = float(from[i * a.row + p * a.col]);
  }
  const int64_t grain = 1 + kSerialWork / (1 + plan.m * plan.k * kDotBlock);
  parallel_for(ceil_div(plan.n, kDotBlock), grain, [&](int64_t begin, int64_t end) {
    float sums[kFinishRoom];
    for (int64_t j = begin * kDotBlock; j < min_of(end * kDotBlock, plan.n); j += kDotBlock) {
      const int64_t cols = min_of(kDotBlock, plan.n - j);
      for (int64_t s = 0; s < cols; s += kDotCols) {
        const T* const at = static_cast<const T*>(b.data) + (j + s) * b.col;
        const int64_t count = min_of(kDotCols, cols - s);
        T rest[kDotCols * kStep] = {};
        for (int64_t t = 0; t < count && whole < plan.k; ++t)
          memcpy(static_cast<void*>(rest + t * kStep), at + t * b.col + whole, size_t(plan.k - whole) * 2);
        Dots<T> d{rows, depth, at, b.col, whole, whole < plan.k ? rest : nullptr, sums + s, cols};
        for (int64_t i = 0; i < plan.m; i += kDotRows, d.a += kDotRows * depth, d.sums += kDotRows * cols)
          dots_of<T, kDotRows, kDotCols>(plan.m - i, count, d);
      }
      finish(plan, c, 0, j, sums, plan.m, cols, cols);
    }
  });
}

// --- B dense along n: rows of B, times numbers of A, are added up ---------------------------------------------------

inline constexpr int kStreamDeep = 4;  // rows of B at a time
inline constexpr int64_t kStreamDepth = 4096;  // elements in one sum, or it would lose what is small beside it
inline constexpr int64_t kStreamCols = 1024;  // of one task: the sums stay in the first cache
inline constexpr int kMostStreamed = kRegisters == 32 ? 8 : 4;  // rows of A

// sums[i][j], in the order of load_two, += sum over p < kDeep of a[p][i] * b[p, j] for j < n, whole vectors. B is
// fetched `ahead`.
template <class T, int kRows, int kDeep>
void add_rows(const float* a, const T* b, int64_t b_row, int64_t ahead, int64_t n, float* sums) {
  for (int64_t j = 0; j < n; j += kStep) {
    Two acc[kRows];
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i)
      acc[i] = {vec_load(sums + i * kStreamCols + j), vec_load(sums + i * kStreamCols + j + kOne)};
#pragma GCC unroll 4
    for (int p = 0; p < kDeep; ++p) {
      __builtin_prefetch(b + p * b_row + j + ahead);
      const Two y = load_two(b + p * b_row + j);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const Vec<float> x = vec_splat(a[p * kRows + i]);
        acc[i] = {vec_fma(x, y.one, acc[i].one), vec_fma(x, y.other, acc[i].other)};
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      vec_store(sums + i * kStreamCols + j, acc[i].one);
      vec_store(sums + i * kStreamCols + j + kOne, acc[i].other);
    }
  }
}

// `kDeep` rows of B with the columns that fill no vector.
template <class T, int kRows, int kDeep>
void add_all(const float* a, const T* b, int64_t b_row, int64_t cols, float* sums) {
  const int64_t whole = cols / kStep * kStep;
  add_rows<T, kRows, kDeep>(a, b, b_row, kDeep * b_row, whole, sums);
  if (whole == cols) return;
  T rest[kDeep * kStep] = {};
  for (int p = 0; p < kDeep; ++p)
    memcpy(static_cast<void*>(rest + p * kStep), b + p * b_row + whole, size_t(cols - whole) * 2);
  add_rows<T, kRows, kDeep>(a, rest, kStep, 0, kStep, sums + whole);
}

template <class T, int kRows>
void stream(const Plan& plan, const float* a, const Operand& b, T* c, int64_t col, int64_t cols) {
  alignas(64) float sums[kRows * kStreamCols] = {}, totals[kRows * kStreamCols] = {}, row[kFinishRoom];
  const T* const from = static_cast<const T*>(b.data) + col;
  for (int64_t p = 0; p < plan.k;) {
    const int64_t end = min_of(p + kStreamDepth, plan.k);
    for (; p + kStreamDeep <= end; p += kStreamDeep)
      add_all<T, kRows, kStreamDeep>(a + p * kRows, from + p * b.row, b.row, cols, sums);
    for (; p < end; ++p) add_all<T, kRows, 1>(a + p * kRows, from + p * b.row, b.row, cols, sums);
    for (int64_t j = 0; j < kRows * kStreamCols; ++j) totals[j] += sums[j], sums[j] = 0;
  }
  for (int i = 0; i < kRows; ++i) {
    for (int64_t j = 0; j < cols; ++j) row[j] = totals[i * kStreamCols + place_in_two<T>(j)];
    finish(plan, c, i, col, row, 1, cols, kStreamCols);
  }
}

template <class T, int kRows>
void stream_of(const Plan& plan, const float* a, const Operand& b, T* c, int64_t col, int64_t cols) {
  if constexpr (kRows > 1)
    if (plan.m < kRows) return stream_of<T, kRows - 1>(plan, a, b, c, col, cols);
  stream<T, kRows>(plan, a, b, c, col, cols);
}

template <class T> void multiply_stream(const Plan& plan, const Operand& a, const Operand& b, T* c) {
  const T* const from = static_cast<const T*>(a.data);
  Scratch<float> columns(plan.k * plan.m);
  for (int64_t p = 0; p < plan.k; ++p)
    for (int64_t i = 0; i < plan.m; ++i) columns[p * plan.m + i] = float(from[i * a.row + p * a.col]);
  // At least four tasks, of columns that fill several lines.
  const int64_t pieces = max_of(ceil_div(plan.n, kStreamCols), min_of(4, plan.n / (4 * kStep)));
  const int64_t cols = ceil_div(ceil_div(plan.n, max_of(pieces, 1)), kStep) * kStep;
  const int64_t grain = 1 + kSerialWork / (1 + plan.m * plan.k * cols);
  parallel_for(ceil_div(plan.n, cols), grain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      stream_of<T, kMostStreamed>(plan, columns, b, c, t * cols, min_of(cols, plan.n - t * cols));
  });
}

}  // namespace

template <class C> bool thin_pays(const Plan& plan, const Operand& b) {
  if (std::is_same_v<C, Half> && !kConvertsHalf) return false;  // each element is converted for every few rows of A
  if (b.row != 1) return b.col == 1 && plan.n >= kStep && plan.m <= kMostStreamed;
  if (plan.k < 16 * plan.m) return false;  // adding up the lanes would count
  if (std::is_same_v<C, Half> || cpu_bf16() == Bf16::Floats) return plan.m <= kMostDots;
  // Tiles keep up with memory where they read B in place.
  return plan.m <= (cpu_bf16() == Bf16::Tiles && plan.k % 32 == 0 ? 1 : 8);
}
template bool thin_pays<Half>(const Plan&, const Operand&);
template bool thin_pays<BFloat16>(const Plan&, const Operand&);

template <class C> void multiply_thin(const Plan& plan, const Operand& a, const Operand& b, C* c) {
  if (b.row == 1) multiply_dots(plan, a, b, c);
  else multiply_stream(plan, a, b, c);
}
template void multiply_thin(const Plan&, const Operand&, const Operand&, Half*);
template void multiply_thin(const Plan&, const Operand&, const Operand&, BFloat16*);

}  // namespace cnn::cpu::CNN_ISA
