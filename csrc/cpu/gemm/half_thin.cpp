// Products of few rows of 16-bit floats: memory is the limit, so B is read once, as it lies, and becomes float in the
// registers. Subnormal numbers count.
#include "core/cpu_info.h"
#include "cpu/gemm/half.h"
#include "cpu/gemm/half_rows.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// --- B dense along k: dot products ----------------------------------------------------------------------------------

inline constexpr int64_t kMostDots = 16;  // rows of A
inline constexpr int64_t kDotBlock = kFinishRoom / kMostDots;  // columns of a task
template <class T> void multiply_dots(const Plan& plan, const Operand& a, const Operand& b, T* c) {
  const int64_t whole = plan.k / kTwo * kTwo, depth = ceil_div(plan.k, kTwo) * kTwo;
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
      for (int64_t s = 0; s < cols; s += kHalfDotCols) {
        const T* const at = static_cast<const T*>(b.data) + (j + s) * b.col;
        const int64_t count = min_of(kHalfDotCols, cols - s);
        T rest[kHalfDotCols * kTwo] = {};
        for (int64_t t = 0; t < count && whole < plan.k; ++t)
          memcpy(static_cast<void*>(rest + t * kTwo), at + t * b.col + whole, size_t(plan.k - whole) * 2);
        Dots<T> d{rows, depth, at, b.col, whole, whole < plan.k ? rest : nullptr, sums + s, cols};
        for (int64_t i = 0; i < plan.m; i += kHalfDotRows, d.a += kHalfDotRows * depth, d.sums += kHalfDotRows * cols)
          dots_of<T, kHalfDotRows, kHalfDotCols>(plan.m - i, count, d);
      }
      finish(plan, c, 0, j, sums, plan.m, cols, cols);
    }
  });
}

// --- B dense along n: rows of B, times numbers of A, are added up ---------------------------------------------------

inline constexpr int64_t kStreamDepth = 4096;  // elements in one sum, or it would lose what is small beside it
inline constexpr int kMostStreamed = kRegisters == 32 ? 8 : 4;  // rows of A

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
  const int64_t pieces = max_of(ceil_div(plan.n, kStreamCols), min_of(4, plan.n / (4 * kTwo)));
  const int64_t cols = ceil_div(ceil_div(plan.n, max_of(pieces, 1)), kTwo) * kTwo;
  const int64_t grain = 1 + kSerialWork / (1 + plan.m * plan.k * cols);
  parallel_for(ceil_div(plan.n, cols), grain, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t)
      stream_of<T, kMostStreamed>(plan, columns, b, c, t * cols, min_of(cols, plan.n - t * cols));
  });
}

}  // namespace

template <class C> bool thin_pays(const Plan& plan, const Operand& b) {
  if (std::is_same_v<C, Half> && !kConvertsHalf) return false;  // each element is converted for every few rows of A
  if (b.row != 1) return b.col == 1 && plan.n >= kTwo && plan.m <= kMostStreamed;
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
