// The elementwise kernels: one for dense operands in the functor's own types, in vectors of up to 16 bytes, and one for
// operands of any strides and dtypes.
#pragma once

#include <utility>

#include "cuda/convert.cuh"
#include "cuda/fast_div.h"
#include "cuda/tables.h"
#include "kernels/select.h"

namespace cnn::cuda {

inline constexpr int kMapThreads = 256;
inline constexpr uint32_t kMaxMapBlocks = 1u << 20;

// What input k of a functor is: T, but for the mask of `Where`.
template <class F, class T, int k> struct InputOf {
  using Type = T;
};
template <class T> struct InputOf<kernels::Where, T, 0> {
  using Type = bool;
};

template <int... k> using Numbers = std::integer_sequence<int, k...>;

template <class F, class T, int... k> struct ResultType {
  using Type = decltype(std::declval<const F&>()(typename InputOf<F, T, k>::Type()...));
};
template <class F, class T> struct ResultType<F, T> {
  using Type = decltype(std::declval<const F&>().template operator()<T>());
};

template <class F, class T, class... Inputs>
__device__ inline auto apply(const F& f, Inputs... x) {
  if constexpr (sizeof...(x) == 0) return f.template operator()<T>();
  else return f(x...);
}

inline uint32_t blocks_for(uint32_t threads) {
  const uint32_t blocks = (threads + kMapThreads - 1) / kMapThreads;
  return blocks < kMaxMapBlocks ? blocks : kMaxMapBlocks;
}

// ---- Dense ----

template <class T, int kCount> struct alignas(sizeof(T) * kCount) Pack {
  T at[kCount];
};
// One input's pack; k tells the inputs apart.
template <class T, int kCount, int k> struct Slot {
  Pack<T, kCount> pack;
};
template <class... Slots> struct Inputs : Slots... {};

// Elements that a thread takes at once; one where the formula is long.
template <class F, class T>
inline constexpr int kPackOf = F::kCost > 6 || (F::kCost > 2 && sizeof(T) == 8) ? 1
                               : sizeof(T) >= 4                                 ? 16 / int(sizeof(T))
                                                                                : 4;

template <int kOperands> struct DenseOperands {
  uint32_t n;
  void* data[kOperands];
};

template <class F, class T, int kCount, int... k>
__device__ inline void dense_pack(const F& f, void* const* data, uint32_t i, Numbers<k...>) {
  using R = typename ResultType<F, T, k...>::Type;
  [[maybe_unused]] Inputs<Slot<typename InputOf<F, T, k>::Type, kCount, k>...> in;
  ((static_cast<Slot<typename InputOf<F, T, k>::Type, kCount, k>&>(in).pack =
        static_cast<const Pack<typename InputOf<F, T, k>::Type, kCount>*>(data[k + 1])[i]),
   ...);
  Pack<R, kCount> out;
#pragma unroll
  for (int j = 0; j < kCount; ++j)
    out.at[j] = apply<F, T>(f, static_cast<Slot<typename InputOf<F, T, k>::Type, kCount, k>&>(in).pack.at[j]...);
  static_cast<Pack<R, kCount>*>(data[0])[i] = out;
}

template <class F, class T, int kInputs>
__global__ void __launch_bounds__(kMapThreads) map_dense(F f, DenseOperands<kInputs + 1> a) {
  constexpr int kCount = kPackOf<F, T>;
  constexpr std::make_integer_sequence<int, kInputs> inputs{};
  const uint32_t packs = a.n / kCount, first = blockIdx.x * blockDim.x + threadIdx.x;
  for (uint32_t i = first; i < packs; i += gridDim.x * blockDim.x) dense_pack<F, T, kCount>(f, a.data, i, inputs);
  if constexpr (kCount > 1) {
    const uint32_t rest = packs * kCount + first;
    if (rest < a.n) dense_pack<F, T, 1>(f, a.data, rest, inputs);
  }
}

// ---- Strided ----

template <int kOperands> struct StridedOperands {
  uint32_t n;
  int ndim;
  FastDiv sizes[kMapDims];
  int64_t strides[kOperands][kMapDims];
  char* data[kOperands];
  DType dtypes[kOperands], compute[kOperands];
};

template <class F, class T, int... k>
__device__ inline void strided_element(const F& f, const StridedOperands<sizeof...(k) + 1>& a, const int64_t* at,
                                       Numbers<k...>) {
  const auto y = apply<F, T>(
      f, load_as<typename InputOf<F, T, k>::Type>(a.data[k + 1] + at[k + 1], a.dtypes[k + 1], a.compute[k + 1])...);
  store_as(a.data[0] + at[0], a.dtypes[0], y, a.compute[0]);
}

template <class F, class T, int kInputs>
__global__ void __launch_bounds__(kMapThreads) map_strided(F f, StridedOperands<kInputs + 1> a) {
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < a.n; i += gridDim.x * blockDim.x) {
    int64_t at[kInputs + 1] = {};
    uint32_t rest = i;
    for (int d = 0; d < a.ndim; ++d) {
      const uint32_t quotient = d + 1 < a.ndim ? a.sizes[d].divide(rest) : 0;
      const uint32_t index = rest - quotient * a.sizes[d].divisor;
#pragma unroll
      for (int k = 0; k <= kInputs; ++k) at[k] += index * a.strides[k][d];
      rest = quotient;
    }
    strided_element<F, T>(f, a, at, std::make_integer_sequence<int, kInputs>());
  }
}

