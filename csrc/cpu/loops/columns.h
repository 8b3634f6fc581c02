// Row functors along a dimension that is not the last: many rows stand side by side, and each is a column of a matrix.
// The functor works on a pack of columns as if it were one row, so that loops run along memory.
#pragma once

#include "cpu/loops/for_types.h"
#include "cpu/vec/half.h"
#include "cpu/vec/vec.h"
#include "kernels/rows.h"

namespace cnn::cpu::inline CNN_ISA {

// A number for each of the columns that kVectors vectors hold. Unless kWhole the last one has lanes that are no column.
// kMixed: operands are float or bfloat16.
template <class T, int kVectors, bool kWhole, bool kMixed = false> struct Pack {
  using Mask = decltype(Vec<T>{} > Vec<T>{});
  struct Flags {
    Mask v[kVectors];
  };
  Vec<T> v[kVectors];

  Pack() = default;
  CNN_HD Pack(T x) {
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k) v[k] = vec_splat(x);
  }
  template <class N>
    requires requires(N x) { T(x); }
  CNN_HD explicit Pack(N x) : Pack(T(x)) {}

#define CNN_LANES(Result, op)                                                             \
  friend CNN_HD Result operator op(const Pack& a, const Pack& b) {                        \
    Result r;                                                                             \
    _Pragma("GCC unroll 4") for (int k = 0; k < kVectors; ++k) r.v[k] = a.v[k] op b.v[k]; \
    return r;                                                                             \
  }
  CNN_LANES(Pack, +)
  CNN_LANES(Pack, -)
  CNN_LANES(Pack, *)
  CNN_LANES(Pack, /)
  CNN_LANES(Flags, <)
  CNN_LANES(Flags, <=)
  CNN_LANES(Flags, >)
  CNN_LANES(Flags, ==)
#undef CNN_LANES
  friend CNN_HD Pack choose(const Flags& condition, const Pack& a, const Pack& b) {
    Pack r;
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k) r.v[k] = condition.v[k] ? a.v[k] : b.v[k];
    return r;
  }
  friend CNN_HD bool any(const Flags& f) {
    Mask all = f.v[0];
    for (int k = 1; k < kVectors; ++k) all |= f.v[k];
    bool found = false;
    for (int l = 0; l < kLanes<T>; ++l) found |= all[l] != 0;
    return found;
  }
};

// Functions of numbers for each column.
#define CNN_BY_LANE(name)                                                            \
  template <class T, int kVectors, bool kWhole, bool kMixed>                         \
  CNN_HD Pack<T, kVectors, kWhole, kMixed> name(Pack<T, kVectors, kWhole, kMixed> x) { \
    T lane[kVectors * kLanes<T>];                                                    \
    __builtin_memcpy(lane, &x, sizeof x);                                            \
    for (int l = 0; l < kVectors * kLanes<T>; ++l) lane[l] = kernels::name(lane[l]); \
    __builtin_memcpy(&x, lane, sizeof x);                                            \
    return x;                                                                        \
  }
CNN_BY_LANE(exp)
CNN_BY_LANE(exp_negative)
CNN_BY_LANE(log)
CNN_BY_LANE(sqrt)
CNN_BY_LANE(finite_or_zero)
#undef CNN_BY_LANE

// The operands of a pack of columns, the first of which is `first`; and one operand: element i of all columns stands at
// p + i * pitch. `steps` says by how many bytes an operand moves from column to column, 0 for shared ones.
struct ColumnData {
  void* const* p;
  const int64_t* steps;
  int64_t pitch, first, count;
  template <class T> CNN_HD T* at(int k) const {
    return reinterpret_cast<T*>(static_cast<char*>(p[k]) + first * steps[k]);
  }
};
template <class P> struct Column;  // P finds the operators of packs
template <class T, int kVectors, bool kWhole> struct Column<Pack<T, kVectors, kWhole, true>> {
  using P = Pack<T, kVectors, kWhole, true>;
  char* p;
  int64_t pitch;  // in bytes
  bool half;
  Lanes<T> last;

  CNN_HD Column operator[](int64_t i) const { return {p + i * pitch, pitch, half, last}; }
  CNN_HD Column operator*() const { return *this; }
  CNN_HD operator P() const { return half ? load<BFloat16>() : load<T>(); }
  CNN_HD P operator=(const P& x) const {
    if (half) store<BFloat16>(x);
    else store<T>(x);
    return x;
  }

 private:
  template <class E> CNN_HD P load() const {
    const E* const from = reinterpret_cast<const E*>(p);
    P x;
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k)
      x.v[k] = kWhole || k + 1 < kVectors ? vec_load(from + k * kLanes<T>) : vec_load_lanes(from + k * kLanes<T>, last);
    return x;
  }
  template <class E> CNN_HD void store(const P& x) const {
    E* const to = reinterpret_cast<E*>(p);
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k)
      if (kWhole || k + 1 < kVectors) vec_store(to + k * kLanes<T>, x.v[k]);
      else vec_store_lanes(to + k * kLanes<T>, x.v[k], last);
  }
};
template <class T, int kVectors, bool kWhole> struct Column<Pack<T, kVectors, kWhole>> {
  using P = Pack<T, kVectors, kWhole>;
  T* p;
  int64_t pitch;
  Lanes<T> last;  // lanes of the last vector

  CNN_HD Column operator[](int64_t i) const { return {p + i * pitch, pitch, last}; }
  CNN_HD Column operator*() const { return *this; }
  CNN_HD operator P() const {
    P x;
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k)
      x.v[k] = kWhole || k + 1 < kVectors ? vec_load(p + k * kLanes<T>) : vec_load_lanes(p + k * kLanes<T>, last);
    return x;
  }
  CNN_HD P operator=(const P& x) const {
#pragma GCC unroll 4
    for (int k = 0; k < kVectors; ++k)
      if (kWhole || k + 1 < kVectors) vec_store(p + k * kLanes<T>, x.v[k]);
      else vec_store_lanes(p + k * kLanes<T>, x.v[k], last);
    return x;
  }
};

