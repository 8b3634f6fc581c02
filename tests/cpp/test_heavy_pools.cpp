// Pooling of the CPU against plain loops in double, for every instruction set that was compiled and that this processor
// runs, and with 1, 2 and 3 threads to the same bits.
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

template <class T> void check_pooling(const Window& s, bool with_nan) {
  PoolArgs a;
  a.dtype = dtype_of<T>;
  a.planes = s.planes;
  std::string what = text(s.adaptive ? "adaptive pool" : "pool", {s.planes});
  int64_t in = 1, out = 1;
  for (int i = 0; i < 3; ++i) {
    a.in[i] = s.in[i], a.out[i] = s.out[i], a.kernel[i] = s.kernel[i];
    a.stride[i] = s.stride[i], a.padding[i] = s.padding[i], a.dilation[i] = s.dilation[i];
    in *= s.in[i], out *= s.out[i];
    what += text("", {s.in[i], s.out[i], s.kernel[i], s.stride[i], s.padding[i], s.dilation[i]}) + ",";
  }
  auto x = numbers.array<T>(s.planes * in);
  for (T& v : x) v = T(std::floor(double(v) * 4)) / 4;  // many equal values
  const auto clean = x;
  if (with_nan)
    for (size_t i = 0; i < x.size(); i += 3 + i % 5) x[i] = std::numeric_limits<T>::quiet_NaN();
  const auto dy = numbers.array<T>(s.planes * out);
  a.dy = dy.data();

  std::vector<T> top(dy.size());
  std::vector<int64_t> at(dy.size());
  std::vector<double> spread(x.size());
  for (int64_t p = 0; p < s.planes; ++p)
    each_pool(s, [&](int64_t o, const std::vector<int64_t>& inputs, int64_t) {
      const size_t to = size_t(p * out + o);
      top[to] = -std::numeric_limits<T>::infinity(), at[to] = inputs.empty() ? -1 : inputs[0];
      for (int64_t i : inputs) {
        const T v = x[size_t(p * in + i)];
        if (v > top[to] || v != v) top[to] = v, at[to] = i;
      }
      if (at[to] >= 0) spread[size_t(p * in + at[to])] += double(dy[to]);
    });
  for (const Isa& isa : isas())
    for (int threads = 1; threads <= 3; ++threads) {
      set_num_threads(threads);
      std::vector<T> y(dy.size(), T(7));
      std::vector<int64_t> indices(dy.size(), -7);
      a.x = x.data(), a.y = y.data(), a.indices = indices.data();
      s.adaptive ? isa.table->adaptive_max_forward(a) : isa.table->max_pool_forward(a);
      bool same = indices == at;
      for (size_t i = 0; i < y.size(); ++i) same = same && (y[i] == top[i] || (y[i] != y[i] && top[i] != top[i]));
      expect(same, "max " + what + " " + isa.name + (with_nan ? " nan" : ""));
      std::vector<T> without(dy.size(), T(7));
      a.y = without.data(), a.indices = nullptr;
      s.adaptive ? isa.table->adaptive_max_forward(a) : isa.table->max_pool_forward(a);
      expect(same_bits(without, y), "max without indices " + what + " " + isa.name);
    }
  a.indices = at.data();
  check_all<T>("max backward " + what, spread, std::vector<T>(x.size(), T(7)), 8, [&](const HeavyTable& table, T* dx) {
    a.dx = dx;
    table.max_pool_backward(a);
  });

  a.x = clean.data();
  for (int mode = 0; mode < (s.adaptive ? 1 : 3); ++mode) {
    a.count_include_pad = mode != 1;
    a.divisor = mode == 2 ? 3 : 0;
    std::vector<double> y(dy.size()), dx(x.size());
    for (int64_t p = 0; p < s.planes; ++p)
      each_pool(s, [&](int64_t o, const std::vector<int64_t>& inputs, int64_t padded) {
        const double count = mode == 2 ? 3 : double(mode == 1 ? int64_t(inputs.size()) : padded);
        for (int64_t i : inputs) {
          y[size_t(p * out + o)] += double(clean[size_t(p * in + i)]) / count;
          dx[size_t(p * in + i)] += double(dy[size_t(p * out + o)]) / count;
        }
      });
    if (s.dilation[0] * s.dilation[1] * s.dilation[2] != 1) continue;  // max pooling only
    check_all<T>("average " + what, y, std::vector<T>(dy.size(), T(7)), 8, [&](const HeavyTable& table, T* to) {
      a.y = to;
      s.adaptive ? table.adaptive_avg_forward(a) : table.avg_pool_forward(a);
    });
    check_all<T>("average backward " + what, dx, std::vector<T>(x.size(), T(7)), 8,
                 [&](const HeavyTable& table, T* to) {
                   a.dx = to;
                   s.adaptive ? table.adaptive_avg_backward(a) : table.avg_pool_backward(a);
                 });
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

}  // namespace

int main() {
  check_poolings();
  check_integer_pooling();
  std::printf(failures ? "%d failures\n" : "test_heavy_pools: all passed\n", failures);
  return failures != 0;
}
