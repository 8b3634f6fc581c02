// The elementwise kernels: one for dense operands in the functor's own types, in vectors of up to 16 bytes, the same of
// 16-bit floats in memory, and one for operands of any strides and dtypes. Numbers travel in the arguments.
#pragma once

#include <cstring>
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

// An operand's slot in the arguments of a kernel is an address, or the number itself.
template <class T> __device__ inline T number_in(void* const& slot) {
  T x;
  memcpy(&x, &slot, sizeof x);
  return x;
}

// ---- Dense ----

// Elements beside each other in memory, which go through one or two instructions. A flag may be any byte.
template <class T> struct Stored {
  using Type = T;
};
template <> struct Stored<bool> {
  using Type = uint8_t;
};
constexpr int pack_alignment(int nbytes) { return nbytes < 16 ? nbytes : 16; }
template <class T, int kCount> struct alignas(pack_alignment(sizeof(T) * kCount)) Pack {
  T at[kCount];
};
// One input's elements; k tells the inputs apart.
template <class T, int kCount, int k> struct Slot {
  T at[kCount];
};
template <class... Slots> struct Inputs : Slots... {};

// Elements that a thread takes at once; few where the formula is long. Of 16-bit floats: of 16 bytes.
template <class F, class T>
inline constexpr int kPackOf = F::kCost > 6 || (F::kCost > 2 && sizeof(T) == 8) ? 1
                               : sizeof(T) >= 2                                 ? 16 / int(sizeof(T))
                                                                                : 4;
template <class F> inline constexpr int kNarrowPackOf = F::kCost > 6 ? 2 : 8;

// Can memory of 16-bit floats be read and written as Ts? As float, or as the bits of one.
template <class T> inline constexpr bool kWidens = kernels::Same<T, float>::value || kernels::Same<T, uint32_t>::value;

// Of what the bit masks say, bit k is about operand k.
template <int kOperands> struct DenseOperands {
  uint32_t n;
  uint32_t numbers;  // its slot holds a number
  uint32_t singles;  // its slot is the address of its only element
  uint32_t halfs, bfloats;  // it is float16 or bfloat16 in memory, float to the functor
  void* data[kOperands];

  __device__ bool is(uint32_t mask, int k) const { return mask >> k & 1; }
};

// 16-bit floats to Ts and back.
template <class T> __device__ inline T widened(uint16_t bits, bool half) {
  BFloat16 narrow;
  narrow.bits = bits;
  const float x = half ? Half::to_float(bits) : float(narrow);
  T y;
  memcpy(&y, &x, sizeof y);
  return y;
}
template <class T> __device__ inline uint16_t narrowed(T x, bool half) {
  float y;
  memcpy(&y, &x, sizeof y);
  return half ? Half(y).bits : BFloat16(y).bits;
}

template <class T, int kCount, bool kNarrow, int kOperands>
__device__ inline void load_pack(const DenseOperands<kOperands>& a, int k, uint32_t i, T* at) {
  using S = typename Stored<T>::Type;
  if (a.is(a.numbers, k)) {
    for (int j = 0; j < kCount; ++j) at[j] = number_in<T>(a.data[k]);
    return;
  }
  const uint32_t which = a.is(a.singles, k) ? 0 : 1;  // of one element, all packs are the same
  if constexpr (kNarrow && kWidens<T>) {
    if (a.is(a.halfs | a.bfloats, k)) {
      Pack<uint16_t, kCount> pack;
      if (which) pack = static_cast<const Pack<uint16_t, kCount>*>(a.data[k])[i];
      else
        for (int j = 0; j < kCount; ++j) pack.at[j] = *static_cast<const uint16_t*>(a.data[k]);
#pragma unroll
      for (int j = 0; j < kCount; ++j) at[j] = widened<T>(pack.at[j], a.is(a.halfs, k));
      return;
    }
  }
  Pack<S, kCount> pack;
  if (which) pack = static_cast<const Pack<S, kCount>*>(a.data[k])[i];
  else
    for (int j = 0; j < kCount; ++j) pack.at[j] = *static_cast<const S*>(a.data[k]);
#pragma unroll
  for (int j = 0; j < kCount; ++j) at[j] = T(pack.at[j]);
}

