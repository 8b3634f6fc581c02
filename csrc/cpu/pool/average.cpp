// Average pooling: the sum of a window over its size, the padding counted or not, or over a given divisor.
#include "cpu/heavy_kernels.h"
#include "cpu/pool/pixels.h"
#include "cpu/pool/window.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

template <class T, class Windows> void average(const PoolArgs& a, const Windows& windows) {
  each_plane(a, pool_in(a) + pool_out(a), [&](int64_t plane) {
    const T* x = static_cast<const T*>(a.x) + plane * pool_in(a);
    T* y = static_cast<T*>(a.y) + plane * pool_out(a);
    each_window(a, windows, [&](int64_t o, const Span& d, const Span& h, const Span& w) {
      T sum = 0;
      each_element(a, d, h, w, [&](int64_t i) { sum += x[i]; });
      y[o] = length(d) * length(h) * length(w) == 0 ? T(0) : divided(sum, divisor_of(a, d, h, w));
    });
  });
}

template <class T, class Windows> void spread(const PoolArgs& a, const Windows& windows) {
  each_plane(a, pool_in(a) + pool_out(a), [&](int64_t plane) {
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
  if (a.dtype == DType::Float64) average<double>(a, StridedWindows{a});
  else if (a.dtype == DType::Int64) average<int64_t>(a, StridedWindows{a});
  else average<float>(a, StridedWindows{a});
}

void avg_pool_backward(const PoolArgs& a) {
  if (a.channels_last) return spread_over_pixels(a, PoolWindows::Strided);
  if (a.dtype == DType::Float64) spread<double>(a, StridedWindows{a});
  else spread<float>(a, StridedWindows{a});
}

void adaptive_avg_forward(const PoolArgs& args) {
  const PoolArgs a = plain(args);
  if (a.channels_last) return average_of_pixels(a, PoolWindows::Adaptive);
  if (a.dtype == DType::Float64) average<double>(a, AdaptiveWindows{a});
  else average<float>(a, AdaptiveWindows{a});
}

void adaptive_avg_backward(const PoolArgs& args) {
  const PoolArgs a = plain(args);
  if (a.channels_last) return spread_over_pixels(a, PoolWindows::Adaptive);
  if (a.dtype == DType::Float64) spread<double>(a, AdaptiveWindows{a});
  else spread<float>(a, AdaptiveWindows{a});
}

}  // namespace cnn::cpu::CNN_ISA
