#include "cnn/check.h"
#include "cuda/heavy_entries.h"

namespace cnn::cuda {
namespace {

void gemm(const GemmArgs& g) {
  if (g.batch == 0 || g.m == 0 || g.n == 0) return;
  if (!gemm_by_cublas(g)) gemm_by_tiles(g);
}

[[noreturn]] void missing(const char* what) {
  fail(ErrorKind::NotImplemented, "", what, " is not implemented on CUDA; move the tensors with .cpu() first");
}
int64_t no_packed_size(const GemmArgs&) { missing("a product with a packed matrix"); }
void no_pack(const GemmArgs&, void*) { missing("packing a matrix"); }
void no_packed_gemm(const GemmArgs&, const void*) { missing("a product with a packed matrix"); }
void no_convolution(const ConvArgs&) { missing("convolution"); }
void no_rnn(const RnnArgs&) { missing("a fused recurrent layer"); }
void no_attention(const AttentionArgs&) { missing("fused attention"); }
void no_resample(const ResampleArgs&) { missing("fused resampling"); }
void no_max_pool(const PoolArgs&) { missing("max pooling"); }
void no_avg_pool(const PoolArgs&) { missing("average pooling"); }

}  // namespace

constexpr unsigned kAll = ~0u;  // the kernel that is missing says so

const HeavyTable heavy_table = {
    .gemm = {gemm, kFloatBits | kIntegerBits},
    .packed_size = no_packed_size,
    .pack_b = no_pack,
    .gemm_packed = no_packed_gemm,
    .conv_forward = {no_convolution, kAll},
    .conv_backward_input = {no_convolution, kAll},
    .conv_backward_weight = {no_convolution, kAll},
    .max_pool_forward = {no_max_pool, kAll},
    .max_pool_backward = {no_max_pool, kAll},
    .avg_pool_forward = {no_avg_pool, kAll},
    .avg_pool_backward = {no_avg_pool, kAll},
    .adaptive_avg_forward = {no_avg_pool, kAll},
    .adaptive_avg_backward = {no_avg_pool, kAll},
    .adaptive_max_forward = {no_max_pool, kAll},
    .resample = {no_resample, 0},
    .rnn_forward = {no_rnn, kAll},
    .rnn_backward = {no_rnn, kAll},
    .attention_forward = {no_attention, kAll},
    .attention_backward = {no_attention, kAll},
};

}  // namespace cnn::cuda
