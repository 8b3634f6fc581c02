#include "cpu/pool/pixels.h"

#include "cpu/pool/window.h"
#include "cpu/scratch.h"
#include "cpu/vec/half.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

constexpr int64_t kBlock = 16;  // channels that a task of a backward pass has to itself: a line of the cache or two

// f with the windows of their kind.
template <class F> void with_windows(const PoolArgs& a, PoolWindows windows, const F& f) {
  if (windows == PoolWindows::Strided) f(StridedWindows{a});
  else f(AdaptiveWindows{a});
}

// f(image, output's index in it, spans along the three axes) for all outputs; rows of them are shared by the pool.
template <class Windows, class F> void each_output(const PoolArgs& a, const Windows& windows, const F& f) {
  const int64_t batch = a.planes / max_of(a.channels, 1), rows = a.out[0] * a.out[1];
  const int64_t work = a.out[2] * a.channels * (1 + pool_in(a) / max_of(pool_out(a), 1));
  parallel_for(batch * rows, 1 + (1 << 14) / (1 + work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i % rows;
      const Span d = windows(0, row / a.out[1]), h = windows(1, row % a.out[1]);
      for (int64_t w = 0; w < a.out[2]; ++w) f(i / rows, row * a.out[2] + w, d, h, windows(2, w));
    }
  });
}

// f(image, first channel, channels) for blocks of channels of all images.
template <class F> void each_block(const PoolArgs& a, const F& f) {
  const int64_t batch = a.planes / max_of(a.channels, 1), blocks = ceil_div(a.channels, kBlock);
  const int64_t work = kBlock * (pool_in(a) + pool_out(a));
  parallel_for(batch * blocks, 1 + (1 << 14) / (1 + work), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t c = i % blocks * kBlock;
      f(i / blocks, c, min_of(kBlock, a.channels - c));
    }
  });
}

template <class T> void clear_block(T* dx, int64_t pixels, int64_t channels, int64_t n) {
  for (int64_t p = 0; p < pixels; ++p)
    for (int64_t c = 0; c < n; ++c) dx[p * channels + c] = T(0);
}

template <class T> constexpr bool kHasLanes = false;
template <> constexpr bool kHasLanes<float> = true;
template <> constexpr bool kHasLanes<double> = true;
template <> constexpr bool kHasLanes<BFloat16> = true;
// What elements are in the lanes.
template <class E> struct WideOf {
  using Type = E;
};
template <> struct WideOf<BFloat16> {
  using Type = float;
};
template <class E> using Wide = typename WideOf<E>::Type;

// The maximum of a window for n channels at most a vector, as in max.cpp. x is the image's first of these channels;
// `at` is the window's first element, or -1.
template <class E>
void max_of_lanes(const PoolArgs& a, const E* x, int64_t n, int64_t at, const Span& d, const Span& h, const Span& w,
                  E* y, int64_t* indices) {
  using T = Wide<E>;
  using Places = decltype(Vec<T>{} < Vec<T>{});
  Vec<T> best = at < 0 ? vec_splat(lowest<T>()) : vec_load_n(x + at * a.channels, n);
  Places place = Places{} + decltype(Places{}[0] + 0)(at);
  each_element(a, d, h, w, [&](int64_t i) {
    const Vec<T> v = vec_load_n(x + i * a.channels, n);
    if (indices) place = (v > best) | (v != v) ? Places{} + decltype(Places{}[0] + 0)(i) : place;
    best = vec_larger(v, best);
  });
  vec_store_n(y, best, n);
  if (indices)
    for (int64_t j = 0; j < n; ++j) indices[j] = place[j];
}

template <class E>
void max_of_one(const PoolArgs& a, const E* x, int64_t at, const Span& d, const Span& h, const Span& w, E* y,
                int64_t* index) {
  using T = Wide<E>;
  T best = at < 0 ? lowest<T>() : T(x[at * a.channels]);
  each_element(a, d, h, w, [&](int64_t i) {
    const T value = x[i * a.channels];
    if (wins(value, best)) best = value, at = i;
  });
  *y = best;
  if (index) *index = at;
}

template <class T>
void sum_of_lanes(const PoolArgs& a, const T* x, int64_t n, const Span& d, const Span& h, const Span& w, T divisor,
                  T* y) {
  Vec<T> sum{};
  each_element(a, d, h, w, [&](int64_t i) { sum += vec_load_n(x + i * a.channels, n); });
  vec_store_n(y, sum / vec_splat(divisor), n);
}

}  // namespace

template <class T> void max_pixels(const PoolArgs& a, PoolWindows kind) {
  with_windows(a, kind, [&](const auto& windows) {
    const bool lanes = kHasLanes<T> && pool_in(a) < (1 << 30);
    each_output(a, windows, [&](int64_t image, int64_t o, const Span& d, const Span& h, const Span& w) {
      const T* x = static_cast<const T*>(a.x) + image * pool_in(a) * a.channels;
      const int64_t to = (image * pool_out(a) + o) * a.channels;
      T* y = static_cast<T*>(a.y) + to;
      int64_t* indices = a.indices ? a.indices + to : nullptr;
      const bool empty = d.begin >= d.end || h.begin >= h.end || w.begin >= w.end;
      const int64_t first = empty ? -1 : (d.begin * a.in[1] + h.begin) * a.in[2] + w.begin;
      if constexpr (kHasLanes<T>) {
        for (int64_t c = 0; lanes && c < a.channels; c += kLanes<Wide<T>>)
          max_of_lanes(a, x + c, min_of(kLanes<Wide<T>>, a.channels - c), first, d, h, w, y + c,
                       indices ? indices + c : nullptr);
      }
      for (int64_t c = lanes ? a.channels : 0; c < a.channels; ++c)
        max_of_one(a, x + c, first, d, h, w, y + c, indices ? indices + c : nullptr);
    });
  });
}

