// The inner loop of the skeleton that calls a functor for each index.
#pragma once

#include "cpu/for_types.h"
#include "cpu/tables.h"

namespace cnn::cpu::inline CNN_ISA {

template <class F, class T>
void each_loop(const void* functor, int64_t begin, int64_t end) {
  const F f = *static_cast<const F*>(functor);
  for (int64_t i = begin; i < end; ++i) f.template operator()<T>(i);
}

template <class F, kernels::Types kTypes>
void add_each(EachLoop (*table)[kDTypes]) {
  EachLoop* row = table[kernels::IdOf<F>::value];
  for_types<kTypes>([&]<class T>(DType t) { row[int(t)] = each_loop<F, T>; });
}

}  // namespace cnn::cpu::CNN_ISA
