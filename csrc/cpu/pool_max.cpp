// Max pooling. A value wins if it is greater, or NaN; so the first of equal values stays, and NaN spreads.
#include "cpu/heavy_kernels.h"
#include "cpu/pool_window.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

template <class T> CNN_HD bool wins(T value, T best) { return value > best || value != value; }

template <class T> CNN_HD T lowest() {
  if constexpr (T(0.5) != T(0)) return -T(__builtin_inf());
  else if constexpr (T(-1) > T(0)) return T(0);
  else return T(T(1) << (8 * sizeof(T) - 1));
}

template <class T, class Windows> void max_planes(const PoolArgs& a, const Windows& windows) {
  each_plane(a, pool_out(a) * a.kernel[0] * a.kernel[1] * a.kernel[2], [&](int64_t plane) {
    const T* x = static_cast<const T*>(a.x) + plane * pool_in(a);
    T* y = static_cast<T*>(a.y) + plane * pool_out(a);
    int64_t* indices = a.indices ? a.indices + plane * pool_out(a) : nullptr;
    each_window(a, windows, [&](int64_t o, const Span& d, const Span& h, const Span& w) {
      // A dilated window can fall between the elements: it has no maximum, and no gradient.
      const bool empty = d.begin >= d.end || h.begin >= h.end || w.begin >= w.end;
      int64_t at = empty ? -1 : (d.begin * a.in[1] + h.begin) * a.in[2] + w.begin;
      T best = empty ? lowest<T>() : x[at];
      each_element(a, d, h, w, [&](int64_t i) {
        if (wins(x[i], best)) best = x[i], at = i;
      });
      y[o] = best;
      if (indices) indices[o] = at;
    });
  });
}

// 2x2 at stride 2 without padding, whole windows only: a row of outputs without branches, so that it vectorises.
template <class T> bool is_halving(const PoolArgs& a) {
  for (int i = 0; i < 3; ++i) {
    const int64_t k = i == 0 ? 1 : 2;
    if (a.kernel[i] != k || a.stride[i] != k || a.padding[i] != 0 || a.dilation[i] != 1) return false;
    if (a.out[i] * k > a.in[i]) return false;
  }
  return a.in[2] < (1 << 30);
}

template <class T> void halve_row(const T* top, const T* bottom, int64_t n, T* y, int32_t* columns) {
#pragma GCC ivdep
  for (int64_t o = 0; o < n; ++o) {
    T best = top[2 * o];
    int32_t which = 0;
    const T b = top[2 * o + 1], c = bottom[2 * o], d = bottom[2 * o + 1];
    const bool b_wins = (b > best) | (b != b);
    best = b_wins ? b : best, which = b_wins ? 1 : which;
    const bool c_wins = (c > best) | (c != c);
    best = c_wins ? c : best, which = c_wins ? 2 : which;
    const bool d_wins = (d > best) | (d != d);
    best = d_wins ? d : best, which = d_wins ? 3 : which;
    y[o] = best;
    columns[o] = which;
  }
}

template <class T> void halve_planes(const PoolArgs& a) {
  constexpr int64_t kBlock = 256;
  each_plane(a, 2 * pool_out(a), [&](int64_t plane) {
    const T* x = static_cast<const T*>(a.x) + plane * pool_in(a);
    T* y = static_cast<T*>(a.y) + plane * pool_out(a);
    int64_t* indices = a.indices ? a.indices + plane * pool_out(a) : nullptr;
    const int64_t width = a.in[2];
    int32_t which[kBlock];
    for (int64_t d = 0; d < a.out[0]; ++d)
      for (int64_t h = 0; h < a.out[1]; ++h)
        for (int64_t w = 0; w < a.out[2]; w += kBlock) {
          const int64_t n = min_of(kBlock, a.out[2] - w), at = (d * a.in[1] + 2 * h) * width + 2 * w;
          const int64_t o = (d * a.out[1] + h) * a.out[2] + w;
          halve_row(x + at, x + at + width, n, y + o, which);
          if (!indices) continue;
          for (int64_t i = 0; i < n; ++i) indices[o + i] = at + 2 * i + (which[i] & 1) + (which[i] >> 1) * width;
        }
  });
}

template <class T> void max_forward(const PoolArgs& a) {
  if constexpr (sizeof(T) >= 4)
    if (is_halving<T>(a)) return halve_planes<T>(a);
  max_planes<T>(a, StridedWindows{a});
}

template <class T> void max_backward(const PoolArgs& a) {
  each_plane(a, pool_in(a) + 4 * pool_out(a), [&](int64_t plane) {
    T* dx = static_cast<T*>(a.dx) + plane * pool_in(a);
    const T* dy = static_cast<const T*>(a.dy) + plane * pool_out(a);
    const int64_t* indices = a.indices + plane * pool_out(a);
    __builtin_memset(dx, 0, size_t(pool_in(a)) * sizeof(T));
    for (int64_t o = 0; o < pool_out(a); ++o)
      if (uint64_t(indices[o]) < uint64_t(pool_in(a))) dx[indices[o]] += dy[o];
  });
}

}  // namespace

void max_pool_forward(const PoolArgs& a) {
  switch (a.dtype) {
    case DType::UInt8:
      return max_forward<uint8_t>(a);
    case DType::Int8:
      return max_forward<int8_t>(a);
    case DType::Int16:
      return max_forward<int16_t>(a);
    case DType::Int32:
      return max_forward<int32_t>(a);
    case DType::Int64:
      return max_forward<int64_t>(a);
    case DType::Float64:
      return max_forward<double>(a);
    default:
      return max_forward<float>(a);
  }
}

void max_pool_backward(const PoolArgs& a) {
  if (a.dtype == DType::Float64) max_backward<double>(a);
  else max_backward<float>(a);
}

void adaptive_max_forward(const PoolArgs& a) {
  if (a.dtype == DType::Float64) max_planes<double>(a, AdaptiveWindows{a});
  else max_planes<float>(a, AdaptiveWindows{a});
}

}  // namespace cnn::cpu::CNN_ISA
