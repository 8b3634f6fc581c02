// Convolutions whose taps move: Dai et al., "Deformable Convolutional Networks", 2017; with a mask, Zhu et al.,
// "Deformable ConvNets v2", 2018. What each output reads is gathered into columns, and then it is a matrix product.
#include <algorithm>
#include <array>

#include "cnn/ops/create.h"
#include "cnn/ops/index.h"
#include "cnn/ops/matmul.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/reduce.h"
#include "cnn/ops/view.h"
#include "cnn/ops/vision.h"
#include "ops/each.h"
#include "ops/vision.h"

namespace cnn {
namespace {

enum Operand { kInput, kWeight, kOffset, kMask, kBias, kOperands };
using Wanted = std::array<bool, kOperands>;
using Operands = std::array<Tensor, kOperands>;

// Sizes, all checked.
struct Sizes {
  DeformGeometry g;
  int64_t batch, channels, height, width, kernel_h, kernel_w, out_channels, out_h, out_w;

  int64_t taps() const { return kernel_h * kernel_w; }
  int64_t pixels() const { return out_h * out_w; }
  int64_t rows() const { return channels * taps(); }  // of the columns of one picture
  int64_t rows_of_group() const { return rows() / g.groups; }
  int64_t channels_of_offset() const { return channels / g.offset_groups; }
  // Pictures whose columns are laid out at once.
  int64_t step() const {
    constexpr int64_t kElements = int64_t(1) << 22;
    return std::clamp<int64_t>(kElements / std::max<int64_t>(rows() * pixels(), 1), 1, std::max<int64_t>(batch, 1));
  }
};

Sizes sizes_of(const char* op, const Operands& in, const DeformGeometry& g) {
  const Tensor &x = in[kInput], &w = in[kWeight], &offset = in[kOffset], &mask = in[kMask], &bias = in[kBias];
  check_vision_devices(op, {&x, &w, &offset, &mask, &bias});
  check(x.dim() == 4, op, "expected input of 4 dimensions, got ", x.shape());
  check(w.dim() == 4, op, "expected weight of 4 dimensions, got ", w.shape());
  check(offset.dim() == 4, op, "expected offset of 4 dimensions, got ", offset.shape());
  check(!g.use_mask || mask.dim() == 4, op, "expected mask of 4 dimensions, got ", mask.shape());
  with_float(op, x.dtype(), [](auto) {});
  check_same_dtype(op, "input", x, "weight", w);
  check_same_dtype(op, "input", x, "offset", offset);
  check_same_dtype(op, "input", x, "bias", bias);
  if (g.use_mask) check_same_dtype(op, "input", x, "mask", mask);
  const Dims &is = x.shape(), &ws = w.shape(), &os = offset.shape();
  const auto small = [](int64_t v) { return v <= INT32_MAX; };
  check(ws[2] > 0 && ws[3] > 0 && small(ws[2]) && small(ws[3]), op, "weight_h: ", ws[2], " weight_w: ", ws[3]);
  check(g.stride_h > 0 && g.stride_w > 0 && small(g.stride_h) && small(g.stride_w), op, "stride_h: ", g.stride_h,
        " stride_w: ", g.stride_w);
  check(g.pad_h >= 0 && g.pad_w >= 0 && small(g.pad_h) && small(g.pad_w), op, "pad_h: ", g.pad_h, " pad_w: ", g.pad_w);
  check(g.dilation_h > 0 && g.dilation_w > 0 && small(g.dilation_h) && small(g.dilation_w), op,
        "dilation_h: ", g.dilation_h, " dilation_w: ", g.dilation_w);
  check(g.groups > 0 && g.offset_groups > 0 && small(g.groups) && small(g.offset_groups), op, "groups: ", g.groups,
        " offset_groups: ", g.offset_groups);
  const auto out = [](int64_t in, int64_t kernel, int64_t stride, int64_t pad, int64_t dilation) {
    const int64_t room = in + 2 * pad - (dilation * (kernel - 1) + 1);
    return room < 0 ? 0 : room / stride + 1;
  };
  const Sizes s = {g,
                   is[0],
                   is[1],
                   is[2],
                   is[3],
                   ws[2],
                   ws[3],
                   ws[0],
                   out(is[2], ws[2], g.stride_h, g.pad_h, g.dilation_h),
                   out(is[3], ws[3], g.stride_w, g.pad_w, g.dilation_w)};
  check(ws[1] * g.groups == s.channels, op, "expected a weight of ", s.channels, " / ", g.groups,
        " channels, got weight of shape ", ws);
  check(s.out_channels % g.groups == 0, op, "expected the number of out channels to be divisible by ", g.groups,
        " groups, got weight of shape ", ws);
  check(s.channels % g.offset_groups == 0, op, "expected the number of channels to be divisible by ", g.offset_groups,
        " groups of offsets, got input of shape ", is);
  check(os[1] == g.offset_groups * 2 * s.taps(), op, "offset.shape[1] is not valid: got: ", os[1],
        " expected: ", g.offset_groups * 2 * s.taps());
  check(os[0] == s.batch, op, "invalid batch size of offset");
  check(s.out_h > 0 && s.out_w > 0, op, "Calculated output size too small - out_h: ", s.out_h, " out_w: ", s.out_w);
  check(os[2] == s.out_h && os[3] == s.out_w, op, "offset output dims: (", os[2], ", ", os[3],
        ") - computed output dims: (", s.out_h, ", ", s.out_w, ")");
  if (g.use_mask) {
    const Dims& ms = mask.shape();
    check(ms[1] == g.offset_groups * s.taps(), op, "mask.shape[1] is not valid: got: ", ms[1],
          " expected: ", g.offset_groups * s.taps());
    check(ms[0] == s.batch, op, "invalid batch size of mask");
    check(ms[2] == s.out_h && ms[3] == s.out_w, op, "mask output dims: (", ms[2], ", ", ms[3],
          ") - computed output dims: (", s.out_h, ", ", s.out_w, ")");
  }
  check(bias.shape() == Dims{s.out_channels}, op, "expected bias of shape [", s.out_channels, "], got ", bias.shape());
  return s;
}

using kernels::Corners;

// One tap of one group of offsets over all outputs of a picture.
template <class T>
struct Tap {
  const Sizes& s;
  int64_t ky, kx;
  const T *dy, *dx, *mask;  // mask: null where there is none

