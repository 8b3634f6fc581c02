// Pooling against plain loops in double: of the CPU for every instruction set that was compiled and that this processor
// runs, and with 1, 2 and 3 threads to the same bits; or of the CUDA plug-in.
#include "heavy_checks.h"

namespace {

struct Window {
  int64_t planes;
  int64_t in[3], out[3], kernel[3], stride[3], padding[3], dilation[3];
  bool adaptive = false;
};

// f(output, inputs inside in order, elements with padding) for each window of one plane.
template <class F> void each_pool(const Window& s, const F& f) {
  for (int64_t d = 0; d < s.out[0]; ++d)
    for (int64_t h = 0; h < s.out[1]; ++h)
      for (int64_t w = 0; w < s.out[2]; ++w) {
        const int64_t o[3] = {d, h, w};
        std::vector<int64_t> axis[3];
        int64_t padded = 1;
        for (int i = 0; i < 3; ++i) {
          if (s.adaptive) {
            const double ratio = double(s.in[i]) / double(s.out[i]);
            for (int64_t at = int64_t(std::floor(double(o[i]) * ratio + 1e-9));
                 double(at) < double(o[i] + 1) * ratio - 1e-9; ++at)
              axis[i].push_back(at);
            padded *= int64_t(axis[i].size());
            continue;
          }
          int64_t inside = 0;
          for (int64_t k = 0; k < s.kernel[i]; ++k) {
            const int64_t at = o[i] * s.stride[i] - s.padding[i] + k * s.dilation[i];
            if (at >= 0 && at < s.in[i]) axis[i].push_back(at);
            if (at < s.in[i] + s.padding[i]) ++inside;
          }
          padded *= inside;
        }
        std::vector<int64_t> inputs;
        for (int64_t z : axis[0])
          for (int64_t y : axis[1])
            for (int64_t x : axis[2]) inputs.push_back((z * s.in[1] + y) * s.in[2] + x);
        f((d * s.out[1] + h) * s.out[2] + w, inputs, padded);
      }
}

// A pooling's operands and what they give: planes, or `channels` side by side in each pixel.
template <class T> struct Pooling {
  std::string what;
  PoolArgs a;
  bool adaptive;
  std::vector<T> x, clean, dy, top;  // with NaNs, without, and the maxima
  std::vector<int64_t> at;
  std::vector<double> spread;  // gradient of the maxima

  void turn(const Window& s, int64_t channels) {
    const int64_t in = s.in[0] * s.in[1] * s.in[2], out = s.out[0] * s.out[1] * s.out[2];
    a.channels = channels, a.channels_last = true;
    what += " of pixels";
    x = turned(x, channels, in), clean = turned(clean, channels, in), spread = turned(spread, channels, in);
    dy = turned(dy, channels, out), top = turned(top, channels, out), at = turned(at, channels, out);
  }
};

template <class T> void check_max(Pooling<T>& p) {
  PoolArgs& a = p.a;
  const auto forward = p.adaptive ? &HeavyTable::adaptive_max_forward : &HeavyTable::max_pool_forward;
  if (!have(forward, a.dtype)) return;
  a.x = p.x.data();
  for (const Isa& isa : isas())
    for (int threads = 1; threads <= 3; ++threads) {
      set_num_threads(threads);
      std::vector<T> y(p.dy.size(), T(7));
      std::vector<int64_t> indices(p.dy.size(), -7);
      a.y = y.data(), a.indices = indices.data();
      (isa.table->*forward)(a);
      bool same = indices == p.at;
      for (size_t i = 0; i < y.size(); ++i) {
        const double got = as_double(y[i]), want = as_double(p.top[i]);
        same = same && (got == want || (got != got && want != want));
      }
      expect(same, "max " + p.what + " " + isa.name);
      std::vector<T> without(p.dy.size(), T(7));
      a.y = without.data(), a.indices = nullptr;
      (isa.table->*forward)(a);
      expect(same_bits(without, y), "max without indices " + p.what + " " + isa.name);
    }
  if (!have(&HeavyTable::max_pool_backward, a.dtype)) return;
  a.dy = p.dy.data();
  cnn::kernels::Note note;
  a.note = &note;
  a.indices = p.at.data();
  check_all<T>("max backward " + p.what, p.spread, std::vector<T>(p.x.size(), T(7)), 8,
               [&](const HeavyTable& table, T* dx) {
                 a.dx = dx;
                 table.max_pool_backward(a);
               });
  expect(note.empty(), "right indices noted " + p.what);
  // An index of no element is noted, and followed nowhere.
  size_t some = 0;
  while (some < p.at.size() && p.at[some] < 0) ++some;
  if (some == p.at.size()) return;
  for (const int64_t outside : {int64_t(1) << 38, int64_t(-2)}) {
    std::vector<int64_t> indices = p.at;
    indices[some] = outside;
    a.indices = indices.data();
    for (const Isa& isa : isas()) {
      std::vector<T> dx(p.x.size());
      a.dx = dx.data();
      note = {};
      isa.table->max_pool_backward(a);
      expect(note.value() == outside, "a wrong index " + p.what + " " + isa.name);
    }
  }
}

template <class T> void check_mean(Pooling<T>& p, const std::vector<double>& y, const std::vector<double>& dx) {
  PoolArgs& a = p.a;
  const auto forward = p.adaptive ? &HeavyTable::adaptive_avg_forward : &HeavyTable::avg_pool_forward;
  const auto backward = p.adaptive ? &HeavyTable::adaptive_avg_backward : &HeavyTable::avg_pool_backward;
  if (!have(forward, a.dtype)) return;
  a.x = p.clean.data(), a.dy = p.dy.data();
  check_all<T>("average " + p.what, y, std::vector<T>(p.dy.size(), T(7)), 8, [&](const HeavyTable& table, T* to) {
    a.y = to;
    (table.*forward)(a);
  });
  check_all<T>("average backward " + p.what, dx, std::vector<T>(p.x.size(), T(7)), 8,
               [&](const HeavyTable& table, T* to) {
                 a.dx = to;
                 (table.*backward)(a);
               });
}

template <class T> void check_pooling(const Window& s, bool with_nan) {
  Pooling<T> p;
  PoolArgs& a = p.a;
  p.adaptive = s.adaptive;
  a.dtype = dtype_of<T>;
  a.planes = s.planes;
  p.what = text(s.adaptive ? "adaptive pool" : "pool", {s.planes});
  int64_t in = 1, out = 1;
  for (int i = 0; i < 3; ++i) {
    a.in[i] = s.in[i], a.out[i] = s.out[i], a.kernel[i] = s.kernel[i];
    a.stride[i] = s.stride[i], a.padding[i] = s.padding[i], a.dilation[i] = s.dilation[i];
    in *= s.in[i], out *= s.out[i];
    p.what += text("", {s.in[i], s.out[i], s.kernel[i], s.stride[i], s.padding[i], s.dilation[i]}) + ",";
  }
  if (double(s.planes * (in + out)) > kMostWork) return;
  p.x = numbers.array<T>(s.planes * in);
  for (T& v : p.x) v = T(float(std::floor(as_double(v) * 4) / 4));  // many equal values
  p.clean = p.x;
  if (with_nan) {
    p.what += " nan";
    for (size_t i = 0; i < p.x.size(); i += 3 + i % 5) p.x[i] = T(std::numeric_limits<float>::quiet_NaN());
  }
  p.dy = numbers.array<T>(s.planes * out);

  p.top.resize(p.dy.size());
  p.at.resize(p.dy.size());
  p.spread.resize(p.x.size());
  for (int64_t plane = 0; plane < s.planes; ++plane)
    each_pool(s, [&](int64_t o, const std::vector<int64_t>& inputs, int64_t) {
      const size_t to = size_t(plane * out + o);
      p.top[to] = T(-std::numeric_limits<float>::infinity()), p.at[to] = inputs.empty() ? -1 : inputs[0];
      for (int64_t i : inputs) {
        const T v = p.x[size_t(plane * in + i)];
        if (as_double(v) > as_double(p.top[to]) || as_double(v) != as_double(v)) p.top[to] = v, p.at[to] = i;
      }
      if (p.at[to] >= 0) p.spread[size_t(plane * in + p.at[to])] += as_double(p.dy[to]);
    });
  const int64_t channels = s.planes % 2 == 0 && s.planes > 0 ? s.planes / 2 : 1;
  Pooling<T> pixels = p;
  pixels.turn(s, channels);
  check_max(p);
  check_max(pixels);

  for (int mode = 0; mode < (s.adaptive ? 1 : 3); ++mode) {
    std::vector<double> y(p.dy.size()), dx(p.x.size());
    for (int64_t plane = 0; plane < s.planes; ++plane)
      each_pool(s, [&](int64_t o, const std::vector<int64_t>& inputs, int64_t padded) {
        const double count = mode == 2 ? 3 : double(mode == 1 ? int64_t(inputs.size()) : padded);
        for (int64_t i : inputs) {
          y[size_t(plane * out + o)] += as_double(p.clean[size_t(plane * in + i)]) / count;
          dx[size_t(plane * in + i)] += as_double(p.dy[size_t(plane * out + o)]) / count;
        }
      });
    if (s.dilation[0] * s.dilation[1] * s.dilation[2] != 1) continue;  // max pooling only
    p.a.count_include_pad = pixels.a.count_include_pad = mode != 1;
    p.a.divisor = pixels.a.divisor = mode == 2 ? 3 : 0;
    check_mean(p, y, dx);
    check_mean(pixels, turned(y, channels, out), turned(dx, channels, in));
  }
}

void check_poolings() {
  const Window windows[] = {
      {40, {1, 28, 28}, {1, 14, 14}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}},
      {3, {1, 9, 71}, {1, 4, 35}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}},
      {3, {1, 9, 11}, {1, 5, 6}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}},  // ceil_mode
      {2, {1, 3, 700}, {1, 1, 350}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}},
      {5, {1, 13, 17}, {1, 7, 9}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {1, 1, 1}},
      {5, {1, 8, 8}, {1, 8, 8}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},
      {2, {1, 12, 13}, {1, 9, 5}, {1, 3, 3}, {1, 1, 2}, {0, 1, 0}, {1, 2, 2}},
      {2, {1, 1, 1}, {1, 1, 1}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}, {1, 3, 3}},  // falls between
      {4, {1, 1, 20}, {1, 1, 7}, {1, 1, 3}, {1, 1, 3}, {0, 0, 1}, {1, 1, 1}},
      {3, {5, 6, 7}, {2, 3, 3}, {2, 2, 3}, {2, 2, 2}, {0, 0, 0}, {1, 1, 1}},
      {3, {5, 6, 7}, {3, 4, 4}, {2, 2, 2}, {2, 2, 2}, {1, 1, 1}, {1, 1, 1}},
      {0, {1, 4, 4}, {1, 2, 2}, {1, 2, 2}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}},
      {6, {1, 7, 10}, {1, 3, 4}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, true},
      {6, {1, 5, 5}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, true},
      {2, {3, 4, 5}, {5, 2, 7}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}, true},
  };
  for (const Window& s : windows)
    for (bool with_nan : {false, true}) {
      check_pooling<float>(s, with_nan);
      check_pooling<double>(s, with_nan);
      check_pooling<Half>(s, with_nan);
      check_pooling<BFloat16>(s, with_nan);
    }
}

