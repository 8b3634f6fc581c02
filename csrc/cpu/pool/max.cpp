// Max pooling.
#include "cpu/heavy_kernels.h"
#include "cpu/pool/pixels.h"
#include "cpu/pool/rows.h"
#include "cpu/pool/window.h"
#include "cpu/scratch.h"
#include "cpu/vec/half.h"

namespace cnn::cpu::inline CNN_ISA {
namespace {

// The maximum of one window of a plane, and its place. A dilated window can fall between the elements: it has no
// maximum, and no gradient.
template <class T>
void max_of_window(const PoolArgs& a, const T* x, const Span& d, const Span& h, const Span& w, T* y, int64_t* index) {
  const bool empty = d.begin >= d.end || h.begin >= h.end || w.begin >= w.end;
  int64_t at = empty ? -1 : (d.begin * a.in[1] + h.begin) * a.in[2] + w.begin;
  T best = empty ? lowest<T>() : x[at];
  if (length(d) * length(h) * length(w) <= 32) {
    each_element(a, d, h, w, [&](int64_t i) { at = wins(x[i], x[at]) ? i : at; });  // without a branch
    best = empty ? best : x[at];
  } else {
    each_element(a, d, h, w, [&](int64_t i) {
      if (wins(x[i], best)) best = x[i], at = i;  // rarely
    });
  }
  *y = best;
  if (index) *index = at;
}

// Elements of all windows of a plane, which no integer need hold: most of a window may be padding.
double window_elements(const PoolArgs& a) {
  return double(pool_out(a)) * double(a.kernel[0]) * double(a.kernel[1]) * double(a.kernel[2]);
}

// f(x, y, indices or null) for all planes.
template <class T, class F> void each_max_plane(const PoolArgs& a, double work, const F& f) {
  each_plane(a, work, [&](int64_t plane) {
    f(static_cast<const T*>(a.x) + plane * pool_in(a), static_cast<T*>(a.y) + plane * pool_out(a),
      a.indices ? a.indices + plane * pool_out(a) : nullptr);
  });
}

template <class T, class Windows> void max_planes(const PoolArgs& a, const Windows& windows) {
  each_max_plane<T>(a, window_elements(a), [&](const T* x, T* y, int64_t* indices) {
    each_window(a, windows, [&](int64_t o, const Span& d, const Span& h, const Span& w) {
      max_of_window(a, x, d, h, w, y + o, indices ? indices + o : nullptr);
    });
  });
}

// The maxima of n windows side by side, which are whole along the row and begin at column `at`.
template <bool kIndices, int kStride, class T>
void max_of_windows(const RowTaps<kStride, T>& taps, const T* x, const Span& d, const Span& h, int64_t at, int64_t n,
                    Places<T> lanes, T* y, int64_t* indices) {
  using Place = decltype(lanes[0] + 0);
  const int64_t first = taps.first(d, h, at);
  Vec<T> best = vec_splat(lowest<T>());
  [[maybe_unused]] Places<T> place = lanes;
  taps.each(x, d, h, at, n, [&](Vec<T> v, int64_t i) {
    if constexpr (kIndices) place = (v > best) | (v != v) ? lanes + Place(i - first) : place;
    best = vec_larger(v, best);
  });
  vec_store_n(y, best, n);
  if constexpr (kIndices) store_indices<T>(place, first, indices, n);
}

template <int kStride, bool kIndices, class T> void max_rows(const PoolArgs& a) {
  Places<T> lanes{};
  for (int l = 0; l < kLanes<T>; ++l) lanes[l] = decltype(lanes[0] + 0)(l * a.stride[2]);
  const RowTaps<kStride, T> taps(a);
  each_max_plane<T>(a, window_elements(a) / 4, [&](const T* x, T* y, int64_t* indices) {
    each_row<T>(
        a,
        [&](const Span& d, const Span& h, const Span& w, int64_t o) {
          max_of_window(a, x, d, h, w, y + o, kIndices ? indices + o : nullptr);
        },
        [=](const Span& d, const Span& h, int64_t at, int64_t n, int64_t o) {
          max_of_windows<kIndices>(taps, x, d, h, at, n, lanes, y + o, kIndices ? indices + o : nullptr);
        });
  });
}

// 2x2 at stride 2 without padding, whole windows only.
bool is_halving(const PoolArgs& a) {
  for (int i = 0; i < 3; ++i) {
    const int64_t k = i == 0 ? 1 : 2;
    if (a.kernel[i] != k || a.stride[i] != k || a.padding[i] != 0 || a.dilation[i] != 1) return false;
    if (a.out[i] * k > a.in[i]) return false;
  }
  return a.in[1] * a.in[2] < (1 << 30);
}

// A plane that is halved, a vector of outputs at a time: the pairs that the windows see of a row become a vector of
// left and one of right elements. A place is an index in the plane, counted from the first of these windows.
template <class T> class Halving {
  static constexpr int kCount = kLanes<T>;
  struct Pairs {
    Vec<T> left, right;
  };

 public:
  explicit Halving(const PoolArgs& a) : a_(a), width_(int(a.in[2])) {
    for (int i = 0; i < kCount; ++i) first_[i] = 2 * i;
  }

  void forward(const T* x, T* y, int64_t* indices) const {
    each_vector([&](int64_t at, int64_t o, int64_t n) {
      const Pairs top = load(x + at, n, AllLanes<T>{}), bottom = load(x + at + width_, n, AllLanes<T>{});
      Vec<T> best = top.left;
      Places<T> place = first_;
      const auto try_one = [&](Vec<T> value, int step) {
        place = (value > best) | (value != value) ? first_ + step : place;
        best = vec_larger(value, best);
      };
      try_one(top.right, 1), try_one(bottom.left, width_), try_one(bottom.right, width_ + 1);
      vec_store_n(y + o, best, n);
      if (indices) store_indices<T>(place, at, indices + o, n);
    });
  }

  // False if an index is not in its window, where these loops do not look.
  bool backward(const T* dy, const int64_t* indices, T* dx) const {
    const int64_t covered = 2 * a_.out[2];
    for (int64_t row = 0; row < a_.in[0] * a_.in[1]; ++row) {
      const bool below = row % a_.in[1] >= 2 * a_.out[1] || row / a_.in[1] >= a_.out[0];
      for (int64_t w = below ? 0 : covered; w < width_; ++w) dx[row * width_ + w] = T(0);
    }
    Places<T> missed = {};
    each_vector([&](int64_t at, int64_t o, int64_t n) {
      const Vec<T> g = vec_load_n(dy + o, n);
      const Places<T> place = load_indices(indices + o, at, n, AllLanes<T>{});
      Places<T> found = first_ >= int(2 * n);  // lanes without an output
      const auto part = [&](int step) {
        const Places<T> here = place == first_ + step;
        found |= here;
        return here ? g : Vec<T>{};
      };
      store({part(0), part(1)}, dx + at, n, AllLanes<T>{});
      store({part(width_), part(width_ + 1)}, dx + at + width_, n, AllLanes<T>{});
      missed |= ~found;
    });
    for (int i = 0; i < kCount; ++i)
      if (missed[i]) return false;
    return true;
  }

 private:
  // f(index of the first window in the plane of x, index of its output, number of outputs).
  template <class F> void each_vector(const F& f) const {
    for (int64_t row = 0; row < a_.out[0] * a_.out[1]; ++row) {
      const int64_t at = (row / a_.out[1] * a_.in[1] + row % a_.out[1] * 2) * width_;
      for (int64_t w = 0; w < a_.out[2]; w += kCount) f(at + 2 * w, row * a_.out[2] + w, min_of(a_.out[2] - w, kCount));
    }
  }

  template <int... kLane> static Pairs load(const T* x, int64_t n, LaneList<kLane...>) {
    const Vec<T> a = vec_load_n(x, 2 * n), b = 2 * n > kCount ? vec_load_n(x + kCount, 2 * n - kCount) : Vec<T>{};
    return {__builtin_shufflevector(a, b, (2 * kLane)...), __builtin_shufflevector(a, b, (2 * kLane + 1)...)};
  }
  template <int... kLane> static void store(Pairs p, T* x, int64_t n, LaneList<kLane...>) {
    constexpr int kHalf = kCount / 2;
    vec_store_n(x, __builtin_shufflevector(p.left, p.right, (kLane / 2 + kLane % 2 * kCount)...), 2 * n);
    if (n <= kHalf) return;
    vec_store_n(x + kCount, __builtin_shufflevector(p.left, p.right, (kHalf + kLane / 2 + kLane % 2 * kCount)...),
                2 * n - kCount);
  }

  static constexpr int kStep = kLanes<double>;
  template <int... kLane> static Places<T> load_indices(const int64_t* from, int64_t at, int64_t n,
                                                        LaneList<kLane...>) {
    const Longs low = load_longs(from, n) - at;
    if constexpr (kStep == kCount) return low;
    else {
      typedef int32_t Half __attribute__((vector_size(kVecBytes / 2)));
      const Longs high = n > kStep ? load_longs(from + kStep, n - kStep) - at : Longs{};
      const auto narrow = [](Longs v) {  // -1 is in no window
        return __builtin_convertvector((v >> 31) == 0 ? v : v * 0 - 1, Half);
      };
      return __builtin_shufflevector(narrow(low), narrow(high), kLane...);
    }
  }

  const PoolArgs& a_;
  int width_;
  Places<T> first_;
};

template <class T> void max_forward(const PoolArgs& a) {
  if (a.channels_last) return max_pixels<T>(a, PoolWindows::Strided);
  if constexpr (T(0.5) != T(0)) {
    if (is_halving(a)) {
      const Halving<T> halving(a);
      return each_max_plane<T>(a, double(2 * pool_out(a)),
                               [&](const T* x, T* y, int64_t* indices) { halving.forward(x, y, indices); });
    }
    // Places in a plane are integers as wide as T.
    if (pool_in(a) < (1 << 30)) {
      return with_stride(a.stride[2], [&]<int kStride>() {
        if (a.indices) max_rows<kStride, true, T>(a);
        else max_rows<kStride, false, T>(a);
      });
    }
  }
  max_planes<T>(a, StridedWindows{a});
}

// Planes of bfloat16 become float one by one.
void max_half_planes(const PoolArgs& a) {
  const int64_t in = pool_in(a), out = pool_out(a);
  parallel_for(a.planes, 1 + int64_t(double(1 << 14) / (1 + window_elements(a))), [&](int64_t begin, int64_t end) {
    Scratch<float> x(in), y(out);
    PoolArgs one = a;
    one.dtype = DType::Float32, one.planes = one.channels = 1, one.x = x, one.y = y;
    for (int64_t i = begin; i < end; ++i) {
      cast_dense(in, static_cast<const BFloat16*>(a.x) + i * in, x);
      one.indices = a.indices ? a.indices + i * out : nullptr;
      max_forward<float>(one);
      cast_dense(out, y, static_cast<BFloat16*>(a.y) + i * out);
    }
  });
}

template <class T> void max_backward(const PoolArgs& a) {
  if (a.channels_last) return max_pixels_backward<T>(a);
  const Halving<T> halving(a);
  const bool halves = is_halving(a);
  each_plane(a, double(pool_in(a) + 4 * pool_out(a)), [&](int64_t plane) {
    T* dx = static_cast<T*>(a.dx) + plane * pool_in(a);
    const T* dy = static_cast<const T*>(a.dy) + plane * pool_out(a);
    const int64_t* indices = a.indices + plane * pool_out(a);
    if (halves && halving.backward(dy, indices, dx)) return;
    __builtin_memset(dx, 0, size_t(pool_in(a)) * sizeof(T));
    for (int64_t o = 0; o < pool_out(a); ++o) {
      const int64_t at = static_cast<const volatile int64_t*>(indices)[o];  // once: others may write into it
      if (uint64_t(at) < uint64_t(pool_in(a))) dx[at] += dy[o];
      else if (at != -1) a.note->add(0, at);
    }
  });
}

// Planes of bfloat16 as sums in float, rounded once.
void max_half_planes_backward(const PoolArgs& a) {
  const int64_t in = pool_in(a), out = pool_out(a);
  parallel_for(a.planes, 1 + (1 << 14) / (1 + in + 4 * out), [&](int64_t begin, int64_t end) {
    Scratch<float> dx(in), dy(out);
    PoolArgs one = a;
    one.dtype = DType::Float32, one.planes = one.channels = 1, one.dx = dx, one.dy = dy;
    for (int64_t i = begin; i < end; ++i) {
      cast_dense(out, static_cast<const BFloat16*>(a.dy) + i * out, dy);
      one.indices = a.indices + i * out;
      max_backward<float>(one);
      cast_dense(in, dx, static_cast<BFloat16*>(a.dx) + i * in);
    }
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
    case DType::BFloat16:
      return a.channels_last ? max_pixels<BFloat16>(a, PoolWindows::Strided) : max_half_planes(a);
    default:
      return max_forward<float>(a);
  }
}

void max_pool_backward(const PoolArgs& a) {
  if (a.dtype == DType::BFloat16)
    return a.channels_last ? max_pixels_backward<BFloat16>(a) : max_half_planes_backward(a);
  if (a.dtype == DType::Float64) max_backward<double>(a);
  else max_backward<float>(a);
}

template <class T> void adaptive_max(const PoolArgs& a) {
  if (divides_evenly(a)) return max_forward<T>(even_windows(a));
  if (a.channels_last) return max_pixels<T>(a, PoolWindows::Adaptive);
  max_planes<T>(a, AdaptiveWindows{a});
}

void adaptive_max_forward(const PoolArgs& a) {
  if (a.dtype == DType::Float64) adaptive_max<double>(a);
  else adaptive_max<float>(a);
}

}  // namespace cnn::cpu::CNN_ISA