  Tap(const Sizes& s, const T* offset, const T* mask_values, int64_t picture, int64_t group, int64_t tap)
      : s(s), ky(tap / s.kernel_w), kx(tap % s.kernel_w) {
    const int64_t place = (picture * s.g.offset_groups + group) * s.taps() + tap;
    dy = offset + 2 * place * s.pixels();
    dx = dy + s.pixels();
    mask = mask_values ? mask_values + place * s.pixels() : nullptr;
  }
  T factor(int64_t i) const { return mask ? mask[i] : T(1); }
  bool corners(int64_t i, Corners<T>& c) const {
    const T y = T(i / s.out_w * s.g.stride_h - s.g.pad_h + ky * s.g.dilation_h) + dy[i];
    const T x = T(i % s.out_w * s.g.stride_w - s.g.pad_w + kx * s.g.dilation_w) + dx[i];
    return kernels::find_corners(y, x, s.height, s.width, c);
  }
};

template <class T>
struct Values {
  const T *input, *offset, *mask;
  Values(const Sizes& s, const Operands& in)
      : input(values_of<T>(in[kInput])),
        offset(values_of<T>(in[kOffset])),
        mask(s.g.use_mask ? values_of<T>(in[kMask]) : nullptr) {}
};

// columns [pictures, rows, pixels] of the pictures from `first` on.
template <class T>
void gather_columns(const Sizes& s, const Values<T>& v, int64_t first, int64_t pictures, T* columns) {
  const double steps = 16.0 * double(s.taps() * s.pixels());
  const WorkScope scope(steps * double(pictures * s.channels));
  parallel_for(pictures * s.channels, grain_of(steps), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t picture = first + i / s.channels, channel = i % s.channels;
      const T* const plane = v.input + (picture * s.channels + channel) * s.height * s.width;
      for (int64_t k = 0; k < s.taps(); ++k) {
        const Tap<T> tap(s, v.offset, v.mask, picture, channel / s.channels_of_offset(), k);
        T* const to = columns + (i * s.taps() + k) * s.pixels();
        Corners<T> c;
        for (int64_t j = 0; j < s.pixels(); ++j) to[j] = tap.factor(j) * (tap.corners(j, c) ? c.mean(plane) : T(0));
      }
    }
  });
}