template <class T, int kCount, bool kNarrow, int kOperands>
__device__ inline void store_pack(const DenseOperands<kOperands>& a, uint32_t i, const T* at) {
  if constexpr (kNarrow && kWidens<T>) {
    if (a.is(a.halfs | a.bfloats, 0)) {
      Pack<uint16_t, kCount> pack;
#pragma unroll
      for (int j = 0; j < kCount; ++j) pack.at[j] = narrowed(at[j], a.is(a.halfs, 0));
      static_cast<Pack<uint16_t, kCount>*>(a.data[0])[i] = pack;
      return;
    }
  }
  Pack<T, kCount> pack;
#pragma unroll
  for (int j = 0; j < kCount; ++j) pack.at[j] = at[j];
  static_cast<Pack<T, kCount>*>(a.data[0])[i] = pack;
}

template <class F, class T, int kCount, bool kNarrow, int... k>
__device__ inline void dense_pack(const F& f, const DenseOperands<sizeof...(k) + 1>& a, uint32_t i, Numbers<k...>) {
  using R = typename ResultType<F, T, k...>::Type;
  [[maybe_unused]] Inputs<Slot<typename InputOf<F, T, k>::Type, kCount, k>...> in;
  (load_pack<typename InputOf<F, T, k>::Type, kCount, kNarrow>(
       a, k + 1, i, static_cast<Slot<typename InputOf<F, T, k>::Type, kCount, k>&>(in).at),
   ...);
  R out[kCount];
#pragma unroll
  for (int j = 0; j < kCount; ++j)
    out[j] = apply<F, T>(f, static_cast<Slot<typename InputOf<F, T, k>::Type, kCount, k>&>(in).at[j]...);
  store_pack<R, kCount, kNarrow>(a, i, out);
}

template <class F, class T, int kInputs, bool kNarrow>
__global__ void __launch_bounds__(kMapThreads) map_dense(F f, DenseOperands<kInputs + 1> a) {
  constexpr int kCount = kNarrow ? kNarrowPackOf<F> : kPackOf<F, T>;
  constexpr std::make_integer_sequence<int, kInputs> inputs{};
  const uint32_t packs = a.n / kCount, first = blockIdx.x * blockDim.x + threadIdx.x;
  for (uint32_t i = first; i < packs; i += gridDim.x * blockDim.x) dense_pack<F, T, kCount, kNarrow>(f, a, i, inputs);
  if constexpr (kCount > 1) {
    const uint32_t rest = packs * kCount + first;
    if (rest < a.n) dense_pack<F, T, 1, kNarrow>(f, a, rest, inputs);
  }
}

// ---- Strided ----

template <int kOperands> struct StridedOperands {
  uint32_t n;
  int ndim;
  FastDiv sizes[kMapDims];
  int64_t strides[kOperands][kMapDims];
  void* data[kOperands];
  uint32_t numbers;  // bit k: operand k's slot holds a number
  DType dtypes[kOperands], compute[kOperands];
};

template <class T, int kOperands>
__device__ inline T strided_input(const StridedOperands<kOperands>& a, int k, int64_t at) {
  if (a.numbers >> k & 1) return number_in<T>(a.data[k]);
  return load_as<T>(static_cast<const char*>(a.data[k]) + at, a.dtypes[k], a.compute[k]);
}

