// Products and convolutions against plain loops in double: of the CPU for every instruction set that was compiled and
// that this processor runs, and with 1, 2 and 3 threads (8 of 16-bit floats) to the same bits; or of the CUDA plug-in.
#include "heavy_checks.h"

namespace {

// --- products -------------------------------------------------------------------------------------------------------

// Layouts of a matrix: rows dense, columns dense, or every second element of rows with a gap.
enum class Order { Rows, Columns, Gaps };
int64_t place(Order order, int64_t rows, int64_t cols, int64_t* row_stride, int64_t* col_stride) {
  *row_stride = order == Order::Rows ? cols : order == Order::Columns ? 1 : 2 * cols + 3;
  *col_stride = order == Order::Rows ? 1 : order == Order::Columns ? rows : 2;
  return rows * cols == 0 ? 0 : (rows - 1) * *row_stride + (cols - 1) * *col_stride + 1;
}

struct Product {
  int64_t batch, m, n, k;
  Order a = Order::Rows, b = Order::Rows, c = Order::Rows;
  bool accumulate = false, relu = false;
  int bias = 0;  // 1 of columns, 2 of rows, 3 of columns with a stride, 4 of rows with a stride of 0
  double alpha = 1;
};

double work(const Product& p) { return double(p.batch) * double(p.m) * double(p.n) * double(p.k); }

template <class T> void check_product(const Product& p) {
  if (work(p) > kMostWork) return;
  GemmArgs g;
  g.dtype = dtype_of<T>;
  g.batch = p.batch, g.m = p.m, g.n = p.n, g.k = p.k;
  g.a_batch = place(p.a, p.m, p.k, &g.a_row, &g.a_col);
  g.b_batch = place(p.b, p.k, p.n, &g.b_row, &g.b_col);
  g.c_batch = place(p.c, p.m, p.n, &g.c_row, &g.c_col);
  const auto a = numbers.array<T>(p.batch * g.a_batch), b = numbers.array<T>(p.batch * g.b_batch);
  const auto c = numbers.array<T>(p.batch * g.c_batch);
  const auto bias = numbers.array<T>(2 * (p.m + p.n) + 1);
  g.a = a.data(), g.b = b.data();
  g.accumulate = p.accumulate;
  g.alpha = p.alpha;
  g.activation = p.relu ? Activation::Relu : Activation::None;
  if (p.bias) g.bias = bias.data();
  g.bias_of = p.bias == 2 || p.bias == 4 ? BiasOf::Row : BiasOf::Column;
  g.bias_stride = p.bias == 3 ? 2 : p.bias == 4 ? 0 : 1;

  std::vector<double> expected(c.begin(), c.end());
  for (int64_t s = 0; s < p.batch; ++s)
    for (int64_t i = 0; i < p.m; ++i)
      for (int64_t j = 0; j < p.n; ++j) {
        double sum = 0;
        for (int64_t q = 0; q < p.k; ++q)
          sum += double(a[size_t(s * g.a_batch + i * g.a_row + q * g.a_col)]) *
                 double(b[size_t(s * g.b_batch + q * g.b_row + j * g.b_col)]);
        double& y = expected[size_t(s * g.c_batch + i * g.c_row + j * g.c_col)];
        y = p.alpha * sum + (p.accumulate ? y : 0);
        if (p.bias) y += double(bias[size_t((g.bias_of == BiasOf::Row ? i : j) * g.bias_stride)]);
        if (p.relu && y < 0) y = 0;
      }
  check_all<T>(text("gemm", {p.batch, p.m, p.n, p.k, int(p.a), int(p.b), int(p.c), p.accumulate, p.relu, p.bias}),
               expected, c, double(p.k) * std::fabs(p.alpha) / 4, [&](const HeavyTable& table, T* out) {
                 g.c = out;
                 table.gemm(g);
               });
  if ((p.batch > 1 && g.b_batch > 0) || !kOnCpu) return;
  check_all<T>(text("packed gemm", {p.m, p.n, p.k, int(p.a), int(p.b), int(p.c), p.accumulate, p.relu, p.bias}),
               expected, c, double(p.k) * std::fabs(p.alpha) / 4, [&](const HeavyTable& table, T* out) {
                 GemmArgs with = g;
                 std::vector<T> packed(size_t(table.packed_size(g)) / sizeof(T));
                 table.pack_b(g, packed.data());
                 with.b = nullptr, with.c = out;
                 table.gemm_packed(with, packed.data());
               });
}

void check_products() {
  const Order orders[] = {Order::Rows, Order::Columns, Order::Gaps};
  const int64_t shapes[][3] = {{0, 3, 4},       {3, 0, 4},      {3, 4, 0},    {1, 1, 1},    {1, 5, 300},
                               {300, 1, 7},     {1, 257, 33},   {2, 33, 17},  {5, 40, 129}, {12, 13, 64},
                               {14, 32, 10},    {15, 33, 31},   {29, 65, 70}, {37, 130, 9}, {64, 10, 84},
                               {130, 131, 129}, {61, 150, 400}, {200, 20, 50}};
  for (const auto& s : shapes)
    for (Order a : orders)
      for (Order b : orders) {
        const Order c = orders[numbers.below(3)];
        const int bias = int(numbers.below(5));
        check_product<float>({1, s[0], s[1], s[2], a, b, c, numbers.below(2) == 1, numbers.below(2) == 1, bias, 1});
        check_product<double>({2, s[0], s[1], s[2], a, b, c, numbers.below(2) == 1, numbers.below(2) == 1, bias, -0.5});
      }
  for (int i = 0; i < 60; ++i) {
    const auto any = [&] { return orders[numbers.below(3)]; };
    check_product<float>({1 + numbers.below(3), numbers.below(90), numbers.below(90), numbers.below(90), any(), any(),
                          any(), numbers.below(2) == 1, numbers.below(2) == 1, int(numbers.below(5)), 2});
  }
  check_product<float>({1, 300, 2100, 30});  // more than one block of columns
  check_product<float>({1, 4100, 33, 40});  // of rows
  check_product<double>({1, 70, 150, 1200});  // of k
  check_product<float>({20, 9, 31, 16, Order::Rows, Order::Columns});
  check_product<float>({3, 128, 128, 128, Order::Columns, Order::Rows});
  check_product<float>({1, 17, 64, 300, Order::Rows, Order::Columns, Order::Rows, false, true, 3});  // turned round
  check_product<double>({1, 30, 100, 70, Order::Rows, Order::Columns, Order::Rows, false, false, 3});
  for (Order a : orders)
    for (Order b : orders) {  // each way of laying out panels, with tails and several blocks of k
      check_product<float>({1, 150, 300, 520, a, b, Order::Rows, true, false, 3, 1});
      check_product<float>({1, 330, 140, 70, a, b, Order::Rows, false, true, 2, 2});
      check_product<double>({1, 120, 270, 300, a, b, Order::Columns, true, false, 1, 1});
      check_product<float>({1, 90, 515, 5, a, b, Order::Rows, true, false, 1, 1});  // little depth
      check_product<float>({1, 3, 700, 1100, a, b});
      check_product<float>({1, 600, 4, 90, a, b});
    }
}

// 16-bit floats, and float32 that may be rounded to them: the error of the operands' rounding, and of the result's.
template <class T> void check_rounded(const Product& p, bool rounds) {
  if (work(p) > kMostWork) return;
  GemmArgs g;
  g.dtype = dtype_of<T>;
  g.rounds = rounds;
  g.batch = p.batch, g.m = p.m, g.n = p.n, g.k = p.k;
  g.a_batch = place(p.a, p.m, p.k, &g.a_row, &g.a_col);
  g.b_batch = place(p.b, p.k, p.n, &g.b_row, &g.b_col);
  g.c_batch = place(p.c, p.m, p.n, &g.c_row, &g.c_col);
  const auto a = numbers.array<T>(p.batch * g.a_batch), b = numbers.array<T>(p.batch * g.b_batch);
  const auto c = numbers.array<T>(p.batch * g.c_batch), bias = numbers.array<T>(2 * (p.m + p.n) + 1);
  g.a = a.data(), g.b = b.data();
  g.accumulate = p.accumulate;
  g.alpha = p.alpha;
  g.activation = p.relu ? Activation::Relu : Activation::None;
  if (p.bias) g.bias = bias.data();
  g.bias_of = p.bias == 2 || p.bias == 4 ? BiasOf::Row : BiasOf::Column;
  g.bias_stride = p.bias == 3 ? 2 : p.bias == 4 ? 0 : 1;
  const std::string what = text(rounds                    ? "rounded gemm"
                                : std::is_same_v<T, Half> ? "f16 gemm"
                                                          : "bf16 gemm",
                                {p.batch, p.m, p.n, p.k, int(p.a), int(p.b), int(p.c), p.accumulate, p.relu, p.bias});
  for (const Isa& isa : isas()) {
    std::vector<T> first;
    for (int threads : {1, 2, 3, 8}) {
      if (threads > 2 && !kOnCpu) break;
      set_num_threads(threads);
      std::vector<T> out = c;
      g.c = out.data();
      isa.table->gemm(g);
      if (threads > 1) {
        expect(same_bits(out, first), what + " " + isa.name + ": other bits with more threads");
        continue;
      }
      first = out;
      bool close = true;
      std::vector<bool> written(out.size());
      for (int64_t s = 0; s < p.batch; ++s)
        for (int64_t i = 0; i < p.m; ++i)
          for (int64_t j = 0; j < p.n; ++j) {
            double sum = 0, size = 0;
            for (int64_t q = 0; q < p.k; ++q) {
              const double x = double(float(a[size_t(s * g.a_batch + i * g.a_row + q * g.a_col)])) *
                               double(float(b[size_t(s * g.b_batch + q * g.b_row + j * g.b_col)]));
              sum += x, size += std::fabs(x);
            }
            const size_t at = size_t(s * g.c_batch + i * g.c_row + j * g.c_col);
            double y = p.alpha * sum + (p.accumulate ? double(float(c[at])) : 0);
            if (p.bias) y += double(float(bias[size_t((g.bias_of == BiasOf::Row ? i : j) * g.bias_stride)]));
            if (p.relu && y < 0) y = 0;
            const double operands = rounds ? 1.0 / 128 : 1e-6, result = rounds ? 1e-6 : 1.0 / 256;
            const double limit = operands * (std::fabs(p.alpha) * size + 1) + result * std::fabs(y);
            close = close && std::fabs(double(float(out[at])) - y) <= limit;
            written[at] = true;
          }
      expect(close, what + " " + isa.name);
      for (size_t at = 0; at < out.size(); ++at)
        if (!written[at]) close = close && std::memcmp(&out[at], &c[at], sizeof(T)) == 0;
      expect(close, what + " " + isa.name + ": wrote between the elements");
    }
  }
}

void check_rounded_products() {
  const Order orders[] = {Order::Rows, Order::Columns, Order::Gaps};
  const int64_t shapes[][3] = {{0, 3, 4},    {3, 4, 0},       {1, 1, 1},      {1, 40, 64},
                               {16, 16, 32}, {32, 32, 32},    {33, 31, 65},   {64, 10, 256},
                               {70, 96, 64}, {130, 131, 129}, {17, 64, 300},  {100, 65, 544},
                               {3, 100, 97}, {8, 1100, 70},   {16, 130, 160}, {100, 2, 90}};
  for (const auto& s : shapes)
    for (Order a : orders)
      for (Order b : orders) {
        const Order c = orders[numbers.below(3)];
        const auto coin = [] { return numbers.below(2) == 1; };
        check_rounded<BFloat16>({1, s[0], s[1], s[2], a, b, c, coin(), coin(), int(numbers.below(5)), 1}, false);
        check_rounded<BFloat16>({2, s[0], s[1], s[2], a, b, Order::Rows}, false);
        check_rounded<Half>({1, s[0], s[1], s[2], a, b, c, coin(), coin(), int(numbers.below(5)), 2}, false);
        if (kOnCpu)
          check_rounded<float>({1, s[0], s[1], s[2], a, b, c, coin(), coin(), int(numbers.below(5)), -0.5}, true);
      }
  check_rounded<BFloat16>({1, 64, 96, 2048, Order::Rows, Order::Rows}, false);  // rows a page apart
  check_rounded<BFloat16>({1, 700, 64, 1700, Order::Rows, Order::Columns}, false);  // groups of rows
  check_rounded<BFloat16>({20, 40, 40, 40}, false);
}

template <class T> void check_integers() {
  const int64_t m = 5, n = 37, k = 23;
  for (bool dense : {true, false}) {
    std::vector<T> a(size_t(m * k)), b(size_t(k * n)), start(size_t(m * n), T(1));
    for (T& x : a) x = T(numbers.next() * 1e9);
    for (T& x : b) x = T(numbers.next() * 1e9);
    GemmArgs g;
    g.dtype = dtype_of<T>;
    g.m = m, g.n = n, g.k = k;
    g.a = a.data(), g.a_row = k, g.a_col = 1;
    g.b = b.data(), g.b_row = dense ? n : 1, g.b_col = dense ? 1 : k;
    g.c_row = n, g.c_col = 1;
    g.accumulate = true;
    std::vector<T> expected = start;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        uint64_t sum = 1;
        for (int64_t q = 0; q < k; ++q)
          sum += uint64_t(a[size_t(i * k + q)]) * uint64_t(b[size_t(q * g.b_row + j * g.b_col)]);
        expected[size_t(i * n + j)] = T(sum);
      }
    for (const Isa& isa : isas()) {
      std::vector<T> c = start;
      g.c = c.data();
      isa.table->gemm(g);
      expect(c == expected, text("integer gemm", {int(g.dtype)}) + " " + isa.name);
    }
  }
}