// The gradient of the columns to that of the pictures: a plane is summed by one task.
template <class T>
void scatter_columns(const Sizes& s, const Values<T>& v, int64_t first, int64_t pictures, const T* columns, T* dx) {
  const double steps = 16.0 * double(s.taps() * s.pixels());
  const WorkScope scope(steps * double(pictures * s.channels));
  parallel_for(pictures * s.channels, grain_of(steps), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t picture = first + i / s.channels, channel = i % s.channels;
      T* const plane = dx + (picture * s.channels + channel) * s.height * s.width;
      for (int64_t k = 0; k < s.taps(); ++k) {
        const Tap<T> tap(s, v.offset, v.mask, picture, channel / s.channels_of_offset(), k);
        const T* const from = columns + (i * s.taps() + k) * s.pixels();
        Corners<T> c;
        for (int64_t j = 0; j < s.pixels(); ++j) {
          if (!tap.corners(j, c)) continue;
          for (int corner = 0; corner < 4; ++corner)
            if (c.at[corner] >= 0) plane[c.at[corner]] += tap.factor(j) * c.weight(corner) * from[j];
        }
      }
    }
  });
}

// ... and to those of the offsets and the mask, which all channels of a group share. Either may be null.
template <class T>
void slopes_of_columns(const Sizes& s, const Values<T>& v, int64_t first, int64_t pictures, const T* columns,
                       T* d_offset, T* d_mask) {
  const int64_t places = s.g.offset_groups * s.taps(), channels = s.channels_of_offset();
  const double steps = 32.0 * double(channels * s.pixels());
  const WorkScope scope(steps * double(pictures * places));
  parallel_for(pictures * places, grain_of(steps), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t picture = first + i / places, group = i % places / s.taps(), k = i % s.taps();
      const Tap<T> tap(s, v.offset, v.mask, picture, group, k);
      const int64_t place = picture * places + i % places;
      for (int64_t j = 0; j < s.pixels(); ++j) {
        Corners<T> c;
        T y = 0, x = 0, m = 0;
        if (tap.corners(j, c))
          for (int64_t channel = group * channels; channel < (group + 1) * channels; ++channel) {
            const T* const plane = v.input + (picture * s.channels + channel) * s.height * s.width;
            const T d = columns[((i / places * s.channels + channel) * s.taps() + k) * s.pixels() + j];
            y += tap.factor(j) * c.slope_y(plane) * d;
            x += tap.factor(j) * c.slope_x(plane) * d;
            m += c.mean(plane) * d;
          }
        if (d_offset) {
          d_offset[2 * place * s.pixels() + j] = y;
          d_offset[(2 * place + 1) * s.pixels() + j] = x;
        }
        if (d_mask) d_mask[place * s.pixels() + j] = m;
      }
    }
  });
}

// ---- On a GPU ----

