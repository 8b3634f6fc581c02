// The inner loop of the skeleton over whole rows, and the CPU's team of one thread.
#pragma once

#include "cpu/loops/columns.h"
#include "cpu/loops/for_types.h"
#include "cpu/loops/reduce.h"
#include "cpu/loops/tables.h"

namespace cnn::cpu::inline CNN_ISA {

struct Team {
  void* scratch;

  template <class T, class F, class Term>
  CNN_HD T reduce(int64_t n, T start, const F& f, const Term& term) const {
    constexpr int kMany = int(256 / sizeof(T));
    if (n >= kMany) return in_lanes<kMany>(n, start, f, term);
    if (n >= 16) return in_lanes<16>(n, start, f, term);
    T acc = start;
    for (int64_t i = 0; i < n; ++i) acc = f.combine(acc, term(i));
    return acc;
  }

  // Lanes side by side, joined in a tree: the order depends on n alone.
  template <int kLanes, class T, class F, class Term>
  CNN_HD T in_lanes(int64_t n, T start, const F& f, const Term& term) const {
    T acc[kLanes];
    for (int l = 0; l < kLanes; ++l) acc[l] = start;
    int64_t i = 0;
    for (; i + kLanes <= n; i += kLanes)
#pragma GCC ivdep
      for (int l = 0; l < kLanes; ++l) acc[l] = f.combine(acc[l], term(i + l));
    for (int l = 0; i + l < n; ++l) acc[l] = f.combine(acc[l], term(i + l));
    constexpr bool kSums = std::is_same_v<F, kernels::Sum> && std::is_floating_point_v<T>;
    constexpr int kLeft = kSums ? cpu::kLanes<T> : 1;
    for (int half = kLanes / 2; half >= kLeft; half /= 2)
      for (int l = 0; l < half; ++l) acc[l] = f.combine(acc[l], acc[l + half]);
    if constexpr (kSums) return vec_sum<T>(vec_load(acc));
    else return acc[0];
  }

  template <class T>
  CNN_HD T largest(const T* x, int64_t n) const {
    return flat_row(kernels::Max(), x, n);
  }

  template <class F>
  CNN_HD void each(int64_t n, const F& f) const {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) f(i);
  }
};

template <class F, class T>
void rows_loop(const void* functor, int64_t n, int64_t rows, void* const* data, const int64_t* row_strides,
               void* scratch) {
  const F f = *static_cast<const F*>(functor);
  const Team team{scratch};
  void* p[kMapOperands];
  for (int k = 0; k < kMapOperands; ++k) p[k] = data[k];
  for (int64_t r = 0; r < rows; ++r) {
    f.template run<T>(team, kernels::RowData{p}, n);
    for (int k = 0; k < kMapOperands; ++k)
      if (p[k]) p[k] = static_cast<char*>(p[k]) + row_strides[k];
  }
}

template <class F, class T>
constexpr RowsLoop rows_entry() {
  RowsLoop entry = {rows_loop<F, T>, F::kCost, F::kScratch, nullptr};
  if constexpr (!F::kSerial) entry.columns = columns_loop<F, T>;
  return entry;
}

template <class F, kernels::RowTypes kTypes>
void add_rows(RowsLoop (*table)[kDTypes]) {
  RowsLoop* row = table[kernels::IdOf<F>::value];
  row[int(DType::Float32)] = rows_entry<F, float>();
  row[int(DType::Float64)] = rows_entry<F, double>();
  if constexpr (kTypes == kernels::RowTypes::Wide) row[int(DType::Int64)] = rows_entry<F, int64_t>();
}

}  // namespace cnn::cpu::inline CNN_ISA