// --- convolution ----------------------------------------------------------------------------------------------------

struct Shape {
  int64_t batch, channels, out_channels, groups;
  int64_t in[3], kernel[3], stride[3], padding[3], dilation[3];
};

// f(index in x, in w, in y) for all products of a convolution.
template <class F> void each_product(const ConvArgs& a, const F& f) {
  const int64_t in = a.channels / a.groups, out = a.out_channels / a.groups;
  for (int64_t n = 0; n < a.batch; ++n)
    for (int64_t o = 0; o < a.out_channels; ++o)
      for (int64_t d = 0; d < a.out[0]; ++d)
        for (int64_t h = 0; h < a.out[1]; ++h)
          for (int64_t w = 0; w < a.out[2]; ++w)
            for (int64_t c = 0; c < in; ++c)
              for (int64_t i = 0; i < a.kernel[0]; ++i)
                for (int64_t j = 0; j < a.kernel[1]; ++j)
                  for (int64_t k = 0; k < a.kernel[2]; ++k) {
                    const int64_t z = d * a.stride[0] + i * a.dilation[0] - a.padding[0];
                    const int64_t y = h * a.stride[1] + j * a.dilation[1] - a.padding[1];
                    const int64_t x = w * a.stride[2] + k * a.dilation[2] - a.padding[2];
                    if (z < 0 || y < 0 || x < 0 || z >= a.in[0] || y >= a.in[1] || x >= a.in[2]) continue;
                    f((((n * a.channels + o / out * in + c) * a.in[0] + z) * a.in[1] + y) * a.in[2] + x,
                      (((o * in + c) * a.kernel[0] + i) * a.kernel[1] + j) * a.kernel[2] + k,
                      (((n * a.out_channels + o) * a.out[0] + d) * a.out[1] + h) * a.out[2] + w);
                  }
}