kernels::DeformTaps taps_of(const Sizes& s, const Operands& in, int64_t first) {
  return {in[kInput].raw(),
          in[kOffset].raw(),
          s.g.use_mask ? in[kMask].raw() : nullptr,
          first,
          s.channels,
          s.height,
          s.width,
          s.kernel_w,
          s.taps(),
          s.out_w,
          s.pixels(),
          s.g.offset_groups,
          s.g.stride_h,
          s.g.stride_w,
          s.g.pad_h,
          s.g.pad_w,
          s.g.dilation_h,
          s.g.dilation_w};
}
void gather_on_gpu(const Sizes& s, const Operands& in, int64_t first, const Tensor& columns) {
  each(kernels::DeformColumns{taps_of(s, in, first), columns.raw()}, columns.numel(), columns.dtype(),
       columns.device());
}
// Four pixels for each element of the columns, added in order where they meet.
void scatter_on_gpu(const Sizes& s, const Operands& in, int64_t first, const Tensor& columns, const Tensor& dx) {
  if (dx.numel() == 0 || columns.numel() == 0) return;
  const Dims four = {4 * columns.numel()};
  const Tensor places = empty(four, DType::Int64, dx.device()), values = empty(four, dx.dtype(), dx.device());
  each(kernels::DeformCorners{taps_of(s, in, first), columns.raw(), written_to<int64_t>(places), values.raw()},
       columns.numel(), dx.dtype(), dx.device());
  const Tensor flat = view(dx, {-1});
  index_add(flat, 0, places, values, 1, Dest::in_place(flat));
}
void slopes_on_gpu(const Sizes& s, const Operands& in, int64_t first, int64_t pictures, const Tensor& columns,
                   void* d_offset, void* d_mask) {
  each(kernels::DeformSlopes{taps_of(s, in, first), columns.raw(), d_offset, d_mask},
       pictures * s.g.offset_groups * s.taps() * s.pixels(), columns.dtype(), columns.device());
}

Operands dense(const Operands& in) {
  Operands all;
  for (size_t i = 0; i < kOperands; ++i) all[i] = contiguous(in[i]);
  return all;
}

template <class T>
Tensor forward(const Sizes& s, const Operands& in) {
  const Values<T> v(s, in);
  const Device device = in[kInput].device();
  const Tensor y = empty({s.batch, s.out_channels, s.out_h, s.out_w}, in[kInput].dtype(), device);
  const int64_t of_group = s.out_channels / s.g.groups;
  const Tensor w = view(in[kWeight], {s.g.groups, of_group, s.rows_of_group()});
  for (int64_t first = 0; first < s.batch; first += s.step()) {
    const int64_t n = std::min(s.step(), s.batch - first);
    const Tensor columns = empty({n, s.g.groups, s.rows_of_group(), s.pixels()}, y.dtype(), device);
    if (device.is_cuda()) gather_on_gpu(s, in, first, columns);
    else gather_columns(s, v, first, n, written_to<T>(columns));
    copy_(view(narrow(y, 0, first, n), {n, s.g.groups, of_group, s.pixels()}), matmul(w, columns));
  }
  return y + view(in[kBias], {1, s.out_channels, 1, 1});
}

template <class T>
Operands backward(const Sizes& s, const Operands& in, const Tensor& dy, const Wanted& wanted) {
  const Values<T> v(s, in);
  const Device device = dy.device();
  Operands d;
  for (const Operand i : {kInput, kWeight, kOffset, kMask})
    if (wanted[i]) d[i] = zeros(in[i].shape(), dy.dtype(), device);
  if (wanted[kBias]) d[kBias] = sum(dy, Dims{0, 2, 3});
  const int64_t of_group = s.out_channels / s.g.groups;
  const Tensor w = transpose(view(in[kWeight], {s.g.groups, of_group, s.rows_of_group()}), 1, 2);
  T* const d_offset = wanted[kOffset] ? written_to<T>(d[kOffset]) : nullptr;
  T* const d_mask = wanted[kMask] && s.g.use_mask ? written_to<T>(d[kMask]) : nullptr;
  for (int64_t first = 0; first < s.batch; first += s.step()) {
    const int64_t n = std::min(s.step(), s.batch - first);
    const Tensor g = view(narrow(dy, 0, first, n), {n, s.g.groups, of_group, s.pixels()});
    if (wanted[kInput] || d_offset || d_mask) {
      const Tensor columns = contiguous(matmul(w, g));
      if (device.is_cuda()) {
        if (wanted[kInput]) scatter_on_gpu(s, in, first, columns, d[kInput]);
        if (d_offset || d_mask) slopes_on_gpu(s, in, first, n, columns, d_offset, d_mask);
      } else {
        if (wanted[kInput]) scatter_columns(s, v, first, n, values_of<T>(columns), written_to<T>(d[kInput]));
        if (d_offset || d_mask) slopes_of_columns(s, v, first, n, values_of<T>(columns), d_offset, d_mask);
      }
    }
    if (wanted[kWeight]) {
      const Tensor columns = empty({n, s.g.groups, s.rows_of_group(), s.pixels()}, dy.dtype(), device);
      if (device.is_cuda()) gather_on_gpu(s, in, first, columns);
      else gather_columns(s, v, first, n, written_to<T>(columns));
      const Tensor part = sum(matmul(g, transpose(columns, 2, 3)), Dims{0});
      d[kWeight] = d[kWeight] + view(part, in[kWeight].shape());
    }
  }
  return d;
}

