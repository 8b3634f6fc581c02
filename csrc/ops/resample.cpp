// Each output position along a dimension is a weighted sum of a few input positions. The gradient is the transposed
// sum, an op of its own, so that both can be differentiated again.
#include "cnn/ops/resample.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "autograd/autocast.h"
#include "cnn/autograd.h"
#include "cnn/ops/arithmetic.h"
#include "cnn/ops/copy.h"
#include "cnn/ops/create.h"
#include "cnn/ops/index.h"
#include "cnn/ops/operators.h"
#include "cnn/ops/view.h"
#include "ops/spatial.h"

namespace cnn {
namespace {

// One input position for each output position, and its weight (empty: 1 everywhere).
struct Tap {
  std::vector<int64_t> index;
  std::vector<double> weight;
};
// What one dimension does. On the meta device, and of nothing, there are no taps.
struct Axis {
  int dim;
  int64_t in, out;
  std::vector<Tap> taps;
};
using Plan = std::shared_ptr<const std::vector<Axis>>;

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

// A new tensor like x, of another size along dimension d.
Tensor sized(const Tensor& x, int d, int64_t size) {
  Dims shape = x.shape();
  shape[d] = size;
  return empty(shape, x.dtype(), x.device());
}

// Images whose channels lie side by side, as a tensor in C order whose last dimension they are, and back.
class Pixels {
 public:
  Pixels(const Tensor& x, const Plan& plan) : moved_(memory_format_of(x) != MemoryFormat::Contiguous) {
    for (const Axis& axis : *plan) moved_ &= axis.dim >= 2;  // or x is one image, without a batch
  }
  Tensor enter(const Tensor& x) const { return moved_ ? contiguous(movedim(x, {1}, {-1})) : x; }
  Tensor leave(const Tensor& y) const { return moved_ ? detached_alias(movedim(y, {-1}, {1}), true) : y; }
  int dim(const Axis& axis) const { return moved_ ? axis.dim - 1 : axis.dim; }

