// Three linear ops whose gradients are each other: y = conv(x, w), dx = conv_input(dy, w), dw = conv_weight(x, dy).
// A transposed convolution is conv_input.
#include "cnn/ops/conv.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>

#include "autograd/autocast.h"
#include "autograd/recorder.h"
#include "cnn/ops/activation.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/norm.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/shape.h"
#include "cnn/ops/unary.h"
#include "cnn/ops/view.h"
#include "ops/conv_integer.h"
#include "ops/heavy.h"
#include "ops/map.h"
#include "ops/spatial.h"

namespace cnn {
namespace {

std::atomic<bool> winograd{true}, conv_tf32{true}, conv_library{true};

Dims spread(const char* op, const char* what, const Dims& given, int n) {
  check(given.size() == 1 || given.size() == n, op, "expected ", what, " to be a single integer value or a list of ", n,
        " values to match the convolution dimensions, but got ", what, "=", given);
  return given.size() == n ? given : Dims::filled(n, given[0]);
}

// Spatial size of y for an x of this size.
int64_t out_size(int64_t in, int64_t kernel, int64_t stride, int64_t padding, int64_t dilation) {
  return (in + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1;
}

ConvArgs make_args(const ConvGeometry& g, const Dims& x, const Dims& w, const Dims& y, DType t) {
  ConvArgs a;
  a.dtype = t;
  a.batch = x[0];
  a.channels = x[1];
  a.out_channels = y[1];
  a.groups = g.groups;
  const int n = x.size() - 2, skip = 3 - n;
  for (int i = 0; i < n; ++i) {
    a.in[skip + i] = x[2 + i];
    a.out[skip + i] = y[2 + i];
    a.kernel[skip + i] = w[2 + i];
    a.stride[skip + i] = g.stride[i];
    a.padding[skip + i] = g.padding[i];
    a.dilation[skip + i] = g.dilation[i];
  }
  return a;
}

Tensor dense(const Tensor& x, DType t, MemoryFormat format = MemoryFormat::Contiguous) {
  return contiguous(to_dtype(x, t), format);
}

// Weights that the kernels take as they are, channels last.
bool lies_in_pixels(const Tensor& w, DType t) {
  const MemoryFormat format = w.dim() == 4 ? MemoryFormat::ChannelsLast : MemoryFormat::ChannelsLast3d;
  return w.dtype() == t && w.dim() >= 4 && !w.is_contiguous() && is_contiguous(w, format);
}

// As PyTorch, which has volumes of doubles in C order only.
MemoryFormat format_of(const Tensor& x, const Tensor& w) {
  const bool plain = w.dim() == 5 && x.dtype() == DType::Float64;
  return plain ? MemoryFormat::Contiguous : common_memory_format({&x, &w});
}

// y = clamp(sum * scale + bias, low, high)
struct ConvFinish {
  Tensor scale;  // [channels] or undefined
  double low = -INFINITY, high = INFINITY;
};

enum class Pass { Forward, Input, Weight };

// Runs one pass into a new tensor of `shape`; a and b are its two operands in the pass's order. Forward, b may be
// float32 beside bfloat16: it is rounded where it is laid out.
Tensor run(Pass pass, const ConvGeometry& geometry, const Dims& shape, const Tensor& a, const Tensor& b,
           const Tensor* bias, const Dims& x, const Dims& w, const Dims& y, const ConvFinish& finish = {},
           bool keeps_layouts = false) {
  NoGrad guard;
  constexpr HeavyEntry<ConvArgs> HeavyTable::* entries[] = {&HeavyTable::conv_forward, &HeavyTable::conv_backward_input,
                                                            &HeavyTable::conv_backward_weight};
  const DType t = kernel_dtype(entries[int(pass)], a.dtype(), a.device());
  const bool rounds_w = t == DType::BFloat16 && b.dtype() == DType::Float32;
  const DType b_type = rounds_w ? b.dtype() : t;
  const MemoryFormat planes = geometry.format, weights = MemoryFormat::Contiguous;
  // Kernels of 16-bit floats write the gradient of weights channels last, too.
  const bool dw_last = pass == Pass::Weight && is_reduced(t) && planes != weights;
  const Tensor out = empty(shape, t, a.device(), pass == Pass::Weight && !dw_last ? weights : planes);
  if (out.numel() > 0) {
    const bool w_last = pass != Pass::Weight && lies_in_pixels(b, b_type);
    const Tensor da = dense(a, t, planes), db = w_last ? b : dense(b, b_type, pass == Pass::Weight ? planes : weights),
                 dbias = bias ? dense(*bias, compute_dtype(t)) : Tensor();
    ConvArgs args = make_args(geometry, x, w, y, t);
    args.rounds_w = rounds_w;
    args.channels_last = planes != MemoryFormat::Contiguous;
    args.w_channels_last = w_last || dw_last;
    if (bias) args.bias = dbias.raw();
    if (finish.scale.defined()) args.scale = finish.scale.raw();
    args.low = finish.low, args.high = finish.high;
    if (keeps_layouts && db.storage() == b.storage()) args.keeper = b.storage().get();
    args.winograd = winograd.load(std::memory_order_relaxed);
    args.tf32 = conv_tf32.load(std::memory_order_relaxed);
    args.library = conv_library.load(std::memory_order_relaxed);
    if (pass == Pass::Forward) {
      args.x = da.raw(), args.w = db.raw(), args.y = out.raw();
      run_heavy("conv", a.device(), entries[int(pass)], args);
    } else if (pass == Pass::Input) {
      args.dy = da.raw(), args.w = db.raw(), args.dx = out.raw();
      run_heavy("conv_backward", a.device(), entries[int(pass)], args);
    } else {
      args.x = da.raw(), args.dy = db.raw(), args.dw = out.raw();
      run_heavy("conv_backward", a.device(), entries[int(pass)], args);
    }
  }
  if (pass != Pass::Weight || planes == weights || dw_last) return to_dtype(out, a.dtype());
  const Tensor dw = contiguous(to_dtype(out, a.dtype()), planes);
  dw.impl()->set_geometry(shape, strides_in(planes, shape), 0);  // also where single channels lie in both formats
  return dw;
}

Dims over_batch_and_space(int ndim) {
  Dims d{0};
  for (int i = 2; i < ndim; ++i) d.push_back(i);
  return d;
}

Tensor conv_input(const char* name, const Tensor& dy, const Tensor& w, const std::optional<Tensor>& bias,
                  const ConvGeometry& geometry, const Dims& x_shape);
Tensor conv_weight(const Tensor& x, const Tensor& dy, const ConvGeometry& geometry, const Dims& w_shape);

// The whole backward pass of a convolution as profiles show it, with PyTorch's arguments and results.
class BackwardRange {
 public:
  BackwardRange(Grads& g, const Dims& x, const Dims& w, const ConvGeometry& geometry, bool transposed)
      : g_(g),
        range_("convolution_backward", g.out(), ShapeOnly{x}, ShapeOnly{w}, Tensor(), geometry.stride, geometry.padding,
               geometry.dilation, transposed, Tensor(), geometry.groups,
               std::array{g.wants(0), g.wants(1), g.wants(2)}) {}
  ~BackwardRange() { range_.results(g_[0], g_[1], g_[2]); }

 private:
  Grads& g_;
  Recorded range_;
};

Tensor conv(const char* name, const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias,
            const ConvGeometry& geometry, const Dims& y_shape, const ConvFinish& finish = {}) {
  const Tensor none;
  Grad grad({x, w, bias ? *bias : none});
  auto sx = grad.save_if(grad.needs(1), x), sw = grad.save_if(grad.needs(0), w);
  Tensor y = run(Pass::Forward, geometry, y_shape, x, w, bias ? &*bias : nullptr, x.shape(), w.shape(), y_shape, finish,
                 !grad);
  if (!grad) return y;
  return grad.record(name, y, [=, x_shape = x.shape(), w_shape = w.shape()](Grads& g) {
    const BackwardRange range(g, x_shape, w_shape, geometry, false);
    if (g.wants(0)) g[0] = conv_input("ConvolutionBackwardBackward0", g.out(), sw.get(g), {}, geometry, x_shape);
    if (g.wants(1)) g[1] = conv_weight(sx.get(g), g.out(), geometry, w_shape);
    if (g.wants(2)) g[2] = sum(g.out(), over_batch_and_space(g.out().dim()));
  });
}

Tensor conv_input(const char* name, const Tensor& dy, const Tensor& w, const std::optional<Tensor>& bias,
                  const ConvGeometry& geometry, const Dims& x_shape) {
  const Tensor none;
  Grad grad({dy, w, bias ? *bias : none});
  auto sdy = grad.save_if(grad.needs(1), dy), sw = grad.save_if(grad.needs(0), w);
  Tensor dx = run(Pass::Input, geometry, x_shape, dy, w, bias ? &*bias : nullptr, x_shape, w.shape(), dy.shape());
  if (!grad) return dx;
  return grad.record(name, dx, [=, y_shape = dy.shape(), w_shape = w.shape()](Grads& g) {
    const BackwardRange range(g, y_shape, w_shape, geometry, true);
    if (g.wants(0)) g[0] = conv("ConvolutionBackwardBackward0", g.out(), sw.get(g), {}, geometry, y_shape);
    if (g.wants(1)) g[1] = conv_weight(g.out(), sdy.get(g), geometry, w_shape);
    if (g.wants(2)) g[2] = sum(g.out(), over_batch_and_space(g.out().dim()));
  });
}

Tensor conv_weight(const Tensor& x, const Tensor& dy, const ConvGeometry& geometry, const Dims& w_shape) {
  Grad grad({x, dy});
  auto sx = grad.save_if(grad.needs(1), x), sdy = grad.save_if(grad.needs(0), dy);
  Tensor dw = run(Pass::Weight, geometry, w_shape, x, dy, nullptr, x.shape(), w_shape, dy.shape());
  if (!grad) return dw;
  return grad.record("ConvolutionBackwardBackward0", dw, [=, x_shape = x.shape(), y_shape = dy.shape()](Grads& g) {
    if (g.wants(0)) g[0] = conv_input("ConvolutionBackwardBackward0", sdy.get(g), g.out(), {}, geometry, x_shape);
    if (g.wants(1)) g[1] = conv("ConvolutionBackwardBackward0", sx.get(g), g.out(), {}, geometry, y_shape);
  });
}

enum class Types { Equal, Rounded };  // Rounded: weights of float32 beside bfloat16

void check_operands(const char* op, const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias, int n,
                    bool transposed, int64_t groups, Types types) {
  check(w.dim() == n + 2, op, "expected ", n + 2, "-dimensional weight, got weight of shape ", w.shape());
  check(x.dim() == n + 2 || x.dim() == n + 1, op, "Expected ", n + 1, "D (unbatched) or ", n + 2,
        "D (batched) input to conv", n, "d, but got input of size: ", x.shape());
  check(groups > 0, op, "expected groups to be greater than 0, but got groups=", groups);
  check(x.dtype() == w.dtype() || types == Types::Rounded, op, "Input type (", dtype_name(x.dtype()),
        ") and weight type (", dtype_name(w.dtype()), ") should be the same");
  if (x.dtype() == DType::Bool) not_implemented(n == 3 ? "slow_conv3d_cpu" : "slow_conv2d_cpu", x.dtype());
  check_device(op, x.device(), w.device());
  const int64_t channels = x.shape()[x.dim() - n - 1];
  check(w.shape()[0] > 0 && w.shape()[0] % groups == 0, op, "Given groups=", groups,
        ", expected weight to be divisible by ", groups, " at dimension 0, but got weight of size ", w.shape(),
        " instead");
  const int64_t expected = transposed ? w.shape()[0] : w.shape()[1] * groups;
  check(channels == expected, op, "Given groups=", groups, ", weight of size ", w.shape(), ", expected input",
        x.shape(), " to have ", expected, " channels, but got ", channels, " channels instead");
  if (bias) {
    const int64_t outs = transposed ? w.shape()[1] * groups : w.shape()[0];
    check(bias->dim() == 1 && bias->shape()[0] == outs, op, "Given ", transposed ? "transposed=1, " : "",
          "weight of size ", w.shape(), ", expected bias to be 1-dimensional with ", outs,
          " elements, but got bias of size ", bias->shape(), " instead");
    check(bias->dtype() == x.dtype(), op, "Input type (", dtype_name(x.dtype()), ") and bias type (",
          dtype_name(bias->dtype()), ") should be the same");
    check_device(op, x.device(), bias->device());
  }
}

}  // namespace

bool winograd_enabled() { return winograd; }
void set_winograd_enabled(bool on) { winograd = on; }
bool conv_tf32_allowed() { return conv_tf32; }
void allow_conv_tf32(bool on) { conv_tf32 = on; }
bool conv_library_allowed() { return conv_library; }
void allow_conv_library(bool on) { conv_library = on; }

namespace {

Tensor convolve(const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias, const Dims& stride,
                const Dims& padding, const Dims& dilation, bool transposed, const Dims& output_padding, int64_t groups,
                const ConvFinish& finish = {}, Types types = Types::Equal) {
  const int n = w.dim() - 2;
  const char* op = transposed ? "conv_transpose" : "conv";
  check_implemented(n >= 1 && n <= 3, op, "convolution over ", n, " spatial dimensions; 1 to 3 are there");
  check_operands(op, x, w, bias, n, transposed, groups, types);
  const ConvGeometry g{spread(op, "stride", stride, n), spread(op, "padding", padding, n),
                       spread(op, "dilation", dilation, n), groups, format_of(x, w)};
  const Dims extra = spread(op, "output_padding", output_padding, n);
  for (int i = 0; i < n; ++i) {
    check(g.stride[i] > 0, op, "non-positive stride is not supported, got stride=", g.stride);
    check(g.padding[i] >= 0, op, "negative padding is not supported, got padding=", g.padding);
    check(g.dilation[i] > 0, op, "dilation should be greater than zero, got dilation=", g.dilation);
    check(extra[i] >= 0, op, "negative output_padding is not supported, got output_padding=", extra);
    // So that products with sizes stay far from overflow.
    check(std::max({g.stride[i], g.padding[i], g.dilation[i], extra[i]}) <= INT32_MAX, op, "stride=", g.stride,
          ", padding=", g.padding, ", dilation=", g.dilation, " or output_padding=", extra, " is too large");
  }
  if (x.dim() == n + 1)
    return squeeze(convolve(unsqueeze(x, 0), w, bias, stride, padding, dilation, transposed, output_padding, groups,
                            finish, types),
                   Dims{0});
  Dims shape{x.shape()[0], transposed ? w.shape()[1] * groups : w.shape()[0]};
  for (int i = 0; i < n; ++i) {
    const int64_t in = x.shape()[2 + i], k = w.shape()[2 + i], reach = g.dilation[i] * (k - 1) + 1;
    check(k > 0, op, "kernel size should be greater than zero, got weight ", w.shape());
    if (transposed) {
      check(extra[i] < std::max(g.stride[i], g.dilation[i]), op,
            "output padding must be smaller than either stride or "
            "dilation, but got output_padding ",
            extra, ", stride ", g.stride, ", dilation ", g.dilation);
      const int64_t size = (in - 1) * g.stride[i] - 2 * g.padding[i] + reach + extra[i];
      check(size > 0, op, "Given input size ", x.shape(), ", calculated output size in dimension ", i, " is ", size,
            ": output size is too small");
      shape.push_back(size);
    } else {
      check(in + 2 * g.padding[i] >= reach, op, "Calculated padded input size per channel: (", in + 2 * g.padding[i],
            "). Kernel size: (", reach, "). Kernel size can't be greater than actual input size; input ", x.shape(),
            ", weight ", w.shape());
      shape.push_back(out_size(in, k, g.stride[i], g.padding[i], g.dilation[i]));
    }
  }
  Recorded range("convolution", x, w, bias, g.stride, g.padding, g.dilation, transposed, extra, groups);
  range.results(ShapeOnly{shape});
  if (!is_floating(x.dtype())) {
    NoGrad guard;
    const Tensor y = transposed ? conv_transpose_integers(x, w, g, shape) : conv_integers(x, w, g, shape);
    Dims over_channels = Dims::filled(n + 2, 1);
    over_channels[1] = shape[1];
    return contiguous(bias ? add(y, reshape(*bias, over_channels)) : y, g.format);
  }
  return transposed ? conv_input("ConvolutionBackward0", x, w, bias, g, shape)
                    : conv("ConvolutionBackward0", x, w, bias, g, shape, finish);
}

// Under autocast and without gradients the kernels themselves round weights of float32, and keep what they lay out of
// them: a cast would be made, and laid out, in every region anew.
bool rounds_weights(const Tensor& x, const Tensor& w, int dims) {
  return (mode_word & ~kInference) == (kNoGrad | kAutocastCpu) && autocast_dtype(DeviceType::Cpu) == DType::BFloat16 &&
         x.defined() && w.defined() && x.device().is_cpu() && w.device().is_cpu() && w.dtype() == DType::Float32 &&
         (x.dtype() == DType::Float32 || x.dtype() == DType::BFloat16) && w.dim() == dims + 2;
}

Tensor to_bfloat16(const Tensor& x) { return to_dtype(x, DType::BFloat16); }

// A convolution that autocast casts, by `op` unless the weights stay as they are.
template <class Op>
Tensor cast_convolution(const Autocast& cast, int dims, const Op& op, const Tensor& x, const Tensor& w,
                        const std::optional<Tensor>& bias, const Dims& stride, const Dims& padding,
                        const Dims& dilation, int64_t groups) {
  const bool takes_bias = !bias || bias->dtype() == DType::Float32 || bias->dtype() == DType::BFloat16;
  if (!rounds_weights(x, w, dims) || !takes_bias) return cast(op, x, w, bias, stride, padding, dilation, groups);
  const WithoutAutocast inside;
  return convolve(to_bfloat16(x), w, bias ? std::optional(to_bfloat16(*bias)) : bias, stride, padding, dilation, false,
                  {0}, groups, {}, Types::Rounded);
}

}  // namespace

Tensor convolution(const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias, const Dims& stride,
                   const Dims& padding, const Dims& dilation, bool transposed, const Dims& output_padding,
                   int64_t groups) {
  if (const Autocast cast{"convolution", x}) [[unlikely]]
    return cast(convolution, x, w, bias, stride, padding, dilation, transposed, output_padding, groups);
  return convolve(x, w, bias, stride, padding, dilation, transposed, output_padding, groups);
}

Tensor conv_norm_clamp(const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias, const Dims& stride,
                       const Dims& padding, const Dims& dilation, int64_t groups,
                       const std::optional<Tensor>& norm_weight, const std::optional<Tensor>& norm_bias,
                       const std::optional<Tensor>& running_mean, const std::optional<Tensor>& running_var, double eps,
                       double low, double high) {
  const DType t = x.dtype();
  const auto fits = [&](const std::optional<Tensor>& p) {
    return !p || (p->dtype() == t && p->dim() == 1 && p->numel() == w.shape()[0] && p->device() == x.device());
  };
  const bool fused = (mode_word & ~kInference) == kNoGrad && !x.device().is_meta() && w.dim() > 0 &&
                     (t == DType::Float32 || t == DType::Float64) && bool(running_mean) == bool(running_var) &&
                     fits(bias) && fits(norm_weight) && fits(norm_bias) && fits(running_mean) && fits(running_var);
  if (!fused) {
    Tensor y = convolution(x, w, bias, stride, padding, dilation, false, {0}, groups);
    if (running_mean || running_var)
      y = batch_norm(y, norm_weight, norm_bias, running_mean, running_var, false, 0, eps);
    return low > -INFINITY || high < INFINITY ? clamp(y, Scalar(low), Scalar(high)) : y;
  }
  ConvFinish finish = {{}, low, high};
  std::optional<Tensor> shift = bias;
  if (running_mean) {
    finish.scale = rsqrt(*running_var + Scalar(eps));
    if (norm_weight) finish.scale = finish.scale * *norm_weight;
    const Tensor from = bias ? *running_mean - *bias : *running_mean;
    shift = norm_bias ? *norm_bias - from * finish.scale : neg(from * finish.scale);
  }
  return convolve(x, w, shift, stride, padding, dilation, false, {0}, groups, finish);
}

Tensor conv1d(const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias, const Dims& stride,
              const Dims& padding, const Dims& dilation, int64_t groups) {
  if (const Autocast cast{"conv1d", x}) [[unlikely]]
    return cast_convolution(cast, 1, conv1d, x, w, bias, stride, padding, dilation, groups);
  check(w.dim() == 3, "conv1d", "expected 3-dimensional weight, got weight of shape ", w.shape());
  return convolution(x, w, bias, stride, padding, dilation, false, {0}, groups);
}
Tensor conv2d(const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias, const Dims& stride,
              const Dims& padding, const Dims& dilation, int64_t groups) {
  if (const Autocast cast{"conv2d", x}) [[unlikely]]
    return cast_convolution(cast, 2, conv2d, x, w, bias, stride, padding, dilation, groups);
  check(w.dim() == 4, "conv2d", "expected 4-dimensional weight, got weight of shape ", w.shape());
  return convolution(x, w, bias, stride, padding, dilation, false, {0}, groups);
}
Tensor conv3d(const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias, const Dims& stride,
              const Dims& padding, const Dims& dilation, int64_t groups) {
  if (const Autocast cast{"conv3d", x}) [[unlikely]]
    return cast_convolution(cast, 3, conv3d, x, w, bias, stride, padding, dilation, groups);
  check(w.dim() == 5, "conv3d", "expected 5-dimensional weight, got weight of shape ", w.shape());
  return convolution(x, w, bias, stride, padding, dilation, false, {0}, groups);
}

Tensor conv_padded(int dims, const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias, const Dims& stride,
                   const std::string& padding, const Dims& dilation, int64_t groups) {
  check_spatial("conv", dims);
  if (const Autocast cast{in_dims(dims, "conv1d", "conv2d", "conv3d"), x}) [[unlikely]]
    return cast(conv_padded, dims, x, w, bias, stride, padding, dilation, groups);
  check(w.dim() == dims + 2, "conv", "expected ", dims + 2, "-dimensional weight, got weight of shape ", w.shape());
  check(padding == "valid" || padding == "same", "conv", "Invalid padding string: '", padding, "'");
  if (padding == "valid") return convolution(x, w, bias, stride, {0}, dilation, false, {0}, groups);
  const Dims s = spread("conv", "stride", stride, dims), d = spread("conv", "dilation", dilation, dims);
  for (int64_t v : s) check(v == 1, "conv", "padding='same' is not supported for strided convolutions");
  Dims even = Dims::filled(dims, 0), pad;
  bool uneven = false;
  for (int i = 0; i < dims; ++i) {
    const int64_t total = d[i] * (w.shape()[2 + i] - 1);
    even[i] = total / 2;
    uneven |= total % 2 != 0;
  }
  if (!uneven) return convolution(x, w, bias, s, even, d, false, {0}, groups);
  for (int i = dims - 1; i >= 0; --i) {  // one more on the right
    pad.push_back(0);
    pad.push_back(d[i] * (w.shape()[2 + i] - 1) % 2);
  }
  return convolution(constant_pad_nd(x, pad), w, bias, s, even, d, false, {0}, groups);
}

Tensor conv_transpose(int dims, const Tensor& x, const Tensor& w, const std::optional<Tensor>& bias, const Dims& stride,
                      const Dims& padding, const Dims& output_padding, int64_t groups, const Dims& dilation) {
  check_spatial("conv_transpose", dims);
  if (const Autocast cast{in_dims(dims, "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), x}) [[unlikely]]
    return cast(conv_transpose, dims, x, w, bias, stride, padding, output_padding, groups, dilation);
  check(w.dim() == dims + 2, "conv_transpose", "expected ", dims + 2, "-dimensional weight, got weight of shape ",
        w.shape());
  return convolution(x, w, bias, stride, padding, dilation, true, output_padding, groups);
}

}  // namespace cnn
