#include "cnn/ops/pool.h"

#include <algorithm>
#include <cstdint>
#include <string>

#include "autograd/autocast.h"
#include "autograd/recorder.h"
#include "cnn/ops/binary.h"
#include "cnn/ops/compare.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/index.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/view.h"
#include "ops/heavy.h"
#include "ops/map.h"
#include "ops/spatial.h"

namespace cnn {
namespace {

using Pass = HeavyEntry<PoolArgs> HeavyTable::*;

struct Names {
  const char *op, *node, *kernel;  // the kernel as PyTorch's errors call it
  const char *forward, *backward;  // the two passes, as profiles call them
};
constexpr Names kMax[] = {{"max_pool1d", "MaxPool1DWithIndicesBackward0", "max_pool1d_impl", "max_pool1d_with_indices",
                           "max_pool1d_with_indices_backward"},
                          {"max_pool2d", "MaxPool2DWithIndicesBackward0", "max_pool2d", "max_pool2d_with_indices",
                           "max_pool2d_with_indices_backward"},
                          {"max_pool3d", "MaxPool3DWithIndicesBackward0", "max_pool3d", "max_pool3d_with_indices",
                           "max_pool3d_with_indices_backward"}};
constexpr Names kAvg[] = {
    {"avg_pool1d", "AvgPool1DBackward0", "avg_pool2d", "avg_pool1d", "avg_pool1d_backward"},
    {"avg_pool2d", "AvgPool2DBackward0", "avg_pool2d", "avg_pool2d", "avg_pool2d_backward"},
    {"avg_pool3d", "AvgPool3DBackward0", "avg_pool3d_out_frame", "avg_pool3d", "avg_pool3d_backward"}};
constexpr Names kAdaptiveAvg[] = {{"adaptive_avg_pool1d", "AdaptiveAvgPool1DBackward0", "adaptive_avg_pool2d",
                                   "_adaptive_avg_pool1d", "_adaptive_avg_pool1d_backward"},
                                  {"adaptive_avg_pool2d", "AdaptiveAvgPool2DBackward0", "adaptive_avg_pool2d",
                                   "_adaptive_avg_pool2d", "_adaptive_avg_pool2d_backward"},
                                  {"adaptive_avg_pool3d", "AdaptiveAvgPool3DBackward0", "adaptive_avg_pool3d_cpu",
                                   "_adaptive_avg_pool3d", "_adaptive_avg_pool3d_backward"}};
constexpr Names kAdaptiveMax[] = {{"adaptive_max_pool1d", "AdaptiveMaxPool1DBackward0", "adaptive_max_pool2d",
                                   "adaptive_max_pool1d", "adaptive_max_pool1d_backward"},
                                  {"adaptive_max_pool2d", "AdaptiveMaxPool2DBackward0", "adaptive_max_pool2d",
                                   "adaptive_max_pool2d", "adaptive_max_pool2d_backward"},
                                  {"adaptive_max_pool3d", "AdaptiveMaxPool3DBackward0", "adaptive_max_pool3d_cpu",
                                   "adaptive_max_pool3d", "adaptive_max_pool3d_backward"}};

Dims spread(const char* op, const char* what, const Dims& given, int n) {
  check(given.size() == 1 || given.size() == n, op, what, " must either be a single int, or a tuple of ", n,
        " ints, got ", given);
  return given.size() == n ? given : Dims::filled(n, given[0]);
}

void check_input(const char* op, const Tensor& x, int n) {
  bool filled = x.dim() == n + 1 || x.dim() == n + 2;
  for (int i = x.dim() - n - 1; filled && i < x.dim(); ++i) filled &= i < 0 || x.shape()[i] > 0;
  check(filled, op, "Expected ", n + 1, "D or ", n + 2,
        "D (batch mode) tensor with optional 0 dim batch size for input, "
        "but got: ",
        x.shape());
}

// Of a batch of images; a single one [C, spatial] is in C order. So are pooled volumes in PyTorch, but for max_pool3d.
MemoryFormat format_of(const Tensor& x, int n, int most_dims = 2) {
  return x.dim() == n + 2 && n <= most_dims ? memory_format_of(x) : MemoryFormat::Contiguous;
}

// Geometry common to all passes; x and y are [..., spatial].
PoolArgs make_args(int n, const Dims& x, const Dims& y, DType t, MemoryFormat format) {
  PoolArgs a;
  a.dtype = t;
  for (int i = 0; i + n < x.size(); ++i) a.planes *= x[i];
  a.channels_last = format != MemoryFormat::Contiguous;
  a.channels = x[x.size() - n - 1];
  for (int i = 0; i < n; ++i) {
    a.in[3 - n + i] = x[x.size() - n + i];
    a.out[3 - n + i] = y[y.size() - n + i];
  }
  if (a.out[0] == 0 || a.out[1] == 0 || a.out[2] == 0) a.out[0] = a.out[1] = a.out[2] = 0;  // or [2^40, 0] takes days
  return a;
}

struct Window {
  Dims kernel, stride, padding, dilation;
  bool count_include_pad = true;
  int64_t divisor = 0;
  void set(PoolArgs& a) const {
    const int n = kernel.size();
    for (int i = 0; i < n; ++i) {
      const int to = 3 - n + i;
      a.kernel[to] = kernel[i], a.stride[to] = stride[i], a.padding[to] = padding[i], a.dilation[to] = dilation[i];
    }
    a.count_include_pad = count_include_pad;
    a.divisor = divisor;
  }
};

Window make_window(const char* op, int n, const Dims& kernel_size, const Dims& stride, const Dims& padding,
                   const Dims& dilation) {
  Window w;
  w.kernel = spread(op, "kernel_size", kernel_size, n);
  w.stride = stride.empty() ? w.kernel : spread(op, "stride", stride, n);
  w.padding = spread(op, "padding", padding, n);
  w.dilation = spread(op, "dilation", dilation, n);
  for (int i = 0; i < n; ++i) {
    check(w.kernel[i] > 0, op, "kernel size should be greater than zero, but got ", w.kernel);
    check(w.stride[i] > 0, op, "stride should be greater than zero, but got ", w.stride);
    check(w.dilation[i] > 0, op, "dilation should be greater than zero, but got ", w.dilation);
    check(std::max({w.kernel[i], w.stride[i], w.dilation[i]}) <= INT32_MAX, op,
          "value cannot be converted to type int without overflow: kernel_size=", w.kernel, ", stride=", w.stride,
          ", dilation=", w.dilation);
    check(w.padding[i] >= 0, op, "pad must be non-negative, but got pad: ", w.padding[i]);
    check(w.padding[i] <= ((w.kernel[i] - 1) * w.dilation[i] + 1) / 2, op,
          "pad should be at most half of effective kernel "
          "size, but got pad=",
          w.padding[i], ", kernel_size=", w.kernel[i], " and dilation=", w.dilation[i]);
  }
  return w;
}

Dims pooled_shape(const char* op, const Dims& x, const Window& w, bool ceil_mode) {
  Dims y = x;
  const int n = w.kernel.size(), first = x.size() - n;
  for (int i = 0; i < n; ++i) {
    const int64_t in = x[first + i], room = in + 2 * w.padding[i] - w.dilation[i] * (w.kernel[i] - 1) - 1;
    const int64_t up = room + (ceil_mode ? w.stride[i] - 1 : 0);
    int64_t out = (up >= 0 ? up / w.stride[i] : -((-up + w.stride[i] - 1) / w.stride[i])) + 1;
    // The last window must start inside the input or its left padding.
    if (ceil_mode && (out - 1) * w.stride[i] >= in + w.padding[i]) --out;
    check(out >= 1, op, "Given input size ", x, ", kernel ", w.kernel, ", stride ", w.stride, ", padding ", w.padding,
          ": Output size is too small");
    y[first + i] = out;
  }
  return y;
}

// x as the kernel of a pass takes it.
Tensor dense(const Tensor& x, MemoryFormat format, Pass pass) {
  return contiguous(to_dtype(x, kernel_dtype(pass, x.dtype(), x.device())), format);
}

// ---- Maximum ----

void fail_maximum(const Watch& w, int64_t, const char* when) {
  fail(w.kind, w.op, "Found an invalid max index: the indices were changed after the forward pass", when);
}

// The window is that of the forward pass; adaptive pools have none.
Tensor max_backward(int n, const Window& window, const Tensor& dy, const Tensor& indices, const Dims& x_shape,
                    MemoryFormat format) {
  const Recorded range((window.kernel.empty() ? kAdaptiveMax : kMax)[n - 1].backward, dy, indices);
  Grad grad({dy});
  Tensor dx;
  {
    NoGrad guard;
    const Tensor d = dense(dy, format, &HeavyTable::max_pool_backward),
                 out = empty(x_shape, d.dtype(), d.device(), format);
    PoolArgs args = make_args(n, x_shape, dy.shape(), d.dtype(), format);
    if (!window.kernel.empty()) window.set(args);
    check(indices.shape() == dy.shape() && indices.dtype() == DType::Int64, "max_pool_backward",
          "expected long indices of shape ", dy.shape(), ", got ", indices.dtype(), " of shape ", indices.shape());
    const Tensor at = contiguous(indices, format);
    const Watch watch = {fail_maximum, "max_pool_backward", ErrorKind::Runtime, 0, 0};
    kernels::Note here;
    args.dy = d.raw(), args.indices = at.data<int64_t>(), args.dx = out.raw();
    args.note = note_on(d.device(), watch, here);
    if (out.numel() > 0) run_heavy("max_pool_backward", d.device(), &HeavyTable::max_pool_backward, args);
    if (!here.empty()) fail_maximum(watch, here.value(), "");
    dx = to_dtype(out, dy.dtype());
  }
  if (!grad) return dx;
  return grad.record("MaxPoolBackwardBackward0", dx, [n, saved = grad.save(indices)](Grads& g) {
    const int64_t first = g.out().dim() - n;
    const Tensor indices = saved.get(g), none = lt(indices, wrapped_number(0));  // of windows without an element
    const Tensor at = masked_fill(indices, none, wrapped_number(0));
    const Tensor found = reshape(gather(flatten(g.out(), first, -1), -1, flatten(at, first, -1)), indices.shape());
    g[0] = masked_fill(found, none, wrapped_number(0));
  });
}

std::pair<Tensor, Tensor> record_max(const char* node, int n, const Window& window, MemoryFormat format, Grad& grad,
                                     const Tensor& x, const Tensor& y, const Tensor& indices) {
  if (grad)
    grad.record(node, {y, indices}, [n, window, saved = grad.save(indices), shape = x.shape(), format](Grads& g) {
      if (g.has(0)) g[0] = max_backward(n, window, g.out(0), saved.get(g), shape, format);
    });
  return {y, indices};
}

}  // namespace

std::pair<Tensor, Tensor> max_pool_with_indices(int n, const Tensor& x, const Dims& kernel_size, const Dims& stride,
                                                const Dims& padding, const Dims& dilation, bool ceil_mode) {
  const Names names = of_spatial("max_pool", kMax, n);
  const Window w = make_window(names.op, n, kernel_size, stride, padding, dilation);
  check_input(names.op, x, n);
  const Dims shape = pooled_shape(names.op, x.shape(), w, ceil_mode);
  const Recorded range(names.forward, x);
  Grad grad({x});
  const MemoryFormat format = format_of(x, n, 3);
  Tensor y, indices = empty(shape, DType::Int64, x.device(), format);
  {
    NoGrad guard;
    const Tensor from = dense(x, format, &HeavyTable::max_pool_forward),
                 out = empty(shape, from.dtype(), x.device(), format);
    PoolArgs args = make_args(n, x.shape(), shape, from.dtype(), format);
    w.set(args);
    args.x = from.raw(), args.y = out.raw(), args.indices = indices.data<int64_t>();
    run_heavy(names.kernel, x.device(), &HeavyTable::max_pool_forward, args);
    y = to_dtype(out, x.dtype());
  }
  return record_max(names.node, n, w, format, grad, x, y, indices);
}

Tensor max_pool(int n, const Tensor& x, const Dims& kernel_size, const Dims& stride, const Dims& padding,
                const Dims& dilation, bool ceil_mode) {
  const Names& names = of_spatial("max_pool", kMax, n);
  if (const Autocast cast{names.op, x}) [[unlikely]]
    return cast(max_pool, n, x, kernel_size, stride, padding, dilation, ceil_mode);
  if (n == 1 && !is_floating(x.dtype())) not_implemented(names.kernel, x.dtype());
  return max_pool_with_indices(n, x, kernel_size, stride, padding, dilation, ceil_mode).first;
}

std::pair<Tensor, Tensor> adaptive_max_pool(int n, const Tensor& x, const Dims& output_size) {
  const Names names = of_spatial("adaptive_max_pool", kAdaptiveMax, n);
  if (const Autocast cast{names.op, x}) [[unlikely]]
    return cast(adaptive_max_pool, n, x, output_size);
  check_input(names.op, x, n);
  const Dims size = spread(names.op, "output_size", output_size, n);
  Dims shape = x.shape();
  for (int i = 0; i < n; ++i) shape[x.dim() - n + i] = size[i];
  for (int64_t s : shape) check(s >= 0, names.op, "Trying to create tensor with negative dimension ", s, ": ", shape);
  numel_of(names.op, shape);
  const Recorded range(names.forward, x);
  Grad grad({x});
  const MemoryFormat format = format_of(x, n);
  Tensor y, indices = empty(shape, DType::Int64, x.device(), format);
  {
    NoGrad guard;
    const Tensor from = dense(x, format, &HeavyTable::adaptive_max_forward),
                 out = empty(shape, from.dtype(), x.device(), format);
    PoolArgs args = make_args(n, x.shape(), shape, from.dtype(), format);
    args.x = from.raw(), args.y = out.raw(), args.indices = indices.data<int64_t>();
    run_heavy(names.kernel, x.device(), &HeavyTable::adaptive_max_forward, args);
    y = to_dtype(out, x.dtype());
  }
  return record_max(names.node, n, {}, format, grad, x, y, indices);
}

// ---- Average: linear, so that the two directions are each other's gradients ----

namespace {

struct Average {
  Names names;
  int n;
  Pass forward, backward;
  Window window;  // unused by the adaptive ones
};

Tensor average_backward(const Average& a, const Tensor& dy, const Dims& x_shape, MemoryFormat format);

Tensor average(const Average& a, const Tensor& x, const Dims& shape) {
  const Recorded range(a.names.forward, x);
  Grad grad({x});
  const MemoryFormat format = format_of(x, a.n);
  Tensor y;
  {
    NoGrad guard;
    const Tensor from = dense(x, format, a.forward), out = empty(shape, from.dtype(), x.device(), format);
    PoolArgs args = make_args(a.n, x.shape(), shape, from.dtype(), format);
    if (!a.window.kernel.empty()) a.window.set(args);
    args.x = from.raw(), args.y = out.raw();
    run_heavy(a.names.kernel, x.device(), a.forward, args);
    y = to_dtype(out, x.dtype());
  }
  if (!grad) return y;
  return grad.record(a.names.node, y, [a, x_shape = x.shape(), format](Grads& g) {
    g[0] = average_backward(a, g.out(), x_shape, format);
  });
}

Tensor average_backward(const Average& a, const Tensor& dy, const Dims& x_shape, MemoryFormat format) {
  const Recorded range(a.names.backward, dy);
  Grad grad({dy});
  Tensor dx;
  {
    NoGrad guard;
    const Tensor from = dense(dy, format, a.backward), out = empty(x_shape, from.dtype(), dy.device(), format);
    PoolArgs args = make_args(a.n, x_shape, dy.shape(), from.dtype(), format);
    if (!a.window.kernel.empty()) a.window.set(args);
    args.dy = from.raw(), args.dx = out.raw();
    run_heavy(a.names.kernel, dy.device(), a.backward, args);
    dx = to_dtype(out, dy.dtype());
  }
  if (!grad) return dx;
  return grad.record("AvgPoolBackwardBackward0", dx,
                     [a, shape = dy.shape()](Grads& g) { g[0] = average(a, g.out(), shape); });
}

}  // namespace

Tensor avg_pool(int n, const Tensor& x, const Dims& kernel_size, const Dims& stride, const Dims& padding,
                bool ceil_mode, bool count_include_pad, std::optional<int64_t> divisor_override) {
  const Names names = of_spatial("avg_pool", kAvg, n);
  if (const Autocast cast{names.op, x}) [[unlikely]]
    return cast(avg_pool, n, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override);
  check(!divisor_override || *divisor_override != 0, names.op, "divisor must be not zero");
  Window w = make_window(names.op, n, kernel_size, stride, padding, {1});
  w.count_include_pad = count_include_pad;
  w.divisor = divisor_override.value_or(0);
  int64_t count = 1;
  for (int i = 0; i < n; ++i)
    check(!__builtin_mul_overflow(count, w.kernel[i], &count), names.op,
          "too many elements in a window of kernel_size ", w.kernel);
  check_input(names.op, x, n);
  const Average a{names, n, &HeavyTable::avg_pool_forward, &HeavyTable::avg_pool_backward, w};
  return average(a, x, pooled_shape(names.op, x.shape(), w, ceil_mode));
}

Tensor adaptive_avg_pool(int n, const Tensor& x, const Dims& output_size) {
  const Names names = of_spatial("adaptive_avg_pool", kAdaptiveAvg, n);
  if (const Autocast cast{names.op, x}) [[unlikely]]
    return cast(adaptive_avg_pool, n, x, output_size);
  check_input(names.op, x, n);
  const Dims size = spread(names.op, "output_size", output_size, n);
  Dims shape = x.shape(), spatial;
  bool one = n > 1;
  for (int i = 0; i < n; ++i) {
    const int d = x.dim() - n + i;
    check(size[i] >= 0, names.op, "elements of output_size must be greater than or equal to 0 but received ", size);
    shape[d] = size[i];
    one &= shape[d] == 1;
    spatial.push_back(d);
  }
  if (one) {  // as PyTorch, node name and all
    const Tensor y = mean(x, spatial, true);
    if (const MemoryFormat format = format_of(x, n, 3); format != MemoryFormat::Contiguous)
      y.impl()->set_geometry(shape, strides_in(format, shape), 0);  // the same elements in the same order
    return y;
  }
  const Average a{names, n, &HeavyTable::adaptive_avg_forward, &HeavyTable::adaptive_avg_backward, {}};
  return average(a, x, shape);
}

}  // namespace cnn
