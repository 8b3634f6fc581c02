#include "ops/conv_integer.h"

#include "cnn/ops.h"

namespace cnn {
namespace {

// Every window of x, as it lies: [batch, groups, channels / groups, out..., kernel...].
Tensor windows_of(const Tensor& x, const Dims& kernel, const ConvGeometry& g, const Dims& out) {
  const int64_t channels = x.shape()[1] / g.groups;
  Dims sizes = {x.shape()[0], g.groups, channels};
  Dims strides = {x.strides()[0], channels * x.strides()[1], x.strides()[1]};
  for (int i = 0; i < out.size(); ++i) sizes.push_back(out[i]), strides.push_back(g.stride[i] * x.strides()[2 + i]);
  for (int i = 0; i < out.size(); ++i)
    sizes.push_back(kernel[i]), strides.push_back(g.dilation[i] * x.strides()[2 + i]);
  return as_strided(x, sizes, strides, x.offset());
}

Dims spatial(const Dims& shape) { return Dims(shape.data() + 2, shape.size() - 2); }

// A product for each group; x is padded already.
Tensor valid(const Tensor& x, const Tensor& w, const ConvGeometry& g, const Dims& y_shape) {
  const Dims out = spatial(y_shape);
  const int n = out.size();
  int64_t places = 1;
  for (int64_t size : out) places *= size;
  const int64_t batch = y_shape[0], rows = w.shape()[0] / g.groups;
  if (batch * places * rows == 0) return empty(y_shape, x.dtype(), x.device());
  const int64_t taps = w.numel() / w.shape()[0];
  Dims order = {1, 0};  // groups, batch, out..., channels, kernel...
  for (int i = 0; i < n; ++i) order.push_back(3 + i);
  order.push_back(2);
  for (int i = 0; i < n; ++i) order.push_back(3 + n + i);
  const Tensor columns =
      reshape(permute(windows_of(x, spatial(w.shape()), g, out), order), {g.groups, batch * places, taps});
  const Tensor y = bmm(columns, transpose(reshape(w, {g.groups, rows, taps}), 1, 2));  // [groups, batch places, rows]
  return reshape(permute(view(y, {g.groups, batch, places, rows}), {1, 0, 3, 2}), y_shape);
}

}  // namespace

Tensor conv_integers(const Tensor& x, const Tensor& w, const ConvGeometry& geometry, const Dims& y_shape) {
  Dims pad;
  for (int i = geometry.padding.size() - 1; i >= 0; --i) {
    pad.push_back(geometry.padding[i]);
    pad.push_back(geometry.padding[i]);
  }
  return valid(constant_pad_nd(x, pad), w, geometry, y_shape);
}

Tensor conv_transpose_integers(const Tensor& x, const Tensor& w, const ConvGeometry& geometry, const Dims& y_shape) {
  const int n = geometry.stride.size();
  // x with zeros between, then an ordinary convolution with the kernel turned round.
  Dims shape = x.shape(), reversed, pad;
  for (int i = 0; i < n; ++i) {
    shape[2 + i] = x.shape()[2 + i] == 0 ? 0 : (x.shape()[2 + i] - 1) * geometry.stride[i] + 1;
    reversed.push_back(2 + i);
  }
  const Tensor spread = zeros(shape, x.dtype(), x.device());
  Tensor places = spread;
  for (int i = 0; i < n; ++i) places = slice(places, 2 + i, 0, shape[2 + i], geometry.stride[i]);
  copy_(places, x);
  for (int i = n - 1; i >= 0; --i) {
    const int64_t reach = geometry.dilation[i] * (w.shape()[2 + i] - 1), left = reach - geometry.padding[i];
    pad.push_back(left);
    pad.push_back(y_shape[2 + i] + reach - shape[2 + i] - left);
  }
  const int64_t channels = x.shape()[1] / geometry.groups, outs = w.shape()[1];
  Dims split = {geometry.groups, channels, outs}, joined = {geometry.groups * outs, channels};
  for (int i = 0; i < n; ++i) split.push_back(w.shape()[2 + i]), joined.push_back(w.shape()[2 + i]);
  const Tensor turned = reshape(transpose(reshape(flip(w, reversed), split), 1, 2), joined);
  const ConvGeometry plain = {Dims::filled(n, 1), {}, geometry.dilation, geometry.groups};
  return valid(constant_pad_nd(spread, pad), turned, plain, y_shape);
}

}  // namespace cnn
