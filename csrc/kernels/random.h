// Random numbers of GPUs. Which words of which sequence an element gets is PyTorch's: it follows from the number of
// elements and from the size of a launch there (`threads`), whichever thread of which launch computes it here.
#pragma once

#include "kernels/draw.h"
#include "kernels/functor.h"
#include "kernels/note.h"
#include "kernels/random_variates.h"

namespace cnn::kernels::inline CNN_ISA {

// X(functor, types); T is float where four numbers come from a block of words, double where two do.
#define CNN_EACH_RANDOM(X)                                                                            \
  X(DrawUniform, Floats) X(DrawNormal, Floats) X(DrawLogNormal, Floats) X(DrawExponential, Floats)      \
  X(DrawCauchy, Floats) X(DrawGeometric, Floats) X(DrawBernoulli, Floats) X(DrawIntegers, Floats)       \
  X(DrawByChance, Floats) X(DrawDropout, Floats) X(ScaleKept, Floats) X(ShuffleTies, Floats)            \
  X(DrawGamma, Floats) X(DrawPoisson, Floats) X(DrawBinomial, Floats) X(DrawCategories, Floats)         \
  X(NoteWeights, Floats) X(GammaGrad, Floats) X(BetaGrad, Floats)

// Of a tensor of n elements, `threads` threads each take the elements at their number, at `threads` more and so on,
// four (of 53 or 64 bits two) for each block of their sequence. Block i is number i / threads of sequence i % threads.
struct DrawTarget {
  Philox random;
  int64_t n = 0, threads = 1;
  void* y = nullptr;
  DType dtype = DType::Float32;
  DrawPlaces places;

  struct Block {
    uint64_t sequence, number;
  };
  CNN_HD Block block_of(int64_t i) const {
    const uint64_t number = i < threads ? 0 : uint64_t(i) / uint64_t(threads);
    return {uint64_t(i) - number * uint64_t(threads), number};
  }
  template <class T, int kCount> CNN_HD void store(Block b, const T (&drawn)[kCount]) const {
    const int64_t begin = int64_t(b.number) * kCount * threads + int64_t(b.sequence);
    for (int lane = 0; lane < kCount; ++lane) {
      const int64_t at = begin + lane * threads;
      if (at < n) store_drawn(y, dtype, places.of(at).one, drawn[lane]);
    }
  }
};
template <class T> inline constexpr int kDrawLanes = sizeof(T) == 4 ? 4 : 2;

// F's from_words makes the numbers, and its value what becomes of one.
template <class F> struct Draw : DrawTarget {
  static constexpr int kCost = 30;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const F& f = *static_cast<const F*>(this);
    const Block b = block_of(i);
    T drawn[kDrawLanes<T>];
    F::from_words(random.block(b.sequence, b.number), drawn);
    for (T& x : drawn) x = f.value(x);
    store(b, drawn);
  }
};

// ---- Numbers from words ----

template <class F> struct DrawUnits : Draw<F> {
  CNN_HD static void from_words(const Words& w, float (&u)[4]) {
    for (int lane = 0; lane < 4; ++lane) u[lane] = unit(w.at[lane]);
  }
  CNN_HD static void from_words(const Words& w, double (&u)[2]) {
    u[0] = unit(w.at[0], w.at[1]);
    u[1] = unit(w.at[2], w.at[3]);
  }
};

template <class F> struct DrawNormals : Draw<F> {
  CNN_HD static void from_words(const Words& w, float (&z)[4]) {
    normals(w.at[0], w.at[1], &z[0]);
    normals(w.at[2], w.at[3], &z[2]);
  }
  CNN_HD static void from_words(const Words& w, double (&z)[2]) { normals(w, z); }
};

// ---- Distributions ----

