// The heavy CPU kernels on raw pointers: matrix products, convolution, pooling. One table for each instruction set.
// Strides count elements. Sizes are checked by the caller; a size of zero is legal everywhere.
#pragma once

#include <stdint.h>

#include "cnn/dtype.h"
#include "cnn/export.h"

#define CNN_ISA_JOIN2(name, isa) name##_##isa
#define CNN_ISA_JOIN(name, isa) CNN_ISA_JOIN2(name, isa)
// heavy_table -> heavy_table_avx2, the name under which a build exports its table.
#define CNN_ISA_NAME(name) CNN_ISA_JOIN(name, CNN_ISA)

namespace cnn::cpu {

enum class Activation : uint8_t { None, Relu };
enum class BiasOf : uint8_t { Column, Row };  // bias[j] or bias[i] is added to c[i, j]

// c[b] = activation(alpha * a[b] @ b[b] + (accumulate ? c[b] : 0) + bias), a [m, k], b [k, n], c [m, n].
// c must not overlap a, b or bias, and no two of its elements may share memory.
struct GemmArgs {
  DType dtype = DType::Float32;  // float32, float64; integers without bias and activation
  int64_t batch = 1, m = 0, n = 0, k = 0;
  const void* a = nullptr;
  int64_t a_batch = 0, a_row = 0, a_col = 0;
  const void* b = nullptr;
  int64_t b_batch = 0, b_row = 0, b_col = 0;
  void* c = nullptr;
  int64_t c_batch = 0, c_row = 0, c_col = 1;
  bool accumulate = false;
  double alpha = 1;
  const void* bias = nullptr;  // null: none
  BiasOf bias_of = BiasOf::Column;
  int64_t bias_stride = 1, bias_batch = 0;
  Activation activation = Activation::None;
};

// Cross-correlation of x [batch, channels, in...] with w [out_channels, channels / groups, kernel...] to
// y [batch, out_channels, out...], all dense. Fewer than 3 spatial dimensions: leading ones are 1 (kernel, stride and
// dilation 1, padding 0).
struct ConvArgs {
  DType dtype = DType::Float32;  // float32, float64
  int64_t batch = 1, channels = 1, out_channels = 1, groups = 1;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};  // spatial sizes of x and y
  int64_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, padding[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
  const void* x = nullptr;     // forward: read; backward_weight: read
  const void* w = nullptr;     // forward, backward_input: read
  const void* bias =
      nullptr;  // forward: [out_channels] or null; backward_input: [channels] or null (transposed forward)
  const void* dy = nullptr;    // backward: gradient of y
  void* y = nullptr;           // forward: written
  void* dx = nullptr;          // backward_input: written
  void* dw = nullptr;          // backward_weight: written
  Activation activation = Activation::None;  // forward only
  bool winograd = true;  // allowed where it pays: fewer operations, error a few times that of the plain sum
};

// Windows over planes of x [planes, in...] giving y [planes, out...], dense; planes = batch * channels.
struct PoolArgs {
  DType dtype = DType::Float32;  // max: any dtype but the 16-bit ones; average: float32, float64
  int64_t planes = 1;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  int64_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, padding[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
  bool count_include_pad = true;  // average only
  int64_t divisor = 0;            // average only: 0 is the size of the window
  const void* x = nullptr;
  void* y = nullptr;
  int64_t* indices = nullptr;  // of the maximum in its plane of x, -1 if the window holds no element; written forward
  // (null: not wanted), read backward, where indices outside the plane are passed over
  const void* dy = nullptr;
  void* dx = nullptr;  // backward: written whole
};

struct HeavyTable {
  void (*gemm)(const GemmArgs&);
  void (*conv_forward)(const ConvArgs&);
  void (*conv_backward_input)(const ConvArgs&);  // also the forward of a transposed convolution
  void (*conv_backward_weight)(const ConvArgs&);
  // As in PyTorch, NaN is the largest value, of equal numbers the first wins, of several NaN the last.
  void (*max_pool_forward)(const PoolArgs&);
  void (*max_pool_backward)(const PoolArgs&);  // adaptive too: reads dy and indices, needs only planes, in and out
  void (*avg_pool_forward)(const PoolArgs&);
  void (*avg_pool_backward)(const PoolArgs&);
  // Window o of an adaptive pool is [floor(o * in / out), ceil((o + 1) * in / out)).
  void (*adaptive_avg_forward)(const PoolArgs&);
  void (*adaptive_avg_backward)(const PoolArgs&);
  void (*adaptive_max_forward)(const PoolArgs&);
};

// Defined where the instruction set was built (CNN_HAVE_AVX2, CNN_HAVE_AVX512); call only what the processor runs.
CNN_API const HeavyTable& heavy_table_baseline();
CNN_API const HeavyTable& heavy_table_avx2();
CNN_API const HeavyTable& heavy_table_avx512();

}  // namespace cnn::cpu
