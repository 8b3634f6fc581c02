// The heavy kernels of a device on raw pointers: matrix products, convolution, pooling, resampling, recurrent layers,
// attention. Strides count elements. Sizes are checked by the caller; a size of zero is legal everywhere.
#pragma once

#include <stdint.h>

#include "cnn/dtype.h"
#include "kernels/note.h"

namespace cnn {

class Storage;

enum class Activation : uint8_t { None, Relu };
enum class BiasOf : uint8_t { Column, Row };  // bias[j] or bias[i] is added to c[i, j]

// c[b] = activation(alpha * a[b] @ b[b] + (accumulate ? c[b] : 0) + bias), a [m, k], b [k, n], c [m, n].
// c must not overlap a, b or bias, and no two of its elements may share memory.
struct GemmArgs {
  DType dtype = DType::Float32;  // bfloat16: sums in float32; integers without bias and activation
  bool rounds = false;  // float32: a and b may be rounded to bfloat16
  bool tf32 = false;    // float32 on a GPU: a and b may be rounded to 10 bits of fraction
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
  Storage* keeper = nullptr;  // of b, if what is laid out of it may be kept (core/layouts.h)
};

// Cross-correlation of x [batch, channels, in...] with w [out_channels, channels / groups, kernel...] to
// y [batch, out_channels, out...], all dense; with `channels_last`, x, y, dx and dy lie as [batch, in..., channels].
// Fewer than 3 spatial dimensions: leading ones are 1 (kernel, stride and dilation 1, padding 0).
struct ConvArgs {
  DType dtype = DType::Float32;  // bfloat16: sums, scale and bias in float32
  bool rounds_w = false;  // forward of bfloat16: w is float32, to be rounded
  bool tf32 = false;      // float32 on a GPU: factors may be rounded to 10 bits of fraction
  int64_t batch = 1, channels = 1, out_channels = 1, groups = 1;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};  // spatial sizes of x and y
  int64_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, padding[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
  const void* x = nullptr;  // forward: read; backward_weight: read
  const void* w = nullptr;  // forward, backward_input: read
  const void* bias =
      nullptr;  // forward: [out_channels] or null; backward_input: [channels] or null (transposed forward)
  const void* dy = nullptr;  // backward: gradient of y
  void* y = nullptr;  // forward: written
  void* dx = nullptr;  // backward_input: written
  void* dw = nullptr;  // backward_weight: written
  const void* scale = nullptr;  // forward: [out_channels] or null; y = clamp(sum * scale + bias, low, high)
  double low = -__builtin_inf(), high = __builtin_inf();
  bool w_channels_last = false;  // w lies as [out_channels, kernel..., channels / groups], and of bfloat16 dw as well
  Storage* keeper = nullptr;  // of w, if what is laid out of it may be kept (core/layouts.h)
  bool channels_last = false;
  bool library = true;  // on a GPU: NVIDIA's may be used
  bool winograd = true;  // allowed where it pays: fewer operations, error a few times that of the plain sum
};

// Windows over planes of x [planes, in...] giving y [planes, out...], dense; planes = batch * channels. With
// `channels_last` the channels of an image lie side by side: [batch, in..., channels].
struct PoolArgs {
  DType dtype = DType::Float32;
  int64_t planes = 1, channels = 1;
  bool channels_last = false;
  int64_t in[3] = {1, 1, 1}, out[3] = {1, 1, 1};
  int64_t kernel[3] = {1, 1, 1}, stride[3] = {1, 1, 1}, padding[3] = {0, 0, 0}, dilation[3] = {1, 1, 1};
  bool count_include_pad = true;  // average only
  int64_t divisor = 0;  // average only: 0 is the size of the window
  const void* x = nullptr;
  void* y = nullptr;
  kernels::Note* note = nullptr;  // backward of max: told of an index that is neither in the plane nor -1
  int64_t* indices = nullptr;  // of the maximum in its plane of x, -1 if the window holds no element; written forward
  // (null: not wanted), read backward, where those outside the plane are passed over
  const void* dy = nullptr;
  void* dx = nullptr;  // backward: written whole
};

// One axis of a resampling: output o is the sum of weight[k] times input index[k] for k in [start[o], start[o + 1]).
struct ResampleAxis {
  int64_t in = 1, out = 1;
  const int64_t* start = nullptr;  // [out + 1], rising from 0; null: nothing happens along this axis
  const int64_t* index = nullptr;  // [start[out]], in [0, in)
  const double* weight = nullptr;  // [start[out]]; null: 1 everywhere
};

// x [outer, in..., inner] to y [outer, out..., inner], both dense. The gradient is the same along the transposed axes.
struct ResampleArgs {
  DType dtype = DType::Float32;
  int64_t outer = 1, inner = 1;
  ResampleAxis axis[3];
  const void* x = nullptr;
  void* y = nullptr;
};

// One number for each channel, or null.
struct ChannelVector {
  void* data = nullptr;
  bool wide = false;  // S, not of x's dtype
};

// y = (x - mean) scale + shift of every channel of x, [batch, channels, positions] or, with `channels_last`,
// [batch, positions, channels], dense, of 1 to 2^31 - 1 elements. The scale is weight rstd; the shift is the bias, less
// what rounding the mean has left out. S is float64 where x is, else float32.
struct ChannelNormArgs {
  DType dtype = DType::Float32;  // of x, y, dy, dx
  int64_t batch = 1, channels = 1, positions = 1;
  bool channels_last = false;
  bool training = false;  // mean and variance are those of x, and the running ones move towards them
  bool relu = false;  // forward: y is 0 where it would be negative; backward: dy counts as 0 where y is not positive
  double eps = 0, momentum = 0;
  const void* x = nullptr;
  void* y = nullptr;
  ChannelVector weight, bias;  // null: 1 and 0
  ChannelVector running_mean, running_var;  // forward; null only in training
  void *mean = nullptr, *rstd = nullptr, *shift = nullptr;  // S; forward: written, if not null; backward: read, the
  // shift with `relu` only
  const void* dy = nullptr;
  void* dx = nullptr;  // backward: written, if not null
  ChannelVector d_weight, d_bias;  // the same
};

// y = (x - mean) rstd weight + bias of x, [batch, channels, positions] or, with `channels_last`, [batch, positions,
// channels], dense, of 1 to 2^31 - 1 elements, each group of channels / groups channels of an image having a mean and a
// spread of its own. A row of a layer norm is an image of one group without positions. S is float64 where x is, else
// float32.
struct GroupNormArgs {
  DType dtype = DType::Float32;  // of x, y, dy, dx
  int64_t batch = 1, channels = 1, positions = 1, groups = 1;
  bool channels_last = false;
  bool centered = true;  // or the mean is 0, as in RMS norm
  double eps = 0, momentum = 0;
  const void* x = nullptr;
  void* y = nullptr;
  ChannelVector weight, bias;  // null: 1 and 0
  ChannelVector running_mean, running_var;  // forward, groups of one channel: moved, if not null, towards the average
  // of the images' own
  void *mean = nullptr, *rstd = nullptr;  // S [batch, groups]; forward: written, if not null; backward: read, the mean
  // where it is centered
  const void* dy = nullptr;
  void* dx = nullptr;  // backward: written, if not null
  ChannelVector d_weight, d_bias;  // the same
};

enum class RnnCell : uint8_t { Tanh, Relu, Lstm, Gru };

// One layer in one direction over sequences sorted by length, their steps packed: rows [total, ...] hold
// batch_sizes[0] rows of step 0, then batch_sizes[1] of step 1, ... All dense. G is 1, 4 (i f g o) or 3 (r z n) gates;
// R is `state` = projected or `hidden`, the width of what is fed back.
struct RnnArgs {
  DType dtype = DType::Float32;
  RnnCell cell = RnnCell::Lstm;
  bool reverse = false;
  bool tf32 = false;  // float32 on a GPU: factors may be rounded to 10 bits of fraction
  int64_t steps = 0, batch = 0, total = 0, hidden = 0, state = 0;
  const int64_t* batch_sizes = nullptr;  // [steps], falling, positive; the first is `batch`
  const void* w_hh = nullptr;  // [G hidden, state]
  const void* w_hr = nullptr;  // [state, hidden]: h = w_hr o tanh(c); null: none
  const void* b_hn = nullptr;  // Gru, forward: [hidden] or null, added before r scales it
  void* gates = nullptr;  // [total, G hidden]: forward in: W x + biases, out: the gates; backward: the gates
  void* hn = nullptr;  // Gru: [total, hidden], the recurrent part of n
  void *h_before = nullptr, *c_before = nullptr;  // [total, state], [total, hidden]: what each step started from
  void* h_whole = nullptr;  // [total, hidden], with w_hr: h before the projection
  void* y = nullptr;  // forward: [total, state]
  void *h = nullptr, *c = nullptr;  // [batch, state], [batch, hidden]; forward in: first, out: last states;
  // backward in: gradients of the last, out: of the first states
  const void* dy = nullptr;  // backward: gradient of y, or null
  void* d_gates = nullptr;  // backward: [total, G hidden], gradient of W x + biases
  void* d_hidden = nullptr;  // Gru, backward: the same for the recurrent product, where n differs
  void* d_state = nullptr;  // backward with w_hr: [total, state], gradient of each h
};

// One operand [batch, heads, rows, width] of attention; elements of a row lie side by side.
struct AttentionPlanes {
  void* data = nullptr;
  int64_t batch = 0, head = 0, row = 0;  // strides
};

// out = softmax(scale q k^T + mask) v for each head. `cols` keys serve `rows` queries; heads / kv_heads heads in a row
// share their keys and values. A row that is masked out whole gives zeros.
struct AttentionArgs {
  DType dtype = DType::Float32;  // of the planes; beside 16-bit floats all other numbers are float32
  bool tf32 = false;  // float32 on a GPU: factors may be rounded to 10 bits of fraction; backward as forward, for lse
  int64_t batch = 1, heads = 1, kv_heads = 1, rows = 0, cols = 0, width = 0, value_width = 0;
  double scale = 1;
  bool causal = false;  // query i sees keys 0 to i
  AttentionPlanes q, k, v;  // read
  const void* mask = nullptr;  // added to the scores, or null; [batch, heads, rows, cols] by these strides
  bool mask_is_bool = false;  // then false keeps a key from being seen
  int64_t mask_batch = 0, mask_head = 0, mask_row = 0, mask_col = 0;
  const void* noise = nullptr;  // dense [batch, heads, rows, cols], multiplied by the probabilities, or null
  AttentionPlanes out;  // forward: written; backward: read
  // The log of the sum of exp of a row's scores as two numbers, whose sum would lose the second where the scores are
  // far from 0: dense [2, batch, heads, rows], as out. What they are exactly is the kernels' own.
  void* lse = nullptr;
  AttentionPlanes d_out;  // backward: read
  AttentionPlanes dq, dk, dv;  // backward: written whole
};

// A kernel and the dtypes that it was compiled for. Ops call it by `run_heavy`, which refuses the others.
template <class Args>
struct HeavyEntry {
  void (*run)(const Args&);
  unsigned dtypes;  // one bit for each
  constexpr bool has(DType t) const { return (dtypes >> unsigned(t) & 1u) != 0; }
  void operator()(const Args& args) const { run(args); }
};
template <class... T>
constexpr unsigned dtype_bits(T... dtypes) {
  return ((1u << unsigned(dtypes)) | ...);
}
inline constexpr unsigned kFloatBits = dtype_bits(DType::Float32, DType::Float64);
inline constexpr unsigned kIntegerBits =
    dtype_bits(DType::UInt8, DType::Int8, DType::Int16, DType::Int32, DType::Int64);

// What a device lacks raises NotImplementedError; no entry is null.
struct HeavyTable {
  HeavyEntry<GemmArgs> gemm;
  // float32, float64: b [k, n], the same for the whole batch, laid out once for many products: the bytes that takes,
  // the layout itself, the product (which does not read args.b). k and n must be those it was packed with.
  int64_t (*packed_size)(const GemmArgs&);
  void (*pack_b)(const GemmArgs&, void* packed);
  void (*gemm_packed)(const GemmArgs&, const void* packed);
  HeavyEntry<ConvArgs> conv_forward;
  HeavyEntry<ConvArgs> conv_backward_input;  // also the forward of a transposed convolution
  HeavyEntry<ConvArgs> conv_backward_weight;
  // As in PyTorch, NaN is the largest value, of equal numbers the first wins, of several NaN the last.
  HeavyEntry<PoolArgs> max_pool_forward;
  // Adaptive too, which leaves the window as it is by default: reads dy and indices.
  HeavyEntry<PoolArgs> max_pool_backward;
  HeavyEntry<PoolArgs> avg_pool_forward;  // integers are divided towards zero
  HeavyEntry<PoolArgs> avg_pool_backward;
  // Window o of an adaptive pool is [floor(o * in / out), ceil((o + 1) * in / out)).
  HeavyEntry<PoolArgs> adaptive_avg_forward;
  HeavyEntry<PoolArgs> adaptive_avg_backward;
  HeavyEntry<PoolArgs> adaptive_max_forward;
  HeavyEntry<ResampleArgs> resample;  // without dtypes where ops are composed instead
  HeavyEntry<ChannelNormArgs> channel_norm_forward;  // these four without dtypes where ops are composed instead
  HeavyEntry<ChannelNormArgs> channel_norm_backward;
  HeavyEntry<GroupNormArgs> group_norm_forward;
  HeavyEntry<GroupNormArgs> group_norm_backward;
  HeavyEntry<RnnArgs> rnn_forward;
  HeavyEntry<RnnArgs> rnn_backward;
  HeavyEntry<AttentionArgs> attention_forward;
  HeavyEntry<AttentionArgs> attention_backward;
  // Whether attention_forward takes 16-bit floats of this dtype and these sizes; the rest of the arguments is not read.
  bool (*attention_in_halves)(const AttentionArgs&);
};

}  // namespace cnn
