// functor(i) for every i below n, a thread for each. Where writes may meet one thread does them all, in order.
#pragma once

#include "cuda/runtime.h"
#include "cuda/tables.h"
#include "kernels/for_types.h"

namespace cnn::cuda {

inline constexpr int kEachThreads = 256;
inline constexpr int64_t kMaxEachBlocks = 1 << 20;

template <class F, class T>
__global__ void __launch_bounds__(kEachThreads) each_index(F f, int64_t n) {
  const int64_t step = int64_t(gridDim.x) * blockDim.x;
  for (int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; i < n; i += step) f.template operator()<T>(i);
}

template <class F, class T>
void launch_each(const EachCall& call) {
  const F& f = *static_cast<const F*>(call.functor);
  const int64_t wanted = (call.n + kEachThreads - 1) / kEachThreads;
  const unsigned blocks = unsigned(wanted < kMaxEachBlocks ? wanted : kMaxEachBlocks);
  const auto kernel = each_index<F, T>;
  CNN_LAUNCH(kernel, call.ordered ? 1u : blocks, call.ordered ? 1 : kEachThreads, f, call.n);
}

template <class F, kernels::Types kTypes>
void add_each(Tables& t) {
  EachLaunch* row = t.each[kernels::IdOf<F>::value];
  kernels::for_types<kTypes>([&]<class T>(DType dtype) { row[int(dtype)] = launch_each<F, T>; });
}

}  // namespace cnn::cuda
