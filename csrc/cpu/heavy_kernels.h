// The entries of one instruction set's HeavyTable.
#pragma once

#include "cpu/heavy.h"
#include "kernels/hd.h"

namespace cnn::cpu::inline CNN_ISA {

void gemm_entry(const GemmArgs& args);
int64_t packed_size_entry(const GemmArgs& args);
void pack_b_entry(const GemmArgs& args, void* packed);
void gemm_packed_entry(const GemmArgs& args, const void* packed);
void conv_forward(const ConvArgs& args);
void conv_backward_input(const ConvArgs& args);
void conv_backward_weight(const ConvArgs& args);
void max_pool_forward(const PoolArgs& args);
void max_pool_backward(const PoolArgs& args);
void avg_pool_forward(const PoolArgs& args);
void avg_pool_backward(const PoolArgs& args);
void adaptive_avg_forward(const PoolArgs& args);
void adaptive_avg_backward(const PoolArgs& args);
void adaptive_max_forward(const PoolArgs& args);
void resample(const ResampleArgs& args);
void rnn_forward(const RnnArgs& args);
void rnn_backward(const RnnArgs& args);
void attention_forward(const AttentionArgs& args);
void attention_backward(const AttentionArgs& args);

}  // namespace cnn::cpu::CNN_ISA
