// What the lanes of a warp exchange, for the emulation. All 32 lanes take part in each call.
#pragma once

#include "cuda_emulation.h"

namespace cnn::emulation {

// f(lane) of what the lanes gave, after all have.
template <class T, class F>
CNN_UNCHECKED auto exchanged(T value, const F& f) {
  static_assert(sizeof(T) <= 8);
  Machine& m = machine();
  const unsigned me = m.current, warp = me / kWarp * kWarp;
  std::memcpy(&m.exchange[me], &value, sizeof(T));
  __syncwarp();
  checks::leave();  // what follows is not the kernel's
  const auto result = f([&](unsigned lane) {
    T given;
    std::memcpy(&given, &m.exchange[warp + lane], sizeof(T));
    return given;
  });
  checks::enter(me);
  __syncwarp();
  return result;
}

}  // namespace cnn::emulation

template <class T>
T __shfl_xor_sync(unsigned, T value, unsigned mask) {
  const unsigned lane = threadIdx.x % 32;
  return cnn::emulation::exchanged(value, [&](const auto& of) { return of(lane ^ mask); });
}
template <class T>
T __shfl_sync(unsigned, T value, unsigned lane) {
  return cnn::emulation::exchanged(value, [&](const auto& of) { return of(lane); });
}
// The value of the lane `up` before; its own where there is none.
template <class T>
T __shfl_up_sync(unsigned, T value, unsigned up) {
  const unsigned lane = threadIdx.x % 32;
  return cnn::emulation::exchanged(value, [&](const auto& of) { return of(lane >= up ? lane - up : lane); });
}
// The lanes with the same value.
template <class T>
unsigned __match_any_sync(unsigned, T value) {
  return cnn::emulation::exchanged(value, [&](const auto& of) {
    unsigned same = 0;
    for (unsigned lane = 0; lane < 32; ++lane) same |= unsigned(of(lane) == value) << lane;
    return same;
  });
}
inline unsigned __ballot_sync(unsigned, bool value) {
  return cnn::emulation::exchanged(value, [&](const auto& of) {
    unsigned yes = 0;
    for (unsigned lane = 0; lane < 32; ++lane) yes |= unsigned(of(lane)) << lane;
    return yes;
  });
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