struct ColumnTeam {
  template <class T, class F, class Term>
  CNN_HD T reduce(int64_t n, T start, const F& f, const Term& term) const {
    constexpr int64_t kPart = 128;  // rows that are summed by themselves: errors grow with the length
    T all = start;
    for (int64_t i = 0; i < n;) {
      T part = start;
      for (const int64_t end = min_of(n, i + kPart); i < end; ++i) step(f, part, T(term(i)));
      step(f, all, part);
    }
    return all;
  }
  template <class F>
  CNN_HD void each(int64_t n, const F& f) const {
    for (int64_t i = 0; i < n; ++i) f(i);
  }

 private:
  template <class P> CNN_HD static void step(const kernels::Sum&, P& acc, const P& x) { acc = acc + x; }
  template <class P> CNN_HD static void step(const kernels::Max&, P& acc, const P& x) {  // NaN wins
    for (int k = 0; k < int(sizeof x.v / sizeof x.v[0]); ++k) acc.v[k] = vec_larger(x.v[k], acc.v[k]);
  }
  template <class P> CNN_HD static void step(const kernels::Sum&, kernels::Two<P>& acc, const kernels::Two<P>& x) {
    acc = {acc.a + x.a, acc.b + x.b};
  }
};
template <class Term> CNN_HD auto two_sums(const ColumnTeam& team, int64_t n, const Term& term) {
  using T = decltype(term(n).a);
  return team.reduce(n, kernels::Two<T>{T(0), T(0)}, kernels::Sum(), term);
}

template <int kVectors, bool kWhole, class T, bool kMixed, class F>
void run_pack(const F& f, int64_t n, const ColumnData& data) {
  f.template run<Pack<T, kVectors, kWhole, kMixed>>(ColumnTeam{}, data, n);
}

template <class F, class T, bool kMixed>
void run_columns(const F& f, int64_t n, ColumnData d) {
  constexpr int64_t kWidth = 4 * kLanes<T>;
  for (; d.count >= kWidth; d.first += kWidth, d.count -= kWidth) run_pack<4, true, T, kMixed>(f, n, d);
  if (d.count > 3 * kLanes<T>) run_pack<4, false, T, kMixed>(f, n, d);
  else if (d.count > 2 * kLanes<T>) run_pack<3, false, T, kMixed>(f, n, d);
  else if (d.count > kLanes<T>) run_pack<2, false, T, kMixed>(f, n, d);
  else if (d.count > 0) run_pack<1, false, T, kMixed>(f, n, d);
}

template <class F, class T>
void columns_loop(const void* functor, int64_t n, int64_t count, int64_t pitch, void* const* data,
                  const int64_t* steps) {
  const F f = *static_cast<const F*>(functor);
  const ColumnData d = {data, steps, pitch, 0, count};
  if constexpr (F::kMixed && sizeof(T) == sizeof(float)) {
    bool mixed = false;
    for (int k = 0; k < kMapOperands; ++k) mixed |= data[k] && steps[k] == sizeof(BFloat16);
    if (mixed) return run_columns<F, T, true>(f, n, d);
  }
  run_columns<F, T, false>(f, n, d);
}

}  // namespace cnn::cpu::CNN_ISA

namespace cnn::kernels::inline CNN_ISA {

template <class T, int kVectors, bool kWhole, bool kMixed> struct Row<cpu::Pack<T, kVectors, kWhole, kMixed>> {
  cpu::ColumnData data;
  CNN_HD Row(cpu::ColumnData d) : data(d) {}
  CNN_HD cpu::Column<cpu::Pack<T, kVectors, kWhole, kMixed>> operator[](int k) const {
    const auto last = cpu::lanes_of<T>(data.count - (kVectors - 1) * cpu::kLanes<T>);
    if constexpr (kMixed) return {data.at<char>(k), data.pitch * data.steps[k], data.steps[k] == 2, last};
    else return {data.at<T>(k), data.pitch, last};
  }
  CNN_HD const T* shared(int k) const { return data.at<T>(k); }
  CNN_HD bool has(int k) const { return data.p[k]; }
};

}  // namespace cnn::kernels::CNN_ISA