// Winograd's algorithm: numbers from N(0, 1), and the error bound that it is used under.
constexpr double kWinogradError = 3e-5;

template <class T> void check_convolution(const Shape& s, bool winograd = false) {
  if (!have(&HeavyTable::conv_forward, dtype_of<T>)) return;
  ConvArgs a;
  a.winograd = winograd;
  a.dtype = dtype_of<T>;
  a.batch = s.batch, a.channels = s.channels, a.out_channels = s.out_channels, a.groups = s.groups;
  std::string what = text("conv", {s.batch, s.channels, s.out_channels, s.groups});
  for (int i = 0; i < 3; ++i) {
    a.in[i] = s.in[i], a.kernel[i] = s.kernel[i], a.stride[i] = s.stride[i];
    a.padding[i] = s.padding[i], a.dilation[i] = s.dilation[i];
    const int64_t room = s.in[i] + 2 * s.padding[i] - (s.kernel[i] - 1) * s.dilation[i] - 1;
    a.out[i] = room < 0 ? 0 : room / s.stride[i] + 1;
    what += text("", {s.in[i], s.kernel[i], s.stride[i], s.padding[i], s.dilation[i]}) + ",";
  }
  const auto size = [](const int64_t (&n)[3]) { return n[0] * n[1] * n[2]; };
  if (double(s.batch * s.out_channels * size(a.out)) * double(s.channels / s.groups * size(a.kernel)) > kMostWork)
    return;
  const auto draw = [&](int64_t n) { return winograd ? numbers.normal<T>(n) : numbers.array<T>(n); };
  const auto x = draw(s.batch * s.channels * size(a.in));
  const auto w = draw(s.out_channels * (s.channels / s.groups) * size(a.kernel));
  const auto dy = draw(s.batch * s.out_channels * size(a.out));
  using S = std::conditional_t<sizeof(T) == 2, float, T>;  // of sums, bias and scale
  const auto bias = numbers.array<S>(s.out_channels + s.channels);
  const double taps = double(size(a.kernel));
  const std::vector<T> y(dy.size(), T(7)), dx(x.size(), T(7)), dw(w.size(), T(7));

  a.x = x.data(), a.w = w.data(), a.dy = dy.data();
  std::vector<double> ey(y.size()), edx(x.size()), edw(w.size());
  for (size_t i = 0; i < ey.size(); ++i) ey[i] = double(bias[i / size_t(size(a.out)) % size_t(s.out_channels)]);
  for (size_t i = 0; i < edx.size(); ++i) edx[i] = double(bias[i / size_t(size(a.in)) % size_t(s.channels)]);
  each_product(a, [&](int64_t i, int64_t j, int64_t k) {
    ey[size_t(k)] += as_double(x[size_t(i)]) * as_double(w[size_t(j)]);
    edx[size_t(i)] += as_double(dy[size_t(k)]) * as_double(w[size_t(j)]);
    edw[size_t(j)] += as_double(dy[size_t(k)]) * as_double(x[size_t(i)]);
  });
  a.bias = bias.data();
  const double limit = winograd ? kWinogradError : 0;
  if (winograd) what = "winograd " + what;
  const double group_in = double(s.channels / s.groups), group_out = double(s.out_channels / s.groups);
  check_all<T>(
      what + " forward", ey, y, group_in * taps / 4,
      [&](const HeavyTable& table, T* out) {
        a.y = out;
        table.conv_forward(a);
      },
      limit);
  check_all<T>(
      what + " input", edx, dx, group_out * taps / 4,
      [&](const HeavyTable& table, T* out) {
        a.dx = out;
        table.conv_backward_input(a);
      },
      limit);
  check_all<T>(
      what + " weight", edw, dw, double(s.batch * size(a.out)) / 4,
      [&](const HeavyTable& table, T* out) {
        a.dw = out;
        table.conv_backward_weight(a);
      },
      limit);
  if constexpr (std::is_same_v<T, BFloat16>) {  // float32 weights, to be rounded
    std::vector<float> wide(w.begin(), w.end());
    for (float& v : wide) v *= 1 + 1.0f / 1024;
    a.w = wide.data(), a.rounds_w = true;
    check_all<T>(what + " forward, rounded weights", ey, y, group_in * taps / 4, [&](const HeavyTable& table, T* out) {
      a.y = out;
      table.conv_forward(a);
    });
    a.w = w.data(), a.rounds_w = false;
  }
  // Weights that lie channels last.
  const int64_t in = s.channels / s.groups, count = size(a.kernel);
  const std::vector<T> w_pixels = turned(w, in, count);
  a.w = w_pixels.data(), a.w_channels_last = true;
  check_all<T>(
      what + " forward, weights channels last", ey, y, group_in * taps / 4,
      [&](const HeavyTable& table, T* out) {
        a.y = out;
        table.conv_forward(a);
      },
      limit);
  check_all<T>(
      what + " input, weights channels last", edx, dx, group_out * taps / 4,
      [&](const HeavyTable& table, T* out) {
        a.dx = out;
        table.conv_backward_input(a);
      },
      limit);
  // Channels side by side, with weights in either order.
  const auto x_pixels = turned(x, s.channels, size(a.in)), dy_pixels = turned(dy, s.out_channels, size(a.out));
  const auto ey_pixels = turned(ey, s.out_channels, size(a.out)), edx_pixels = turned(edx, s.channels, size(a.in));
  a.x = x_pixels.data(), a.dy = dy_pixels.data(), a.channels_last = true;
  for (const bool last : {true, false}) {
    const std::string how = last ? " of pixels, weights channels last" : " of pixels";
    a.w = last ? w_pixels.data() : w.data(), a.w_channels_last = last;
    check_all<T>(
        what + " forward" + how, ey_pixels, y, group_in * taps / 4,
        [&](const HeavyTable& table, T* out) {
          a.y = out;
          table.conv_forward(a);
        },
        limit);
    check_all<T>(
        what + " input" + how, edx_pixels, dx, group_out * taps / 4,
        [&](const HeavyTable& table, T* out) {
          a.dx = out;
          table.conv_backward_input(a);
        },
        limit);
    if (last && sizeof(T) > 2 && kOnCpu) continue;  // dw channels last: of 16-bit floats only
    check_all<T>(
        what + " weight" + how, last ? turned(edw, in, count) : edw, dw, double(s.batch * size(a.out)) / 4,
        [&](const HeavyTable& table, T* out) {
          a.dw = out;
          table.conv_backward_weight(a);
        },
        limit);
  }
  a.x = x.data(), a.dy = dy.data(), a.channels_last = false;
  a.w = w.data(), a.w_channels_last = false;
  const auto scale = numbers.array<S>(s.out_channels);
  a.scale = scale.data();
  a.bias = nullptr;
  a.high = winograd ? 16 : 0.5, a.low = -a.high / 2;  // of what the sums reach
  for (size_t i = 0; i < ey.size(); ++i) {
    const size_t channel = i / size_t(size(a.out)) % size_t(s.out_channels);
    ey[i] = std::clamp((ey[i] - double(bias[channel])) * double(scale[channel]), a.low, a.high);
  }
  check_all<T>(
      what + " scaled and bounded", ey, y, group_in * taps / 4,
      [&](const HeavyTable& table, T* out) {
        a.y = out;
        table.conv_forward(a);
      },
      limit);
}