// [from, to): where (0, 1] leads to `to`, or rounds to it, stands `from`.
struct DrawUniform : DrawUnits<DrawUniform> {
  double from = 0, to = 1, range = 1;  // as the dtype has them
  template <class T> CNN_HD T value(T u) const {
    const T x = rounded_to(dtype, fma(u, T(range), T(from)));
    return x == T(to) ? T(from) : x;
  }
};
struct DrawNormal : DrawNormals<DrawNormal> {
  double mean = 0, std = 1;
  template <class T> CNN_HD T value(T z) const { return fma(z, T(std), T(mean)); }
};
struct DrawLogNormal : DrawNormals<DrawLogNormal> {
  double mean = 1, std = 2;
  template <class T> CNN_HD T value(T z) const { return exp(fma(z, T(std), T(mean))); }
};
template <class T> inline constexpr T kLastDigit = T(sizeof(T) == 4 ? 0x1p-23 : 0x1p-52);  // of 1
struct DrawExponential : DrawUnits<DrawExponential> {
  double factor = -1;  // -1 / rate
  template <class T> CNN_HD T value(T u) const {
    return T(factor) * (u >= T(1) - kLastDigit<T> / 2 ? -kLastDigit<T> / 2 : log(u));  // never 0
  }
};
// tan(pi x), |x| < 1/2
CNN_HD float tan_pi(float x) {
#ifdef __CUDA_ARCH__
  return sinpif(x) / cospif(x);
#else
  return tan(x * 3.14159274f);
#endif
}
CNN_HD double tan_pi(double x) {
#ifdef __CUDA_ARCH__
  return sinpi(x) / cospi(x);
#else
  return tan(x * 3.14159265358979323846);
#endif
}
struct DrawCauchy : DrawUnits<DrawCauchy> {
  double median = 0, sigma = 1;
  template <class T> CNN_HD T value(T u) const {
    u = u > T(1) - kLastDigit<T> ? T(1) - kLastDigit<T> : u < kLastDigit<T> ? kLastDigit<T> : u;
    return fma(T(sigma), tan_pi(u - T(0.5)), T(median));
  }
};
struct DrawGeometric : DrawUnits<DrawGeometric> {
  double log_miss = -1;  // log(1 - p)
  template <class T> CNN_HD T value(T u) const {
    const T trials = ceil(log(u) / T(log_miss));
    return trials < T(1) ? T(1) : trials;
  }
};
// `one` with probability p, else 0
struct DrawBernoulli : DrawUnits<DrawBernoulli> {
  double p = 0.5, one = 1;
  template <class T> CNN_HD T value(T u) const { return u < T(p) ? T(one) : T(0); }
};

// base + word % range; without a range any word. T says how wide a word is.
struct DrawIntegers : DrawTarget {
  static constexpr int kCost = 30;
  uint64_t range = 0, base = 0;
  template <class T> CNN_HD void operator()(int64_t i) const {
    const Block b = block_of(i);
    const Words w = random.block(b.sequence, b.number);
    int64_t drawn[kDrawLanes<T>];
    for (int lane = 0; lane < kDrawLanes<T>; ++lane) {
      if constexpr (sizeof(T) == 4) {
        drawn[lane] = int64_t((range == 0 ? w.at[lane] : w.at[lane] % uint32_t(range)) + base);
      } else {
        const uint64_t word = uint64_t(w.at[2 * lane]) << 32 | w.at[2 * lane + 1];
        drawn[lane] = int64_t((range == 0 ? word : word % range) + base);
      }
    }
    store(b, drawn);
  }
};

// ---- Four elements that follow each other, to a block ----

// 1 with a probability for each element, which is the other tensor of `places`; else 0. Block i is the first one of
// sequence i.
struct DrawByChance : DrawTarget {
  static constexpr int kCost = 30;
  const void* p = nullptr;
  DType p_dtype = DType::Float32;
  Note* bad = nullptr;  // of probabilities outside [0, 1]
  template <class T> CNN_HD void operator()(int64_t i) const {
    const Words w = random.block(uint64_t(i), 0);
    for (int lane = 0; lane < 4; ++lane) {
      const int64_t element = 4 * i + lane;
      if (element >= n) continue;
      const DrawPlaces::Two at = places.of(element);
      const T c = load_number<T>(p, p_dtype, at.other);
      if (!((c >= T(0)) & (c <= T(1)))) bad->add(element, 0);
      store_drawn(y, dtype, at.one, T(unit(w.at[lane])) <= c ? 1.0f : 0.0f);
    }
  }
};

// y = x / keep where the mask is drawn true, with probability `keep`, else 0. Where memory allows, a thread takes
// `pack` elements that lie side by side; with a pack of 1 they are taken as by Draw.
struct DrawDropout : DrawTarget {
  static constexpr int kCost = 30;
  const void* x = nullptr;
  uint8_t* mask = nullptr;  // dense, in the order of y
  double keep = 1, scale = 1;
  int pack = 1;