void check_integer_pooling() {
  const int8_t x[] = {-5, -9, -7, -128, -6, -3, -2, -1, -128};
  PoolArgs a;
  a.dtype = DType::Int8;
  a.in[1] = a.in[2] = 3, a.out[1] = a.out[2] = 2;
  a.kernel[1] = a.kernel[2] = 2;
  a.x = x;
  for (const Isa& isa : isas()) {
    int8_t y[4];
    int64_t indices[4];
    a.y = y, a.indices = indices;
    isa.table->max_pool_forward(a);
    expect(y[0] == -5 && y[1] == -3 && y[2] == -1 && y[3] == -1, "int8 max pool " + isa.name);
    expect(indices[0] == 0 && indices[1] == 5 && indices[2] == 7 && indices[3] == 7,
           "int8 max pool indices " + isa.name);
  }
}

#ifdef CNN_HEAVY_CUDA
void check_wide_divisions() {
  for (const uint64_t d : {1ul, 2ul, 3ul, 7ul, 641ul, 65536ul, 1000003ul, (1ul << 31) - 1})
    for (const uint64_t n : {0ul, d - 1, d, d + 1, 12345678901234ul, 5 * d - 1, (1ul << 62) + 9, (1ul << 63) - 1})
      expect(cuda::WideDiv(d).divide(n) == n / d, text("wide division", {int64_t(n), int64_t(d)}));
}
#endif

}  // namespace

int main() {
#ifdef CNN_HEAVY_CUDA
  check_wide_divisions();
#endif
  check_poolings();
  check_integer_pooling();
  std::printf(failures ? "%d failures\n" : "test_heavy_pools: all passed\n", failures);
  return failures != 0;
}
