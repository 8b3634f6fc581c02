#include "cuda/gemm.cuh"

#include "cuda/heavy_entries.h"

namespace cnn::cuda {

void gemm_by_tiles(const GemmArgs& g, DType c) {
  switch (g.dtype) {
    case DType::UInt8:
      return launch_gemm<uint8_t>(g);
    case DType::Int8:
      return launch_gemm<int8_t>(g);
    case DType::Int16:
      return launch_gemm<int16_t>(g);
    case DType::Int32:
      return launch_gemm<int32_t>(g);
    case DType::Int64:
      return launch_gemm<int64_t>(g);
    case DType::Float16:
      return c == g.dtype ? launch_gemm<Half>(g) : launch_gemm<Half, float>(g);
    case DType::BFloat16:
      return c == g.dtype ? launch_gemm<BFloat16>(g) : launch_gemm<BFloat16, float>(g);
    case DType::Float32:
      return launch_gemm<float>(g);
    case DType::Float64:
      return launch_gemm<double>(g);
    default:
      fail(ErrorKind::NotImplemented, "", "matrix product not implemented for '", dtype_type_name(g.dtype), "'");
  }
}

void finish_gemm(const GemmArgs& g) {
  with_float(g.dtype, [&]<class T>() { launch_finish<T>(g); });
}

}  // namespace cnn::cuda
