#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <mutex>
#include <type_traits>
#include <utility>

#include "cnn/check.h"
#include "core/random.h"
#include "core/random_lanes.h"

namespace cnn {
namespace {

// Tensors from this size on get their normals in blocks of as many.
constexpr int64_t kBlock = 16;
constexpr int64_t kChunk = 32 * kBlock;  // what is worked on at a time, in the nearest cache

template <class T>
inline constexpr bool kSixteenBit = std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>;
template <class T>
inline constexpr bool kFloating = std::is_floating_point_v<T> || kSixteenBit<T>;

// Significant bits of a floating type.
template <class T>
inline constexpr int kDigits = std::numeric_limits<T>::digits;
template <>
inline constexpr int kDigits<Half> = 11;
template <>
inline constexpr int kDigits<BFloat16> = 8;

// Types of 16 bits are drawn and computed as floats, and rounded at the end.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;

// To T from what was computed in double.
template <class T>
T narrow(double value) {
  if constexpr (kSixteenBit<T>) {
    return T(float(value));
  } else {
    return T(value);
  }
}

template <class T>
T from_integer(int64_t value) {
  if constexpr (kSixteenBit<T>) {
    return T(float(value));
  } else {
    return T(value);
  }
}

template <class T>
bool same_number(T a, T b) {
  if constexpr (kSixteenBit<T>) {
    return a.bits == b.bits;
  } else {
    return a == b;
  }
}

// out[i] = f(generator)
template <class T, class F>
void fill_each(Generator& generator, T* out, int64_t n, const F& f) {
  std::lock_guard lock(generator.mutex());
  for (int64_t i = 0; i < n; ++i) out[i] = f(generator);
}

// out[i] = f(word): one 32-bit draw for each element, in stretches that vectorise. The lock is held.
template <class T, class F>
void draw_words(Generator& generator, T* out, int64_t n, const F& f) {
  while (n > 0) {
    const Generator::Words words = generator.take(n);
    for (int64_t i = 0; i < words.count; ++i) out[i] = f(words.data[i]);
    out += words.count;
    n -= words.count;
  }
}

template <class T, class F>
void fill_from_words(Generator& generator, T* out, int64_t n, const F& f) {
  std::lock_guard lock(generator.mutex());
  draw_words(generator, out, n, f);
}

// The same number as Generator::uniform_float(), from its word.
float unit(uint32_t word) { return float(int32_t(word & 0xffffff)) * 0x1p-24f; }

// Standard uniform numbers; the lock is held.
void draw_units(Generator& generator, float* out, int64_t n) { draw_words(generator, out, n, unit); }
void draw_units(Generator& generator, double* out, int64_t n) {
  uint32_t words[2 * kChunk];  // n is at most kChunk
  draw_words(generator, words, 2 * n, [](uint32_t word) { return word; });
  for (int64_t i = 0; i < n; ++i) {
    // 53 bits, high word first. Both halves are converted as signed numbers, which vectorises.
    const double high = double(int32_t(words[2 * i] & 0x1fffff));
    const double low = double(int32_t(words[2 * i + 1] ^ 0x80000000u)) + 0x1p31;
    out[i] = (high * 0x1p32 + low) * 0x1p-53;
  }
}

// Calls f(chunk, begin, count) for [0, n), with `count` standard uniform numbers at chunk.
template <class W, class F>
void each_chunk(Generator& generator, int64_t n, const F& f) {
  W chunk[kChunk];
  std::lock_guard lock(generator.mutex());
  for (int64_t begin = 0; begin < n; begin += kChunk) {
    const int64_t count = std::min(kChunk, n - begin);
    draw_units(generator, chunk, count);
    f(chunk, begin, count);
  }
}

// In each block the first half gives the radii, the second the angles; see box_muller(float*).
void box_muller(double* data, int64_t blocks, double mean, double std) {
  for (; blocks > 0; --blocks, data += kBlock) {
    for (int i = 0; i < kBlock / 2; ++i) {
      const double radius = std::sqrt(-2 * std::log(1 - data[i]));
      const double angle = 2 * M_PI * data[i + kBlock / 2];
      data[i] = std::fma(radius * std::cos(angle), std, mean);
      data[i + kBlock / 2] = std::fma(radius * std::sin(angle), std, mean);
    }
  }
}

// value as T holds it, and the distance of T's neighbours there.
template <class T>
int64_t in_type(int64_t value) {
  return int64_t(Wide<T>(from_integer<T>(value)));
}
template <class T>
int64_t spacing(int64_t value) {
  const int power = 63 - std::countl_zero(uint64_t(std::abs(value)) | 1);
  return int64_t(1) << std::max(power - kDigits<T> + 1, 0);
}

// Limits that are too large for T's digits are moved inward, so that no value rounds out of them.
template <class T>
void fit_limits(int64_t& low, int64_t& high) {
  if (const int64_t first = in_type<T>(low + 1); first < low) low = first + spacing<T>(low + 1);
  if (const int64_t last = in_type<T>(high - 1); last >= high) high = last - spacing<T>(high - 1);
}

// Few are drawn from words of 32 bits, which come a little less even.
IntegerDraw integers_above(int64_t low, uint64_t range) { return {low, range, range >= uint64_t(1) << 28}; }

}  // namespace

template <class T>
void fill_uniform(Generator& generator, T* out, int64_t n, double from, double to) {
  using W = Wide<T>;
  const W low = W(from), width = W(to) - W(from);
  const T first = T(low), end = T(W(to));
  each_chunk<W>(generator, n, [&](W* chunk, int64_t begin, int64_t count) {
    if (low != 0 || width != 1) multiply_add(chunk, count, width, low);
    for (int64_t i = 0; i < count; ++i) {
      const T value = T(chunk[i]);
      out[begin + i] = same_number(value, end) ? first : value;  // rounded up out of the range
    }
  });
}

template <class T>
void fill_normal_singly(Generator& generator, T* out, int64_t n, double mean, double std) {
  fill_each(generator, out, n, [=](Generator& g) { return narrow<T>(std::fma(g.normal(), std, mean)); });
}

template <class T>
void fill_normal(Generator& generator, T* out, int64_t n, double mean, double std) {
  if (n < kBlock) return fill_normal_singly(generator, out, n, mean, std);
  using W = Wide<T>;
  W chunk[kChunk];
  const auto blocks_to = [&](T* at, int64_t count) {
    draw_units(generator, chunk, count);
    box_muller(chunk, count / kBlock, W(mean), W(std));
    for (int64_t i = 0; i < count; ++i) at[i] = T(chunk[i]);
  };
  std::lock_guard lock(generator.mutex());
  const int64_t rest = n % kBlock;
  for (int64_t i = 0; i < n - rest; i += kChunk) blocks_to(out + i, std::min(kChunk, n - rest - i));
  if (rest == 0) return;
  // The last block is drawn anew, whole; types of 16 bits have not drawn their rest before.
  if (!kSixteenBit<T>) draw_units(generator, chunk, rest);
  blocks_to(out + n - kBlock, kBlock);
}

template <class T>
IntegerDraw integers_between(int64_t low, int64_t high) {
  if constexpr (kFloating<T>) {
    fit_limits<T>(low, high);
    check(low < high, "random_",
          "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=", low,
          " >= to=", high);
  }
  return integers_above(low, uint64_t(high) - uint64_t(low));
}

template <class T>
IntegerDraw integers_from(int64_t low) {
  int64_t last = 0;
  if constexpr (kFloating<T>) {
    last = int64_t(1) << kDigits<T>;
    int64_t unused = 0;
    fit_limits<T>(low, unused);
  } else {
    last = int64_t(std::numeric_limits<T>::max());
  }
  return integers_above(low, uint64_t(last) - uint64_t(low) + 1);
}

template <class T>
IntegerDraw all_integers() {
  if constexpr (std::is_same_v<T, bool>) return {0, 2, false};
  else if constexpr (kFloating<T>) return {0, (uint64_t(1) << kDigits<T>)+1, std::is_same_v<T, double>};
  else return {0, uint64_t(std::numeric_limits<T>::max()) + 1, std::is_same_v<T, int64_t>};
}

namespace {
template <class T>
void fill_range(Generator& generator, T* out, int64_t n, const IntegerDraw& draw) {
  const auto [low, range, wide] = draw;
  const auto above_low = [low = low](uint64_t offset) { return from_integer<T>(int64_t(offset + uint64_t(low))); };
  if (wide) {
    fill_each(generator, out, n, [=, range = range](Generator& g) { return above_low(g.u64() % range); });
  } else {
    fill_from_words(generator, out, n, [=, range = uint32_t(range)](uint32_t word) { return above_low(word % range); });
  }
}
}  // namespace

template <class T>
void fill_randint(Generator& generator, T* out, int64_t n, int64_t low, int64_t high) {
  fill_range(generator, out, n, integers_between<T>(low, high));
}
template <class T>
void fill_random_from(Generator& generator, T* out, int64_t n, int64_t low) {
  fill_range(generator, out, n, integers_from<T>(low));
}

template <class T>
void fill_random_full(Generator& generator, T* out, int64_t n) {
  fill_each(generator, out, n, [](Generator& g) { return from_integer<T>(int64_t(g.u64())); });
}

template <class T>
void fill_random(Generator& generator, T* out, int64_t n) {
  if constexpr (std::is_same_v<T, bool>) {
    fill_from_words(generator, out, n, [](uint32_t word) { return (word & 1) != 0; });
  } else if constexpr (std::is_same_v<T, int64_t>) {
    fill_each(generator, out, n, [](Generator& g) { return int64_t(g.u64() & INT64_MAX); });
  } else if constexpr (std::is_same_v<T, double>) {
    constexpr uint64_t values = (uint64_t(1) << kDigits<double>)+1;
    fill_each(generator, out, n, [](Generator& g) { return double(g.u64() % values); });
  } else if constexpr (kFloating<T>) {
    constexpr uint32_t values = (uint32_t(1) << kDigits<T>)+1;
    fill_from_words(generator, out, n, [](uint32_t word) { return T(float(word % values)); });
  } else {
    constexpr uint32_t mask = uint32_t(std::numeric_limits<T>::max());
    fill_from_words(generator, out, n, [](uint32_t word) { return T(word & mask); });
  }
}

// Fisher and Yates' shuffle, from the front; very long ones from the front with 64-bit draws.
template <class T>
void fill_randperm(Generator& generator, T* out, int64_t n) {
  constexpr int64_t kLong = int64_t(std::numeric_limits<uint32_t>::max() / 20);
  std::lock_guard lock(generator.mutex());
  if (n < kLong) {
    for (int64_t i = 0; i < n; ++i) out[i] = from_integer<T>(i);
    for (int64_t i = 0; i < n - 1; ++i) {
      std::swap(out[i], out[i + int64_t(generator.u32() % uint32_t(n - i))]);
    }
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    const int64_t z = int64_t(generator.u64() % uint64_t(i + 1));
    out[i] = from_integer<T>(i);
    std::swap(out[i], out[z]);
  }
}

template <class T>
void fill_bernoulli(Generator& generator, T* out, int64_t n, double p) {
  each_chunk<double>(generator, n, [&](const double* chunk, int64_t begin, int64_t count) {
    for (int64_t i = 0; i < count; ++i) out[begin + i] = from_integer<T>(chunk[i] < p);
  });
}

template <class T, class P>
void fill_bernoulli(Generator& generator, T* out, int64_t n, const P* p) {
  using W = Wide<P>;
  each_chunk<W>(generator, n, [&](const W* chunk, int64_t begin, int64_t count) {
    for (int64_t i = 0; i < count; ++i) {
      out[begin + i] = from_integer<T>(chunk[i] < W(p[begin + i]));
    }
  });
}

template <class T>
void fill_dropout(Generator& generator, T* out, int64_t n, double p) {
  const T values[2] = {T(0), T(Wide<T>(1) / Wide<T>(1 - p))};
  each_chunk<double>(generator, n, [&](const double* chunk, int64_t begin, int64_t count) {
    for (int64_t i = 0; i < count; ++i) out[begin + i] = values[chunk[i] < 1 - p];
  });
}

template <class T>
void fill_exponential(Generator& generator, T* out, int64_t n, double lambda) {
  const double factor = -1 / lambda;
  fill_each(generator, out, n, [=](Generator& g) { return narrow<T>(factor * std::log1p(-g.uniform_double())); });
}

template <class T>
void fill_cauchy(Generator& generator, T* out, int64_t n, double median, double sigma) {
  fill_each(generator, out, n, [=](Generator& g) {
    return narrow<T>(std::fma(sigma, std::tan(M_PI * (g.uniform_double() - 0.5)), median));
  });
}

template <class T>
void fill_log_normal(Generator& generator, T* out, int64_t n, double mean, double std) {
  fill_each(generator, out, n, [=](Generator& g) { return narrow<T>(std::exp(std::fma(g.normal(), std, mean))); });
}

template <class T>
void fill_geometric(Generator& generator, T* out, int64_t n, double p) {
  const double scale = std::log1p(-p);
  fill_each(generator, out, n,
            [=](Generator& g) { return narrow<T>(std::ceil(std::log(g.uniform_double()) / scale)); });
}

// ---------------------------------------------------------------------------------- instances

#define CNN_FLOATING(X) X(float) X(double) X(Half) X(BFloat16)
#define CNN_INTEGER(X) X(uint8_t) X(int8_t) X(int16_t) X(int32_t) X(int64_t)

#define X(T)                                                                       \
  template CNN_API void fill_uniform(Generator&, T*, int64_t, double, double);       \
  template CNN_API void fill_normal(Generator&, T*, int64_t, double, double);        \
  template CNN_API void fill_normal_singly(Generator&, T*, int64_t, double, double); \
  template CNN_API void fill_exponential(Generator&, T*, int64_t, double);           \
  template CNN_API void fill_cauchy(Generator&, T*, int64_t, double, double);        \
  template CNN_API void fill_log_normal(Generator&, T*, int64_t, double, double);    \
  template CNN_API void fill_dropout(Generator&, T*, int64_t, double);
CNN_FLOATING(X)
#undef X

#define X(T)                                                          \
  template CNN_API void fill_random_full(Generator&, T*, int64_t);      \
  template CNN_API void fill_randperm(Generator&, T*, int64_t);         \
  template CNN_API void fill_geometric(Generator&, T*, int64_t, double);
CNN_FLOATING(X)
CNN_INTEGER(X)
#undef X

#define X(T)                                                                       \
  template CNN_API IntegerDraw integers_between<T>(int64_t, int64_t);                \
  template CNN_API IntegerDraw integers_from<T>(int64_t);                            \
  template CNN_API IntegerDraw all_integers<T>();                                    \
  template CNN_API void fill_randint(Generator&, T*, int64_t, int64_t, int64_t);     \
  template CNN_API void fill_random_from(Generator&, T*, int64_t, int64_t);          \
  template CNN_API void fill_random(Generator&, T*, int64_t);                        \
  template CNN_API void fill_bernoulli(Generator&, T*, int64_t, double);             \
  template CNN_API void fill_bernoulli(Generator&, T*, int64_t, const float*);       \
  template CNN_API void fill_bernoulli(Generator&, T*, int64_t, const double*);      \
  template CNN_API void fill_bernoulli(Generator&, T*, int64_t, const Half*);        \
  template CNN_API void fill_bernoulli(Generator&, T*, int64_t, const BFloat16*);
CNN_FLOATING(X) CNN_INTEGER(X) X(bool)
#undef X

}  // namespace cnn