void check_convolutions() {
  const Shape shapes[] = {
      {3, 1, 6, 1, {1, 28, 28}, {1, 5, 5}, {1, 1, 1}, {0, 2, 2}, {1, 1, 1}},  // LeNet
      {9, 6, 16, 1, {1, 14, 14}, {1, 5, 5}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
      {2, 3, 32, 1, {1, 17, 19}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},
      {2, 16, 31, 1, {1, 9, 33}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {1, 1, 1}},  // strided
      {1, 5, 7, 1, {1, 23, 21}, {1, 7, 7}, {1, 2, 3}, {0, 3, 3}, {1, 1, 1}},
      {2, 4, 6, 2, {1, 12, 13}, {1, 3, 3}, {1, 1, 1}, {0, 2, 2}, {1, 2, 2}},  // groups, dilation
      {2, 4, 4, 1, {1, 15, 16}, {1, 3, 3}, {1, 2, 3}, {0, 2, 1}, {1, 3, 2}},  // stride and dilation
      {2, 12, 12, 12, {1, 14, 14}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},  // depthwise
      {1, 6, 12, 6, {1, 9, 9}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {1, 1, 1}},
      {2, 20, 30, 1, {1, 7, 9}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},  // pointwise
      {3, 8, 8, 2, {1, 3, 3}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
      {2, 6, 5, 1, {1, 8, 8}, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}},
      {2, 2, 3, 1, {1, 6, 5}, {1, 1, 1}, {1, 1, 1}, {0, 1, 2}, {1, 1, 1}},
      {1, 24, 70, 1, {1, 7, 7}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},  // few pixels
      {3, 20, 64, 1, {1, 7, 8}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {1, 1, 1}},
      {2, 130, 65, 1, {1, 4, 4}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
      {5, 32, 40, 1, {1, 4, 4}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},  // tiny images: columns
      {2, 24, 48, 2, {1, 5, 5}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {1, 1, 1}},
      {2, 3, 20, 1, {1, 32, 31}, {1, 8, 8}, {1, 8, 8}, {0, 0, 0}, {1, 1, 1}},  // patches
      {1, 3, 5, 1, {1, 40, 40}, {1, 11, 11}, {1, 4, 4}, {0, 2, 2}, {1, 1, 1}},
      {3, 2, 4, 1, {1, 1, 50}, {1, 1, 7}, {1, 1, 2}, {0, 0, 3}, {1, 1, 1}},  // one dimension
      {2, 3, 4, 1, {5, 6, 7}, {3, 3, 3}, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}},  // three
      {2, 2, 3, 1, {7, 8, 9}, {2, 3, 2}, {2, 1, 2}, {1, 0, 1}, {1, 2, 1}},
      {2, 2, 3, 1, {1, 4, 4}, {1, 3, 3}, {1, 1, 1}, {0, 4, 4}, {1, 1, 1}},  // more padding than kernel
      {1, 2, 2, 1, {1, 9, 9}, {1, 2, 2}, {1, 5, 5}, {0, 0, 0}, {1, 1, 1}},  // inputs that no output sees
      {1, 1, 1, 1, {1, 1, 1}, {1, 1, 1}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
      {0, 2, 3, 1, {1, 5, 5}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},  // nothing
      {2, 2, 3, 1, {1, 2, 5}, {1, 3, 3}, {1, 1, 1}, {0, 0, 1}, {1, 1, 1}},
      {1, 30, 30, 1, {1, 70, 75}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},  // bands of rows
      {40, 1, 2, 1, {1, 28, 28}, {1, 2, 2}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},  // several boxes of images
      {12, 12, 4, 1, {1, 64, 64}, {1, 16, 16}, {1, 16, 16}, {0, 0, 0}, {1, 1, 1}},  // several column matrices
      {3, 32, 48, 1, {1, 15, 17}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {1, 1, 1}},  // over pixels
      {2, 130, 70, 1, {1, 9, 8}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},  // long runs
      {3, 256, 33, 1, {1, 5, 6}, {1, 2, 3}, {1, 2, 1}, {0, 0, 1}, {1, 1, 1}},
      {2, 20, 30, 1, {1, 30, 29}, {1, 7, 7}, {1, 1, 1}, {0, 3, 3}, {1, 1, 1}},
      {2, 17, 24, 1, {1, 21, 16}, {1, 4, 4}, {1, 2, 2}, {0, 1, 1}, {1, 1, 1}},
      {2, 3, 40, 1, {1, 60, 55}, {1, 11, 11}, {1, 4, 4}, {0, 2, 2}, {1, 1, 1}},
      {2, 24, 19, 1, {1, 16, 13}, {1, 3, 2}, {1, 1, 1}, {0, 3, 1}, {1, 3, 2}},
      {9, 40, 24, 1, {1, 6, 6}, {1, 1, 1}, {1, 2, 2}, {0, 0, 0}, {1, 1, 1}},
      {2, 16, 20, 1, {6, 9, 10}, {3, 3, 3}, {1, 2, 1}, {1, 1, 1}, {1, 1, 1}},
      {2, 32, 40, 1, {1, 1, 130}, {1, 1, 5}, {1, 1, 1}, {0, 0, 2}, {1, 1, 1}},
      {2, 20, 70, 1, {1, 8, 8}, {1, 3, 3}, {1, 1, 1}, {0, 4, 3}, {1, 1, 1}},  // more padding than kernel
      {2, 20, 17, 1, {1, 9, 9}, {1, 2, 2}, {1, 4, 4}, {0, 0, 1}, {1, 1, 1}},  // inputs that no output sees
      {1, 40, 24, 1, {1, 80, 90}, {1, 5, 3}, {1, 1, 1}, {0, 2, 1}, {1, 1, 1}},  // bands of rows
      {2, 520, 520, 1, {1, 3, 3}, {1, 2, 2}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},  // many weights
      {9, 37, 37, 37, {1, 13, 14}, {1, 3, 3}, {1, 2, 2}, {0, 1, 1}, {1, 1, 1}},  // depthwise
      {2, 20, 20, 20, {1, 12, 31}, {1, 5, 5}, {1, 1, 1}, {0, 2, 2}, {1, 1, 1}},
      {2, 19, 19, 19, {1, 20, 18}, {1, 3, 3}, {1, 1, 2}, {0, 3, 2}, {1, 3, 2}},
      {3, 16, 16, 16, {1, 4, 4}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},
      {2, 18, 18, 18, {5, 7, 6}, {3, 3, 2}, {1, 2, 1}, {1, 1, 0}, {1, 1, 1}},
      {2, 40, 40, 40, {1, 1, 60}, {1, 1, 7}, {1, 1, 3}, {0, 0, 3}, {1, 1, 1}},
      {1, 9, 9, 9, {1, 9, 9}, {1, 2, 2}, {1, 4, 4}, {0, 0, 0}, {1, 1, 1}},
      {1, 1, 1, 1, {1, 2200, 2000}, {1, 2, 2}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},  // bands for the weights too
  };
  int number = 0;
  for (const Shape& s : shapes) {
    const bool some = kOnCpu || number++ % 3 == 0;
    check_convolution<float>(s);
    if (some && s.in[1] < 40) check_convolution<double>(s);
    check_convolution<BFloat16>(s);
    if (some) check_convolution<Half>(s);
  }
  for (int i = 0; i < 60; ++i) {
    Shape s;
    s.groups = 1 + numbers.below(3);
    s.batch = 1 + numbers.below(4), s.channels = s.groups * (1 + numbers.below(6));
    s.out_channels = s.groups * (1 + numbers.below(17));
    for (int d = 0; d < 3; ++d) {
      const bool used = d > 0 || i % 3 == 0;
      s.in[d] = used ? 1 + numbers.below(d == 0 ? 6 : 14) : 1;
      s.kernel[d] = used ? 1 + numbers.below(4) : 1;
      s.stride[d] = used ? 1 + numbers.below(3) : 1;
      s.padding[d] = used ? numbers.below(3) : 0;
      s.dilation[d] = used ? 1 + numbers.below(3) : 1;
    }
    check_convolution<float>(s);
    if (i % 4 == 0) check_convolution<Half>(s);
  }
}

void check_winograd() {
  const Shape shapes[] = {
      {2, 32, 32, 1, {1, 9, 11}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},
      {1, 48, 40, 1, {1, 17, 20}, {1, 3, 3}, {1, 1, 1}, {0, 0, 0}, {1, 1, 1}},
      {3, 19, 37, 1, {1, 12, 9}, {1, 3, 3}, {1, 1, 1}, {0, 2, 0}, {1, 1, 1}},
      {20, 64, 64, 1, {1, 4, 4}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},
      {1, 16, 100, 1, {1, 50, 61}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},  // bands
      {2, 33, 16, 1, {1, 19, 23}, {1, 3, 3}, {1, 1, 1}, {0, 2, 3}, {1, 2, 3}},  // dilated
      {40, 16, 16, 1, {1, 8, 7}, {1, 3, 3}, {1, 1, 1}, {0, 1, 1}, {1, 1, 1}},  // many blocks
  };
  for (const Shape& s : shapes) {
    check_convolution<float>(s, true);
    check_convolution<float>(s);
  }
  // The switch is what decides.
  ConvArgs a;
  a.batch = 4, a.channels = a.out_channels = 32;
  for (int i = 1; i < 3; ++i) a.in[i] = a.out[i] = 8, a.kernel[i] = 3, a.padding[i] = 1;
  const auto x = numbers.normal<float>(4 * 32 * 64), w = numbers.normal<float>(32 * 32 * 9);
  a.x = x.data(), a.w = w.data();
  for (const Isa& isa : isas()) {
    std::vector<float> with(x.size()), without(x.size());
    a.winograd = true, a.y = with.data();
    isa.table->conv_forward(a);
    a.winograd = false, a.y = without.data();
    isa.table->conv_forward(a);
    expect(!same_bits(with, without), "winograd is not used " + isa.name);
  }
}

}  // namespace

int main(int argc, char**) {
  check_rounded_products();
  if (argc == 1) {  // with an argument: only what depends on CNN_CPU_CAPABILITY
    check_products();
    check_integers<uint8_t>();
    check_integers<int8_t>();
    check_integers<int16_t>();
    check_integers<int32_t>();
    check_integers<int64_t>();
    check_convolutions();
    if (kOnCpu) check_winograd();
  }
  std::printf(failures ? "%d failures\n" : "test_heavy: all passed\n", failures);
  return failures != 0;
}
