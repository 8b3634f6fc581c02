// The CUDA kernels, run by the emulation on the host, against the CPU's backend.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "cuda/each.cuh"
#include "cuda/gemm.cuh"
#include "cuda/map.cuh"
#include "cuda/memory.h"
#include "cuda/mma.cuh"
#include "cuda/rank.cuh"
#include "cuda/reduce.cuh"
#include "cuda/rows.cuh"
#include "cuda/scan_rows.cuh"
#include "expect.h"
#include "kernels/arithmetic.h"
#include "kernels/binary.h"
#include "kernels/create.h"
#include "kernels/index.h"
#include "kernels/rank.h"
#include "kernels/scan.h"
#include "kernels/unary.h"

namespace {

using namespace cnn;
namespace k = cnn::kernels;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// std::vector, for bool too, which kernels may touch.
template <class T> class Array {
 public:
  explicit Array(size_t n, T value = T()) : size_(n), data_(new T[n + 1]) {
    std::fill(begin(), end(), value);
    emulation::pinned()[reinterpret_cast<const char*>(data())] = n * sizeof(T);
  }
  ~Array() {
    if (data_) emulation::pinned().erase(reinterpret_cast<const char*>(data()));
  }
  Array(Array&& other) = default;
  Array(const Array& other) : Array(other.size_) { std::copy(other.begin(), other.end(), begin()); }
  size_t size() const { return size_; }
  T* data() const { return data_.get(); }
  T* begin() const { return data(); }
  T* end() const { return data() + size_; }
  T& operator[](size_t i) const { return data_[i]; }

 private:
  size_t size_;
  std::unique_ptr<T[]> data_;
};

// Numbers in [-1, 1), the same in every run.
double next_number() {
  static uint64_t state = 1;
  state = state * 6364136223846793005u + 1442695040888963407u;
  return double(int64_t(state) >> 11) / double(int64_t(1) << 52);
}
template <class T> Array<T> numbers(int64_t n, double scale = 1) {
  Array<T> v(static_cast<size_t>(n));
  for (T& x : v) x = T(float(next_number() * scale));
  return v;
}
template <class T> double as_double(T x) { return double(x); }
double as_double(Half x) { return double(float(x)); }
double as_double(BFloat16 x) { return double(float(x)); }

template <class T>
void expect_close(const char* what, const Array<T>& got, const Array<T>& wanted, double tolerance = 0) {
  for (size_t i = 0; i < wanted.size(); ++i) {
    const double a = as_double(got[i]), b = as_double(wanted[i]);
    const bool same = a == b || (a != a && b != b) || std::fabs(a - b) <= tolerance * (1 + std::fabs(b));
    if (!same) std::printf("%s: element %zu is %.17g, not %.17g\n", what, i, a, b);
    EXPECT(same);
    if (!same) return;
  }
}

void test_fast_div() {
  for (uint32_t d : {1u, 2u, 3u, 7u, 10u, 255u, 256u, 641u, 65535u, 1000003u, 0x3fffffffu, 0x40000000u}) {
    const cuda::FastDiv f(d);
    for (uint32_t n : {0u, 1u, d - 1, d, d + 1, 12345678u, 0x7ffffffeu, 0x7fffffffu})
      if (n < 0x80000000u) EXPECT(f.divide(n) == n / d);
  }
}

// ---- Elementwise ----

struct Operand {
  void* data;
  DType dtype, compute;
  std::vector<int64_t> strides;  // in elements, innermost first
};

template <class F>
MapCall map_call(const F& f, std::vector<int64_t> sizes, std::vector<Operand> operands, DType key) {
  MapCall call;
  call.functor = &f;
  call.operands = int(operands.size());
  call.outputs = 1;
  call.ndim = int(sizes.size());
  call.key = key;
  for (int d = 0; d < call.ndim; ++d) call.sizes[d] = sizes[size_t(d)];
  for (int i = 0; i < call.operands; ++i) {
    const Operand& a = operands[size_t(i)];
    call.data[i] = a.data;
    call.dtypes[i] = a.dtype;
    call.compute[i] = a.compute;
    for (int d = 0; d < call.ndim; ++d) call.strides[i][d] = a.strides[size_t(d)] * item_size(a.dtype);
  }
  return call;
}

// The call on both devices; y is a vector of its output's type.
template <class F, class T, int kInputs, class R>
void compare_map(const char* what, const F& f, std::vector<int64_t> sizes, std::vector<Operand> operands, DType key,
                 int64_t n, double tolerance = 0) {
  Array<R> y(static_cast<size_t>(n)), wanted(static_cast<size_t>(n));
  operands[0].data = wanted.data();
  backend(kCpu).map(k::IdOf<F>::value, map_call(f, sizes, operands, key));
  operands[0].data = y.data();
  cuda::launch_map<F, T, kInputs>(map_call(f, sizes, operands, key));
  expect_close(what, y, wanted, tolerance);
}

void test_map() {
  constexpr DType f32 = DType::Float32, f64 = DType::Float64, f16 = DType::Float16, bf16 = DType::BFloat16;
  constexpr DType i32 = DType::Int32, i64 = DType::Int64, u8 = DType::UInt8, b8 = DType::Bool;
  auto a = numbers<float>(4000), b = numbers<float>(4000);
  auto d = numbers<double>(4000);
  auto h = numbers<Half>(4000);
  auto i = numbers<int32_t>(4000, 1000);
  auto u = numbers<uint8_t>(4000, 100);
  const Operand y32{nullptr, f32, f32, {1}};
  const Operand da{a.data(), f32, f32, {1}}, db{b.data(), f32, f32, {1}};

  compare_map<k::Add, float, 2, float>("add dense", {}, {1003}, {y32, da, db}, f32, 1003);
  compare_map<k::Add, float, 2, float>("add unaligned", {}, {1003}, {y32, {a.data() + 1, f32, f32, {1}}, db}, f32,
                                       1003);
  compare_map<k::Add, float, 2, float>("add one number", {}, {1003}, {y32, da, {b.data(), f32, f32, {0}}}, f32, 1003);
  compare_map<k::Exp, float, 1, float>("exp", {}, {777}, {y32, da}, f32, 777, 1e-6);
  compare_map<k::Sigmoid, double, 1, double>("sigmoid", {}, {77}, {{nullptr, f64, f64, {1}}, {d.data(), f64, f64, {1}}},
                                             f64, 77, 1e-15);
  compare_map<k::Lt, float, 2, bool>("lt", {}, {1003}, {{nullptr, b8, b8, {1}}, da, db}, f32, 1003);
  compare_map<k::Fill, float, 0, float>("fill", k::Fill{{}, {3.5, 3}}, {1003}, {y32}, f32, 1003);
  compare_map<k::Mul, uint8_t, 2, uint8_t>(
      "mul bytes", {}, {1003}, {{nullptr, u8, u8, {1}}, {u.data(), u8, u8, {1}}, {u.data() + 1, u8, u8, {1}}}, u8,
      1003);

  // y [3, 5, 7] = a transposed + b broadcast over the middle
  compare_map<k::Add, float, 2, float>(
      "add strided", {}, {7, 5, 3},
      {{nullptr, f32, f32, {1, 7, 35}}, {a.data(), f32, f32, {15, 3, 1}}, {b.data(), f32, f32, {1, 0, 7}}}, f32, 105);
  // Any dtypes: half = float(int32) * float(half), strided
  compare_map<k::Mul, float, 2, Half>(
      "mul mixed", {}, {50, 4},
      {{nullptr, f16, f32, {1, 50}}, {i.data(), i32, f32, {4, 1}}, {h.data(), f16, f32, {1, 50}}}, f32, 200);
  compare_map<k::Mul, double, 2, float>("mul of bool", {}, {100},
                                        {{nullptr, f32, f64, {1}}, {u.data(), u8, f64, {1}}, {d.data(), f64, f64, {1}}},
                                        f64, 100);

  const auto cast = [&]<class To>(DType to, To) {
    using Bits = std::conditional_t<
        sizeof(To) == 1, uint8_t,
        std::conditional_t<sizeof(To) == 2, uint16_t, std::conditional_t<sizeof(To) == 4, uint32_t, uint64_t>>>;
    auto wide = numbers<float>(500, 100);
    auto ints = numbers<int64_t>(500, 100);
    compare_map<k::Copy, Bits, 1, To>("from float", {}, {500}, {{nullptr, to, to, {1}}, {wide.data(), f32, to, {1}}},
                                      to, 500);
    compare_map<k::Copy, Bits, 1, To>("from int64", {}, {500}, {{nullptr, to, to, {1}}, {ints.data(), i64, to, {1}}},
                                      to, 500);
    compare_map<k::Copy, Bits, 1, To>("from half", {}, {500}, {{nullptr, to, to, {1}}, {h.data(), f16, to, {1}}}, to,
                                      500);
  };
  cast(u8, uint8_t()), cast(DType::Int8, int8_t()), cast(DType::Int16, int16_t()), cast(i32, int32_t());
  cast(i64, int64_t()), cast(b8, bool()), cast(f16, Half()), cast(bf16, BFloat16()), cast(f32, float());
  cast(f64, double());
  cast(DType::Float8E4M3FN, Float8E4M3FN()), cast(DType::Float8E5M2, Float8E5M2());
  cast(DType::Float8E4M3FNUZ, Float8E4M3FNUZ()), cast(DType::Float8E5M2FNUZ, Float8E5M2FNUZ());
  cast(DType::Float8E8M0FNU, Float8E8M0FNU()), cast(DType::UInt16, uint16_t());
  cast(DType::UInt32, uint32_t()), cast(DType::UInt64, uint64_t());

  Array<char> mask(400);
  for (size_t j = 0; j < mask.size(); ++j) mask[j] = next_number() > 0;
  compare_map<k::Where, uint32_t, 3, float>("where", {}, {400}, {y32, {mask.data(), b8, b8, {1}}, da, db}, f32, 400);
  compare_map<k::Where, uint32_t, 3, float>("where strided", {}, {20, 20},
                                            {{nullptr, f32, f32, {1, 20}},
                                             {mask.data(), b8, b8, {20, 1}},
                                             {a.data(), f32, f32, {0, 1}},
                                             {i.data(), i32, f32, {1, 20}}},
                                            f32, 400);
}

// ---- Indices ----

template <class F, class T>
void run_each(const F& f, int64_t n, DType dtype, bool ordered, bool on_cpu) {
  EachCall call;
  call.functor = &f;
  call.n = n;
  call.dtype = dtype;
  call.ordered = ordered;
  if (on_cpu) backend(kCpu).each(k::IdOf<F>::value, call);
  else cuda::launch_each<F, T>(call);
}

// As BoundedIndices makes it: a value outside [0, extent) is noted in `bad`.
k::IndexValues index_values(const Array<int64_t>& index, int64_t extent, Array<k::Note>& bad) {
  struct Parts {
    const int64_t* data;
    int64_t extent, wrap;
    k::Note* bad;
  };
  return std::bit_cast<k::IndexValues>(Parts{index.data(), extent, 0, bad.data()});
}

void test_each() {
  Array<float> y(600), wanted(600);
  for (const bool on_cpu : {false, true}) {
    auto& to = on_cpu ? wanted : y;
    run_each<k::Range, float>({to.data(), {1, 1}, {0.25, 0}}, 600, DType::Float32, false, on_cpu);
  }
  expect_close("range", y, wanted);

  // Many positions meet: the sum is the same only in the same order.
  Array<int64_t> index(500);
  for (auto& v : index) v = int64_t((next_number() + 1) * 5);
  auto x = numbers<float>(500);
  Array<k::Note> bad(1);
  const k::IndexValues values = index_values(index, 10, bad);
  for (const bool on_cpu : {false, true}) {
    auto& to = on_cpu ? wanted : y;
    std::fill(to.begin(), to.end(), 1.0f);
    k::ScatterAdd f{{{to.data(), 1, {500}, {0}, values, 1}, x.data()}};
    run_each<k::ScatterAdd, float>(f, 500, DType::Float32, true, on_cpu);
  }
  expect_close("scatter add", y, wanted);
  for (const bool on_cpu : {false, true}) {
    auto& to = on_cpu ? wanted : y;
    const k::Gather f{{{x.data(), 1, {500}, {0}, values, 1}, to.data()}};
    run_each<k::Gather, uint32_t>(f, 500, DType::Float32, false, on_cpu);
  }
  expect_close("gather", y, wanted);
  EXPECT(bad[0].empty());

  // What lies outside is passed over, and noted.
  index[7] = 10;
  for (const bool on_cpu : {false, true}) {
    auto& to = on_cpu ? wanted : y;
    std::fill(to.begin(), to.end(), 3.0f);
    bad[0] = {};
    const k::Gather f{{{x.data(), 1, {500}, {0}, values, 1}, to.data()}};
    run_each<k::Gather, uint32_t>(f, 500, DType::Float32, false, on_cpu);
    EXPECT(bad[0].value() == 10 && to[7] == 3.0f);
  }
}

void test_meeting() {
  // More positions than a block sorts, of rows and of elements; some meet, some do not.
  Array<k::Note> bad(1);
  const int64_t n = 5000, inner = 3;
  Array<int64_t> many(n);
  for (auto& v : many) v = int64_t((next_number() + 1) * 400);
  const k::IndexValues places = index_values(many, 800, bad);
  auto from = numbers<float>(n * inner);
  Array<float> to(800 * inner), wanted_to(800 * inner);
  const auto compare = [&]<class F>(const char* what, F) {
    for (const bool on_cpu : {false, true}) {
      auto& y = on_cpu ? wanted_to : to;
      std::fill(y.begin(), y.end(), 1.0f);
      k::IndexPlace place{};
      place.x = y.data();
      place.ndim = 1, place.sizes[0] = n, place.index_strides[0] = 1;
      place.count = 1, place.index[0] = places, place.strides[0] = inner;
      place.inner = inner, place.inner_stride = 1;
      F f{};
      f.place = place, f.y = from.data();
      using T = std::conditional_t<F::kReplaces, uint32_t, float>;
      run_each<F, T>(f, n, DType::Float32, true, on_cpu);
    }
    expect_close(what, to, wanted_to);
  };
  compare("index add", k::IndexAdd());
  compare("index write", k::IndexWrite());
  for (const bool on_cpu : {false, true}) {
    auto& y = on_cpu ? wanted_to : to;
    std::fill(y.begin(), y.end(), 1.0f);
    const k::ScatterMul f{{{y.data(), 1, {n}, {0}, places, 2}, from.data()}};
    run_each<k::ScatterMul, float>(f, n, DType::Float32, true, on_cpu);
  }
  expect_close("scatter mul", to, wanted_to);

  // Offsets that coincide.
  for (const bool on_cpu : {false, true}) {
    auto& y = on_cpu ? wanted_to : to;
    std::fill(y.begin(), y.end(), 1.0f);
    k::AddStrided f{y.data(), from.data(), 2, {60, 80}, {4, 2}};
    run_each<k::AddStrided, float>(f, 4800, DType::Float32, true, on_cpu);
  }
  expect_close("add strided", to, wanted_to);

  // The places of true elements, in chunks.
  for (int64_t size : {1, 77, 2048, 2049, 6007}) {
    Array<uint8_t> mask(static_cast<size_t>(size));
    for (auto& m : mask) m = next_number() > 0.3 ? 2 : 0;
    Array<int64_t> found(size_t(2 * size)), wanted_found(size_t(2 * size));
    for (const bool on_cpu : {false, true}) {
      Array<int64_t> counter(1);
      k::NonZero f{mask.data(), (on_cpu ? wanted_found : found).data(), counter.data(), size, 2, {size, 1}};
      run_each<k::NonZero, uint8_t>(f, size, DType::Bool, true, on_cpu);
      EXPECT(counter[0] == size - std::count(mask.begin(), mask.end(), 0));
    }
    expect_close("nonzero", found, wanted_found);
  }
}

// ---- Reductions ----

template <class F, class T, class First, class Second = First>
void compare_reduce(const char* what, ReduceCall call, const F& f, double tolerance) {
  const size_t n = size_t(call.outer * call.inner);
  call.functor = &f;
  call.key = dtype_of<T>;
  call.y_dtype[0] = dtype_of<First>, call.y_dtype[1] = dtype_of<Second>;
  call.y_outer_stride = call.inner, call.y_inner_stride = 1;
  const bool two = !cuda::kFlat<F, T>;
  Array<First> y0(n), w0(n);
  Array<Second> y1(n), w1(n);
  call.y[0] = w0.data(), call.y[1] = two ? w1.data() : nullptr;
  backend(kCpu).reduce(k::IdOf<F>::value, call);
  call.y[0] = y0.data(), call.y[1] = two ? y1.data() : nullptr;
  cuda::launch_reduce<F, T>(call);
  expect_close(what, y0, w0, tolerance);
  if (two) expect_close(what, y1, w1, tolerance);
}

void test_reduce() {
  auto x = numbers<float>(300000);
  auto h = numbers<Half>(20000);
  auto i = numbers<int32_t>(20000, 1000);
  ReduceCall rows{nullptr, 1, 37, 501, 1, x.data(), 0, 501, 1, 1};
  compare_reduce<k::Sum, float, float>("sum of rows", rows, {}, 1e-5);
  compare_reduce<k::Norm2, float, float>("norm of rows", rows, {}, 1e-5);
  compare_reduce<k::Moments, float, float>("moments of rows", rows, k::Moments{1, true}, 1e-5);
  compare_reduce<k::MaxAt, float, float, int64_t>("max of rows", rows, {}, 0);
  ReduceCall all{nullptr, 1, 1, 300000, 1, x.data(), 0, 0, 1, 1};
  compare_reduce<k::Sum, float, float>("sum of all", all, {}, 1e-5);
  compare_reduce<k::Mean, float, Half>("mean of all, half", all, {}, 1e-3);
  compare_reduce<k::Moments, float, float>("moments of all", all, k::Moments{1, false}, 1e-4);
  ReduceCall columns{nullptr, 1, 2, 3000, 45, x.data(), 0, 3000 * 45, 45, 1};
  compare_reduce<k::Sum, float, float>("sum of columns", columns, {}, 1e-5);
  compare_reduce<k::MinAt, float, float, int64_t>("min of columns", columns, {}, 0);
  // Channels of images: over batch and space
  ReduceCall channels{nullptr, 8, 5, 49, 1, x.data(), 5 * 49, 49, 1, 1};
  compare_reduce<k::Moments, float, float>("channels", channels, k::Moments{0, false}, 1e-5);
  ReduceCall halves{nullptr, 1, 20, 1000, 1, h.data(), 0, 1000, 1, 1, DType::Float16};
  compare_reduce<k::Sum, float, float>("sum of halves", halves, {}, 1e-5);
  ReduceCall integers{nullptr, 1, 4, 5000, 1, i.data(), 0, 5000, 1, 1, DType::Int32};
  compare_reduce<k::Sum, int64_t, int64_t>("sum of integers", integers, {}, 0);
  compare_reduce<k::Any, bool, bool>("any", integers, {}, 0);
  ReduceCall none{nullptr, 1, 4, 0, 1, x.data(), 0, 0, 1, 1};
  compare_reduce<k::Sum, float, float>("sum of nothing", none, {}, 0);
  compare_reduce<k::Prod, float, float>("product of nothing", none, {}, 0);

  // Of equal extrema the first, of NaNs the first, wherever lanes and parts divide the row.
  Array<float> ties(100000, 1.0f);
  ties[33000] = ties[70001] = ties[99999] = 2.0f;
  ReduceCall row{nullptr, 1, 1, 100000, 1, ties.data(), 0, 0, 1, 1};
  compare_reduce<k::MaxAt, float, float, int64_t>("ties", row, {}, 0);
  ties[80000] = ties[40321] = float(kNan);
  compare_reduce<k::MaxAt, float, float, int64_t>("nan", row, {}, 0);
  compare_reduce<k::Max, float, float>("nan", row, {}, 0);
}

// ---- Rows ----

// Dense operands of T, `lengths[k]` elements a row, outputs first; int64 outputs are not among them.
template <class F, class T>
void compare_rows(const char* what, const F& f, int64_t rows, int64_t n, std::vector<int64_t> lengths, int outputs,
                  double tolerance) {
  std::vector<Array<T>> got, wanted;
  for (size_t i = 0; i < lengths.size(); ++i) got.push_back(numbers<T>(rows * lengths[i], 3));
  for (const auto& a : got) wanted.push_back(a);
  RowsCall call;
  cuda::RowsBlock block{};
  call.functor = block.functor = &f;
  call.outer = block.rows = rows;
  call.n = block.n = n;
  call.operands = int(lengths.size());
  call.outputs = outputs;
  call.key = dtype_of<T>;
  for (size_t i = 0; i < lengths.size(); ++i) {
    call.operand[i] = {wanted[i].data(), lengths[i], lengths[i] == 1 ? RowKind::Single : RowKind::Whole, dtype_of<T>,
                       dtype_of<T>};
    block.data[i] = reinterpret_cast<char*>(got[i].data());
    block.strides[i] = lengths[i] * int64_t(sizeof(T));
  }
  backend(kCpu).rows(k::IdOf<F>::value, call);
  if constexpr (F::kSerial) cuda::launch_scanned<F, T>(block);
  else cuda::launch_rows<F, T>(block);
  for (int i = 0; i < outputs; ++i) expect_close(what, got[size_t(i)], wanted[size_t(i)], tolerance);
}

void test_rows() {
  for (int64_t n : {1, 7, 32, 33, 300, 1000}) {
    compare_rows<k::Softmax, float>("softmax", {}, 5, n, {n, n}, 1, 1e-6);
    compare_rows<k::LogSoftmax, double>("log softmax", {}, 5, n, {n, n}, 1, 1e-13);
    compare_rows<k::LogSumExp, float>("logsumexp", {}, 5, n, {1, n}, 1, 1e-6);
    compare_rows<k::SoftmaxGrad, float>("softmax grad", {}, 5, n, {n, n, n}, 1, 1e-5);
    compare_rows<k::LayerNormGrad, double>("layer norm grad", {}, 3, n, {n, n, n, 1, 1}, 1, 1e-11);
    compare_rows<k::ChannelSums, double>("channel sums", {}, 70, n, {1, 1, n, n, 1, 1, 1}, 2, 1e-12);
    compare_rows<k::CumSum, float>("cumsum", {}, 70, n, {n, n}, 1, 0);
    compare_rows<k::CumProd, int64_t>("cumprod", {}, 3, n, {n, n}, 1, 0);
  }
}

// Values and indices of [rows, n], of which every third element is the same.
template <class F, class T>
void compare_ranks(const char* what, const F& f, int64_t rows, int64_t n, int64_t found) {
  auto x = numbers<T>(rows * n, 1000);
  for (size_t i = 0; i < x.size(); i += 3) x[i] = T(7);
  if constexpr (std::is_floating_point_v<T>)
    for (size_t i = 1; i < x.size(); i += 97) x[i] = T(kNan);
  const size_t count = size_t(rows * found);
  Array<T> y(count), wanted(count);
  Array<int64_t> at(count), wanted_at(count);
  RowsCall call;
  call.functor = &f;
  call.outer = rows, call.n = n, call.operands = 3, call.outputs = 2;
  call.key = dtype_of<T>;
  const RowKind kind = found == 1 && n > 1 ? RowKind::Single : RowKind::Whole;
  call.operand[0] = {wanted.data(), found, kind, dtype_of<T>, dtype_of<T>};
  call.operand[1] = {wanted_at.data(), found, kind, DType::Int64, DType::Int64};
  call.operand[2] = {x.data(), n, RowKind::Whole, dtype_of<T>, dtype_of<T>};
  backend(kCpu).rows(k::IdOf<F>::value, call);
  cuda::RowsBlock block{&f, n, rows, {}, {}};
  char* const data[] = {reinterpret_cast<char*>(y.data()), reinterpret_cast<char*>(at.data()),
                        reinterpret_cast<char*>(x.data())};
  const int64_t strides[] = {found * int64_t(sizeof(T)), found * 8, n * int64_t(sizeof(T))};
  for (int i = 0; i < 3; ++i) block.data[i] = data[i], block.strides[i] = strides[i];
  cuda::launch_ranked<F, T>(block);
  expect_close(what, y, wanted);
  expect_close(what, at, wanted_at);
}

void test_ranks() {
  for (int64_t n : {1, 2, 33, 300, 2048, 2049, 5000}) {
    compare_ranks<k::Sort, float>("sort", k::Sort{{}, true}, 3, n, n);
    compare_ranks<k::Sort, int64_t>("sort", k::Sort{{}, false}, 3, n, n);
    compare_ranks<k::TopK, double>("topk", k::TopK{{}, (n + 2) / 3, true}, 2, n, (n + 2) / 3);
    compare_ranks<k::Kth, float>("kthvalue", k::Kth{{}, (n + 1) / 2}, 5, n, 1);
    compare_ranks<k::Median, float>("median", k::Median{{}, false}, 5, n, 1);
    compare_ranks<k::Median, float>("nanmedian", k::Median{{}, true}, 5, n, 1);
    compare_ranks<k::Mode, int64_t>("mode", {}, 5, n, 1);
  }
}

void test_long_scans() {
  // Of several parts.
  for (int64_t n : {4096, 4097, 13000}) {
    compare_rows<k::CumSum, float>("cumsum", {}, 3, n, {n, n}, 1, 1e-6);
    compare_rows<k::CumSum, int64_t>("cumsum", k::CumSum{{}, true}, 2, n, {n, n}, 1, 0);
    compare_rows<k::LogCumSumExp, double>("logcumsumexp", {}, 2, n, {n, n}, 1, 1e-13);
  }
}

// ---- Products ----

template <class T>
void compare_gemm(const char* what, GemmArgs g, double tolerance) {
  const auto start = numbers<T>(g.batch * g.m * g.n, 3);
  const auto y = start, wanted = start;
  g.dtype = dtype_of<T>;
  g.c_batch = g.m * g.n, g.c_row = g.n, g.c_col = 1;
  g.c = wanted.data();
  backend(kCpu).heavy->gemm(g);
  g.c = y.data();
  cuda::launch_gemm<T>(g);
  expect_close(what, y, wanted, tolerance);
}

void test_gemm() {
  const auto a = numbers<float>(5000), b = numbers<float>(5000), bias = numbers<float>(100);
  const auto i = numbers<int64_t>(5000, 50);
  GemmArgs g;
  g.m = 33, g.n = 17, g.k = 41;
  g.a = a.data(), g.a_row = 41, g.a_col = 1;
  g.b = b.data(), g.b_row = 17, g.b_col = 1;
  compare_gemm<float>("product", g, 1e-5);
  g.accumulate = true, g.alpha = 0.5, g.bias = bias.data();
  compare_gemm<float>("accumulated, with bias", g, 1e-5);
  g.accumulate = false, g.activation = Activation::Relu, g.bias_of = BiasOf::Row;
  compare_gemm<float>("relu", g, 1e-5);
  GemmArgs t;
  t.batch = 3, t.m = 5, t.n = 20, t.k = 16;
  t.a = i.data(), t.a_batch = 80, t.a_row = 1, t.a_col = 5;
  t.b = i.data(), t.b_batch = 0, t.b_row = 2, t.b_col = 40;
  compare_gemm<int64_t>("integers, strided, batched", t, 0);
  t.k = 0;
  compare_gemm<int64_t>("of nothing", t, 0);
}

// ---- Products of a warp's matrices: c [16, 8] = a [16, 16] b [16, 8], of TF32 a [16, 8] b [8, 8] ----
template <class E> constexpr int kTerms = 32 / int(sizeof(E));  // of a sum

// What each lane holds is written down here as PTX's documentation has it, element by element.
template <class E> __global__ void multiply_as_documented(const E* a, const E* b, float* c) {
  constexpr int half = kTerms<E> / 2, packed = kTerms<E> / 8;  // terms of a word
  const int lane = int(threadIdx.x), group = lane / 4, in_group = lane % 4;
  uint32_t a_words[4] = {}, b_words[2] = {};
  const auto bits = [](E x) { return std::bit_cast<std::conditional_t<sizeof(E) == 4, uint32_t, uint16_t>>(x); };
  for (int i = 0; i < 4; ++i)
    for (int e = 0; e < packed; ++e) {
      const int row = i % 2 == 0 ? group : group + 8, term = in_group * packed + e;
      a_words[i] |= uint32_t(bits(a[2 * half * row + term + i / 2 * half])) << (16 * e);
      if (i < 2) b_words[i] |= uint32_t(bits(b[8 * (term + i * half) + group])) << (16 * e);
    }
  float sums[4] = {};
  cuda::ptx::multiply<E>(sums, a_words, b_words[0], b_words[1]);
  for (int i = 0; i < 4; ++i) c[8 * (i < 2 ? group : group + 8) + in_group * 2 + (i & 1)] = sums[i];
}

// The same through shared memory: b from its rows, turned, or from those of its transpose.
template <class E> __global__ void multiply_loaded(const E* a, const E* b, bool transposed, float* c) {
  __shared__ cuda::Chunk a_rows[32], b_rows[16];
  const int lane = int(threadIdx.x);
  const auto chunk = [](const E* p) { return reinterpret_cast<const cuda::Chunk*>(p); };
  cuda::ptx::copy_later(cuda::ptx::shared_address(a_rows + lane), chunk(a) + lane, true);
  if (lane < 16) cuda::ptx::copy_later(cuda::ptx::shared_address(b_rows + lane), chunk(b) + lane, true);
  cuda::ptx::await_copies();
  __syncwarp();
  uint32_t x[4], y[4];
  cuda::ptx::load_matrices(x, cuda::ptx::shared_address(a_rows + 2 * (lane % 16) + lane / 16));
  if (transposed) cuda::ptx::load_matrices(y, cuda::ptx::shared_address(b_rows + 2 * (lane % 8) + lane / 8 % 2));
  else cuda::ptx::load_turned(y, cuda::ptx::shared_address(b_rows + lane % 16));
  float sums[4] = {1, 2, 3, 4};
  cuda::ptx::multiply<E>(sums, x, y[0], y[1]);
  for (int i = 0; i < 4; ++i) c[8 * (lane / 4 + i / 2 * 8) + lane % 4 * 2 + i % 2] = sums[i] - float(i + 1);
}

float tf32(float x) { return std::bit_cast<float>(cuda::ptx::to_tf32(x)); }

template <class E> void test_matrices_of_a_warp() {
  constexpr size_t terms = kTerms<E>;
  const auto a = numbers<E>(16 * terms), b = numbers<E>(8 * terms);
  Array<E> turned(8 * terms);
  Array<float> wanted(128), c(128);
  if constexpr (sizeof(E) == 4) {
    CNN_LAUNCH(multiply_as_documented<E>, 1, 32, a.data(), b.data(), c.data());
    for (float x : c) EXPECT(std::isnan(x));  // factors have not been rounded
    for (const auto* x : {&a, &b}) std::transform(x->begin(), x->end(), x->begin(), tf32);
  }
  for (size_t i = 0; i < 16; ++i)
    for (size_t j = 0; j < 8; ++j)
      for (size_t k = 0; k < terms; ++k) {
        turned[terms * j + k] = b[8 * k + j];
        wanted[8 * i + j] += float(a[terms * i + k]) * float(b[8 * k + j]);
      }
  CNN_LAUNCH(multiply_as_documented<E>, 1, 32, a.data(), b.data(), c.data());
  expect_close("fragments", c, wanted, 1e-6);
  CNN_LAUNCH(multiply_loaded<E>, 1, 32, a.data(), turned.data(), true, c.data());
  expect_close("matrices", c, wanted, 1e-6);
  if constexpr (sizeof(E) == 2) {
    CNN_LAUNCH(multiply_loaded<E>, 1, 32, a.data(), b.data(), false, c.data());
    expect_close("turned matrices", c, wanted, 1e-6);
    const E pair[] = {E(1.00390625f), E(-3.0f)};
    EXPECT(cuda::ptx::pack<E>(1.00390625f, -3.0f) == (pair[0].bits | uint32_t(pair[1].bits) << 16));
  }
}

void test_tf32() {
  EXPECT(tf32(0x1.002p0f) == 0x1.004p0f && tf32(-0x1.002p0f) == -0x1.004p0f);  // halves away from zero
  EXPECT(tf32(0x1.001ffep0f) == 1 && tf32(0x1.005ffep0f) == 0x1.004p0f && tf32(3.4028e38f) == INFINITY);
  EXPECT(tf32(-INFINITY) == -INFINITY && tf32(0.0f) == 0 && std::isnan(tf32(float(kNan))));
}

}  // namespace

int main() {
  cuda::select(0);
  test_fast_div();
  test_map();
  test_each();
  test_reduce();
  test_rows();
  test_gemm();
  test_matrices_of_a_warp<Half>();
  test_matrices_of_a_warp<BFloat16>();
  test_matrices_of_a_warp<float>();
  test_tf32();
  test_meeting();
  test_ranks();
  test_long_scans();
  return report();
}