  template <class S, int kCount> struct alignas(sizeof(S) * kCount) Pack {
    S at[kCount];
  };
  template <class S, class T> CNN_HD static S dropped(S x, bool kept, T scale) {
    return S(T(x) * T(kept ? 1 : 0) * scale);  // what is not finite stays so
  }
  template <class S, class T> CNN_HD void scattered(Block b) const {
    const Words w = random.block(b.sequence, b.number);
    const int64_t begin = int64_t(b.number) * 4 * threads + int64_t(b.sequence);
    for (int lane = 0; lane < 4; ++lane) {
      const int64_t element = begin + lane * threads;
      if (element >= n) continue;
      const DrawPlaces::Two at = places.of(element);
      const bool kept = T(unit(w.at[lane])) < T(keep);
      static_cast<S*>(y)[at.one] = dropped(static_cast<const S*>(x)[at.other], kept, T(scale));
      mask[at.one] = kept;
    }
  }
  template <class S, class T, int kCount> CNN_HD void packed(int64_t i, Block b) const {
    if (i * kCount >= n) return;
    constexpr int kBlocks = kCount > 4 ? 2 : 1;
    Pack<S, kCount> in = static_cast<const Pack<S, kCount>*>(x)[i], out;
    Pack<uint8_t, kCount> flags;
    for (int part = 0; part < kBlocks; ++part) {
      const Words w = random.block(b.sequence, b.number * kBlocks + uint64_t(part));
      for (int lane = 0; lane < kCount / kBlocks; ++lane) {
        const bool kept = T(unit(w.at[lane])) < T(keep);
        const int k = part * 4 + lane;
        out.at[k] = dropped(in.at[k], kept, T(scale));
        flags.at[k] = kept;
      }
    }
    static_cast<Pack<S, kCount>*>(y)[i] = out;
    reinterpret_cast<Pack<uint8_t, kCount>*>(mask)[i] = flags;
  }
  template <class S, class T> CNN_HD void run(int64_t i) const {
    const Block b = block_of(i);
    if constexpr (sizeof(S) == 2)
      if (pack == 8) return packed<S, T, 8>(i, b);
    if constexpr (sizeof(S) < 8)
      if (pack == 4) return packed<S, T, 4>(i, b);
    if (pack == 2) return packed<S, T, 2>(i, b);
    scattered<S, T>(b);
  }
  template <class T> CNN_HD void operator()(int64_t i) const {
    if constexpr (sizeof(T) == 8) run<double, double>(i);
    else if (dtype == DType::Float16) run<Half, float>(i);
    else if (dtype == DType::BFloat16) run<BFloat16, float>(i);
    else run<float, float>(i);
  }
};

// y = x * scale where the mask is true, else 0: the gradient of dropout. `pack` elements side by side to a thread.
struct ScaleKept {
  static constexpr int kCost = 4;
  int64_t n = 0;
  const void* x = nullptr;
  const uint8_t* mask = nullptr;  // dense, in the order of y
  void* y = nullptr;
  DType dtype = DType::Float32;
  double scale = 1;
  int pack = 1;  // or 4
  DrawPlaces places;
  template <class S, class T> CNN_HD void run(int64_t i) const {
    if (pack == 4) {
      using Four = DrawDropout::Pack<S, 4>;
      const Four in = static_cast<const Four*>(x)[i];
      const auto flags = reinterpret_cast<const DrawDropout::Pack<uint8_t, 4>*>(mask)[i];
      Four out;
      for (int k = 0; k < 4; ++k) out.at[k] = DrawDropout::dropped(in.at[k], flags.at[k] != 0, T(scale));
      static_cast<Four*>(y)[i] = out;
    } else {
      const DrawPlaces::Two at = places.of(i);
      static_cast<S*>(y)[at.one] =
          DrawDropout::dropped(static_cast<const S*>(x)[at.other], mask[at.one] != 0, T(scale));
    }
  }
  template <class T> CNN_HD void operator()(int64_t i) const {
    if constexpr (sizeof(T) == 8) run<double, double>(i);
    else if (dtype == DType::Float16) run<Half, float>(i);
    else if (dtype == DType::BFloat16) run<BFloat16, float>(i);
    else run<float, float>(i);
  }
};

// ---- Permutations ----

// Positions that were sorted by random keys: those of equal keys are shuffled once more, by the one that begins them.
struct ShuffleTies {
  static constexpr int kCost = 8;
  Philox random;
  int64_t n = 0;
  const int64_t* keys = nullptr;
  int64_t* order = nullptr;
  template <class T> CNN_HD void operator()(int64_t i) const {
    if (i + 1 >= n || keys[i] != keys[i + 1] || (i > 0 && keys[i] == keys[i - 1])) return;
    int64_t count = 2;
    while (i + count < n && keys[i + count] == keys[i]) ++count;
    for (int64_t k = count - 1, drawn = 0; k > 0; --k, ++drawn) {
      const Words w = random.block(uint64_t(i), uint64_t(drawn) / 4);
      const int lane = int(drawn % 4);
      const uint32_t word = lane == 0 ? w.at[0] : lane == 1 ? w.at[1] : lane == 2 ? w.at[2] : w.at[3];
      const int64_t other = word % uint32_t(k + 1), held = order[i + k];
      order[i + k] = order[i + other];
      order[i + other] = held;
    }
  }
};

CNN_NUMBER(kEachRandom, CNN_EACH_RANDOM)

}  // namespace cnn::kernels::CNN_ISA
