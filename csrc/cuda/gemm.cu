#include "cuda/gemm.cuh"

#include "cuda/heavy_entries.h"

namespace cnn::cuda {

void gemm_by_tiles(const GemmArgs& g) {
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
    case DType::Float32:
      return launch_gemm<float>(g);
    case DType::Float64:
      return launch_gemm<double>(g);
    default:
      fail(ErrorKind::NotImplemented, "", "matrix product not implemented for '", dtype_type_name(g.dtype), "'");
  }
}

void finish_gemm(const GemmArgs& g) {
  if (g.dtype == DType::Float32) launch_finish<float>(g);
  else launch_finish<double>(g);
}

}  // namespace cnn::cuda