template <class F, class T, int... k>
__device__ inline void strided_element(const F& f, const StridedOperands<sizeof...(k) + 1>& a, const int64_t* at,
                                       Numbers<k...>) {
  const auto y = apply<F, T>(f, strided_input<typename InputOf<F, T, k>::Type>(a, k + 1, at[k + 1])...);
  store_as(static_cast<char*>(a.data[0]) + at[0], a.dtypes[0], y, a.compute[0]);
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

// Operand k as a kernel is given it: its number by value, or its address.
inline void* slot_of(const MapCall& call, int k) {
  if (!(call.constants >> k & 1)) return call.data[k];
  void* slot = nullptr;
  memcpy(&slot, call.data[k], size_t(item_size(call.compute[k])));
  return slot;
}

// Fills in the operands, if all are numbers, single elements or dense, in the functor's types or in 16-bit floats that
// it takes as float, and aligned to packs of `count` elements.
template <int kOperands>
inline bool is_dense(const MapCall& call, int count, DenseOperands<kOperands>& a) {
  if (call.ndim != 1) return false;
  a = {uint32_t(call.sizes[0]), call.constants, 0, 0, 0, {}};
  for (int k = 0; k < kOperands; ++k) {
    a.data[k] = slot_of(call, k);
    const uint32_t bit = 1u << k;
    if (call.constants & bit) continue;
    const DType t = call.dtypes[k];
    const int size = item_size(t);
    if (t != call.compute[k]) {
      if (call.compute[k] != DType::Float32 || !is_reduced(t)) return false;
      (t == DType::Float16 ? a.halfs : a.bfloats) |= bit;
    }
    if (k > 0 && call.strides[k][0] == 0) {
      a.singles |= bit;
      continue;
    }
    if (call.strides[k][0] != size) return false;
    if (reinterpret_cast<uintptr_t>(a.data[k]) % uintptr_t(pack_alignment(size * count)) != 0) return false;
  }
  return true;
}

template <class F, class T, int kInputs>
void launch_map(const MapCall& call) {
  constexpr int kOperands = kInputs + 1;
  const F& f = *static_cast<const F*>(call.functor);
  DenseOperands<kOperands> dense;
  bool narrow = false;
  for (int k = 0; k < kOperands; ++k) narrow |= call.dtypes[k] != call.compute[k];
  if (!narrow && is_dense(call, kPackOf<F, T>, dense)) {
    constexpr uint32_t kCount = kPackOf<F, T>;
    const auto kernel = map_dense<F, T, kInputs, false>;
    CNN_LAUNCH(kernel, blocks_for((dense.n + kCount - 1) / kCount), kMapThreads, f, dense);
    return;
  }
  if constexpr (kWidens<T>) {
    constexpr uint32_t kCount = kNarrowPackOf<F>;
    if (narrow && call.key == DType::Float32 && is_dense(call, kCount, dense)) {
      const auto kernel = map_dense<F, T, kInputs, true>;
      CNN_LAUNCH(kernel, blocks_for((dense.n + kCount - 1) / kCount), kMapThreads, f, dense);
      return;
    }
  }
  StridedOperands<kOperands> a{};
  a.n = 1;
  a.ndim = call.ndim;
  a.numbers = call.constants;
  for (int d = 0; d < call.ndim; ++d) {
    a.n *= uint32_t(call.sizes[d]);
    a.sizes[d] = FastDiv(uint32_t(call.sizes[d]));
  }
  for (int k = 0; k < kOperands; ++k) {
    for (int d = 0; d < call.ndim; ++d) a.strides[k][d] = call.strides[k][d];
    a.data[k] = slot_of(call, k);
    a.dtypes[k] = call.dtypes[k];
    a.compute[k] = call.compute[k];
  }
  const auto kernel = map_strided<F, T, kInputs>;
  CNN_LAUNCH(kernel, blocks_for(a.n), kMapThreads, f, a);
}

template <class F, int kInputs, kernels::Types kTypes>
void add_map(Tables& t) {
  MapLaunch* row = t.map[kernels::IdOf<F>::value];
  kernels::for_types<kTypes>([&]<class T>(DType dtype) { row[int(dtype)] = launch_map<F, T, kInputs>; });
}

}  // namespace cnn::cuda
