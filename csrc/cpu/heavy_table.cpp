#include "cpu/heavy_kernels.h"

namespace cnn::cpu {

const HeavyTable& CNN_ISA_NAME(heavy_table)() {
  static constexpr HeavyTable table = {
      gemm_entry,          packed_size_entry,    pack_b_entry,          gemm_packed_entry,   conv_forward,
      conv_backward_input, conv_backward_weight, max_pool_forward,      max_pool_backward,   avg_pool_forward,
      avg_pool_backward,   adaptive_avg_forward, adaptive_avg_backward, adaptive_max_forward};
  return table;
}

}  // namespace cnn::cpu
