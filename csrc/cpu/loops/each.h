// The inner loop of the skeleton that calls a functor for each index.
#pragma once

#include "core/float_control.h"
#include "cpu/loops/for_types.h"
#include "cpu/loops/tables.h"

namespace cnn::cpu::inline CNN_ISA {

template <class F, class T>
struct EachRun {
  static void run(const void* functor, int64_t begin, int64_t end) {
    const F f = *static_cast<const F*>(functor);
    const auto all = [&] {
      for (int64_t i = begin; i < end; ++i) f.template operator()<T>(i);
    };
    if constexpr (requires { f.flushes_subnormals(); }) {
      const FlushSubnormals guard(f.flushes_subnormals());
      all();
    } else all();
  }
};

template <class F, kernels::Types kTypes>
void add_each(EachLoop (*table)[kDTypes]) {
  EachLoop* row = table[kernels::IdOf<F>::value];
  for_types<kTypes>([&]<class T>(DType t) { row[int(t)] = EachRun<F, T>::run; });
}

}  // namespace cnn::cpu::CNN_ISA
