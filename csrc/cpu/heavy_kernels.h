// The entries of one instruction set's HeavyTable.
#pragma once

#include "cpu/heavy.h"
#include "kernels/hd.h"

namespace cnn::cpu::inline CNN_ISA {

void gemm_entry(const GemmArgs& args);
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
void rnn_forward(const RnnArgs& args);
void rnn_backward(const RnnArgs& args);
void attention_forward(const AttentionArgs& args);
void attention_backward(const AttentionArgs& args);

}  // namespace cnn::cpu::CNN_ISA
