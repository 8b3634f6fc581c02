// The entries of this device's HeavyTable.
#pragma once

#include "device/heavy_table.h"

namespace cnn::cuda {

// Products. c is of dtype `c`: that of a and b, or float32 beside 16-bit ones, whose sums are float32 in any case.
void gemm(const GemmArgs& g, DType c);
// Any strides.
void gemm_by_tiles(const GemmArgs& g, DType c);
// c = activation(c + bias), of floating-point numbers
void finish_gemm(const GemmArgs& g);
// Floats whose matrices have rows or columns of stride 1; false, with nothing done, for others.
bool gemm_by_cublas(const GemmArgs& g, DType c);

void conv_forward(const ConvArgs& a);
void conv_backward_input(const ConvArgs& a);
void conv_backward_weight(const ConvArgs& a);
enum class ConvPass { Forward, Input, Weight };
// By cuDNN, where the program asks for it; false, with nothing done, where that has no way.
bool conv_by_cudnn(ConvPass pass, const ConvArgs& a);
int64_t cudnn_version();  // see CudaPlugin

void max_pool_forward(const PoolArgs& a);
void max_pool_backward(const PoolArgs& a);
void avg_pool_forward(const PoolArgs& a);
void avg_pool_backward(const PoolArgs& a);
void adaptive_avg_forward(const PoolArgs& a);
void adaptive_avg_backward(const PoolArgs& a);
void adaptive_max_forward(const PoolArgs& a);

void resample(const ResampleArgs& a);

void channel_norm_forward(const ChannelNormArgs& a);
void channel_norm_backward(const ChannelNormArgs& a);
void group_norm_forward(const GroupNormArgs& a);
void group_norm_backward(const GroupNormArgs& a);

void rnn_forward(const RnnArgs& args);
void rnn_backward(const RnnArgs& args);
void attention_forward(const AttentionArgs& args);
void attention_backward(const AttentionArgs& args);
// 16-bit floats, and float32 where TF32 is allowed, go by tiles in registers, which takes rows of up to 128 numbers and
// compute capability 8.0.
bool attention_fits_tiles(const AttentionArgs& args);
void attention_forward_by_tiles(const AttentionArgs& args);
void attention_backward_by_tiles(const AttentionArgs& args);

extern const HeavyTable heavy_table;

}  // namespace cnn::cuda
