// Filling memory with random numbers as PyTorch does on the CPU: for the same seed the same values,
// in memory order. Each call holds the generator's lock from its first draw to its last.
//
// T is float, double, Half or BFloat16 for the continuous distributions, any element type for the
// others. Arguments are checked by the ops; here they are taken as valid.
#pragma once

#include <cstdint>

#include "cnn/dtype.h"
#include "cnn/random.h"

namespace cnn {

// Uniform in [from, to).
template <class T>
CNN_API void fill_uniform(Generator& generator, T* out, int64_t n, double from, double to);

// Normal. Contiguous tensors of 16 elements and more are drawn in blocks; fill_normal_singly is for
// all others, whatever their size.
template <class T>
CNN_API void fill_normal(Generator& generator, T* out, int64_t n, double mean, double std);
template <class T>
CNN_API void fill_normal_singly(Generator& generator, T* out, int64_t n, double mean, double std);

// How integers come of words of 32 or 64 bits: low + word % range.
struct IntegerDraw {
  int64_t low;
  uint64_t range;
  bool wide;
};
// Those of fill_randint, fill_random_from and fill_random.
template <class T>
CNN_API IntegerDraw integers_between(int64_t low, int64_t high);
template <class T>
CNN_API IntegerDraw integers_from(int64_t low);
template <class T>
CNN_API IntegerDraw all_integers();

// Integers in [low, high), converted to T.
template <class T>
CNN_API void fill_randint(Generator& generator, T* out, int64_t n, int64_t low, int64_t high);
// Integers from low to the largest that fill_random draws, inclusive.
template <class T>
CNN_API void fill_random_from(Generator& generator, T* out, int64_t n, int64_t low);
// Any 64-bit integer, converted to T: random_(-2**63, None).
template <class T>
CNN_API void fill_random_full(Generator& generator, T* out, int64_t n);
// random_(): [0, max] for integers, [0, 2**digits] for floating point.
template <class T>
CNN_API void fill_random(Generator& generator, T* out, int64_t n);

// A permutation of 0..n-1. T must hold n - 1.
template <class T>
CNN_API void fill_randperm(Generator& generator, T* out, int64_t n);

// 1 with probability p, else 0; one p for all, or one for each element.
template <class T>
CNN_API void fill_bernoulli(Generator& generator, T* out, int64_t n, double p);
template <class T, class P>
CNN_API void fill_bernoulli(Generator& generator, T* out, int64_t n, const P* p);
// What dropout multiplies by: 1 / (1 - p) with probability 1 - p, else 0.
template <class T>
CNN_API void fill_dropout(Generator& generator, T* out, int64_t n, double p);

template <class T>
CNN_API void fill_exponential(Generator& generator, T* out, int64_t n, double lambda);
template <class T>
CNN_API void fill_cauchy(Generator& generator, T* out, int64_t n, double median, double sigma);
// The exponential of a normal of this mean and standard deviation.
template <class T>
CNN_API void fill_log_normal(Generator& generator, T* out, int64_t n, double mean, double std);
// Trials up to the first success; T may be any type but bool.
template <class T>
CNN_API void fill_geometric(Generator& generator, T* out, int64_t n, double p);

}  // namespace cnn