 private:
  bool moved_;
};

Tensor spread(const Tensor& y, const Plan& plan, const char* name);

Tensor resample(const Tensor& x, const Plan& plan, const char* name) {
  Grad grad({x});
  Tensor y;
  {
    NoGrad guard;
    const Pixels pixels(x, plan);
    y = pixels.enter(x);
    for (const Axis& axis : *plan) {
      const int d = pixels.dim(axis);
      if (axis.taps.empty()) {
        y = sized(y, d, axis.out);
        continue;
      }
      Tensor sum;
      for (const Tap& tap : axis.taps) {
        const Tensor part = weighted(index_select(y, d, index_of(tap, x.device())), tap, d);
        sum = sum.defined() ? sum + part : part;
      }
      y = sum;
    }
    y = y.storage() == x.storage() ? clone(x) : pixels.leave(y);
  }
  if (!grad) return y;
  return grad.record(name, y, [plan, name](Grads& g) { g[0] = spread(g.out(), plan, name); });
}

// The transpose of resample.
Tensor spread(const Tensor& y, const Plan& plan, const char* name) {
  Grad grad({y});
  Tensor x;
  {
    NoGrad guard;
    const Pixels pixels(y, plan);
    x = pixels.enter(y);
    for (size_t i = plan->size(); i-- > 0;) {
      const Axis& axis = (*plan)[i];
      const int d = pixels.dim(axis);
      const Tensor sum = zero_(sized(x, d, axis.in));
      for (const Tap& tap : axis.taps)
        index_add(sum, d, index_of(tap, x.device()), weighted(x, tap, d), 1, Dest::in_place(sum));
      x = sum;
    }
    x = x.storage() == y.storage() ? clone(y) : pixels.leave(x);
  }
  if (!grad) return x;
  return grad.record("ResampleBackwardBackward0", x, [plan, name](Grads& g) { g[0] = resample(g.out(), plan, name); });
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
Tensor pad_with(const char* op, const char* name, int n, const Tensor& x, const Dims& pad, const F& source) {
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
  auto plan = std::make_shared<std::vector<Axis>>();
  for (int i = 0; i < n; ++i) {
    const int d = x.dim() - 1 - i;
    const int64_t in = x.shape()[d], left = pad[2 * i];
    plan->push_back({d, in, shape[d], {}});
    if (!has_taps(x)) continue;
    Tap tap;
    for (int64_t j = 0; j < shape[d]; ++j) tap.index.push_back(source(j - left, in));
    plan->back().taps = {tap};
  }
  return resample(x, plan, name);
}

constexpr const char* kReflect[] = {"ReflectionPad1DBackward0", "ReflectionPad2DBackward0", "ReflectionPad3DBackward0"};
constexpr const char* kReplicate[] = {"ReplicationPad1DBackward0", "ReplicationPad2DBackward0",
                                      "ReplicationPad3DBackward0"};
constexpr const char* kNearest[] = {"UpsampleNearest1DBackward0", "UpsampleNearest2DBackward0",
                                    "UpsampleNearest3DBackward0"};
constexpr const char* kExact[] = {"UpsampleNearestExact1DBackward0", "UpsampleNearestExact2DBackward0",
                                  "UpsampleNearestExact3DBackward0"};
constexpr const char* kLinear[] = {"UpsampleLinear1DBackward0", "UpsampleBilinear2DBackward0",
                                   "UpsampleTrilinear3DBackward0"};

void check_sizes(const char* op, int n, const Tensor& x, const Dims& size) {
  check_spatial(op, n);
  check(size.size() == n, op, "It is expected output_size equals to ", n, ", but got size ", size.size());
  check(x.dim() == n + 2, op, "It is expected input_size equals to ", n + 2, ", but got size ", x.dim());
  check_implemented(is_floating(x.dtype()), "", "\"", op, "\" not implemented for '", dtype_type_name(x.dtype()), "'");
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

template <class F>
Tensor resize_with(const char* name, int n, const Tensor& x, const Dims& size, const std::vector<double>& scales,
                   const F& taps) {
  check(scales.empty() || int(scales.size()) == n, "upsample", "expected ", n, " scale factors, got ",
        int64_t(scales.size()));
  auto plan = std::make_shared<std::vector<Axis>>();
  for (int i = 0; i < n; ++i) {
    const int64_t in = x.shape()[2 + i];
    plan->push_back({2 + i, in, size[i], {}});
    if (has_taps(x)) plan->back().taps = taps(in, size[i], scales.empty() ? 0.0 : scales[size_t(i)]);
  }
  return resample(x, plan, name);
}

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
  const char* const op =
      exact ? in_dims(n, "_upsample_nearest_exact1d", "_upsample_nearest_exact2d", "_upsample_nearest_exact3d")
            : in_dims(n, "upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d");
  if (const Autocast cast{op, x}) [[unlikely]]
    return cast(upsample_nearest, n, x, size, scales, exact);
  check_sizes("upsample_nearest", n, x, size);
  return resize_with((exact ? kExact : kNearest)[n - 1], n, x, size, scales,
                     [exact](int64_t in, int64_t out, double scale) {
                       Tap tap;
                       const float step = float(step_of(in, out, false, scale));
                       for (int64_t j = 0; j < out; ++j) {
                         const float at = exact ? (float(j) + 0.5f) * step : float(j) * step;
                         tap.index.push_back(position(at, in));
                       }
                       return std::vector<Tap>{tap};
                     });
}

Tensor upsample_linear(int n, const Tensor& x, const Dims& size, bool align_corners,
                       const std::vector<double>& scales) {
  if (const Autocast cast{in_dims(n, "upsample_linear1d", "upsample_bilinear2d", "upsample_trilinear3d"), x})
      [[unlikely]]
    return cast(upsample_linear, n, x, size, align_corners, scales);
  check_sizes("upsample_linear", n, x, size);
  return resize_with(kLinear[n - 1], n, x, size, scales, [align_corners](int64_t in, int64_t out, double scale) {
    std::vector<Tap> taps(2);
    const double step = step_of(in, out, align_corners, scale);
    for (int64_t j = 0; j < out; ++j) {
      const double at = align_corners ? double(j) * step : std::max(0.0, (double(j) + 0.5) * step - 0.5);
      const int64_t low = position(at, in);
      const double part = std::min(std::max(at - double(low), 0.0), 1.0);
      taps[0].index.push_back(low);
      taps[1].index.push_back(low + (low < in - 1));
      taps[0].weight.push_back(1 - part);
      taps[1].weight.push_back(part);
    }
    return taps;
  });
}

Tensor upsample_bicubic2d(const Tensor& x, const Dims& size, bool align_corners, const std::vector<double>& scales) {
  if (const Autocast cast{"upsample_bicubic2d", x}) [[unlikely]]
    return cast(upsample_bicubic2d, x, size, align_corners, scales);
  check_sizes("upsample_bicubic2d", 2, x, size);
  return resize_with(
      "UpsampleBicubic2DBackward0", 2, x, size, scales, [align_corners](int64_t in, int64_t out, double scale) {
        constexpr double a = -0.75;
        const auto near = [](double t) { return ((a + 2) * t - (a + 3)) * t * t + 1; };
        const auto far = [](double t) { return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a; };
        std::vector<Tap> taps(4);
        const double step = step_of(in, out, align_corners, scale);
        for (int64_t j = 0; j < out; ++j) {
          const double at = align_corners ? double(j) * step : (double(j) + 0.5) * step - 0.5;
          const double floor = std::min(std::max(std::floor(at), -2.0), double(in));
          const int64_t low = int64_t(floor);
          const double t = at - std::floor(at), weights[] = {far(t + 1), near(t), near(1 - t), far(2 - t)};
          for (int64_t k = 0; k < 4; ++k) {
            taps[size_t(k)].index.push_back(std::clamp<int64_t>(low - 1 + k, 0, in - 1));
            taps[size_t(k)].weight.push_back(weights[k]);
          }
        }
        return taps;
      });
}

}  // namespace cnn
