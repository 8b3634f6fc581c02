// Shuffles of two vectors written as formulas, and the sums of the lanes of as many vectors as there are lanes.
#pragma once

#include "cpu/vec/vec.h"

namespace cnn::cpu::inline CNN_ISA {

template <class T> inline constexpr int kPiece = 16 / int(sizeof(T));  // lanes of a piece of 16 bytes

// Elements of a's and b's lower or upper half in turn, within each piece of 16 bytes.
template <class T, bool kHigh, int kRun, int... kLane>
CNN_HD Vec<T> interleave_lanes(Vec<T> a, Vec<T> b, LaneList<kLane...>) {
  constexpr int kHalf = kPiece<T> / 2;
  return __builtin_shufflevector(
      a, b,
      (kLane / kPiece<T> * kPiece<T> + (kHigh ? kHalf : 0) + kLane % kPiece<T> / (2 * kRun) * kRun + kLane % kRun +
       (kLane / kRun % 2 ? kLanes<T> : 0))...);
}
template <class T, bool kHigh, int kRun> CNN_HD Vec<T> interleave(Vec<T> a, Vec<T> b) {
  return interleave_lanes<T, kHigh, kRun>(a, b, AllLanes<T>());
}

// The even or odd pieces of a, then those of b.
template <class T, int kOdd, int... kLane> CNN_HD Vec<T> pieces_of_lanes(Vec<T> a, Vec<T> b, LaneList<kLane...>) {
  constexpr int kHalf = kLanes<T> / 2;
  return __builtin_shufflevector(
      a, b,
      ((2 * (kLane % kHalf / kPiece<T>)+kOdd) * kPiece<T> + kLane % kPiece<T> + (kLane < kHalf ? 0 : kLanes<T>))...);
}
template <class T, int kOdd> CNN_HD Vec<T> pieces_of(Vec<T> a, Vec<T> b) {
  return pieces_of_lanes<T, kOdd>(a, b, AllLanes<T>());
}

// Lane j of the result is the sum of the lanes of v[j].
template <class T> CNN_HD Vec<T> lane_sums(const Vec<T> (&v)[kLanes<T>]) {
  Vec<T> x[kLanes<T>];
#pragma GCC unroll 16
  for (int i = 0; i < kLanes<T>; ++i) x[i] = v[i];
  int count = kLanes<T>;
#pragma GCC unroll 4
  for (int run = 1; run < kPiece<T>; run *= 2) {
    count /= 2;
#pragma GCC unroll 16
    for (int i = 0; i < count; ++i)
      x[i] = run == 1 ? interleave<T, false, 1>(x[2 * i], x[2 * i + 1]) + interleave<T, true, 1>(x[2 * i], x[2 * i + 1])
                      : interleave<T, false, kPiece<T> / 2>(x[2 * i], x[2 * i + 1]) +
                            interleave<T, true, kPiece<T> / 2>(x[2 * i], x[2 * i + 1]);
  }
  if constexpr (kLanes<T> > kPiece<T>) {
#pragma GCC unroll 4
    for (; count > 1;) {
      count /= 2;
#pragma GCC unroll 16
      for (int i = 0; i < count; ++i)
        x[i] = pieces_of<T, 0>(x[2 * i], x[2 * i + 1]) + pieces_of<T, 1>(x[2 * i], x[2 * i + 1]);
    }
  }
  return x[0];
}

}  // namespace cnn::cpu::CNN_ISA
