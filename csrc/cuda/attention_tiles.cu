#include "cuda/attention_tiles_kernels.cuh"

#include <atomic>

#include "cuda/heavy_entries.h"
#include "cuda/memory.h"

namespace cnn::cuda {
namespace {

bool multiples(const AttentionPlanes& x, int64_t of, size_t item) {
  return x.batch % of == 0 && x.head % of == 0 && x.row % of == 0 &&
         reinterpret_cast<uintptr_t>(x.data) % (uintptr_t(of) * item) == 0;
}

template <class E> TiledRows<E> rows_of(AttentionPlanes x, int64_t batch, int64_t heads, int64_t rows, int64_t width) {
  if (batch == 1) x.batch = 0;  // strides of nothing
  if (heads == 1) x.head = 0;
  if (rows == 1) x.row = 0;
  return {static_cast<E*>(x.data),
          x.batch,
          x.head,
          x.row,
          width % kChunk<E> == 0 && multiples(x, kChunk<E>, sizeof(E)),
          multiples(x, kWritten<E>, sizeof(E))};
}

template <class E> TiledAttention<E> tiled(const AttentionArgs& a) {
  TiledAttention<E> t{};
  const auto of_queries = [&](const AttentionPlanes& x, int64_t width) {
    return rows_of<E>(x, a.batch, a.heads, a.rows, width);
  };
  const auto of_keys = [&](const AttentionPlanes& x, int64_t width) {
    return rows_of<E>(x, a.batch, a.kv_heads, a.cols, width);
  };
  t.q = of_queries(a.q, a.width), t.dq = of_queries(a.dq, a.width);
  t.k = of_keys(a.k, a.width), t.dk = of_keys(a.dk, a.width);
  t.v = of_keys(a.v, a.value_width), t.dv = of_keys(a.dv, a.value_width);
  t.out = of_queries(a.out, a.value_width), t.d_out = of_queries(a.d_out, a.value_width);
  t.heads = int(a.heads), t.group = int(a.heads / a.kv_heads);
  t.rows = int(a.rows), t.cols = int(a.cols), t.width = int(a.width), t.value_width = int(a.value_width);
  t.causal = a.causal;
  t.scale = float(a.scale), t.log2_scale = float(a.scale * double(kLog2E));
  if (a.mask_is_bool) t.flags = static_cast<const uint8_t*>(a.mask);
  else t.bias = static_cast<const float*>(a.mask);
  t.mask_batch = a.mask_batch, t.mask_head = a.mask_head, t.mask_row = a.mask_row, t.mask_col = a.mask_col;
  t.noise = static_cast<const float*>(a.noise);
  t.largest = static_cast<float*>(a.lse), t.rest = t.largest + a.batch * a.heads * a.rows;
  return t;
}

// A block for each tile of `rows` of each of `planes`; `shared`: the bytes of shared memory that the kernel uses.
template <class E, class Kernel>
void run(Kernel kernel, int shared, TiledAttention<E> t, int64_t rows, int64_t planes) {
  const int64_t tiles = (rows + kTileRows - 1) / kTileRows, blocks = tiles * planes;
  check_implemented(blocks < (int64_t(1) << 31), "", "attention of ", blocks, " tiles on CUDA; call .cpu() first");
  if (blocks == 0) return;
  t.tiles = int(tiles);
  if (shared <= kStaticShared) {
    CNN_LAUNCH(kernel, unsigned(blocks), kTiledThreads, t);
    return;
  }
  check_cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
             "allowing shared memory of a kernel");
  CNN_LAUNCH_SHARED(kernel, unsigned(blocks), kTiledThreads, shared, t);
}

// f<E, width of tiles>()
template <class F> void with_tiles(const AttentionArgs& a, const F& f) {
  const bool narrow = a.width <= 64 && a.value_width <= 64;
  const auto of = [&]<class E>() { narrow ? f.template operator()<E, 64>() : f.template operator()<E, 128>(); };
  if (a.dtype == DType::Float32) of.template operator()<float>();
  else if (a.dtype == DType::Float16) of.template operator()<Half>();
  else of.template operator()<BFloat16>();
}

}  // namespace

bool attention_fits_tiles(const AttentionArgs& a) {
  constexpr int64_t most = int64_t(1) << 30;
  if (a.width > kMostTiledWidth || a.value_width > kMostTiledWidth || a.rows > most || a.cols > most) return false;
  static std::atomic<int> versions[kMaxDevices];
  std::atomic<int>& version = versions[selected()];
  if (version == 0) {
    cudaFuncAttributes found;
    const auto kernel = attention_tiles<Half, 64>;
    check_cuda(cudaFuncGetAttributes(&found, reinterpret_cast<const void*>(kernel)), "looking at a kernel");
    version = found.ptxVersion;  // of the code that this GPU has been given
  }
  return version >= 80;
}

void attention_forward_by_tiles(const AttentionArgs& a) {
  with_tiles(a, [&]<class E, int kWidth>() {
    run(attention_tiles<E, kWidth>, TileSizes<E, kWidth>::kForward, tiled<E>(a), a.rows, a.batch * a.heads);
  });
}

void attention_backward_by_tiles(const AttentionArgs& a) {
  const int64_t padded = (a.rows + kTileRows - 1) / kTileRows * kTileRows, all = a.batch * a.heads * padded;
  const Scratch stats(size_t(3 * all) * sizeof(float));
  with_tiles(a, [&]<class E, int kWidth>() {
    TiledAttention<E> t = tiled<E>(a);
    t.padded = padded;
    t.padded_largest = static_cast<float*>(stats.data());
    t.padded_rest = t.padded_largest + all, t.inner = t.padded_rest + all;
    run(attention_tiles_dq<E, kWidth>, TileSizes<E, kWidth>::kDq, t, a.rows, a.batch * a.heads);
    run(attention_tiles_dkv<E, kWidth>, TileSizes<E, kWidth>::kDkv, t, a.cols, a.batch * a.kv_heads);
  });
}

}  // namespace cnn::cuda
