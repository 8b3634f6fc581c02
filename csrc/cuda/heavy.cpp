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
void no_max_pool(const PoolArgs&) { missing("max pooling"); }
void no_avg_pool(const PoolArgs&) { missing("average pooling"); }

}  // namespace

const HeavyTable heavy_table = {gemm,           no_packed_size, no_pack,     no_packed_gemm, no_convolution,
                                no_convolution, no_convolution, no_max_pool, no_max_pool,    no_avg_pool,
                                no_avg_pool,    no_avg_pool,    no_avg_pool, no_max_pool,    no_rnn,
                                no_rnn,         no_attention,   no_attention};

}  // namespace cnn::cuda
