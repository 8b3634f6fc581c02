#include "cpu/heavy_kernels.h"

namespace cnn::cpu {

const HeavyTable& CNN_ISA_NAME(heavy_table)() {
  static constexpr HeavyTable table = {
      gemm_entry,           conv_forward,     conv_backward_input, conv_backward_weight, max_pool_forward,
      max_pool_backward,    avg_pool_forward, avg_pool_backward,   adaptive_avg_forward, adaptive_avg_backward,
      adaptive_max_forward, rnn_forward,      rnn_backward,        attention_forward,    attention_backward};
  return table;
}

}  // namespace cnn::cpu