// ---- Launching ----

// Dense, in the functor's types, and aligned to packs of `count` elements?
inline bool is_dense(const MapCall& call, int count) {
  if (call.ndim != 1) return false;
  for (int k = 0; k < call.operands; ++k) {
    const int size = item_size(call.dtypes[k]);
    if (call.dtypes[k] != call.compute[k] || call.strides[k][0] != size) return false;
    if (reinterpret_cast<uintptr_t>(call.data[k]) % uintptr_t(size * count) != 0) return false;
  }
  return true;
}

template <class F, class T, int kInputs>
void launch_map(const MapCall& call) {
  constexpr int kOperands = kInputs + 1, kCount = kPackOf<F, T>;
  const F& f = *static_cast<const F*>(call.functor);
  uint32_t n = 1;
  for (int d = 0; d < call.ndim; ++d) n *= uint32_t(call.sizes[d]);
  if (is_dense(call, kCount)) {
    DenseOperands<kOperands> a{n, {}};
    for (int k = 0; k < kOperands; ++k) a.data[k] = call.data[k];
    const auto kernel = map_dense<F, T, kInputs>;
    CNN_LAUNCH(kernel, blocks_for((n + kCount - 1) / kCount), kMapThreads, f, a);
    return;
  }
  StridedOperands<kOperands> a{};
  a.n = n;
  a.ndim = call.ndim;
  for (int d = 0; d < call.ndim; ++d) a.sizes[d] = FastDiv(uint32_t(call.sizes[d]));
  for (int k = 0; k < kOperands; ++k) {
    for (int d = 0; d < call.ndim; ++d) a.strides[k][d] = call.strides[k][d];
    a.data[k] = static_cast<char*>(call.data[k]);
    a.dtypes[k] = call.dtypes[k];
    a.compute[k] = call.compute[k];
  }
  const auto kernel = map_strided<F, T, kInputs>;
  CNN_LAUNCH(kernel, blocks_for(n), kMapThreads, f, a);
}

template <class F, int kInputs, kernels::Types kTypes>
void add_map(Tables& t) {
  MapLaunch* row = t.map[kernels::IdOf<F>::value];
  kernels::for_types<kTypes>([&]<class T>(DType dtype) { row[int(dtype)] = launch_map<F, T, kInputs>; });
}

}  // namespace cnn::cuda
