#include "cuda/pool.cuh"

#include "cuda/heavy_entries.h"
#include "cuda/memory.h"

namespace cnn::cuda {
namespace {

int64_t plane_in(const PoolArgs& a) { return a.in[0] * a.in[1] * a.in[2]; }
int64_t plane_out(const PoolArgs& a) { return a.out[0] * a.out[1] * a.out[2]; }

// Is there nothing to write?
bool is_empty(const PoolArgs& a, bool backward) {
  return a.planes == 0 || (backward ? plane_in(a) : plane_out(a)) == 0;
}

// f(args of some images, their elements of x, of y) for all, cut so that indices have 32 bits. Without channels_last an
// image is a plane.
template <class F> void each_piece(const PoolArgs& a, const F& f) {
  const int64_t depth = a.channels_last ? a.channels : 1, images = a.planes / depth;
  const int64_t in = plane_in(a) * depth, out = plane_out(a) * depth, largest = in > out ? in : out;
  bool small = largest <= kMaxOver;
  for (int i = 0; i < 3; ++i)
    small &= a.in[i] <= kMaxOver && a.out[i] <= kMaxOver && a.padding[i] <= kMaxOver / 4 && a.stride[i] <= kMaxOver &&
             (a.kernel[i] - 1) <= kMaxOver / 2 / a.dilation[i];
  check_implemented(small, "", "pooling over planes or windows of 2^29 elements and more on CUDA; call .cpu() first");
  const int64_t most = kMaxOver / (largest > 0 ? largest : 1), item = item_size(a.dtype);
  PoolArgs part = a;
  for (int64_t first = 0; first < images; first += most) {
    const int64_t count = images - first < most ? images - first : most;
    const auto at = [&](auto* p, int64_t image) {
      return p ? static_cast<const char*>(p) + first * image * item : nullptr;
    };
    part.planes = count * depth;
    part.x = at(a.x, in), part.dy = at(a.dy, out);
    part.y = const_cast<char*>(at(a.y, out)), part.dx = const_cast<char*>(at(a.dx, in));
    part.indices = a.indices ? a.indices + first * out : nullptr;
    f(part, count * in, count * out);
  }
}

template <class E, class Axis> void max_windows(const PoolArgs& a) {
  each_piece(a, [](const PoolArgs& p, int64_t, int64_t n) {
    over(MaxWindow<E, Axis>{Windows<Axis>(p), static_cast<const E*>(p.x), static_cast<E*>(p.y), p.indices}, n);
  });
}

template <class E, class Axis> void mean_windows(const PoolArgs& a) {
  each_piece(a, [](const PoolArgs& p, int64_t, int64_t n) {
    over(
        MeanWindow<E, Axis>{
            Windows<Axis>(p), {p.divisor, p.count_include_pad}, static_cast<const E*>(p.x), static_cast<E*>(p.y)},
        n);
  });
}

template <class Axis> void mean_gradient(const PoolArgs& a) {
  if (is_empty(a, true)) return;
  with_float(a.dtype, [&]<class E>() {
    each_piece(a, [](const PoolArgs& p, int64_t n, int64_t) {
      over(
          MeanGradient<E, Axis>{
              Windows<Axis>(p), {p.divisor, p.count_include_pad}, static_cast<const E*>(p.dy), static_cast<E*>(p.dx)},
          n);
    });
  });
}

template <class Axis> void max_gradient(const PoolArgs& a) {
  with_float(a.dtype, [&]<class E>() {
    each_piece(a, [&](const PoolArgs& p, int64_t n, int64_t) {
      over(
          MaxGradient<E, Axis>{Windows<Axis>(p), static_cast<const E*>(p.dy), p.indices, static_cast<E*>(p.dx), p.note},
          n);
    });
  });
}

// Adaptive windows have no padding and no divisor of their own.
PoolArgs plain(PoolArgs a) {
  a.count_include_pad = true, a.divisor = 0;
  return a;
}

// Gradients of adaptive maxima come with the window of one element that is the default.
bool has_window(const PoolArgs& a) {
  for (int i = 0; i < 3; ++i)
    if (a.kernel[i] != 1 || a.stride[i] != 1 || a.padding[i] != 0) return true;
  return false;
}

}  // namespace

void max_pool_forward(const PoolArgs& a) {
  if (is_empty(a, false)) return;
  switch (a.dtype) {
    case DType::UInt8:
      return max_windows<uint8_t, StridedAxis>(a);
    case DType::Int8:
      return max_windows<int8_t, StridedAxis>(a);
    case DType::Int16:
      return max_windows<int16_t, StridedAxis>(a);
    case DType::Int32:
      return max_windows<int32_t, StridedAxis>(a);
    case DType::Int64:
      return max_windows<int64_t, StridedAxis>(a);
    default:
      with_float(a.dtype, [&]<class E>() { max_windows<E, StridedAxis>(a); });
  }
}

void max_pool_backward(const PoolArgs& a) {
  if (is_empty(a, true)) return;
  has_window(a) ? max_gradient<StridedAxis>(a) : max_gradient<AdaptiveAxis>(a);
}

void avg_pool_forward(const PoolArgs& a) {
  if (is_empty(a, false)) return;
  if (a.dtype == DType::Int64) mean_windows<int64_t, StridedAxis>(a);
  else with_float(a.dtype, [&]<class E>() { mean_windows<E, StridedAxis>(a); });
}

void avg_pool_backward(const PoolArgs& a) { mean_gradient<StridedAxis>(a); }

void adaptive_avg_forward(const PoolArgs& a) {
  if (is_empty(a, false)) return;
  with_float(a.dtype, [&]<class E>() { mean_windows<E, AdaptiveAxis>(plain(a)); });
}

void adaptive_avg_backward(const PoolArgs& a) { mean_gradient<AdaptiveAxis>(plain(a)); }

void adaptive_max_forward(const PoolArgs& a) {
  if (is_empty(a, false)) return;
  with_float(a.dtype, [&]<class E>() { max_windows<E, AdaptiveAxis>(a); });
}

}  // namespace cnn::cuda
