#include "cnn/check.h"
#include "cuda/heavy_entries.h"

namespace cnn::cuda {
namespace {

void gemm_entry(const GemmArgs& g) { gemm(g, g.dtype); }

[[noreturn]] void missing(const char* what) {
  fail(ErrorKind::NotImplemented, "", what, " is not implemented on CUDA; move the tensors with .cpu() first");
}
int64_t no_packed_size(const GemmArgs&) { missing("a product with a packed matrix"); }
void no_pack(const GemmArgs&, void*) { missing("packing a matrix"); }
void no_packed_gemm(const GemmArgs&, const void*) { missing("a product with a packed matrix"); }

}  // namespace

void gemm(const GemmArgs& g, DType c) {
  if (g.batch == 0 || g.m == 0 || g.n == 0) return;
  if (!gemm_by_cublas(g, c)) gemm_by_tiles(g, c);
}

constexpr unsigned kFloats = kFloatBits | dtype_bits(DType::Float16, DType::BFloat16);

const HeavyTable heavy_table = {
    .gemm = {gemm_entry, kFloats | kIntegerBits},
    .packed_size = no_packed_size,
    .pack_b = no_pack,
    .gemm_packed = no_packed_gemm,
    .conv_forward = {conv_forward, kFloats},
    .conv_backward_input = {conv_backward_input, kFloats},
    .conv_backward_weight = {conv_backward_weight, kFloats},
    .max_pool_forward = {max_pool_forward, kFloats | kIntegerBits},
    .max_pool_backward = {max_pool_backward, kFloats},
    .avg_pool_forward = {avg_pool_forward, kFloats | dtype_bits(DType::Int64)},
    .avg_pool_backward = {avg_pool_backward, kFloats},
    .adaptive_avg_forward = {adaptive_avg_forward, kFloats},
    .adaptive_avg_backward = {adaptive_avg_backward, kFloats},
    .adaptive_max_forward = {adaptive_max_forward, kFloats},
    .resample = {resample, kFloats},
    .channel_norm_forward = {channel_norm_forward, kFloats},
    .channel_norm_backward = {channel_norm_backward, kFloats},
    .group_norm_forward = {group_norm_forward, kFloats},
    .group_norm_backward = {group_norm_backward, kFloats},
    .rnn_forward = {rnn_forward, kFloatBits},
    .rnn_backward = {rnn_backward, kFloatBits},
    .attention_forward = {attention_forward, kFloats},
    .attention_backward = {attention_backward, kFloats},
    .attention_in_halves = attention_fits_tiles,
};

}  // namespace cnn::cuda
