// functor(i) for every i below n, a thread for each. Where writes may meet: meeting.cuh.
#pragma once

#include "cuda/meeting.cuh"
#include "cuda/nonzero.h"
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

// Rows of elements: 2^shift threads for each.
template <class F, class T>
__global__ void __launch_bounds__(kEachThreads) each_row(F f, int64_t n, int shift) {
  const int64_t step = int64_t(gridDim.x) * blockDim.x >> shift, first = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  for (int64_t row = first >> shift; row < n; row += step) {
    kernels::IndexPlace::Steps s = f.place.across(row, f.place.ndim - 1);
    if (!f.place.along(s)) continue;
    for (int64_t j = first & ((1 << shift) - 1); j < f.place.inner; j += int64_t(1) << shift)
      f.template move_one<T>(row, s.at, j);
  }
}

inline unsigned each_blocks(int64_t n) {
  const int64_t wanted = (n + kEachThreads - 1) / kEachThreads;
  return unsigned(wanted < kMaxEachBlocks ? wanted : kMaxEachBlocks);
}

template <class F, class T>
void launch_each(const EachCall& call) {
  const F& f = *static_cast<const F*>(call.functor);
  if (call.ordered && call.n > 1) {
    if constexpr (Meets<F>)
      if (launch_meeting<F, T>(f, call.n)) return;
    if constexpr (kernels::Same<F, kernels::NonZero>::value) return find_nonzero(f, call.n);
    const auto kernel = each_index<F, T>;
    CNN_LAUNCH(kernel, 1u, 1, f, call.n);
    return;
  }
  if constexpr (requires { f.place.x_strides; }) {
    const int shift = shift_for(f.place.inner);
    const auto kernel = each_row<F, T>;
    CNN_LAUNCH(kernel, each_blocks(call.n << shift), kEachThreads, f, call.n, shift);
  } else {
    const auto kernel = each_index<F, T>;
    CNN_LAUNCH(kernel, each_blocks(call.n), kEachThreads, f, call.n);
  }
}

// ---- Many functors at once: one launch for all parameters of an optimizer ----

inline constexpr int kManySteps = 4;  // elements of a thread
inline constexpr int kManyElements = kEachThreads * kManySteps;  // of a block

// As many functors as the arguments of a kernel can hold, which are 4 KB cheaply, and at most 32764 bytes.
template <class F, int kBytes> struct Many {
  static constexpr int kMost = (kBytes - 64) / int(sizeof(F) + sizeof(int64_t) + sizeof(uint32_t));
  F functors[kMost];
  int64_t n[kMost];
  uint32_t first[kMost];  // block of each
  int count;
};

template <class F, class T, int kBytes>
__global__ void __launch_bounds__(kEachThreads) each_of_many(const __grid_constant__ Many<F, kBytes> m) {
  int low = 0, high = m.count;  // the last one whose first block is not above this one
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (m.first[middle] <= blockIdx.x ? low : high) = middle;
  }
  const F f = m.functors[low];
  const int64_t begin = int64_t(blockIdx.x - m.first[low]) * kManyElements + threadIdx.x;
#pragma unroll
  for (int step = 0; step < kManySteps; ++step) {
    const int64_t i = begin + step * kEachThreads;
    if (i < m.n[low]) f.template operator()<T>(i);
  }
}

template <class F, class T, int kBytes>
void launch_packed(const EachCall* calls, int count) {
  Many<F, kBytes> m{};
  uint32_t blocks = 0;
  for (int k = 0; k < count; ++k) {
    m.functors[k] = *static_cast<const F*>(calls[k].functor);
    m.n[k] = calls[k].n;
    m.first[k] = blocks;
    blocks += uint32_t((calls[k].n + kManyElements - 1) / kManyElements);
  }
  m.count = count;
  const auto kernel = each_of_many<F, T, kBytes>;
  CNN_LAUNCH(kernel, blocks, kEachThreads, m);
}

template <class F, class T>
void launch_many(const EachCall* calls, int count) {
  constexpr int64_t kMostElements = int64_t(1) << 40;  // so that blocks can be counted
  constexpr int kFew = Many<F, 4096>::kMost, kMost = Many<F, 32000>::kMost;
  while (count > 0) {
    int taken = 0;
    int64_t elements = 0;
    while (taken < count && taken < kMost && elements + calls[taken].n < kMostElements) elements += calls[taken++].n;
    if (taken > kFew) launch_packed<F, T, 32000>(calls, taken);
    else if (taken > 0) launch_packed<F, T, 4096>(calls, taken);
    else launch_each<F, T>(calls[taken++]);
    calls += taken;
    count -= taken;
  }
}

template <class F, kernels::Types kTypes>
void add_each_many(Tables& t) {
  EachManyLaunch* row = t.each_many[kernels::IdOf<F>::value];
  kernels::for_types<kTypes>([&]<class T>(DType dtype) { row[int(dtype)] = launch_many<F, T>; });
}

template <class F, kernels::Types kTypes>
void add_each(Tables& t) {
  EachLaunch* row = t.each[kernels::IdOf<F>::value];
  kernels::for_types<kTypes>([&]<class T>(DType dtype) { row[int(dtype)] = launch_each<F, T>; });
}

}  // namespace cnn::cuda