Operands gradients(const Sizes& s, const Operands& in, const Tensor& dy, const Wanted& wanted) {
  const NoGrad guard;
  if (dy.device().is_meta()) {
    Operands d;
    for (size_t i = 0; i < kOperands; ++i) d[i] = zeros(in[i].shape(), dy.dtype(), dy.device());
    return d;
  }
  return with_float("deform_conv2d", dy.dtype(),
                    [&](auto t) { return backward<decltype(t)>(s, dense(in), contiguous(dy), wanted); });
}

void check_gradient(const Sizes& s, const Tensor& x, const Tensor& dy) {
  const char* const op = "_deform_conv2d_backward";
  check_vision_devices(op, {&x, &dy});
  check_same_dtype(op, "input", x, "grad", dy);
  const Dims shape = {s.batch, s.out_channels, s.out_h, s.out_w};
  check(dy.shape() == shape, op, "expected a gradient of shape ", shape, ", got ", dy.shape());
}

}  // namespace

Tensor deform_conv2d(const Tensor& input, const Tensor& weight, const Tensor& offset, const Tensor& mask,
                     const Tensor& bias, const DeformGeometry& geometry) {
  const Recorded range("torchvision::deform_conv2d", input, weight, offset, mask, bias);
  const Operands in = {input, weight, offset, mask, bias};
  const Sizes s = sizes_of("deform_conv2d", in, geometry);
  Grad grad({input, weight, offset, mask, bias});
  Tensor y;
  {
    const NoGrad guard;
    if (input.device().is_meta()) y = empty({s.batch, s.out_channels, s.out_h, s.out_w}, input.dtype(), input.device());
    else y = with_float("deform_conv2d", input.dtype(), [&](auto t) { return forward<decltype(t)>(s, dense(in)); });
  }
  if (!grad) return y;
  std::array<Saved, kOperands> saved;
  for (size_t i = 0; i < kOperands; ++i) saved[i] = grad.save(in[i]);
  return grad.record("DeformConv2DBackward0", y, [saved, s](Grads& g) {
    Operands in;
    for (size_t i = 0; i < kOperands; ++i) in[i] = saved[i].get(g);
    Wanted wanted;
    for (int i = 0; i < kOperands; ++i) wanted[size_t(i)] = g.wants(i);
    Grad again({g.out(), in[0], in[1], in[2], in[3], in[4]});
    const Operands d = gradients(s, in, g.out(), wanted);
    for (int i = 0; i < kOperands; ++i)
      if (wanted[size_t(i)]) g[i] = without_second_order("deform_conv2d", again, d[size_t(i)]);
  });
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> deform_conv2d_backward(const Tensor& dy, const Tensor& input,
                                                                          const Tensor& weight, const Tensor& offset,
                                                                          const Tensor& mask, const Tensor& bias,
                                                                          const DeformGeometry& geometry) {
  const Recorded range("torchvision::_deform_conv2d_backward", dy, input, weight, offset, mask, bias);
  const Operands in = {input, weight, offset, mask, bias};
  const Sizes s = sizes_of("_deform_conv2d_backward", in, geometry);
  check_gradient(s, input, dy);
  Grad grad({dy, input, weight, offset, mask, bias});
  Operands d = gradients(s, in, dy, {true, true, true, true, true});
  for (Tensor& part : d) part = without_second_order("deform_conv2d", grad, part);
  return {d[0], d[1], d[2], d[3], d[4]};
}

}  // namespace cnn
