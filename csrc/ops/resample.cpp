// Each output position along a dimension is a weighted sum of a few input positions. The gradient is the transposed
// sum, an op of its own, so that both can be differentiated again.
#include "cnn/ops/resample.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "autograd/autocast.h"
#include "autograd/recorder.h"
#include "cnn/autograd.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/index.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/view.h"
#include "ops/heavy.h"
#include "ops/map.h"
#include "ops/resample_bytes.h"
#include "ops/spatial.h"

namespace cnn {
namespace {

// What one dimension does: output o is the sum of weight[k] (none: 1 everywhere) times input index[k] for the taps
// k in [start[o], start[o + 1]). On the meta device, and of nothing, there are no taps and `start` is empty.
struct Axis {
  int64_t in, out;
  std::vector<int64_t> start, index;
  std::vector<double> weight;

  void reserve(size_t taps) {
    start.reserve(size_t(out) + 1);
    index.reserve(taps);
    start.push_back(0);
  }
  void add(int64_t from) { index.push_back(from); }
  void add(int64_t from, double by) {
    index.push_back(from);
    weight.push_back(by);
  }
  void end_output() { start.push_back(int64_t(index.size())); }
  int64_t taps(int64_t o) const { return start[size_t(o) + 1] - start[size_t(o)]; }
};
// The last dimensions of a tensor, ascending.
using Axes = std::vector<Axis>;

// The names of an op, of its node, and of the pass back in profiles.
struct Names {
  const char *op, *node, *backward;
};

struct Plan {
  Axes axes;
  Names names;
};
using PlanRef = std::shared_ptr<const Plan>;

// Each input with the outputs that it goes to, ascending.
Axis transposed(const Axis& a) {
  Axis t = {a.out, a.in, {}, {}, {}};
  if (a.start.empty()) return t;
  t.start.assign(size_t(a.in) + 1, 0);
  for (int64_t i : a.index) ++t.start[size_t(i) + 1];
  for (size_t i = 1; i < t.start.size(); ++i) t.start[i] += t.start[i - 1];
  t.index.resize(a.index.size());
  t.weight.resize(a.weight.size());
  std::vector<int64_t> next(t.start.begin(), t.start.end() - 1);
  for (int64_t o = 0; o < a.out; ++o)
    for (size_t k = size_t(a.start[size_t(o)]); k < size_t(a.start[size_t(o) + 1]); ++k) {
      const size_t to = size_t(next[size_t(a.index[k])]++);
      t.index[to] = o;
      if (!a.weight.empty()) t.weight[to] = a.weight[k];
    }
  return t;
}

// Do the channels of a pixel lie side by side? Not where x is one image, without a batch.
MemoryFormat format_of(const Tensor& x, const Axes& axes) {
  return x.dim() == int(axes.size()) + 2 ? memory_format_of(x) : MemoryFormat::Contiguous;
}

Dims resampled_shape(const Tensor& x, const Axes& axes, bool back) {
  Dims shape = x.shape();
  const int first = x.dim() - int(axes.size());
  for (int i = 0; i < int(axes.size()); ++i) {
    const Axis& axis = axes[size_t(i)];
    check(first >= 0 && shape[first + i] == (back ? axis.out : axis.in), "resample",
          "an image of another size, with shape ", x.shape());
    shape[first + i] = back ? axis.in : axis.out;
  }
  return shape;
}

// ---- Where the device has a kernel ----

DType kernel_dtype(const Tensor& x) { return cnn::kernel_dtype(&HeavyTable::resample, x.dtype(), x.device()); }

bool has_kernel(const Tensor& x) {
  const HeavyTable* heavy = backend(x.device()).heavy;
  return heavy && heavy->resample.has(kernel_dtype(x));
}

Tensor by_kernel(const char* op, const Tensor& x, const Axes& axes, const Dims& shape) {
  const MemoryFormat format = format_of(x, axes);
  const Tensor from = contiguous(to_dtype(x, kernel_dtype(x)), format);
  const Tensor y = empty(shape, from.dtype(), x.device(), format);
  const int n = int(axes.size());
  const bool pixels = format != MemoryFormat::Contiguous;
  ResampleArgs args;
  args.dtype = from.dtype();
  for (int i = 0; i < x.dim() - n; ++i) (pixels && i == 1 ? args.inner : args.outer) *= x.shape()[i];
  for (int i = 0; i < n; ++i) {
    const Axis& axis = axes[size_t(i)];
    args.axis[3 - n + i] = {axis.in, axis.out, axis.start.data(), axis.index.data(),
                            axis.weight.empty() ? nullptr : axis.weight.data()};
  }
  args.x = from.raw(), args.y = y.raw();
  run_heavy(op, x.device(), &HeavyTable::resample, args);
  return to_dtype(y, x.dtype());
}

// ---- And where it has none: one tap of all outputs after the other ----

struct Tap {
  std::vector<int64_t> index;
  std::vector<double> weight;
};

// An output with fewer taps than others has its last one again, its weight halved each time: the sum stays the same,
// and nothing is multiplied by zero that was not.
std::vector<Tap> taps_of(const Axis& axis) {
  int64_t most = 0;
  for (int64_t o = 0; o < axis.out; ++o) most = std::max(most, axis.taps(o));
  std::vector<Tap> taps(size_t(most), Tap{});
  for (int64_t o = 0; o < axis.out; ++o)
    for (int64_t t = 0, n = axis.taps(o); t < most; ++t) {
      const size_t k = size_t(axis.start[size_t(o)] + std::min(t, n - 1));
      taps[size_t(t)].index.push_back(axis.index[k]);
      if (axis.weight.empty()) continue;
      const int64_t halved = t < n - 1 ? 0 : std::min(t + 1, most - 1) - (n - 1);
      taps[size_t(t)].weight.push_back(std::ldexp(axis.weight[k], -int(std::min<int64_t>(halved, 2000))));
    }
  return taps;
}

Tensor index_of(const Tap& tap, Device device) {
  const Tensor t = empty({int64_t(tap.index.size())}, DType::Int64);
  std::copy(tap.index.begin(), tap.index.end(), t.data<int64_t>());
  return to_device(t, device);
}

// x times the tap's weights along dimension d.
Tensor weighted(const Tensor& x, const Tap& tap, int d) {
  if (tap.weight.empty()) return x;
  const Tensor w = empty({int64_t(tap.weight.size())}, DType::Float64);
  std::copy(tap.weight.begin(), tap.weight.end(), w.data<double>());
  Dims shape = Dims::filled(x.dim(), 1);
  shape[d] = int64_t(tap.weight.size());
  return x * to(view(w, shape), x.dtype(), x.device());
}

Tensor sum_of_taps(const Tensor& x, const Axis& axis, int d) {
  Tensor sum;
  for (const Tap& tap : taps_of(axis)) {
    const Tensor part = weighted(index_select(x, d, index_of(tap, x.device())), tap, d);
    sum = sum.defined() ? sum + part : part;
  }
  return sum;
}

Tensor spread_by_taps(const Tensor& y, const Axis& axis, int d) {
  Dims shape = y.shape();
  shape[d] = axis.in;
  const Tensor sum = zero_(empty(shape, y.dtype(), y.device()));
  for (const Tap& tap : taps_of(axis))
    index_add(sum, d, index_of(tap, y.device()), weighted(y, tap, d), 1, Dest::in_place(sum));
  return sum;
}

// Images whose channels lie side by side are worked on as tensors in C order whose last dimension they are.
Tensor composed(const Tensor& x, const Axes& axes, bool back) {
  const bool pixels = format_of(x, axes) != MemoryFormat::Contiguous;
  const int first = x.dim() - int(axes.size()) - pixels;
  Tensor y = pixels ? contiguous(movedim(x, {1}, {-1})) : x;
  for (size_t i = 0; i < axes.size(); ++i) y = (back ? spread_by_taps : sum_of_taps)(y, axes[i], first + int(i));
  return pixels ? detached_alias(movedim(y, {-1}, {1}), true) : y;
}

// Bytes are resized in whole numbers, the width first; a side that keeps its size is left alone.
Tensor by_bytes(const Tensor& x, const Axes& axes) {
  const MemoryFormat format = format_of(x, axes);
  const int n = int(axes.size());
  Tensor y = contiguous(x);
  for (int i = n; i-- > 0;) {
    const Axis& axis = axes[size_t(i)];
    if (axis.in != axis.out) y = resample_bytes(y, x.dim() - n + i, axis.out, axis.start, axis.index, axis.weight);
  }
  return y.same(x) ? clone(x) : contiguous(y, format);
}

// ---- The op and its transpose ----

Tensor apply(const char* op, const Tensor& x, const Axes& axes, bool back) {
  const NoGrad guard;
  const Dims shape = resampled_shape(x, axes, back);
  if (axes[0].start.empty()) return empty(shape, x.dtype(), x.device(), format_of(x, axes));
  if (x.dtype() == DType::UInt8 && !axes[0].weight.empty()) return by_bytes(x, axes);
  if (!has_kernel(x)) return to_dtype(composed(to_dtype(x, compute_dtype(x.dtype())), axes, back), x.dtype());
  if (!back) return by_kernel(op, x, axes, shape);
  Axes turned;
  for (const Axis& axis : axes) turned.push_back(transposed(axis));
  return by_kernel(op, x, turned, shape);
}

Tensor spread(const Tensor& y, const PlanRef& plan);

Tensor resample(const Tensor& x, const PlanRef& plan) {
  const Recorded range(plan->names.op, x);
  Grad grad({x});
  const Tensor y = apply(plan->names.op, x, plan->axes, false);
  if (!grad) return y;
  return grad.record(plan->names.node, y, [plan](Grads& g) { g[0] = spread(g.out(), plan); });
}

// The transpose of resample.
Tensor spread(const Tensor& y, const PlanRef& plan) {
  const Recorded range(plan->names.backward, y);
  Grad grad({y});
  const Tensor x = apply(plan->names.backward, y, plan->axes, true);
  if (!grad) return x;
  return grad.record("ResampleBackwardBackward0", x, [plan](Grads& g) { g[0] = resample(g.out(), plan); });
}

void check_pad(const char* op, int n, const Tensor& x, const Dims& pad) {
  check_spatial(op, n);
  check(pad.size() == 2 * n, op, "padding size is expected to be ", 2 * n, ", but got: ", pad.size());
  check(
      x.dim() == n + 1 || x.dim() == n + 2, op, "Expected ", n + 1, "D or ", n + 2,
      "D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: ", x.shape());
  for (int i = x.dim() - n - 1; i < x.dim(); ++i)
    check(x.shape()[i] > 0, op,
          "Expected a tensor with non-zero dimensions but the batch for input, but got: ", x.shape());
}

// The result's size is known to be one that memory has room for before a list of its positions is made.
void check_room(const Tensor& x, const Dims& shape) { empty(shape, x.dtype(), x.device()); }

bool has_taps(const Tensor& x) { return x.numel() > 0 && !x.device().is_meta(); }

template <class F>
Tensor pad_with(const char* op, const Names& names, int n, const Tensor& x, const Dims& pad, const F& source) {
  Dims shape = x.shape();
  for (int i = 0; i < n; ++i) {
    int64_t& size = shape[x.dim() - 1 - i];
    const int64_t left = pad[2 * i], right = pad[2 * i + 1];
    check(!__builtin_add_overflow(size, left, &size) && !__builtin_add_overflow(size, right, &size), op,
          "invalid size, possible overflow: input of shape ", x.shape(), " with padding ", pad);
    check(size >= 1, op, "input (", x.shape(), ") is too small for the padding ", pad, ": the output size would be ",
          size);
  }
  check_room(x, shape);
  auto plan = std::make_shared<Plan>(Plan{{}, names});
  for (int i = n; i-- > 0;) {
    const int d = x.dim() - 1 - i;
    const int64_t in = x.shape()[d], left = pad[2 * i];
    Axis axis = {in, shape[d], {}, {}, {}};
    if (has_taps(x)) {
      axis.reserve(size_t(axis.out));
      for (int64_t j = 0; j < axis.out; ++j, axis.end_output()) axis.add(source(j - left, in));
    }
    plan->axes.push_back(std::move(axis));
  }
  return resample(x, plan);
}

#define CNN_NAMES(op, node) {op, node "Backward0", op "_backward"}
constexpr Names kReflect[] = {CNN_NAMES("reflection_pad1d", "ReflectionPad1D"),
                              CNN_NAMES("reflection_pad2d", "ReflectionPad2D"),
                              CNN_NAMES("reflection_pad3d", "ReflectionPad3D")};
constexpr Names kReplicate[] = {CNN_NAMES("replication_pad1d", "ReplicationPad1D"),
                                CNN_NAMES("replication_pad2d", "ReplicationPad2D"),
                                CNN_NAMES("replication_pad3d", "ReplicationPad3D")};
constexpr Names kNearest[] = {CNN_NAMES("upsample_nearest1d", "UpsampleNearest1D"),
                              CNN_NAMES("upsample_nearest2d", "UpsampleNearest2D"),
                              CNN_NAMES("upsample_nearest3d", "UpsampleNearest3D")};
constexpr Names kExact[] = {CNN_NAMES("_upsample_nearest_exact1d", "UpsampleNearestExact1D"),
                            CNN_NAMES("_upsample_nearest_exact2d", "UpsampleNearestExact2D"),
                            CNN_NAMES("_upsample_nearest_exact3d", "UpsampleNearestExact3D")};
constexpr Names kLinear[] = {CNN_NAMES("upsample_linear1d", "UpsampleLinear1D"),
                             CNN_NAMES("upsample_bilinear2d", "UpsampleBilinear2D"),
                             CNN_NAMES("upsample_trilinear3d", "UpsampleTrilinear3D")};
constexpr Names kSmoothLinear = CNN_NAMES("_upsample_bilinear2d_aa", "UpsampleBilinear2DAa");
constexpr Names kCubic = CNN_NAMES("upsample_bicubic2d", "UpsampleBicubic2D");
constexpr Names kSmoothCubic = CNN_NAMES("_upsample_bicubic2d_aa", "UpsampleBicubic2DAa");
#undef CNN_NAMES

void check_sizes(const char* op, int n, const Tensor& x, const Dims& size, bool takes_bytes = false) {
  check_spatial(op, n);
  check(size.size() == n, op, "It is expected output_size equals to ", n, ", but got size ", size.size());
  check(x.dim() == n + 2, op, "It is expected input_size equals to ", n + 2, ", but got size ", x.dim());
  const bool bytes = takes_bytes && x.dtype() == DType::UInt8 && !x.device().is_cuda();
  check_implemented(is_floating(x.dtype()) || bytes, "", "\"", op, "\" not implemented for '",
                    dtype_type_name(x.dtype()), "'");
  for (int i = 0; i < n; ++i)
    check(x.shape()[2 + i] > 0 && size[i] > 0, op, "Input and output sizes should be greater than 0, but got input ",
          x.shape(), " and output ", size);
  Dims shape = size;
  shape.insert(0, x.shape()[1]);
  shape.insert(0, x.shape()[0]);
  check_room(x, shape);
}

// Steps of input positions from one output position to the next.
double step_of(int64_t in, int64_t out, bool align_corners, double scale) {
  if (align_corners) return out > 1 ? double(in - 1) / double(out - 1) : 0;
  return scale > 0 ? 1 / scale : double(in) / double(out);
}

// The position in the input at or below this point; a scale may put it anywhere.
int64_t position(double at, int64_t in) { return at > 0 ? at < double(in) ? int64_t(at) : in - 1 : 0; }

// fill(axis, step) adds the taps of each output.
template <class F>
Tensor resize_with(const Names& names, int n, const Tensor& x, const Dims& size, bool align_corners,
                   const std::vector<double>& scales, const F& fill) {
  check(scales.empty() || int(scales.size()) == n, "upsample", "expected ", n, " scale factors, got ",
        int64_t(scales.size()));
  auto plan = std::make_shared<Plan>(Plan{{}, names});
  for (int i = 0; i < n; ++i) {
    Axis axis = {x.shape()[2 + i], size[i], {}, {}, {}};
    if (has_taps(x)) fill(axis, step_of(axis.in, axis.out, align_corners, scales.empty() ? 0.0 : scales[size_t(i)]));
    plan->axes.push_back(std::move(axis));
  }
  return resample(x, plan);
}

// Against aliasing: an output is the mean of the inputs that a filter weighs, which is stretched so far that none falls
// between two outputs. `radius`: where the filter ends.
template <class F>
void fill_smoothly(Axis& axis, double step, double radius, const F& filter) {
  const double stretch = std::max(step, 1.0), reach = radius * stretch;
  const auto bounded = [&](double at) { return at > 0 ? at < double(axis.in) ? int64_t(at) : axis.in : 0; };
  const auto low = [&](double center) { return std::min(bounded(center - reach + 0.5), axis.in - 1); };
  const auto high = [&](double center) { return std::min(bounded(center + reach + 0.5), axis.in); };
  int64_t taps = 0;
  for (int64_t j = 0; j < axis.out; ++j) {
    const double center = step * (double(j) + 0.5);
    taps += std::max<int64_t>(high(center) - low(center), 1);
  }
  empty({taps}, DType::Float64);  // as check_room: scales that do not fit the size make many
  axis.reserve(size_t(taps));
  for (int64_t j = 0; j < axis.out; ++j) {
    const double center = step * (double(j) + 0.5);
    const int64_t begin = low(center), end = std::max(high(center), begin + 1);
    double sum = 0;
    for (int64_t i = begin; i < end; ++i) {
      axis.add(i, filter(std::abs((double(i) - center + 0.5) / stretch)));
      sum += axis.weight.back();
    }
    for (size_t k = axis.weight.size() - size_t(end - begin); k < axis.weight.size() && sum != 0; ++k)
      axis.weight[k] /= sum;
    axis.end_output();
  }
}

// The kernel of Keys (1981) at distances of at most one, and of one to two.
double cubic_near(double t, double a) { return ((a + 2) * t - (a + 3)) * t * t + 1; }
double cubic_far(double t, double a) { return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a; }

}  // namespace

Tensor reflection_pad(int n, const Tensor& x, const Dims& pad) {
  if (const Autocast cast{in_dims(n, "reflection_pad1d", "reflection_pad2d", "reflection_pad3d"), x}) [[unlikely]]
    return cast(reflection_pad, n, x, pad);
  const char* const op = "reflection_pad";
  check_pad(op, n, x, pad);
  for (int i = 0; i < n; ++i)
    check(pad[2 * i] < x.shape()[x.dim() - 1 - i] && pad[2 * i + 1] < x.shape()[x.dim() - 1 - i], op,
          "Padding size should be less than the corresponding input dimension, but got: padding ", pad,
          " at dimension ", x.dim() - 1 - i, " of input ", x.shape());
  return pad_with(op, kReflect[n - 1], n, x, pad, [](int64_t j, int64_t in) {
    if (j < 0) j = -j;
    return j >= in ? 2 * (in - 1) - j : j;
  });
}

Tensor replication_pad(int n, const Tensor& x, const Dims& pad) {
  if (const Autocast cast{in_dims(n, "replication_pad1d", "replication_pad2d", "replication_pad3d"), x}) [[unlikely]]
    return cast(replication_pad, n, x, pad);
  check_pad("replication_pad", n, x, pad);
  return pad_with("replication_pad", kReplicate[n - 1], n, x, pad,
                  [](int64_t j, int64_t in) { return j < 0 ? int64_t(0) : std::min(j, in - 1); });
}

Tensor upsample_nearest(int n, const Tensor& x, const Dims& size, const std::vector<double>& scales, bool exact) {
  const Names& names = of_spatial("upsample_nearest", exact ? kExact : kNearest, n);
  if (const Autocast cast{names.op, x}) [[unlikely]]
    return cast(upsample_nearest, n, x, size, scales, exact);
  check_sizes("upsample_nearest", n, x, size);
  return resize_with(names, n, x, size, false, scales, [exact](Axis& axis, double exact_step) {
    axis.reserve(size_t(axis.out));
    const float step = float(exact_step);
    for (int64_t j = 0; j < axis.out; ++j, axis.end_output())
      axis.add(position(exact ? (float(j) + 0.5f) * step : float(j) * step, axis.in));
  });
}

Tensor upsample_linear(int n, const Tensor& x, const Dims& size, bool align_corners,
                       const std::vector<double>& scales) {
  const Names& names = of_spatial("upsample_linear", kLinear, n);
  if (const Autocast cast{names.op, x}) [[unlikely]]
    return cast(upsample_linear, n, x, size, align_corners, scales);
  check_sizes("upsample_linear", n, x, size, n == 2);
  return resize_with(names, n, x, size, align_corners, scales, [align_corners](Axis& axis, double step) {
    axis.reserve(2 * size_t(axis.out));
    for (int64_t j = 0; j < axis.out; ++j, axis.end_output()) {
      const double at = align_corners ? double(j) * step : std::max(0.0, (double(j) + 0.5) * step - 0.5);
      const int64_t low = position(at, axis.in);
      const double part = std::min(std::max(at - double(low), 0.0), 1.0);
      axis.add(low, 1 - part);
      axis.add(low + (low < axis.in - 1), part);
    }
  });
}

Tensor upsample_bicubic2d(const Tensor& x, const Dims& size, bool align_corners, const std::vector<double>& scales) {
  if (const Autocast cast{kCubic.op, x}) [[unlikely]]
    return cast(upsample_bicubic2d, x, size, align_corners, scales);
  check_sizes("upsample_bicubic2d", 2, x, size, true);
  return resize_with(kCubic, 2, x, size, align_corners, scales, [align_corners](Axis& axis, double step) {
    constexpr double a = -0.75;
    axis.reserve(4 * size_t(axis.out));
    for (int64_t j = 0; j < axis.out; ++j, axis.end_output()) {
      const double at = align_corners ? double(j) * step : (double(j) + 0.5) * step - 0.5;
      const int64_t low = int64_t(std::min(std::max(std::floor(at), -2.0), double(axis.in)));
      const double t = at - std::floor(at);
      const double weights[] = {cubic_far(t + 1, a), cubic_near(t, a), cubic_near(1 - t, a), cubic_far(2 - t, a)};
      for (int64_t k = 0; k < 4; ++k) axis.add(std::clamp<int64_t>(low - 1 + k, 0, axis.in - 1), weights[k]);
    }
  });
}

Tensor upsample_bilinear2d_aa(const Tensor& x, const Dims& size, bool align_corners,
                              const std::vector<double>& scales) {
  if (const Autocast cast{kSmoothLinear.op, x}) [[unlikely]]
    return cast(upsample_bilinear2d_aa, x, size, align_corners, scales);
  check_sizes(kSmoothLinear.op, 2, x, size, true);
  return resize_with(kSmoothLinear, 2, x, size, align_corners, scales, [](Axis& axis, double step) {
    fill_smoothly(axis, step, 1, [](double t) { return t < 1 ? 1 - t : 0.0; });
  });
}

Tensor upsample_bicubic2d_aa(const Tensor& x, const Dims& size, bool align_corners, const std::vector<double>& scales) {
  if (const Autocast cast{kSmoothCubic.op, x}) [[unlikely]]
    return cast(upsample_bicubic2d_aa, x, size, align_corners, scales);
  check_sizes(kSmoothCubic.op, 2, x, size, true);
  return resize_with(kSmoothCubic, 2, x, size, align_corners, scales, [](Axis& axis, double step) {
    constexpr double a = -0.5;
    fill_smoothly(axis, step, 2, [](double t) { return t < 1 ? cubic_near(t, a) : t < 2 ? cubic_far(t, a) : 0.0; });
  });
}

}  // namespace cnn
