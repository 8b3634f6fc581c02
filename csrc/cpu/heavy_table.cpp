#include "core/cpu_info.h"
#include "cpu/heavy_kernels.h"

namespace cnn::cpu {

namespace {
bool attention_in_halves(const AttentionArgs& a) { return a.dtype == DType::BFloat16 && cpu_bf16() != Bf16::Floats; }
}  // namespace

const HeavyTable& CNN_ISA_NAME(heavy_table)() {
  constexpr unsigned floats = kFloatBits, integers = kIntegerBits, bf16 = dtype_bits(DType::BFloat16);
#if defined(__AVX512F__) && defined(__x86_64__)
  constexpr unsigned attention_bf16 = bf16;
#else
  constexpr unsigned attention_bf16 = 0;
#endif
  static constexpr HeavyTable table = {
      .gemm = {gemm_entry, floats | integers | dtype_bits(DType::Float16) | bf16},
      .packed_size = packed_size_entry,
      .pack_b = pack_b_entry,
      .gemm_packed = gemm_packed_entry,
      .conv_forward = {conv_forward, floats | bf16},
      .conv_backward_input = {conv_backward_input, floats | bf16},
      .conv_backward_weight = {conv_backward_weight, floats | bf16},
      .max_pool_forward = {max_pool_forward, floats | integers | bf16},
      .max_pool_backward = {max_pool_backward, floats | bf16},
      .avg_pool_forward = {avg_pool_forward, floats | dtype_bits(DType::Int64)},
      .avg_pool_backward = {avg_pool_backward, floats},
      .adaptive_avg_forward = {adaptive_avg_forward, floats},
      .adaptive_avg_backward = {adaptive_avg_backward, floats},
      .adaptive_max_forward = {adaptive_max_forward, floats},
      .resample = {resample, floats},
      .channel_norm_forward = {nullptr, 0},
      .channel_norm_backward = {nullptr, 0},
      .group_norm_forward = {nullptr, 0},
      .group_norm_backward = {nullptr, 0},
      .rnn_forward = {rnn_forward, floats},
      .rnn_backward = {rnn_backward, floats},
      .attention_forward = {attention_forward, floats | attention_bf16},
      .attention_backward = {attention_backward, floats},
      .attention_in_halves = attention_in_halves,
  };
  return table;
}

}  // namespace cnn::cpu
