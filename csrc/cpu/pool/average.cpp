// Average pooling: the sum of a window over its size, the padding counted or not, or over a given divisor.
#include "cpu/heavy_kernels.h"
#include "cpu/pool/pixels.h"
#include "cpu/pool/rows.h"
#include "cpu/pool/window.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// f(x, y) for all planes.
template <class T, class F> void each_average_plane(const PoolArgs& a, const F& f) {
  each_plane(a, double(pool_in(a) + pool_out(a)), [&](int64_t plane) {
    f(static_cast<const T*>(a.x) + plane * pool_in(a), static_cast<T*>(a.y) + plane * pool_out(a));
  });
}

template <class T> T average_of_window(const PoolArgs& a, const T* x, const Span& d, const Span& h, const Span& w) {
  T sum = 0;
  each_element(a, d, h, w, [&](int64_t i) { sum += x[i]; });
  return length(d) * length(h) * length(w) == 0 ? T(0) : divided(sum, divisor_of(a, d, h, w));
}

template <class T, class Windows> void average_planes(const PoolArgs& a, const Windows& windows) {
  each_average_plane<T>(a, [&](const T* x, T* y) {
    each_window(a, windows, [&](int64_t o, const Span& d, const Span& h, const Span& w) {
      y[o] = average_of_window(a, x, d, h, w);
    });
  });
}

template <int kStride, class T> void average_rows(const PoolArgs& a) {
  const RowTaps<kStride, T> taps(a);
  each_average_plane<T>(a, [&](const T* x, T* y) {
    each_row<T>(
        a, [&](const Span& d, const Span& h, const Span& w, int64_t o) { y[o] = average_of_window(a, x, d, h, w); },
        [&](const Span& d, const Span& h, int64_t at, int64_t n, int64_t o) {
          Vec<T> sum{};
          taps.each(x, d, h, at, n, [&](Vec<T> v, int64_t) { sum += v; });
          const Span w = {at, at + (a.kernel[2] - 1) * a.dilation[2] + 1, a.dilation[2], a.kernel[2]};
          vec_store_n(y + o, sum / vec_splat(T(divisor_of(a, d, h, w))), n);
        });
  });
}

// One window takes all of x.
template <class T> void average_whole(const PoolArgs& a) {
  each_average_plane<T>(a, [&](const T* x, T* y) {
    Vec<T> sum{};
    for (int64_t i = 0; i < pool_in(a); i += kLanes<T>) sum += vec_load_n(x + i, pool_in(a) - i);
    *y = vec_sum<T>(sum) / T(pool_in(a));
  });
}

template <class T, class Windows> void spread(const PoolArgs& a, const Windows& windows) {
  each_plane(a, double(pool_in(a) + pool_out(a)), [&](int64_t plane) {
    T* dx = static_cast<T*>(a.dx) + plane * pool_in(a);
    const T* dy = static_cast<const T*>(a.dy) + plane * pool_out(a);
    __builtin_memset(dx, 0, size_t(pool_in(a)) * sizeof(T));
    each_window(a, windows, [&](int64_t o, const Span& d, const Span& h, const Span& w) {
      const T part = dy[o] / T(divisor_of(a, d, h, w));
      each_element(a, d, h, w, [&](int64_t i) { dx[i] += part; });
    });
  });
}

// Adaptive windows have no padding and no divisor of their own.
PoolArgs plain(PoolArgs a) {
  a.count_include_pad = true, a.divisor = 0;
  return a;
}

template <class T> void average(const PoolArgs& a) {
  with_stride(a.stride[2], [&]<int kStride>() { average_rows<kStride, T>(a); });
}

template <class T> void adaptive_average(const PoolArgs& a) {
  if (pool_out(a) == 1 && pool_in(a) > 0) average_whole<T>(a);
  else if (divides_evenly(a)) average<T>(even_windows(a));
  else average_planes<T>(a, AdaptiveWindows{a});
}

void average_of_pixels(const PoolArgs& a, PoolWindows windows) {
  if (a.dtype == DType::Float64) average_pixels<double>(a, windows);
  else if (a.dtype == DType::Int64) average_pixels<int64_t>(a, windows);
  else average_pixels<float>(a, windows);
}
void spread_over_pixels(const PoolArgs& a, PoolWindows windows) {
  if (a.dtype == DType::Float64) spread_pixels<double>(a, windows);
  else spread_pixels<float>(a, windows);
}

}  // namespace

void avg_pool_forward(const PoolArgs& a) {
  if (a.channels_last) return average_of_pixels(a, PoolWindows::Strided);
  if (a.dtype == DType::Float64) average<double>(a);
  else if (a.dtype == DType::Int64) average_planes<int64_t>(a, StridedWindows{a});
  else average<float>(a);
}

void avg_pool_backward(const PoolArgs& a) {
  if (a.channels_last) return spread_over_pixels(a, PoolWindows::Strided);
  if (a.dtype == DType::Float64) spread<double>(a, StridedWindows{a});
  else spread<float>(a, StridedWindows{a});
}

void adaptive_avg_forward(const PoolArgs& args) {
  const PoolArgs a = plain(args);
  if (a.channels_last) return average_of_pixels(a, PoolWindows::Adaptive);
  if (a.dtype == DType::Float64) adaptive_average<double>(a);
  else adaptive_average<float>(a);
}

void adaptive_avg_backward(const PoolArgs& args) {
  const PoolArgs a = plain(args);
  if (a.channels_last) return spread_over_pixels(a, PoolWindows::Adaptive);
  if (a.dtype == DType::Float64) spread<double>(a, AdaptiveWindows{a});
  else spread<float>(a, AdaptiveWindows{a});
}

}  // namespace cnn::cpu::CNN_ISA
