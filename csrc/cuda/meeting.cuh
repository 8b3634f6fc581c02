// Writes that may meet: positions are sorted by the place that they write to, which keeps the order of those with one
// place, and one thread joins each place's values in that order. So the bits are those of a loop over all positions.
#pragma once

#include "cuda/radix_sort.cuh"
#include "kernels/create.h"
#include "kernels/index.h"

namespace cnn::cuda {

inline constexpr int kMeetThreads = 256;
inline constexpr uint32_t kNowhere = ~uint32_t(0);  // the place of an index that is out of range

// Where each position writes, in units that all strides are multiples of.
class Unit {
 public:
  void add(int64_t stride) {
    while (stride != 0) {  // greatest common divisor
      const int64_t rest = unit_ % stride;
      unit_ = stride;
      stride = rest;
    }
  }
  int64_t value() const { return unit_ > 0 ? unit_ : 1; }

 private:
  int64_t unit_ = 0;
};

struct RowPlaces {
  kernels::IndexPlace p;
  int64_t unit = 1, largest = 0;
  explicit RowPlaces(const kernels::IndexPlace& place) : p(place) {
    Unit u;
    for (int d = 0; d < p.ndim; ++d) u.add(p.x_strides[d]);
    for (int k = 0; k < p.count; ++k) u.add(p.strides[k]);
    unit = u.value();
    for (int d = 0; d < p.ndim; ++d) largest += (p.sizes[d] - 1) * (p.x_strides[d] /= unit);
    for (int k = 0; k < p.count; ++k) largest += (p.index[k].extent() - 1) * (p.strides[k] /= unit);
  }
  __device__ int64_t operator()(int64_t row) const {
    kernels::IndexPlace::Steps s = p.across(row, p.ndim - 1);
    return p.along(s) ? s.at : -1;
  }
};

struct ElementPlaces {
  kernels::GatherPlace p;
  int64_t unit = 1, largest = 0;
  explicit ElementPlaces(const kernels::GatherPlace& place) : p(place) {
    Unit u;
    for (int d = 0; d < p.ndim; ++d) u.add(p.strides[d]);
    u.add(p.stride);
    unit = u.value();
    for (int d = 0; d < p.ndim; ++d) largest += (p.sizes[d] - 1) * (p.strides[d] /= unit);
    largest += (p.index.extent() - 1) * (p.stride /= unit);
  }
  __device__ int64_t operator()(int64_t i) const {
    int64_t at = p.across(i, p.ndim - 1);
    return p.along(i, at) ? at : -1;
  }
};

struct StridedPlaces {
  kernels::AddStrided f;
  int64_t unit = 1, largest = 0;
  explicit StridedPlaces(const kernels::AddStrided& functor) : f(functor) {
    Unit u;
    for (int d = 0; d < f.ndim; ++d) u.add(f.strides[d]);
    unit = u.value();
    for (int d = 0; d < f.ndim; ++d) largest += (f.sizes[d] - 1) * (f.strides[d] /= unit);
  }
  __device__ int64_t operator()(int64_t i) const { return f.place_of(i); }
};

// What meets: `columns` elements of each position, side by side in `from` and `step` apart in `to`.
template <class T> struct Meeting {
  T* to;
  const T* from;
  int64_t columns, step;
};
template <class T, class F> Meeting<T> meeting_of(const F& f) {
  if constexpr (requires { f.place.inner; })
    return {static_cast<T*>(f.place.x), static_cast<const T*>(f.y), f.place.inner, f.place.inner_stride};
  else if constexpr (requires { f.place; }) return {static_cast<T*>(f.place.x), static_cast<const T*>(f.y), 1, 1};
  else return {static_cast<T*>(f.y), static_cast<const T*>(f.x), 1, 1};
}
template <class F> auto places_of(const F& f) {
  if constexpr (requires { f.place.inner; }) return RowPlaces(f.place);
  else if constexpr (requires { f.place; }) return ElementPlaces(f.place);
  else return StridedPlaces(f);
}
// Whose writes may meet.
template <class F>
concept Meets = requires { F::kReplaces; } && (F::kReplaces || requires { F::join(0.f, 0.f); });

template <class Places>
__global__ void __launch_bounds__(kMeetThreads) list_places(Places places, int64_t n, uint32_t* keys) {
  const int64_t i = int64_t(blockIdx.x) * kMeetThreads + threadIdx.x;
  if (i < n) keys[i] = uint32_t(places(i));  // -1 becomes kNowhere
}

// The number of keys from `at` on that are equal.
__device__ inline int64_t run_from(const uint32_t* keys, int64_t at, int64_t n) {
  const uint32_t key = keys[at];
  int64_t low = at, step = 1;  // low has the key
  while (low + step < n && keys[low + step] == key) low += step, step *= 2;
  int64_t high = low + step < n ? low + step : n;
  while (high - low > 1) {
    const int64_t middle = low + (high - low) / 2;
    (keys[middle] == key ? low : high) = middle;
  }
  return high - at;
}

// 2^shift threads for each position in order; those of a place's first position do the place.
template <class F, class T>
__global__ void __launch_bounds__(kMeetThreads)
    join_places(Meeting<T> m, const uint32_t* keys, const uint32_t* order, int64_t n, int64_t unit, int shift) {
  const int64_t thread = int64_t(blockIdx.x) * kMeetThreads + threadIdx.x, j = thread >> shift;
  if (j >= n) return;
  const uint32_t key = keys[j];
  if (key == kNowhere || (j > 0 && keys[j - 1] == key)) return;
  const int64_t count = run_from(keys, j, n);
  T* const to = m.to + int64_t(key) * unit;
  for (int64_t c = thread & ((1 << shift) - 1); c < m.columns; c += int64_t(1) << shift) {
    if constexpr (F::kReplaces) {
      to[c * m.step] = m.from[order[j + count - 1] * m.columns + c];
    } else {
      T held = to[c * m.step];
#pragma unroll 4
      for (int64_t k = 0; k < count; ++k) held = F::join(held, m.from[order[j + k] * m.columns + c]);
      to[c * m.step] = held;
    }
  }
}

// Threads that share a row, as a power of two.
inline int shift_for(int64_t columns) {
  int shift = 0;
  while (shift < 8 && (1 << shift) < columns) ++shift;
  return shift;
}

// False, with nothing done, where there are more places or positions than 32 bits tell apart.
template <class F, class T> bool launch_meeting(const F& f, int64_t n) {
  const auto places = places_of(f);
  if (n >= (int64_t(1) << 31) || places.largest >= int64_t(kNowhere)) return false;
  const Meeting<T> m = meeting_of<T>(f);
  const int shift = shift_for(m.columns);
  const int64_t blocks = ((n << shift) + kMeetThreads - 1) / kMeetThreads;
  if (blocks >= (int64_t(1) << 31)) return false;
  const Scratch scratch(size_t(n) * sizeof(uint32_t));
  uint32_t* const keys = static_cast<uint32_t*>(scratch.data());
  const auto list = list_places<decltype(places_of(f))>;
  CNN_LAUNCH(list, unsigned((n + kMeetThreads - 1) / kMeetThreads), kMeetThreads, places, n, keys);
  RadixSort<uint32_t> sort(1, n);
  // kNowhere is the last whatever digits are looked at.
  int bits = 8;
  while (bits < 32 && places.largest >= (int64_t(1) << bits) - 1) bits += 8;
  sort.run(KeyPairs<uint32_t>{keys, nullptr, n}, bits);
  const auto join = join_places<F, T>;
  CNN_LAUNCH(join, unsigned(blocks), kMeetThreads, m, sort.keys(), sort.places(), n, places.unit, shift);
  return true;
}

}  // namespace cnn::cuda
