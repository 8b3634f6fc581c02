// What the tests of the heavy kernels share: made-up numbers, the tables, and the comparison. The same cases are built
// once for the CPU and once, with CNN_HEAVY_CUDA, for the kernels of the CUDA plug-in in their emulation.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "cpu/heavy.h"
#ifdef CNN_HEAVY_CUDA
#include "cuda/heavy_entries.h"
#include "cuda/index_limit.h"
#include "cuda/memory.h"
#endif

namespace {

using namespace cnn;
using namespace cnn::cpu;

int failures = 0;
void expect(bool ok, const std::string& what) {
  if (ok) return;
  ++failures;
  std::printf("FAILED %s\n", what.c_str());
}

// Numbers in [-1, 1), the same in every run.
class Numbers {
 public:
  double next() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return double(int64_t(state_) >> 11) / double(int64_t(1) << 52);
  }
  int64_t below(int64_t n) { return int64_t((next() + 1) / 2 * double(n)); }
  template <class T> std::vector<T> array(int64_t n) {
    std::vector<T> v(static_cast<size_t>(n));
    for (T& x : v) x = T(float(next()));
    return v;
  }
  // From N(0, 1), by Box and Muller.
  template <class T> std::vector<T> normal(int64_t n) {
    std::vector<T> v(static_cast<size_t>(n));
    for (T& x : v) x = T(std::sqrt(-2 * std::log((next() + 1.0000001) / 2.0000002)) * std::cos(M_PI * next()));
    return v;
  }

 private:
  uint64_t state_ = 1;
};
Numbers numbers;

template <class T> bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && (a.empty() || std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0);
}

struct Isa {
  std::string name;
  const HeavyTable* table;
};
#ifdef CNN_HEAVY_CUDA
}  // namespace
bool cnn::cuda::gemm_by_cublas(const GemmArgs&, DType) { return false; }
namespace {
constexpr bool kOnCpu = false;
std::vector<Isa> isas() {
  cuda::select(0);
  return {{"cuda", &cuda::heavy_table}};
}
// Fibers are slow: cases of more multiplications are left to the CPU.
constexpr double kMostWork = 3e4;
#else
constexpr bool kOnCpu = true;
constexpr double kMostWork = 1e300;
std::vector<Isa> isas() {
  std::vector<Isa> all = {{"baseline", &heavy_table_baseline()}};
#ifdef CNN_HAVE_AVX2
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) all.push_back({"avx2", &heavy_table_avx2()});
#endif
#ifdef CNN_HAVE_AVX512
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    all.push_back({"avx512", &heavy_table_avx512()});
#endif
  return all;
}
#endif

// Do all tables have this kernel for this dtype?
template <class Args> bool have(HeavyEntry<Args> HeavyTable::* entry, DType t) {
  for (const Isa& isa : isas())
    if (!(isa.table->*entry).has(t)) return false;
  return true;
}

template <class T> constexpr double kEpsilon = double(std::numeric_limits<T>::epsilon());
template <> constexpr double kEpsilon<Half> = 1.0 / 1024;
template <> constexpr double kEpsilon<BFloat16> = 1.0 / 128;
template <class T> double as_double(T x) { return double(x); }
template <> double as_double(Half x) { return double(float(x)); }
template <> double as_double(BFloat16 x) { return double(float(x)); }

// [outer, rows, columns] -> [outer, columns, rows]
template <class T> std::vector<T> turned(const std::vector<T>& x, int64_t rows, int64_t columns) {
  std::vector<T> y(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const size_t plane = size_t(rows * columns), at = i % plane, r = at / size_t(columns), c = at % size_t(columns);
    y[i - at + c * size_t(rows) + r] = x[i];
  }
  return y;
}

std::string text_of(double x) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", x);
  return text;
}

// Runs `call(table)`, which writes `out`, on each instruction set with 1, 2 and 3 threads: close to `expected`, and the
// same bits whatever the threads. `scale` is the sum of the magnitudes that went into an element, or with `relative`
// the error is limited to this part of the largest element. 16-bit floats are rounded once, from sums in float.
template <class T, class Call>
void check_all(const std::string& what, const std::vector<double>& expected, const std::vector<T>& start, double scale,
               const Call& call, double relative = 0) {
  double largest = 0;
  for (double x : expected) largest = std::fmax(largest, std::fabs(x));
  const double summed = 4 * (sizeof(T) == 2 ? kEpsilon<float> : kEpsilon<T>)*(scale + 1);
  const double limit = relative > 0 ? relative * largest : sizeof(T) == 2 ? summed + kEpsilon<T> * largest / 2 : summed;
  for (const Isa& isa : isas()) {
    std::vector<T> first;
    for (int threads = 1; threads <= (kOnCpu ? 3 : 2); ++threads) {
      set_num_threads(threads);
      std::vector<T> out = start;
      call(*isa.table, out.data());
      if (threads == 1) {
        first = out;
        double worst = 0;
        for (size_t i = 0; i < out.size(); ++i) {
          const double error = std::fabs(as_double(out[i]) - expected[i]);
          worst = error > worst || error != error ? error : worst;
        }
        expect(worst <= limit, what + " " + isa.name + ": error " + text_of(worst) + " over " + text_of(limit));
      } else {
        expect(same_bits(out, first),
               what + " " + isa.name + ": other bits with " + std::to_string(threads) + " threads");
      }
    }
  }
}

std::string text(const char* name, std::initializer_list<int64_t> sizes) {
  std::string s = name;
  for (int64_t n : sizes) s += " " + std::to_string(n);
  return s;
}

}  // namespace
