// Products of matrices and vectors.
#pragma once

#include <optional>

#include "cnn/tensor.h"

namespace cnn {

// How float32 products are computed: in float32, or with Medium from operands rounded to bfloat16, summed in float32,
// where the processor has matrix tiles. High is computed as Highest.
enum class MatmulPrecision : uint8_t { Highest, High, Medium };
CNN_API MatmulPrecision float32_matmul_precision();
CNN_API void set_float32_matmul_precision(MatmulPrecision precision);

CNN_API Tensor mm(const Tensor& input, const Tensor& mat2, Dest dest = {});    // [m, k] x [k, n]
CNN_API Tensor bmm(const Tensor& input, const Tensor& mat2, Dest dest = {});   // [b, m, k] x [b, k, n]
CNN_API Tensor mv(const Tensor& input, const Tensor& vec, Dest dest = {});     // [m, k] x [k]
CNN_API Tensor dot(const Tensor& input, const Tensor& tensor, Dest dest = {});
CNN_API Tensor outer(const Tensor& input, const Tensor& vec2, Dest dest = {});
CNN_API Tensor matmul(const Tensor& input, const Tensor& other, Dest dest = {});  // batch dimensions broadcast
// input @ weight^T + bias; weight [out, in] (or [in] for one output)
CNN_API Tensor linear(const Tensor& input, const Tensor& weight, const std::optional<Tensor>& bias = {});
// beta input + alpha (product)
CNN_API Tensor addmm(const Tensor& input, const Tensor& mat1, const Tensor& mat2, Scalar beta = 1, Scalar alpha = 1,
                     Dest dest = {});
CNN_API Tensor addmv(const Tensor& input, const Tensor& mat, const Tensor& vec, Scalar beta = 1, Scalar alpha = 1,
                     Dest dest = {});
CNN_API Tensor addr(const Tensor& input, const Tensor& vec1, const Tensor& vec2, Scalar beta = 1, Scalar alpha = 1,
                    Dest dest = {});
CNN_API Tensor baddbmm(const Tensor& input, const Tensor& batch1, const Tensor& batch2, Scalar beta = 1,
                       Scalar alpha = 1, Dest dest = {});
CNN_API Tensor addbmm(const Tensor& input, const Tensor& batch1, const Tensor& batch2, Scalar beta = 1,
                      Scalar alpha = 1, Dest dest = {});

}  // namespace cnn
