// The inner loop of the elementwise skeleton: one functor over a block of two dimensions.
#pragma once

#include "cpu/loops/for_types.h"
#include "cpu/loops/tables.h"

namespace cnn::cpu::inline CNN_ISA {

// Flags in memory. Whoever writes them as bytes (NumPy's `view(bool)`, a file) may take any but 0 for true, which C++'s
// bool may not hold.
struct FlagBytes {
  const uint8_t* at;
  explicit FlagBytes(const void* p) : at(static_cast<const uint8_t*>(p)) {}
  CNN_HD bool operator[](int64_t i) const { return at[i] != 0; }
  CNN_HD bool operator*() const { return *at != 0; }
};
template <class T> struct ElementsOf {
  using Type = const T*;
};
template <> struct ElementsOf<bool> {
  using Type = FlagBytes;
};
template <class T> using Elements = typename ElementsOf<T>::Type;

template <class T> CNN_HD T load(const void* base, int64_t i, int64_t stride) {
  return *static_cast<Elements<T>>(static_cast<const void*>(static_cast<const char*>(base) + i * stride));
}
template <class T> CNN_HD void store(void* base, int64_t i, int64_t stride, T value) {
  *reinterpret_cast<T*>(static_cast<char*>(base) + i * stride) = value;
}

// Functors with `rare` and `usual` have a formula that vectorises for all but rare arguments, and call the C library
// for those: here a block at a time is seen to hold none.
template <class F, class T, class... More>
inline constexpr bool kHasUsual =
    Same<T, float>::value && requires(const F& f, T x) { f.template usual<T>(x, More(x)...); };
template <class T, class Rare, class Usual, class Any>
CNN_HD void in_blocks(int64_t n, T* out, const Rare& rare, const Usual& usual, const Any& any) {
  constexpr int64_t kBlock = 64;
  for (int64_t begin = 0; begin < n; begin += kBlock) {
    const int64_t end = n - begin < kBlock ? n : begin + kBlock;
    int found = 0;
    for (int64_t i = begin; i < end; ++i) found |= int(rare(i));
    if (found) {
      for (int64_t i = begin; i < end; ++i) out[i] = any(i);
    } else {
#pragma GCC ivdep
      for (int64_t i = begin; i < end; ++i) out[i] = usual(i);
    }
  }
}

// One row for each number of inputs. Dense rows (and rows against one repeated element) vectorise; the values do not
// depend on which loop ran.
template <class F, class T, int kInputs> struct Row;

template <class F, class T> struct Row<F, T, 0> {
  static void run(const F& f, int64_t n, void* const* p, const int64_t* s) {
    auto y = f.template operator()<T>();
    using R = decltype(y);
    if (s[0] == sizeof(R)) {
      R* out = static_cast<R*>(p[0]);
      for (int64_t i = 0; i < n; ++i) out[i] = y;
    } else {
      for (int64_t i = 0; i < n; ++i) store<R>(p[0], i, s[0], y);
    }
  }
};

template <class F, class T> struct Row<F, T, 1> {
  static void run(const F& f, int64_t n, void* const* p, const int64_t* s) {
    using R = decltype(f(T()));
    if (s[0] == sizeof(R) && s[1] == sizeof(T)) {
      R* out = static_cast<R*>(p[0]);
      const Elements<T> a = static_cast<Elements<T>>(p[1]);
      if constexpr (kHasUsual<F, T>) {
        in_blocks(
            n, out, [&](int64_t i) { return f.rare(a[i]); }, [&](int64_t i) { return f.usual(a[i]); },
            [&](int64_t i) { return f(a[i]); });
        return;
      }
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) store<R>(p[0], i, s[0], f(load<T>(p[1], i, s[1])));
    }
  }
};

template <class F, class T> struct Row<F, T, 2> {
  static void run(const F& f, int64_t n, void* const* p, const int64_t* s) {
    using R = decltype(f(T(), T()));
    R* out = static_cast<R*>(p[0]);
    const Elements<T> a = static_cast<Elements<T>>(p[1]);
    const Elements<T> b = static_cast<Elements<T>>(p[2]);
    constexpr int64_t w = sizeof(T);
    if constexpr (kHasUsual<F, T, T>) {
      if (s[0] == w && (s[1] == w || s[1] == 0) && (s[2] == w || s[2] == 0)) {
        const int64_t da = s[1] / w, db = s[2] / w;
        in_blocks(
            n, out, [&](int64_t i) { return f.rare(a[i * da], b[i * db]); },
            [&](int64_t i) { return f.usual(a[i * da], b[i * db]); },
            [&](int64_t i) { return f(a[i * da], b[i * db]); });
        return;
      }
    }
    if (s[0] == sizeof(R) && s[1] == w && s[2] == w) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
    } else if (s[0] == sizeof(R) && s[1] == w && s[2] == 0) {
      const T y = *b;
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], y);
    } else if (s[0] == sizeof(R) && s[1] == 0 && s[2] == w) {
      const T x = *a;
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = f(x, b[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) store<R>(p[0], i, s[0], f(load<T>(p[1], i, s[1]), load<T>(p[2], i, s[2])));
    }
  }
};

template <class F, class T> struct Row<F, T, 3> {
  static void run(const F& f, int64_t n, void* const* p, const int64_t* s) {
    using R = decltype(f(T(), T(), T()));
    R* out = static_cast<R*>(p[0]);
    const Elements<T> a = static_cast<Elements<T>>(p[1]), b = static_cast<Elements<T>>(p[2]);
    const Elements<T> c = static_cast<Elements<T>>(p[3]);
    constexpr int64_t w = sizeof(T);
    if (s[0] == sizeof(R) && s[1] == w && s[2] == w && s[3] == w) {
#pragma GCC ivdep
      for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i], c[i]);
    } else {
      for (int64_t i = 0; i < n; ++i)
        store<R>(p[0], i, s[0], f(load<T>(p[1], i, s[1]), load<T>(p[2], i, s[2]), load<T>(p[3], i, s[3])));
    }
  }
};

template <class F, class T> struct Row<F, T, 4> {
  static void run(const F& f, int64_t n, void* const* p, const int64_t* s) {
    using R = decltype(f(T(), T(), T(), T()));
    for (int64_t i = 0; i < n; ++i)
      store<R>(p[0], i, s[0],
               f(load<T>(p[1], i, s[1]), load<T>(p[2], i, s[2]), load<T>(p[3], i, s[3]), load<T>(p[4], i, s[4])));
  }
};

// MapLoop: `rows` rows of n elements. The functor is copied, so that its members live in registers.
template <class F, class T, int kInputs>
void map_loop(const void* functor, int64_t n, int64_t rows, void* const* data, const int64_t* strides,
              const int64_t* row_strides) {
  const F f = *static_cast<const F*>(functor);
  void* p[kInputs + 1];
  for (int k = 0; k <= kInputs; ++k) p[k] = data[k];
  for (int64_t r = 0; r < rows; ++r) {
    Row<F, T, kInputs>::run(f, n, p, strides);
    for (int k = 0; k <= kInputs; ++k) p[k] = static_cast<char*>(p[k]) + row_strides[k];
  }
}

template <class F, int kInputs, kernels::Types kTypes>
void add_loops(MapLoop (*table)[kDTypes]) {
  MapLoop* row = table[kernels::IdOf<F>::value];
  for_types<kTypes>([&]<class T>(DType t) { row[int(t)] = map_loop<F, T, kInputs>; });
}

}  // namespace cnn::cpu::CNN_ISA