namespace {

// dx[at of output][j] += dy for n channels of an image, whose pixels lie `step` apart in dx; dx begins with zeros.
template <class E, class T>
void add_at_maxima(const PoolArgs& a, int64_t from, int64_t n, T* dx, int64_t step) {
  for (int64_t o = 0; o < pool_out(a); ++o)
    for (int64_t j = 0; j < n; ++j) {
      const int64_t i = from + o * a.channels + j;
      const int64_t at = static_cast<const volatile int64_t*>(a.indices)[i];  // once: others may write into it
      if (uint64_t(at) < uint64_t(pool_in(a))) dx[at * step + j] += T(static_cast<const E*>(a.dy)[i]);
      else if (at != -1) a.note->add(0, at);
    }
}

}  // namespace

template <class E> void max_pixels_backward(const PoolArgs& a) {
  using T = Wide<E>;
  each_block(a, [&](int64_t image, int64_t c, int64_t n) {
    E* const dx = static_cast<E*>(a.dx) + image * pool_in(a) * a.channels + c;
    const int64_t from = image * pool_out(a) * a.channels + c;
    if constexpr (std::is_same_v<E, T>) {
      clear_block(dx, pool_in(a), a.channels, n);
      add_at_maxima<E>(a, from, n, dx, a.channels);
    } else {  // sums are rounded once
      Scratch<T> sums(pool_in(a) * kBlock);
      __builtin_memset(sums, 0, size_t(pool_in(a) * kBlock) * sizeof(T));
      add_at_maxima<E>(a, from, n, static_cast<T*>(sums), kBlock);
      for (int64_t p = 0; p < pool_in(a); ++p)
        for (int64_t j = 0; j < n; j += kLanes<T>)
          vec_store_n(dx + p * a.channels + j, vec_load(sums + p * kBlock + j), min_of(kLanes<T>, n - j));
    }
  });
}

template <class T> void average_pixels(const PoolArgs& a, PoolWindows kind) {
  with_windows(a, kind, [&](const auto& windows) {
    each_output(a, windows, [&](int64_t image, int64_t o, const Span& d, const Span& h, const Span& w) {
      const T* x = static_cast<const T*>(a.x) + image * pool_in(a) * a.channels;
      T* y = static_cast<T*>(a.y) + (image * pool_out(a) + o) * a.channels;
      const int64_t count = length(d) * length(h) * length(w), divisor = count == 0 ? 1 : divisor_of(a, d, h, w);
      if constexpr (kHasLanes<T>) {
        for (int64_t c = 0; c < a.channels; c += kLanes<T>)
          sum_of_lanes(a, x + c, min_of(kLanes<T>, a.channels - c), d, h, w, T(divisor), y + c);
      } else {
        for (int64_t c = 0; c < a.channels; ++c) {
          T sum = 0;
          each_element(a, d, h, w, [&](int64_t i) { sum += x[i * a.channels + c]; });
          y[c] = divided(sum, divisor);
        }
      }
    });
  });
}

template <class T> void spread_pixels(const PoolArgs& a, PoolWindows kind) {
  with_windows(a, kind, [&](const auto& windows) {
    each_block(a, [&](int64_t image, int64_t c, int64_t n) {
      T* dx = static_cast<T*>(a.dx) + image * pool_in(a) * a.channels + c;
      const T* dy = static_cast<const T*>(a.dy) + image * pool_out(a) * a.channels + c;
      clear_block(dx, pool_in(a), a.channels, n);
      each_window(a, windows, [&](int64_t o, const Span& d, const Span& h, const Span& w) {
        const T divisor = T(divisor_of(a, d, h, w));
        each_element(a, d, h, w, [&](int64_t i) {
          for (int64_t j = 0; j < n; ++j) dx[i * a.channels + j] += dy[o * a.channels + j] / divisor;
        });
      });
    });
  });
}

template void max_pixels<uint8_t>(const PoolArgs&, PoolWindows);
template void max_pixels<int8_t>(const PoolArgs&, PoolWindows);
template void max_pixels<int16_t>(const PoolArgs&, PoolWindows);
template void max_pixels<int32_t>(const PoolArgs&, PoolWindows);
template void max_pixels<int64_t>(const PoolArgs&, PoolWindows);
template void max_pixels<BFloat16>(const PoolArgs&, PoolWindows);
template void max_pixels<float>(const PoolArgs&, PoolWindows);
template void max_pixels<double>(const PoolArgs&, PoolWindows);
template void max_pixels_backward<BFloat16>(const PoolArgs&);
template void max_pixels_backward<float>(const PoolArgs&);
template void max_pixels_backward<double>(const PoolArgs&);
template void average_pixels<int64_t>(const PoolArgs&, PoolWindows);
template void average_pixels<float>(const PoolArgs&, PoolWindows);
template void average_pixels<double>(const PoolArgs&, PoolWindows);
template void spread_pixels<float>(const PoolArgs&, PoolWindows);
template void spread_pixels<double>(const PoolArgs&, PoolWindows);

}  // namespace cnn::cpu::CNN_ISA
