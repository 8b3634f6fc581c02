// Products of 16-bit floats with sums in float. Few rows or columns are multiplied where they lie; else bfloat16 goes
// through the processor's matrix tiles or its products of pairs where there are some, and what is left becomes float.
// One element of C is summed over all of k in one place, so its value depends on the shape and the processor alone.
#include "core/cpu_info.h"
#include "cpu/gemm/half.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// The matrix in another type, dense along the dimension in which it was dense.
template <class From, class To> Operand converted(const Operand& x, int64_t rows, int64_t cols, To* to) {
  const bool across = x.row == 1 && x.col != 1;
  const int64_t outer = across ? cols : rows, inner = across ? rows : cols;
  const int64_t outer_stride = across ? x.col : x.row, inner_stride = across ? x.row : x.col;
  const From* const from = static_cast<const From*>(x.data);
  parallel_for(outer, 1 + kPackWork / (1 + inner), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const From* const p = from + i * outer_stride;
      if (inner_stride == 1) cast_dense(inner, p, to + i * inner);
      else
        for (int64_t j = 0; j < inner; ++j) to[i * inner + j] = To(float(p[j * inner_stride]));
    }
  });
  return across ? Operand{to, 1, inner} : Operand{to, inner, 1};
}

// As a product of floats.
template <class C> void multiply_wide(const Plan& plan, Operand a, Operand b, C* c) {
  Scratch<float> wide_a(plan.m * plan.k), wide_b(plan.k * plan.n), wide_c(plan.m * plan.n);
  a = converted<C, float>(a, plan.m, plan.k, wide_a);
  b = converted<C, float>(b, plan.k, plan.n, wide_b);
  Gemm<float> g;
  g.m = plan.m, g.n = plan.n, g.k = plan.k;
  g.a = static_cast<const float*>(a.data), g.a_row = a.row, g.a_col = a.col;
  g.b = static_cast<const float*>(b.data), g.b_row = b.row, g.b_col = b.col;
  g.c = wide_c, g.c_row = plan.n, g.c_col = 1;
  const Epilogue<float>& e = plan.epilogue;
  g.alpha = e.alpha, g.accumulate = e.accumulate, g.bounds = e.bounds;
  g.row_bias = e.row_bias, g.col_bias = e.col_bias;
  const auto each_row = [&](const auto& f) {
    parallel_for(plan.m, 1 + kPackWork / (1 + plan.n), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) f(c + i * plan.c_row, wide_c + i * plan.n);
    });
  };
  if (e.accumulate)
    each_row([&](const C* from, float* to) {
      for (int64_t j = 0; j < plan.n; ++j) to[j] = float(from[j * plan.c_col]);
    });
  gemm(g);
  each_row([&](C* to, const float* from) {
    if (plan.c_col == 1) cast_dense(plan.n, from, to);
    else
      for (int64_t j = 0; j < plan.n; ++j) to[j * plan.c_col] = C(from[j]);
  });
}

// Rounding a matrix of floats costs more than a product of so few rows or columns.
inline constexpr int64_t kFewRows = 16;

// Float operands are rounded first.
template <class C> void multiply(const Plan& plan, Operand a, Operand b, C* c) {
  constexpr bool kRounds = std::is_same_v<C, float>;
  Scratch<BFloat16> a_half(kRounds ? plan.m * plan.k : 0), b_half(kRounds ? plan.k * plan.n : 0);
  if constexpr (kRounds) {
    a = converted<float, BFloat16>(a, plan.m, plan.k, a_half);
    b = converted<float, BFloat16>(b, plan.k, plan.n, b_half);
  } else {
    if (thin_pays<C>(plan, b)) return multiply_thin(plan, a, b, c);
    const Plan t = plan.transposed();
    if (thin_pays<C>(t, a.transposed())) return multiply_thin(t, b.transposed(), a.transposed(), c);
  }
  if constexpr (kHasBf16 && !std::is_same_v<C, Half>)
    if (cpu_bf16() != Bf16::Floats) return multiply_panels(plan, a, b, c);
  if constexpr (!kRounds) multiply_wide(plan, a, b, c);
}

}  // namespace

bool rounding_pays(const GemmArgs& args) {
  return kHasBf16 && cpu_bf16() != Bf16::Floats && args.m > kFewRows && args.n > kFewRows;
}

namespace {

// A batch of them, of elements T.
template <class T> void multiply_all(const GemmArgs& args) {
  const T *const all_a = static_cast<const T*>(args.a), *const all_b = static_cast<const T*>(args.b);
  each_product(args, [&](int64_t i) {
    Plan plan{args.m, args.n, args.k, args.c_row, args.c_col, {}};
    Epilogue<float>& e = plan.epilogue;
    e.alpha = float(args.alpha);
    e.accumulate = args.accumulate;
    if (args.activation == Activation::Relu) e.bounds.low = 0;
    const int64_t biases = !args.bias ? 0 : args.bias_of == BiasOf::Row ? args.m : args.n;
    Scratch<float> bias(biases);
    for (int64_t j = 0; j < biases; ++j)
      bias[j] = float(static_cast<const T*>(args.bias)[i * args.bias_batch + j * args.bias_stride]);
    (args.bias_of == BiasOf::Row ? e.row_bias : e.col_bias) = bias;
    multiply(plan, {all_a + i * args.a_batch, args.a_row, args.a_col},
             {all_b + i * args.b_batch, args.b_row, args.b_col}, static_cast<T*>(args.c) + i * args.c_batch);
  });
}

}  // namespace

void gemm_half(const GemmArgs& args) {
  if (args.m <= 0 || args.n <= 0) return;
  if (args.dtype == DType::Float16) multiply_all<Half>(args);
  else if (args.dtype == DType::BFloat16) multiply_all<BFloat16>(args);
  else multiply_all<float>(args);
}

}  // namespace cnn::cpu::CNN_ISA
