// Draws of GPUs whose parameters are tensors, and what goes with them. Results are dense; elements are counted in C
// order. As in PyTorch, a number uses as many words of its sequence as it happens to need.
#pragma once

#include "kernels/draw.h"
#include "kernels/draw_gradients.h"
#include "kernels/note.h"
#include "kernels/variates.h"

namespace cnn::kernels::inline CNN_ISA {

// The words of one sequence, one after the other.
struct WordStream {
  Philox random;
  uint64_t sequence, number = 0;
  int lane = 0;
  Words words = {};
  bool has_normal = false;
  float second = 0;

  CNN_HD uint32_t next() {
    if (lane == 0) words = random.block(sequence, number++);
    const uint32_t low = lane & 1 ? words.at[1] : words.at[0], high = lane & 1 ? words.at[3] : words.at[2];
    const uint32_t word = lane & 2 ? high : low;
    lane = (lane + 1) & 3;
    return word;
  }
  CNN_HD float normal() {  // every other one is the cosine that the last one has left
    has_normal = !has_normal;
    if (!has_normal) return second;
    const uint32_t radius = next(), angle = next();
    float z[2];
    normals(radius, angle, z);
    second = z[1];
    return z[0];
  }
};
struct Units : WordStream {
  CNN_HD float uniform() { return unit(next()); }  // (0, 1]
};
struct Fractions : WordStream {
  CNN_HD float uniform() { return float(next() & 0xffffff) * 0x1p-24f; }  // [0, 1)
};
struct WideUnits : WordStream {
  CNN_HD double uniform() {  // (0, 1]
    const uint32_t word = next();
    return unit(word, next());
  }
};

// Element i from sequence i.
struct DrawVariates {
  static constexpr int kCost = 100;
  Philox random;
  int64_t n = 0;
  void* y = nullptr;
  DType dtype = DType::Float32;  // of all tensors
  DrawPlaces places;             // of the parameters

  CNN_HD WordStream sequence(int64_t i) const { return {random, uint64_t(i)}; }
};

// At least the smallest positive normal number of the dtype; nan stays.
struct DrawGamma : DrawVariates {
  const void* alpha = nullptr;
  template <class T> CNN_HD void operator()(int64_t i) const {
    Units source{sequence(i)};
    const T drawn = gamma_variate<T>(source, load_number<T>(alpha, dtype, places.of(i).other));
    T least = T(dtype == DType::Float16 ? 0x1p-14 : 0x1p-126);
    if constexpr (sizeof(T) == 8) least = 0x1p-1022;
    store_drawn(y, dtype, i, drawn < least ? least : drawn);
  }
};

// Below a rate of 64 by multiplication; above 4000 a rounded normal number; between them by rejection.
struct DrawPoisson : DrawVariates {
  const void* rate = nullptr;
  Note* bad = nullptr;  // of rates that are negative or nan
  template <class T> CNN_HD void operator()(int64_t i) const {
    const double r = load_number<double>(rate, dtype, places.of(i).other);
    store_drawn(y, dtype, i, r >= 0 ? drawn(i, r) : refused(i));
  }
  CNN_HD double refused(int64_t i) const {
    bad->add(i, 0);
    return 0;
  }
  CNN_HD double drawn(int64_t i, double r) const {
    if (r < 64) {
      Units source{sequence(i)};
      double events = 0;
      for (float product = exp(float(r)) * source.uniform(); product > 1; product *= source.uniform()) events += 1;
      return events;
    }
    if (r == infinity<double>()) return r;
    if (r > 4000) {
      double z[2];
      normals(random.block(uint64_t(i), 0), z);
      return floor(sqrt(r) * z[0] + r + 0.5);
    }
    WideUnits source{sequence(i)};
    return poisson_by_rejection(source, r);
  }
};

// The eight elements of a thread of PyTorch's launch, in blocks of 128 threads, from one sequence.
struct DrawBinomial : DrawVariates {
  static constexpr int64_t kThreads = 128, kElements = 8;
  const void *count = nullptr, *p = nullptr;
  template <class T> CNN_HD void operator()(int64_t i) const {
    Fractions source{sequence(i)};
    const int64_t begin = i / kThreads * (kThreads * kElements) + i % kThreads;
    for (int64_t k = 0; k < kElements; ++k) {
      const int64_t element = begin + k * kThreads;
      if (element >= n) return;
      const DrawPlaces::Two at = places.of(element);
      const T drawn =
          binomial_variate<T>(source, load_number<T>(count, dtype, at.one), load_number<T>(p, dtype, at.other));
      store_drawn(y, dtype, element, drawn);
    }
  }
};

// Of each row of weights `samples` categories: the first one up to which the shares reach a uniform number. A sequence
// for each sample of a row; rows from `most_rows` on go on in the sequences of those before.
struct DrawCategories {
  static constexpr int kCost = 100;
  Philox random;
  int64_t samples = 1, row_threads = 1, most_rows = 1, categories = 1;
  const void *shares = nullptr, *sums = nullptr;  // [rows, categories]: of a total of 1, and their running sums
  DType dtype = DType::Float32;
  int64_t* y = nullptr;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const int64_t row = i / samples, first = row * categories;
    const Words w = random.block(uint64_t(row % most_rows * row_threads + i % samples), uint64_t(row / most_rows));
    const T u = rounded_to(dtype, T(unit(w.at[0])));
    int64_t begin = 0, end = categories;
    while (begin < end) {
      const int64_t middle = begin + (end - begin) / 2;
      if (load_number<T>(sums, dtype, first + middle) < u) begin = middle + 1;
      else end = middle;
    }
    if (begin == categories) --begin;
    while (begin > 0 && load_number<T>(shares, dtype, first + begin) == 0) --begin;
    y[i] = begin;
  }
};

// Notes weights that are negative or not finite, and of totals also those that are zero.
struct NoteWeights {
  static constexpr int kCost = 2;
  const void* x = nullptr;  // dense
  DType dtype = DType::Float32;
  bool totals = false;
  Note* bad = nullptr;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const T weight = load_number<T>(x, dtype, i);
    const bool good = weight >= 0 && weight < infinity<T>() && !(totals && weight == 0);
    if (!good) bad->add(i, 0);
  }
};

// dx/da of draws x, of dense tensors (draw_gradients.h).
struct GammaGrad {
  static constexpr int kCost = 400;
  const void *alpha = nullptr, *x = nullptr;
  void* y = nullptr;
  template <class T> CNN_HD void operator()(int64_t i) const {
    static_cast<T*>(y)[i] = T(gamma_grad(static_cast<const T*>(alpha)[i], static_cast<const T*>(x)[i]));
  }
};
struct BetaGrad {
  static constexpr int kCost = 400;
  const void *x = nullptr, *alpha = nullptr, *total = nullptr;
  void* y = nullptr;
  template <class T> CNN_HD void operator()(int64_t i) const {
    static_cast<T*>(y)[i] =
        T(beta_grad(static_cast<const T*>(x)[i], static_cast<const T*>(alpha)[i], static_cast<const T*>(total)[i]));
  }
};

}  // namespace cnn::kernels::CNN_ISA
